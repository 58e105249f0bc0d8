"""What goes to a terminal is safe and fits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcli.console.tables import Table
from arcli.console.text import cells, human_bytes, plural, printable, shortened, wrapped


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


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        *(("poster", 6), ("海报", 4), ("한국어", 6), ("가", 2), ("café", 4), ("cafe\u0301", 4), ("عربي", 4)),
        *(("देवनागरी", 5), ("ไทย", 3), ("🦖", 2), ("🇨🇳", 2), ("Ａ", 2), ("…", 1)),
    ],
)
def test_columns_of_a_terminal(text: str, columns: int) -> None:
    assert cells(text) == columns


@pytest.mark.parametrize("text", ["cafe\u0301" * 9, "👨\u200d👩\u200d👧" * 9, "🇨🇳" * 9, "👍🏽" * 9, "नि" * 9])
@pytest.mark.parametrize("front", [False, True])
def test_no_character_is_cut_in_two(text: str, *, front: bool) -> None:
    one = text[: len(text) // 9]
    for width in range(2, cells(text)):
        short = shortened(text, width, front=front).strip("…")
        whole = one[:-2] if one.startswith("cafe") else one
        assert cells(short) < width
        if whole is one:
            assert short == one * (len(short) // len(one))
        else:
            assert not short.startswith("\u0301")
            assert short.count("e") == short.count("\u0301")
    assert "".join(wrapped(text, 7)) == text


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
