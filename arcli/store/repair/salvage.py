"""What a damaged channel still holds, written as pictures and a manifest that `add --manifest` reads."""

from __future__ import annotations

import json
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from arcli.errors import ArcliError, DataDamaged, FileExists, InvalidIdentifier
from arcli.files import make_folder, of_os, replacing
from arcli.filetypes import picture_format
from arcli.models import Finding, valid_identifier
from arcli.store.catalog import Catalog, ChannelRecord
from arcli.store.channel import STORE_FILE, ChannelStore
from arcli.store.repair.check import is_damaged
from arcli.store.repair.mends import renew_store
from arcli.store.snapshot import Snapshot

MANIFEST, PICTURES = "manifest.jsonl", "pictures"


def salvage(data_dir: Path, name: str | None, folder: Path) -> Iterator[Finding]:
    """Write what can be read of one channel, or of all, into the new `folder`; the stores stay as they are.

    Raises FileExists for a folder that is not empty, ChannelNotFound, DiskFull.
    """
    with Catalog.open(data_dir, create=False) as catalog:
        records = [catalog.channel(name)] if name is not None else catalog.channels()
    _make_empty(folder)
    for record in records:
        try:
            yield from _channel(record, folder / record.folder.name)
        except DataDamaged as error:
            yield Finding.of(record.name, error)
        except OSError as error:
            raise of_os(folder, error) from error


def _make_empty(folder: Path) -> None:
    try:
        make_folder(folder)
        full = any(folder.iterdir())
    except OSError as error:
        raise of_os(folder, error) from error
    if full:
        raise FileExists(f"{folder} is not empty", hint="name a new folder", item=str(folder))


def _channel(record: ChannelRecord, folder: Path) -> Iterator[Finding]:
    """Read a sound store where it is; of a damaged one, a copy that is written afresh."""
    (folder / PICTURES).mkdir(parents=True)
    with ChannelStore(record.folder, readonly=True) as store:
        if not is_damaged(store.database):
            with store.read() as snapshot:
                yield from _targets(snapshot, record.name, folder)
            return
        with tempfile.TemporaryDirectory(dir=folder, prefix=".", suffix=".aside") as place:
            with store.database.excluded():
                store.close()
                for path in record.folder.glob(f"{STORE_FILE}*"):
                    if not path.name.endswith((".lock", "-shm")) and ".damaged-" not in path.name:
                        shutil.copyfile(path, Path(place) / path.name)
            with ChannelStore(Path(place), readonly=False) as copy:
                lost = [*renew_store(copy, record)]
                yield from (finding for finding in lost if not finding.ok)
                with copy.read() as snapshot:
                    yield from _targets(snapshot, record.name, folder)


def _targets(snapshot: Snapshot, channel: str, folder: Path) -> Iterator[Finding]:
    """Write each target whose row is sound, with its picture where that is."""
    written = pictures = 0
    run = snapshot.connection.execute
    with replacing(folder / MANIFEST) as manifest:
        for (row_id,) in run("SELECT row_id FROM targets ORDER BY row_id").fetchall():
            row = snapshot.rows([row_id]).get(row_id)
            if row is None:
                message = f"row {row_id} cannot be read; its picture is written without its name"
                yield Finding(subject=channel, ok=False, message=message)
            try:
                data = snapshot.picture(row_id)
            except (ArcliError, sqlite3.Error) as error:
                data, what = None, row.identifier if row else f"row {row_id}"
                yield Finding(subject=f"{channel}/{what}", ok=False, message=f"its picture: {error}")
            identifier = f"row{row_id:07}" if row is None else row.identifier
            image = None if data is None else _picture(folder, row_id, identifier, data)
            metadata = None if row is None else row.metadata
            _write(manifest, image, identifier, metadata, None if row is None else row.matchratio)
            written, pictures = written + 1, pictures + (image is not None)
    message = f"{written:,} targets written to {folder}, {pictures:,} with their picture"
    yield Finding(subject=channel, ok=True, message=message)


def _picture(folder: Path, row_id: int, identifier: str, data: bytes) -> str:
    """Write a picture and return its path from the manifest; its name leads nowhere else."""
    try:
        name = f"{row_id}-{valid_identifier(identifier)}"
    except InvalidIdentifier:
        name = str(row_id)
    kind = picture_format(data)
    path = folder / PICTURES / f"{name}{kind.suffix if kind else '.bin'}"
    path.write_bytes(data)
    return f"{PICTURES}/{path.name}"


def _write(
    manifest: IO[bytes], image: str | None, identifier: str, metadata: str | None, ratio: object
) -> None:
    row = {"image": image, "identifier": identifier}
    extra = {"metadata": metadata, "matchratio": ratio}
    line = row | {name: value for name, value in extra.items() if value is not None}
    manifest.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")
