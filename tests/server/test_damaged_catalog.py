"""A catalog that is damaged while it is served: no answer says that there is no such channel."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.server.conftest import populate
from tests.server.raw import call
from tests.server.threaded import threaded_folder

NO_CHANNEL, BUSY = 20003, 20015


def test_a_damaged_catalog_is_logged_and_is_not_an_unknown_channel(
    tmp_path: Path, photo: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    data_dir = tmp_path / "data"
    secrets = populate(data_dir)
    login = {"username": "shop", "secretkey": secrets["shop"]}
    with threaded_folder(data_dir) as url:
        assert (
            call(url, "GetImages", {**login, "channel": "nowhere", "position": "0"})["returncode"]
            == NO_CHANNEL
        )
        (tmp_path / "garbage").write_bytes(b"garbage " * 4096)
        (tmp_path / "garbage").replace(data_dir / "catalog.sqlite")
        asked = {"GetImages": {"position": "0"}, "GetImage": {"identifier": "one"}, "FindImage": {}}
        for name, fields in asked.items():
            picture = photo if name == "FindImage" else None
            answer = call(url, name, {**login, "channel": "posters", **fields}, picture)
            assert answer["returncode"] == BUSY, (name, answer)
        assert "catalog.sqlite" in caplog.text
