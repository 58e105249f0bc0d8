"""What a command prints: in bounded memory, as it comes, failures last, safe for terminals and tables."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcli.bulk.encoding import guarded, unguarded
from arcli.console.formats import CsvSink, Ending, IdsSink, JsonSink, Sink, TableSink, to_json
from arcli.console.items import ItemView
from arcli.console.tables import TABLES, Table
from arcli.console.text import cells
from arcli.errors import TargetNotFound
from arcli.files import Spool
from tests.cli.conftest import Run
from tests.cli.processes import arcli, environment
from tests.fakes.gallery import FakeGallery
from tests.fakes.pictures import BLANK

NAMES: ItemView[str] = ItemView(
    key="names", record=lambda name: {"name": name}, columns=("name",), names=lambda name: [name]
)
ESCAPES = "a\x1b[31m\x9b2J\u202eb"


def table(width: int | None = None) -> Table:
    return Table(["name"], width=width, bold=False)


def make_sinks(write: Callable[[str], None]) -> list[Sink[str]]:
    return [
        JsonSink(NAMES, write),
        TableSink(NAMES, write, table()),
        TableSink(NAMES, write, table(), most=50),
    ]


@pytest.mark.parametrize("number", range(3))
def test_many_rows_need_no_memory(number: int) -> None:
    sink = make_sinks(lambda text: None)[number]
    tracemalloc.start()
    try:
        for row in range(100_000):
            sink.failed(f"picture_{row:050}", TargetNotFound(f"no such target: {row:050}"))
        sink.close(Ending("find", "ok", {}))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8 << 20, "the rows alone have 20 MB"


def test_json_of_many_rows_is_the_json_of_all_of_them() -> None:
    parts: list[str] = []
    sink = JsonSink(NAMES, parts.append)
    names = [f"n\udce9 {row} é" for row in range(50_000)]
    for name in names:
        sink.item(name)
    sink.failure(TargetNotFound("gone", item="x"))
    sink.close(Ending("ls", "partial", {"totalcount": 7}))
    answer = json.loads("".join(parts))
    assert answer["data"] == {"totalcount": 7, "names": [{"name": name} for name in names]}
    assert list(answer) == ["arcli", "command", "status", "data", "errors"]
    assert [error["item"] for error in answer["errors"]] == ["x"]


def test_a_spool_gives_back_what_it_took() -> None:
    spool = Spool(in_memory=10)
    lines = ["", "a" * 30, "b\u2028c\x85d\rq", "\udce9", "short"]
    for line in lines:
        spool.add(line)
    assert list(spool.lines()) == lines


def test_a_long_table_is_printed_as_it_comes() -> None:
    written: list[str] = []
    sink = TableSink(NAMES, written.append, table())
    for row in range(199):
        sink.item(f"n{row}")
    assert written == [], "columns are fitted to the first lines"
    sink.item("n199")
    sink.item("a longer name than all before")
    assert "".join(written).splitlines()[-2:] == ["n199", "a longer name than all before"]


def test_a_load_of_many_shows_a_summary_instead_of_a_table(
    run: Run, gallery: FakeGallery, tmp_path: Path
) -> None:
    for number in range(TABLES.brief + 1):
        (tmp_path / f"pic_{number:03}.jpg").write_bytes(b"%d" % number)
    (tmp_path / "pic_000.jpg").write_bytes(BLANK)
    ran = run("add", tmp_path)
    assert (ran.status, ran.out) == (3, "")
    assert [line.split(":")[0] for line in ran.err.splitlines()] == ["error", "channel default"]
    assert f"{TABLES.brief} added, 1 failed" in ran.err
    assert len(run("add", tmp_path, "--verbose", "--on-exists", "skip").out.splitlines()) == TABLES.brief + 2
    assert len(run("add", tmp_path, "-f", "csv", "--on-exists", "skip").out.splitlines()) == TABLES.brief + 2
    assert len(run("ls").out.splitlines()) == TABLES.brief + 1, "a listing is the answer, however long"


def test_quiet_changes_say_nothing(run: Run, filled: FakeGallery) -> None:
    ran = run("rm", "alpha", "--yes", "--quiet")
    assert (ran.status, ran.out, ran.err) == (0, "", "")
    assert "beta_1" in run("ls", "-q").out
    ran = run("rm", "alpha", "beta_1", "--yes", "-q")
    assert (ran.status, ran.out) == (3, "")
    assert "error: no such target: alpha" in ran.err


def test_failures_come_after_the_items_and_the_summary_last(tmp_path: Path) -> None:
    arcli(tmp_path, "channel", "create", "default")
    for name in ("no.jpg", "nor.jpg"):
        (tmp_path / name).write_text("no picture")
    command = [sys.executable, "-m", "arcli", "find", "no.jpg", "nor.jpg"]
    pipes: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    ran = subprocess.run(command, cwd=tmp_path, env=environment(tmp_path), **pipes)
    assert [line.split()[0] for line in ran.stdout.splitlines() if not line.startswith("hint")] == [
        *("PHOTO", "no.jpg", "nor.jpg", "error:", "error:", "0")
    ]


@given(st.text())
def test_a_cell_that_is_guarded_can_be_read_back(text: str) -> None:
    assert unguarded(guarded(text)) == text
    assert not guarded(text).startswith(("=", "@", "\t", "\r"))


@pytest.mark.parametrize("text", ["=1+1", "+cmd|'/C calc'!A0", "-2+3", "@SUM(1)", "\t=1", "＝1", "'=1"])
def test_a_formula_is_guarded(text: str) -> None:
    assert guarded(text) == f"'{text}"


@pytest.mark.parametrize("text", ["-5", "+1.5e3", "abc", "", "'quoted'", "a=b", "0.5", "{}"])
def test_what_is_no_formula_stays(text: str) -> None:
    assert guarded(text) == text


def test_csv_has_no_formula_and_a_manifest_gives_the_name_back(
    run: Run, gallery: FakeGallery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("=1+1.jpg").write_bytes(b"formula")
    ran = run("add", "=1+1.jpg", "--id", "@id", "-f", "csv")
    rows = list(csv.DictReader(io.StringIO(ran.out)))
    assert (rows[0]["image"], rows[0]["identifier"]) == ("'=1+1.jpg", "'@id")
    Path("m.csv").write_text(ran.out, newline="")
    assert run("rm", "@id", "--yes").status == 0
    assert run("add", "--manifest", "m.csv").status == 0
    assert run("ls", "-f", "jsonl").lines[0]["identifier"] == "@id"


def test_nothing_steers_a_terminal_in_any_format() -> None:
    written: list[str] = []
    CsvSink(NAMES, written.append, safe=True).item(ESCAPES)
    IdsSink(NAMES, written.append, safe=True).item(ESCAPES)
    JsonSink(NAMES, written.append).item(ESCAPES)
    written.append(to_json(ESCAPES))
    shown = table()
    written.append(shown.begin([[ESCAPES]]) + shown.text([[ESCAPES]]))
    assert not set("".join(written)) & set("\x1b\x9b\u202e")
    assert json.loads(to_json(ESCAPES)) == ESCAPES


def test_csv_and_ids_in_a_pipe_are_as_stored() -> None:
    written: list[str] = []
    CsvSink(NAMES, written.append).item(ESCAPES)
    IdsSink(NAMES, written.append).item(ESCAPES)
    assert written[1:] == [f"{ESCAPES}\r\n", f"{ESCAPES}\n"]


def test_times_are_whole_and_metadata_cut_in_80_columns(run: Run, gallery: FakeGallery, filled: Any) -> None:
    name = "a" * 50
    rows = [
        [name, "5", "yes", "0.5", "2026-01-02 03:04", "m" * 90],
        ["b", "1", "no", "", "2026-01-02 03:05", ""],
    ]
    made = Table(["identifier", "level", "active", "ratio", "updated", "metadata"], width=80, bold=False)
    text = made.begin(rows) + made.text(rows)
    assert all(cells(line) <= 80 for line in text.splitlines())
    assert "2026-01-02 03:04" in text
    run("update", "alpha", "--metadata", json.dumps("long " * 100))
    line = run("ls", "--prefix", "alpha").out.splitlines()[1]
    assert line.endswith("…"), "in a pipe too"
    assert "2026-01-02 03:04 " in line
    assert json.dumps("long " * 100) in run("get", "alpha").out


def test_words_go_on_below_and_paths_keep_their_end() -> None:
    rows = [["/a/very/long/folder/with/some/more/folders/in/it/poster.jpg", "3", "print it larger " * 8]]
    made = Table(["picture", "level", "remarks"], width=80, bold=False, wrap=True)
    text = made.begin(rows) + made.text(rows)
    assert all(cells(line) <= 80 for line in text.splitlines())
    assert " ".join(text.split()).count("print it") == 8 or text.count("larger") == 8
    assert text.splitlines()[1].split()[0].startswith("…")
    assert text.splitlines()[1].split()[0].endswith("/poster.jpg")
