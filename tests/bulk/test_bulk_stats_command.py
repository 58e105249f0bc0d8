"""`arcli stats` as users and cron jobs type it."""

import csv
import datetime as dt
import json
from pathlib import Path

import pytest

from arcli.engine import LocalGallery
from tests.bulk.conftest import Arcli
from tests.engine.conftest import photo_of

FOUND = {"2025-12-31": 1, "2026-01-01": 2, "2026-01-31": 4, "2026-02-01": 8, "2026-11-05": 16}


@pytest.fixture
def counted(arcli: Arcli, posters: Path) -> None:
    """Channel `c`, in which p0_ was found on some days, once with p1_; on one day a photo was missed."""
    arcli("add", posters, "-c", "c")
    with LocalGallery(Path("data")) as gallery:
        counts = gallery._channels.get("c").counts
        for day, times in FOUND.items():
            for _ in range(times):
                counts.record(["p0_"], day=dt.date.fromisoformat(day))
        counts.record(["p1_", "p0_"], day=dt.date(2026, 1, 1))
        counts.record([], day=dt.date(2026, 1, 2))
        counts.flush(timeout=5)


def rows(arcli: Arcli, *words: str) -> list[tuple[str, str, str]]:
    out = arcli("stats", "-c", "c", "-f", "csv", *words).out
    return [(row["date"], row["identifier"], row["count"]) for row in csv.DictReader(out.splitlines())]


def test_sums_by_day_month_and_year(arcli: Arcli, counted: None) -> None:
    assert rows(arcli, "--from", "20251231", "--to", "202601", "--identifier", "p0_") == [
        ("20251231", "p0_", "1"),
        ("20260101", "p0_", "3"),
        ("20260131", "p0_", "4"),
    ]
    assert rows(arcli, "--from", "2026-01", "--to", "2026-02-01", "--by", "month") == [
        ("202601", "p0_", "7"),
        ("202601", "p1_", "1"),
        ("202602", "p0_", "8"),
    ]
    assert rows(arcli, "--from", "2025", "--to", "2026", "--by", "year", "--identifier", "p0_") == [
        ("2025", "p0_", "1"),
        ("2026", "p0_", "31"),
    ]


def test_all_channels_are_told_by_channel(arcli: Arcli, counted: None) -> None:
    words = ["stats", "--all-channels", "--from", "2026", "--to", "2026", "--by", "year", "--json"]
    (record,) = arcli(*words).data["records"]
    assert (record["channel"], record["count"], record["date"]) == ("c", 32, "2026")


def test_misses_are_told_only_where_they_were_asked_for(arcli: Arcli, counted: None) -> None:
    words = ["--from", "20260102", "--to", "20260102"]
    assert rows(arcli, *words) == []
    assert rows(arcli, *words, "--misses") == [("20260102", "", "1")]
    ran = arcli("stats", "-c", "c", *words, "--misses")
    assert "1 that found nothing" in ran.err
    assert "UTC" in ran.err


