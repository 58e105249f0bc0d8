"""Pictures named by URL at the command line: fetched with the user's rights, in lists and manifests too."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bulk.conftest import Arcli
from tests.contract.subject import SAMPLES
from tests.fakes.http import FakeService, Reply, Request

PEANUTS = (SAMPLES / "gallery" / "peanuts.png").read_bytes()
CLUTTER = (SAMPLES / "photos" / "peanuts_in_clutter.png").read_bytes()


class Site(FakeService):
    """A web server on this machine, which strangers' URLs must not reach and one's own may."""

    def answer(self, request: Request) -> Reply:
        pages = {
            "/shop/Erdn%C3%BCsse%20gro%C3%9F.png?size=1": Reply(200, PEANUTS),
            "/peanuts.png": Reply(200, PEANUTS),
            "/photo": Reply(200, CLUTTER),
            "/moved": Reply(302, b"", {"Location": "/photo"}),
            "/page": Reply(200, b"<!doctype html><p>log in"),
        }
        return pages.get(request.path, Reply(404, b""))


@pytest.fixture
def site() -> Iterator[Site]:
    service = Site()
    yield service
    service.stop()


def test_a_url_is_added_and_found(arcli: Arcli, site: Site) -> None:
    added = arcli("add", f"{site.url}/peanuts.png", "--json")
    assert [(item["image"], item["identifier"]) for item in added.data["items"]] == [
        (f"{site.url}/peanuts.png", "peanuts")
    ]
    for word in ("photo", "moved"):
        found = arcli("find", f"{site.url}/{word}", "--json")
        assert (found.status, found.data["results"][0]["image"]) == (0, f"{site.url}/{word}")
        assert found.data["results"][0]["matches"][0]["identifier"] == "peanuts"


def test_the_identifier_is_made_from_the_path_without_query_and_encoding(arcli: Arcli, site: Site) -> None:
    added = arcli("add", f"{site.url}/shop/Erdnüsse groß.png?size=1", "--id-from", "name", "--json")
    assert added.data["items"][0]["identifier"].startswith("Erdnusse_gro")


def test_what_cannot_be_fetched_is_said_of_its_url(arcli: Arcli, site: Site) -> None:
    arcli("add", f"{site.url}/peanuts.png")
    for word, told in (("nothing.png", "HTTP 404"), ("page", "web page")):
        ran = arcli("find", f"{site.url}/{word}")
        assert ran.status == 7, ran.err
        assert told in ran.err
    several = arcli("find", f"{site.url}/nothing.png", f"{site.url}/photo", "--json")
    assert several.status == 3
    assert json.loads(several.out)["errors"][0]["item"] == f"{site.url}/nothing.png"
    assert arcli("find", "http://127.0.0.1:1/x.png").status == 7


def test_a_manifest_may_hold_urls_and_paths(arcli: Arcli, site: Site, tmp_path: Path) -> None:
    (tmp_path / "here.png").write_bytes(PEANUTS)
    manifest = tmp_path / "list.csv"
    manifest.write_text(f"image,identifier\n{site.url}/peanuts.png,one\nhere.png,two\n{site.url}/gone.png,\n")
    ran = arcli("add", "--manifest", str(manifest), "--json")
    assert ran.status == 3
    states = [(item["identifier"], item["status"]) for item in ran.data["items"]]
    assert states == [("one", "added"), ("two", "added"), ("gone", "failed")]
    assert arcli("sync", str(manifest), "--dry-run").status == 3
    assert arcli("update", "one", "--image", f"{site.url}/photo").status == 0


def test_check_takes_urls_and_draw_names_its_file_after_one(arcli: Arcli, site: Site, tmp_path: Path) -> None:
    assert arcli("check", f"{site.url}/peanuts.png", "--json").data["items"][0]["level"] >= 1
    arcli("add", f"{site.url}/peanuts.png")
    folder = tmp_path / "drawn"
    assert arcli("find", f"{site.url}/photo", f"{site.url}/moved", "--draw", f"{folder}/").status == 0
    assert sorted(path.name for path in folder.iterdir()) == ["moved.jpg", "photo.jpg"]
