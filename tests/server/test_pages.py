"""The files of the web pages as a server sends them."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest

from arcli.server.pages.static import page_files
from tests.server.threaded import threaded_folder

FILES = {file.path: file for file in page_files()}
PAGES = sorted(path for path in FILES if not path.startswith("/pages/"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with (
        threaded_folder(tmp_path_factory.mktemp("pages") / "data") as url,
        httpx.Client(base_url=url) as client,
    ):
        yield client


def test_all_that_a_page_needs_is_served_from_its_own_origin(server: httpx.Client) -> None:
    for path, file in FILES.items():
        if path.endswith((".svg", ".jpg", ".png", ".ts")):
            continue
        text = file.content.decode()
        for found in re.findall(r"(?:src|href|from|import)\s*[=(]?\s*\"([^\"]+\.(?:js|css|svg))\"", text):
            assert found.startswith(("/pages/", "./")) or "your-server" in found, (path, found)
            if "your-server" not in found:
                assert "/pages/" + found.rpartition("/")[2] in FILES, (path, found)


@pytest.mark.parametrize("path", PAGES)
def test_a_page_has_a_policy_without_exceptions_for_scripts(server: httpx.Client, path: str) -> None:
    answer = server.get(path)
    policy = answer.headers["content-security-policy"]
    assert answer.status_code == 200
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "frame-ancestors 'none'" in policy
    assert not re.search(rb"<script>|<style| style=| on[a-z]+=", answer.content)


def test_no_file_is_guessed_at_and_each_is_kept_by_its_tag(server: httpx.Client) -> None:
    for path in FILES:
        answer = server.get(path)
        assert answer.headers["x-content-type-options"] == "nosniff"
        again = server.get(path, headers={"if-none-match": f'"other", {answer.headers["etag"]}'})
        assert (again.status_code, again.content) == (304, b"")
        assert server.get(path, headers={"if-none-match": '"other"'}).content == answer.content


def test_the_pages_together_are_small() -> None:
    """The samples of the demonstration are no part of them."""
    assert sum(len(file.content) for path, file in FILES.items() if "/samples/" not in path) < 150_000


def test_a_page_of_another_origin_may_import_the_module(server: httpx.Client) -> None:
    answer = server.get("/pages/arcli.js", headers={"origin": "https://example.org"})
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["content-type"].startswith("text/javascript")


def test_no_data_is_read_as_markup() -> None:
    for path, file in FILES.items():
        if path.endswith(".js"):
            assert not re.search(
                rb"innerHTML|outerHTML|insertAdjacent|document\.write|\beval\b", file.content
            ), path
