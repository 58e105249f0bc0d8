"""The files of the web pages as a server sends them."""

from __future__ import annotations

import datetime as dt
import json
import re
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qsl

import httpx
import pytest

from arcli.protocols.certificates import own_certificate, still_good
from arcli.server.pages.static import page_files
from tests.server.conftest import clean_env
from tests.server.threaded import threaded_folder

ROOT = Path(__file__).parent.parent.parent
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


def test_open_makes_a_demonstration_and_local_https_a_certificate(tmp_path: Path) -> None:
    """One start shows both: the link that the browser is given finds the sample photo's target."""
    opened, data_dir = tmp_path / "opened", tmp_path / "data"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\nprintf %s "$1" > {opened}\n')
    browser.chmod(0o755)
    command = [sys.executable, "-m", "arcli", "--data-dir", str(data_dir), "serve", "--json", "--port", "0"]
    command += ["--metrics-port", "0", "--open", "--local-https", "--host", "127.0.0.1"]
    environment = {**clean_env(), "BROWSER": f"{browser} %s"}
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, text=True
    )
    assert process.stdout is not None
    try:
        url = json.loads(process.stdout.readline())["data"]["url"]
        trusted = httpx.Client(verify=ssl.create_default_context(cafile=data_dir / "local-https-cert.pem"))
        photo = (ROOT / "samples/photos/card_on_table.jpg").read_bytes()
        while not opened.exists() or "demo=1" not in opened.read_text():
            assert process.poll() is None
        page, _, fragment = opened.read_text().partition("#")
        given = dict(parse_qsl(fragment))
        login = {"username": given["u"], "secretkey": given["k"], "channel": given["c"]}
        with trusted:
            assert trusted.get(page).status_code == 200
            assert (
                trusted.post(f"{url}/FindImage", data=login, files={"image": photo}).json()["identifier"]
                == "card"
            )
    finally:
        process.terminate()
        process.communicate(timeout=60)
    assert (data_dir / "local-https-key.pem").stat().st_mode & 0o077 == 0


def test_a_scan_only_key_comes_with_a_link(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "arcli", "--data-dir", str(tmp_path), "account", "add", "shop"]
    command += ["--scan-only", "--link", "https://192.168.1.20:8080/", "--json"]
    data = json.loads(subprocess.run(command, capture_output=True, check=True, env=clean_env()).stdout)[
        "data"
    ]
    assert data["link"] == f"https://192.168.1.20:8080/scan#u=shop&k={data['secretkey']}"


def test_a_certificate_is_made_again_for_other_addresses_or_before_it_ends() -> None:
    now = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    pem, _ = own_certificate(["localhost", "192.168.1.20"], now)
    assert still_good(pem, ["192.168.1.20"], now)
    assert not still_good(pem, ["192.168.1.21"], now)
    assert not still_good(pem, ["localhost"], now + dt.timedelta(days=370))
    assert not still_good(b"no certificate", ["localhost"], now)
