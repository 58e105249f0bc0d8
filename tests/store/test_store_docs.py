"""docs/reference/on-disk-format.md names every table of the store and every format number."""

from __future__ import annotations

from pathlib import Path

from arcli.store.channel import ChannelStore
from arcli.store.schema import CATALOG, COUNTS, NONCES, STORE

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "on-disk-format.md").read_text(encoding="utf-8")


def test_the_page_names_the_tables_and_formats(folder: Path) -> None:
    with ChannelStore.open(folder) as store, store.read() as snapshot:
        select = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
        tables = {name for (name,) in snapshot.connection.execute(select)}
    assert {name for name in tables if f"| `{name}` |" not in PAGE} == set()
    for name, schema in (("store", STORE), ("catalog", CATALOG), ("counts", COUNTS), ("nonces", NONCES)):
        assert f"| `{name}.sqlite` | {schema.application_id:#x} | {schema.format} |" in PAGE
