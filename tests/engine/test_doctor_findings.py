"""`doctor` says what it met: a full disk or a missing permission is no damage, whichever file it concerns."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from arcli.app import main
from arcli.engine import LocalGallery
from arcli.errors import (
    ArcliError,
    DataTooNew,
    DiskFull,
    Locked,
    MemoryLimit,
    ResourceLimit,
    StorageNotWritable,
)
from arcli.models import ChannelSettings, Finding
from arcli.store.counts import Counts
from arcli.store.database import Database

KINDS = [DataTooNew, DiskFull, Locked, MemoryLimit, ResourceLimit, StorageNotWritable]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("doctor") / "data"
    with LocalGallery(folder) as gallery:
        gallery.create_channel(name="posters", settings=ChannelSettings())
        with Counts(gallery._channels.get("posters").store.folder) as counts:
            counts.record(["one"])
            assert counts.flush()
    return folder


def findings(data: Path) -> Iterator[Finding]:
    with LocalGallery(data) as gallery:
        yield from gallery.verify()


@pytest.mark.parametrize("file", ["catalog", "store", "counts"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_finding_keeps_the_class_of_what_was_met(
    data: Path, monkeypatch: pytest.MonkeyPatch, file: str, kind: type[ArcliError]
) -> None:
    assert all(finding.ok for finding in findings(data))
    whole = Database.read

    @contextmanager
    def failing(database: Database, *args: Any, **options: Any) -> Iterator[Any]:
        if database.path.stem == file:
            raise kind(f"{database.path} cannot be read")
        with whole(database, *args, **options) as connection:
            yield connection

    monkeypatch.setattr(Database, "read", failing)
    met: list[ArcliError | None] = []
    try:
        met += [finding.error for finding in findings(data) if not finding.ok]
    except ArcliError as error:
        met.append(error)
    assert met
    assert {type(error) for error in met} == {kind}
    assert main(["--data-dir", str(data), "doctor", "--json"]) == kind.exit_status
