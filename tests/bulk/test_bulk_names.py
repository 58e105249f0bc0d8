"""A file's name is kept and shown if it could not be the identifier."""

import json
from pathlib import Path

import pytest

from tests.bulk.conftest import Arcli
from tests.bulk.servers import KillableServer
from tests.engine.conftest import photo_of, poster

NAME = "海报 夏.png"


def test_names_are_stored_shown_exported_and_moved(arcli: Arcli, posters: Path, tmp_path: Path) -> None:
    (posters / NAME).write_bytes(poster(7))
    arcli("add", posters)
    listed = {t["identifier"]: t.get("name") for t in arcli("ls", "--json").data["targets"]}
    (made,) = [identifier for identifier, name in listed.items() if name == NAME]
    assert [name for name in listed.values() if name] == [NAME]
    assert NAME in arcli("ls").out
    assert f"name        {NAME}" in arcli("get", made).out
    Path("photo.jpg").write_bytes(photo_of(7))
    found = arcli("find", "photo.jpg", "--json").data["results"][0]["matches"][0]
    assert (found["identifier"], found["name"]) == (made, NAME)
    assert "海报" in arcli("find", "photo.jpg").out
    arcli("export", "out")
    arcli("add", "--manifest", "out/manifest.jsonl", "-c", "again")
    assert arcli("get", made, "-c", "again", "--json").data["name"] == NAME
    arcli("profile", "add", "other", "--kind", "local", "--data-dir", tmp_path / "data")
    arcli("--data-dir", tmp_path / "moved", "sync", "default", "--from-profile", "other", "-c", "m")
    moved = arcli("--data-dir", tmp_path / "moved", "get", made, "-c", "m", "--json")
    assert moved.data["name"] == NAME
    assert arcli("add", posters / NAME, "--on-exists", "replace", "--json").status == 0
    arcli("update", made, "--rename", "summer")
    assert arcli("get", "summer", "--json").data["name"] == NAME


def test_a_given_identifier_leaves_no_name(arcli: Arcli, posters: Path) -> None:
    (posters / NAME).write_bytes(poster(7))
    arcli("add", posters / NAME, "--id", "summer")
    Path("m.jsonl").write_text(json.dumps({"image": f"posters/{NAME}", "identifier": "winter"}))
    arcli("add", "--manifest", "m.jsonl")
    assert [arcli("get", name, "--json").data.get("name") for name in ("summer", "winter")] == [None, None]


def test_names_go_through_an_arcli_server(
    arcli: Arcli, posters: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (posters / NAME).write_bytes(poster(7))
    with KillableServer(tmp_path / "served", "shop") as server:
        for name, value in server.login().items():
            monkeypatch.setenv(name, value)
        assert arcli("add", posters / NAME, "-c", "shop").status == 0
        (target,) = arcli("ls", "-c", "shop", "--json").data["targets"]
        assert target["name"] == NAME
        Path("photo.jpg").write_bytes(photo_of(7))
        found = arcli("find", "photo.jpg", "-c", "shop", "--json").data["results"][0]["matches"][0]
        assert found["name"] == NAME