@pytest.mark.parametrize("name", ["stats.csv", "stats.json", "stats.jsonl"])
def test_a_file_is_the_old_one_or_the_new_one(
    arcli: Arcli, counted: None, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["stats", "-c", "c", "--from", "2026", "--to", "2026", "--output", name]
    assert arcli(*words, "--by", "year").out == ""
    old = Path(name).read_text()
    records = json.loads(old)["data"]["records"] if name.endswith("json") else old.splitlines()
    assert len(records) == (3 if name.endswith("csv") else 2)
    with monkeypatch.context() as patch:
        patch.setattr("os.replace", lambda *paths: (_ for _ in ()).throw(OSError(5, "Input/output error")))
        assert arcli(*words).status != 0
    assert Path(name).read_text() == old
    assert sorted(path.name for path in Path().glob("*stats*")) == [name], "nothing is left beside it"


def test_only_csv_is_appended_to(arcli: Arcli, counted: None) -> None:
    assert arcli("stats", "--output", "stats.json", "--append").status == 2
    assert arcli("stats", "--append").status == 2


@pytest.mark.parametrize(
    "words", [["--from", "2026-13"], ["--to", "soon"], ["--from", "2026", "--to", "2025"]]
)
def test_dates_that_are_none_are_usage_errors(arcli: Arcli, words: list[str]) -> None:
    assert arcli("stats", *words).status == 2


def test_statistics_go_into_a_file_that_a_cron_job_appends_to(arcli: Arcli, posters: Path) -> None:
    arcli("add", posters)
    Path("photo.jpg").write_bytes(photo_of(0))
    Path("nothing.jpg").write_bytes(photo_of(77))
    arcli("find", "photo.jpg")
    job = ["stats", "--from", "this-month", "--output", "stats.csv", "--append"]
    assert arcli(*job).out == ""
    first = Path("stats.csv").read_text()
    arcli(*job)
    assert Path("stats.csv").read_text() == first
    arcli("find", "photo.jpg")
    arcli("find", "nothing.jpg")
    arcli(*job)
    assert Path("stats.csv").read_text() == first.replace(",p0_,1", ",p0_,2")
    records = arcli("stats", "--by", "year", "--misses", "--json").data["records"]
    assert [(r["identifier"], r["count"], r["missed"]) for r in records] == [
        (None, 1, True),
        ("p0_", 2, False),
    ]


def test_statistics_are_drawn(arcli: Arcli, posters: Path) -> None:
    arcli("add", posters)
    Path("photo.jpg").write_bytes(photo_of(0))
    arcli("find", "photo.jpg")
    ran = arcli("stats", "--plot", "--plot-file", "plot.svg")
    assert "█" in ran.out
    assert "UTC" in ran.err
    assert b"<svg" in Path("plot.svg").read_bytes()[:500]
    assert arcli("stats", "--plot-file", "plot.gif").status == 2
    assert arcli("stats", "--json").data["timezone"] == "UTC"
    assert arcli("stats", "--append").status == 2


def test_sums_of_targets_over_a_range(arcli: Arcli, counted: None) -> None:
    year = ("--from", "2025", "--to", "2026")
    assert rows(arcli, *year, "--by", "total") == [("", "p0_", "32"), ("", "p1_", "1")]
    assert rows(arcli, *year, "--top", "1") == [("", "p0_", "32")]
    assert rows(arcli, *year, "--by", "total", "--sort", "identifier")[1] == ("", "p1_", "1")
    data = json.loads(arcli("stats", "-c", "c", *year, "--top", "1", "--json").out)["data"]
    assert data["records"] == [{"date": None, "channel": "c", "identifier": "p0_", "count": 32}]
    assert (data["by"], data["from"]) == ("total", "2025-01-01")


def test_records_are_sorted_as_asked_and_cut_to_those_found_most(arcli: Arcli, counted: None) -> None:
    january = ("--from", "2026-01", "--to", "2026-01")
    assert [count for *_, count in rows(arcli, *january, "--sort", "count")] == ["4", "3", "1"]
    assert [name for _, name, _ in rows(arcli, *january, "--sort", "identifier")] == ["p0_", "p0_", "p1_"]
    assert rows(arcli, *january, "--top", "1", "--by", "day") == [
        ("20260101", "p0_", "3"),
        ("20260131", "p0_", "4"),
    ]
    assert arcli("stats", "-c", "c", "--top", "1", "--output", "x.csv", "--append").status == 2
    assert arcli("stats", "-c", "c", "--top", "0").status == 2


def test_dates_in_tables_are_iso_and_compact_elsewhere(arcli: Arcli, counted: None) -> None:
    words = ("stats", "-c", "c", "--from", "2026-01-31", "--to", "2026-01-31")
    assert "2026-01-31" in arcli(*words).out
    assert "20260131" not in arcli(*words).out
    assert "2026-01 " in arcli(*words, "--by", "month").out
    assert arcli(*words, "--by", "year").out.splitlines()[1].startswith("2026 ")
    assert json.loads(arcli(*words, "--json").out)["data"]["records"][0]["date"] == "20260131"


def test_bars_show_the_whole_range_with_a_title(arcli: Arcli, counted: None) -> None:
    lines = arcli("stats", "-c", "c", "--from", "2026-01-29", "--to", "2026-02-03", "--plot").out.splitlines()
    assert lines[0] == "Finds in channel c, 2026-01-29 to 2026-02-03 (UTC days)"
    assert [line.split()[0] for line in lines[1:]] == [
        *("2026-01-29", "2026-01-30", "2026-01-31", "2026-02-01", "2026-02-02", "2026-02-03")
    ]
    none = arcli("stats", "-c", "c", "--from", "2020", "--to", "2020", "--plot").out
    assert none.splitlines()[1:] == ["nothing was found"]
    most = arcli("stats", "-c", "c", "--from", "2025", "--top", "2", "--plot").out.splitlines()[1:]
    assert [line.split()[0] for line in most] == ["p0_", "p1_"]


def test_charts_have_a_title_the_whole_range_and_a_legend_beside_them(
    arcli: Arcli, counted: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("matplotlib")
    from matplotlib.figure import Figure

    drawn: list[Figure] = []
    save = Figure.savefig
    monkeypatch.setattr(
        Figure, "savefig", lambda self, *words, **more: (drawn.append(self), save(self, *words, **more))[1]
    )
    arcli("stats", "-c", "c", "--from", "2026-01", "--to", "2026-01", "--plot-file", "a.png")
    arcli("stats", "-c", "c", "--from", "2020-01", "--to", "2020-01", "--plot-file", "b.png")
    arcli("stats", "-c", "c", "--from", "2025", "--top", "2", "--plot-file", "c.png")
    full, empty, top = (figure.axes[0] for figure in drawn)
    assert drawn[0].get_suptitle() == "Finds in channel c, 2026-01-01 to 2026-01-31 (UTC days)"
    assert [tick.get_text() for tick in full.get_xticklabels()][::30] == ["2026-01-01", "2026-01-31"]
    legend = drawn[0].legends[0].get_window_extent()
    assert not legend.overlaps(full.get_window_extent())
    (title,) = (text for text in drawn[0].texts if text.get_text() == drawn[0].get_suptitle())
    assert not legend.overlaps(title.get_window_extent())
    assert [text.get_text() for text in empty.texts] == ["nothing was found"]
    assert drawn[1].legends == []
    assert [tick.get_text() for tick in top.get_xticklabels()] == ["p0_", "p1_"]
