"""Channels renamed and copied: nothing of them is lost, whenever it is killed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from arcli.engine import LocalGallery
from arcli.errors import ChannelExists, ChannelNotFound
from arcli.models import AddItem, Grant, KeyRequest, Picture, Scope, StatisticsQuery, TupuBinding
from arcli.store.accounts import Accounts

ROOT = Path(__file__).parent.parent.parent
# Renames or copies, and is killed where the words say.
KILLED = """
import os, signal, sys
from pathlib import Path
import arcli.store.renaming as renaming
from arcli.engine import LocalGallery
setattr(renaming, sys.argv[3], lambda *words: os.kill(os.getpid(), signal.SIGKILL))
with LocalGallery(Path(sys.argv[1])) as gallery:
    getattr(gallery, sys.argv[2])(name="old", new="new")
"""


def picture(number: int = 1) -> bytes:
    noise = np.random.default_rng(number).integers(0, 256, (30, 40, 3), np.uint8)
    return bytes(cv2.imencode(".png", cv2.resize(noise, (400, 300), interpolation=cv2.INTER_CUBIC))[1])


@pytest.fixture
def gallery(tmp_path: Path) -> Iterator[LocalGallery]:
    """Channel "old" with a target that was found once."""
    with LocalGallery(tmp_path) as opened:
        item = AddItem(picture=Picture(name="a.png", data=picture()), identifier="carpet", metadata="{}")
        opened.add(channel="old", item=item)
        assert found(opened, "old") == ["carpet"]
        yield opened


def found(gallery: LocalGallery, channel: str) -> list[str]:
    result = gallery.find(picture=Picture(name="a.png", data=picture()), channels=[channel])
    assert all(match.channel == channel for match in result.matches)
    return [match.identifier for match in result.matches]


def counted(gallery: LocalGallery, channel: str) -> int:
    import datetime as dt

    today = dt.datetime.now(dt.UTC).date()
    query = StatisticsQuery(start=today - dt.timedelta(1), end=today, channel=channel)
    return sum(record.count for record in gallery.statistics(query=query))


def test_a_renamed_channel_keeps_targets_and_counts(gallery: LocalGallery) -> None:
    assert gallery.rename_channel(name="old", new="new").name == "new"
    assert list(gallery.settings()) == ["new"]
    assert found(gallery, "new") == ["carpet"]
    assert gallery.get(channel="new", identifier="carpet").channel == "new"
    assert counted(gallery, "new") == 2
    with pytest.raises(ChannelNotFound):
        gallery.get(channel="old", identifier="carpet")


def test_keys_grants_and_bindings_go_with_the_name(gallery: LocalGallery, tmp_path: Path) -> None:
    with Accounts(tmp_path) as accounts:
        binding = TupuBinding(secret_id="s1", username="app", channels=("old",), public_key="k")
        key = KeyRequest(scope=Scope.FIND, channels=("old",))
        grants = [Grant(channel="old", scope=Scope.FIND)]
        accounts.add_account(username="app", key=key, grants=grants, binding=binding)
        gallery.rename_channel(name="old", new="new")
        account = accounts.account(username="app")
    assert [grant.channel for grant in account.grants] == ["new"]
    assert [known.channels for known in account.keys] == [("new",)]
    assert [known.channels for known in account.bindings] == [("new",)]


def test_a_copy_is_a_channel_of_its_own(gallery: LocalGallery) -> None:
    assert gallery.copy_channel(name="old", new="new").targets == 1
    assert found(gallery, "new") == ["carpet"]
    assert (counted(gallery, "old"), counted(gallery, "new")) == (1, 1), "counts are not copied"
    gallery.remove(channel="old", identifier="carpet")
    assert found(gallery, "new") == ["carpet"]
    assert [finding.message for finding in gallery.verify() if not finding.ok] == []


@pytest.mark.parametrize("verb", ["rename_channel", "copy_channel"])
def test_a_name_that_is_taken_or_unknown(gallery: LocalGallery, verb: str) -> None:
    gallery.create_channel(name="new")
    with pytest.raises(ChannelExists):
        getattr(gallery, verb)(name="old", new="new")
    with pytest.raises(ChannelNotFound):
        getattr(gallery, verb)(name="nobody", new="other")
    assert list(gallery.settings()) == ["new", "old"]


@pytest.mark.parametrize(
    ("verb", "place"), [("rename_channel", "rename_in_lists"), ("copy_channel", "enter")]
)
def test_killed_half_way_the_old_channel_works_and_it_can_be_done_again(
    gallery: LocalGallery, tmp_path: Path, verb: str, place: str
) -> None:
    gallery.close()
    command = [sys.executable, "-c", KILLED, str(tmp_path), verb, place]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    assert subprocess.run(command, env=environment, check=False).returncode == -9
    with LocalGallery(tmp_path) as again:
        assert list(again.settings()) == ["old"]
        assert found(again, "old") == ["carpet"]
        assert again.get(channel="old", identifier="carpet").channel == "old"
        getattr(again, verb)(name="old", new="new")
        assert found(again, "new") == ["carpet"]
