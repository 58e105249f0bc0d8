"""What goes to a terminal is safe and fits."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import arcli
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


PALETTES = {  # ground, and the 16 colours: what terminals have by default
    "xterm": ("000000", "000000cd000000cd00cdcd000000eecd00cd00cdcde5e5e5"),
    "xterm, white": ("ffffff", "000000cd000000cd00cdcd000000eecd00cd00cdcde5e5e5"),
    "Linux": ("000000", "000000aa000000aa00aa55000000aaaa00aa00aaaaaaaaaa"),
    "Solarized, dark": ("002b36", "073642dc322f859900b58900268bd2d336822aa198eee8d5"),
    "Solarized, light": ("fdf6e3", "073642dc322f859900b58900268bd2d336822aa198eee8d5"),
    "Windows": ("0c0c0c", "0c0c0cc50f1f13a10ec19c000037da8817983a96ddcccccc"),
    "macOS": ("ffffff", "000000c2362125bc24adad27492ee1d338d333bbc8cbcccd"),
}


def lightness(colour: str) -> float:
    """Return the relative luminance of WCAG 2."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(palette: str, colour: int) -> float:
    ground, colours = PALETTES[palette]
    pair = sorted((lightness(ground), lightness(colours[6 * colour : 6 * colour + 6])))
    return (pair[1] + 0.05) / (pair[0] + 0.05)


def colours_of_text() -> set[int]:
    """Return the colours that text is printed in: all but a QR code, which brings its ground, and the bar."""
    sources = [path for path in Path(arcli.__file__).parent.rglob("*.py") if path.name != "qr.py"]
    written = (re.findall(r"\\x1b\[([\d;]*)m", path.read_text(encoding="utf-8")) for path in sources)
    codes = {int(code) for found in written for words in found for code in words.split(";") if code}
    assert codes - set(range(30, 38)) <= {0, 1}, "only bold, and colours of the terminal's own"
    return {code - 30 for code in codes if code > 1}


@pytest.mark.parametrize("palette", PALETTES)
def test_coloured_words_can_be_read_on_light_and_on_dark(palette: str) -> None:
    used = colours_of_text()
    assert used
    assert min(contrast(palette, colour) for colour in used) > 2.4, "bold labels; the least: Windows' magenta"


def test_yellow_could_not_be_read_on_white() -> None:
    assert contrast("xterm, white", 3) < 2 < 2.4 < contrast("xterm", 3)
