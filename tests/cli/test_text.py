"""What goes to a terminal is safe and fits."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from arcli.console.tables import Table
from arcli.console.text import cells, human_bytes, plural, printable, shortened


def render_table(headings: list[str], rows: list[list[str]], *, width: int | None) -> str:
    table = Table(headings, width=width, bold=False)
    return table.begin(rows) + table.text(rows)


TEXT = st.text(st.characters(codec=None), max_size=40)


@given(TEXT)
def test_nothing_that_steers_a_terminal_gets_through(text: str) -> None:
    shown = printable(text)
    assert shown.isprintable() or all(char.isprintable() or ord(char) > 0x9F for char in shown)
    assert not set(shown) & {"\x1b", "\x07", "\n", "\r", "\x9b", "\u202e", "\u2066", "\u2028"}
    shown.encode("utf-8")


@given(TEXT, st.integers(1, 30))
def test_shortened_fits(text: str, width: int) -> None:
    short = shortened(text, width)
    assert cells(short) <= width
    assert short == text or short.endswith("…")


def test_wide_characters_keep_columns_aligned() -> None:
    table = render_table(["name", "count"], [["日本語", "1"], ["abc", "10"]], width=None)
    assert [cells(line) for line in table.splitlines()] == [13, 13, 13]


@given(st.lists(st.lists(TEXT, min_size=3, max_size=3), min_size=1, max_size=5), st.integers(30, 120))
def test_a_table_is_never_wider_than_its_terminal(rows: list[list[str]], width: int) -> None:
    table = render_table(["one", "two", "three"], rows, width=width)
    assert all(cells(line) <= width for line in table.splitlines())
    assert table.count("\n") == len(rows) + 1


def test_sizes_and_counts_as_people_write_them() -> None:
    assert [human_bytes(n) for n in (0, 1023, 1024, 5 << 20, 3 << 30, 2 << 40)] == [
        *("0 B", "1023 B", "1.0 KiB", "5.0 MiB", "3.0 GiB", "2.0 TiB")
    ]
    assert [plural(n, "target") for n in (0, 1, 1200)] == ["0 targets", "1 target", "1,200 targets"]
