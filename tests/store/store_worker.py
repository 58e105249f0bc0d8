"""What the store tests run in separate processes: python store_worker.py COMMAND FOLDER ARGUMENT…"""

from __future__ import annotations

import ctypes
import functools
import json
import os
import resource
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

from arcli.errors import ArcliError
from arcli.models import ChannelSettings
from arcli.store import channel
from arcli.store.catalog import Catalog
from arcli.store.channel import ChannelStore
from arcli.store.database import Database
from arcli.store.migrations import Schema
from arcli.store.rows import NewTarget

Start = Callable[..., subprocess.Popen[str]]
"""Starts a command of this file in a process of its own (the fixture `start`)."""

FEATURES = bytes(25_000)


def say(line: str) -> None:
    os.write(1, f"{line}\n".encode())


def add(folder: Path, prefix: str, count: str) -> None:
    """Insert targets, one transaction each, and print each that is acknowledged."""
    with ChannelStore.open(folder) as store:
        for number in range(int(count)):
            identifier = f"{prefix}{number:05}"
            with store.write() as txn:
                txn.insert(NewTarget(identifier=identifier, features=FEATURES, picture=b"P"))
            say(identifier)


def add_and_wait(folder: Path, prefix: str, count: str) -> None:
    """Do what `add` does while a reader keeps the log from being emptied, then wait to be killed."""
    with ChannelStore.open(folder) as store, store.read() as snapshot:
        snapshot.info()
        add(folder, prefix, count)
        sys.stdin.read()


def add_limited(folder: Path, prefix: str, count: str, size: str) -> None:
    """Insert while no file may grow beyond `size` bytes, then say the error."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(size), int(size)))
    try:
        add(folder, prefix, count)
    except ArcliError as error:
        say(f"! {error.code}")


def stop_inside(folder: Path) -> None:
    """Stop forever in the middle of a transaction."""
    with ChannelStore.open(folder) as store, store.write() as txn:
        for number in range(300):  # more than SQLite's page cache: part of it reaches the log
            txn.insert(NewTarget(identifier=f"half{number}", features=FEATURES))
        say("inside")
        sys.stdin.read()


def remove(folder: Path, prefix: str, count: str) -> None:
    """Remove targets as they turn up, until all `count` are gone."""
    with ChannelStore.open(folder) as store:
        left = {f"{prefix}{number:05}" for number in range(int(count))}
        while left:
            with store.write() as txn:
                gone = {identifier for identifier in left if txn.remove(identifier) is not None}
            left -= gone
    say("removed")


def watch(folder: Path) -> None:
    """Read until stdin closes; every snapshot must agree with itself."""
    os.set_blocking(0, False)
    reads = 0
    with ChannelStore.open(folder) as store:
        while sys.stdin.buffer.read(1) is None:
            with store.read() as snapshot:
                total, rows = snapshot.list()
                features = snapshot.features(row.row_id for row in rows)
                assert total == snapshot.count() == len(rows) == len(features)
                assert not {row.row_id for row in rows} & {*snapshot.removed_rows()}
            reads += 1
    say(str(reads))


def create(data_dir: Path, name: str) -> None:
    """Make a channel and say what became of it."""
    sys.stdin.read()  # all start together
    try:
        with Catalog.open(data_dir, create=True) as catalog:
            say(catalog.create_channel(name, ChannelSettings(), 1).folder.name)
    except ArcliError as error:
        say(f"! {error.code}")


def look(folder: Path) -> None:
    """Print what a reader without write permission sees, and the result of writing."""
    drop_override()
    with ChannelStore.open(folder) as store:
        with store.read() as snapshot:
            seen = [row.identifier for row in snapshot.list()[1]]
        try:
            with store.write():
                code = "written"
        except ArcliError as error:
            code = error.code
    say(json.dumps({"seen": seen, "code": code, "files": sorted(p.name for p in folder.iterdir())}))


def migration_schema(steps: int) -> Schema:
    """An artificial database at its format `steps`."""
    scripts = (
        "CREATE TABLE things (name TEXT)",
        "ALTER TABLE things ADD size INT",
        "ALTER TABLE things ADD colour TEXT",
    )
    return Schema(0x74657374, tuple(map(_executing, scripts[:steps])))


def _executing(script: str) -> Callable[[sqlite3.Connection], None]:
    def migrate(connection: sqlite3.Connection) -> None:
        connection.execute(script)

    return migrate


def migrate_and_die(folder: Path) -> None:
    """Be killed at the end of the third step."""

    def last_words(connection: sqlite3.Connection) -> None:
        connection.execute("ALTER TABLE things ADD colour TEXT")
        os.kill(os.getpid(), signal.SIGKILL)

    schema = migration_schema(2)
    read_once(folder, Schema(schema.application_id, (*schema.migrations, last_words)))


def migrate_without_right(folder: Path) -> None:
    """Print how an older database answers a reader without write permission."""
    drop_override()
    try:
        read_once(folder, migration_schema(2))
    except ArcliError as error:
        say(json.dumps({"code": error.code, "message": error.message, "hint": error.hint}))


def read_once(folder: Path, schema: Schema) -> None:
    database = Database(folder / "old.sqlite", schema, missing=lambda: ArcliError("gone"))
    with database.read():
        pass


def add_unsafely(folder: Path, prefix: str, count: str) -> None:
    """Do what `add` does on a build that does not wait for the disk."""
    with patch.object(channel, "Database", functools.partial(Database, synchronous="OFF")):
        add(folder, prefix, count)


def drop_override() -> None:
    """Make file modes count for root too, by giving up CAP_DAC_OVERRIDE (1) and _READ_SEARCH (2)."""
    libc = ctypes.CDLL(None)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    data = (ctypes.c_uint32 * 6)()
    libc.capget(header, data)
    for at in (0, 1):
        data[at] &= ~0b110
    libc.capset(header, data)


if __name__ == "__main__":
    globals()[sys.argv[1]](Path(sys.argv[2]), *sys.argv[3:])
