"""Older databases open, newer ones are refused, and a crash in a migration leaves the old one."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from arcli.errors import ArcliError, DataDamaged, DataTooNew
from arcli.store.database import Database
from arcli.store.migrations import Schema
from tests.store.store_worker import Start, migration_schema


def database(folder: Path, schema: Schema) -> Database:
    return Database(folder / "old.sqlite", schema, missing=lambda: DataDamaged("gone"))


def columns(folder: Path, schema: Schema) -> list[str]:
    opened = database(folder, schema)
    try:
        with opened.read() as connection:
            return [row[1] for row in connection.execute("PRAGMA table_info(things)")]
    finally:
        opened.close()


def test_an_older_database_is_migrated_at_first_use(tmp_path: Path) -> None:
    database(tmp_path, migration_schema(1)).create()
    assert columns(tmp_path, migration_schema(1)) == ["name"]
    assert columns(tmp_path, migration_schema(3)) == ["name", "size", "colour"]
    with pytest.raises(DataTooNew, match="format 3"):
        columns(tmp_path, migration_schema(2))


def test_a_new_database_has_the_present_format_at_once(tmp_path: Path) -> None:
    database(tmp_path, migration_schema(3)).create()
    assert columns(tmp_path, migration_schema(3)) == ["name", "size", "colour"]


def test_a_crash_in_a_migration_leaves_the_format_before_it(tmp_path: Path, start: Start) -> None:
    database(tmp_path, migration_schema(1)).create()
    process = start("migrate_and_die", tmp_path)
    process.wait()
    assert process.returncode == -9
    assert columns(tmp_path, migration_schema(2)) == ["name", "size"]


def test_a_step_that_fails_leaves_the_format_before_it(tmp_path: Path) -> None:
    def fail(connection: sqlite3.Connection) -> None:
        connection.execute("CREATE TABLE half (x)")
        connection.execute("no SQL")

    schema = migration_schema(1)
    database(tmp_path, schema).create()
    with pytest.raises(ArcliError):
        columns(tmp_path, Schema(schema.application_id, (*schema.migrations, fail)))
    assert columns(tmp_path, migration_schema(3)) == ["name", "size", "colour"]


def test_an_older_database_in_a_readonly_folder_says_what_to_do(tmp_path: Path, start: Start) -> None:
    database(tmp_path, migration_schema(1)).create()
    (tmp_path / "old.sqlite").chmod(0o400)
    tmp_path.chmod(0o500)
    answer = json.loads(start("migrate_without_right", tmp_path).communicate(timeout=60)[0])
    tmp_path.chmod(0o700)
    assert answer["code"] == "storage_not_writable"
    assert "old format 1" in answer["message"]
    assert "upgraded at first use" in answer["hint"]
