"""Identifiers made from file names are valid, always the same, and keep different names apart."""

import sys
import unicodedata
from pathlib import PurePath, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcli.bulk.identifiers import IdFrom, identifier_for, made_valid, original_name
from arcli.errors import NotSupported
from arcli.models import valid_identifier


@pytest.mark.parametrize(
    ("rule", "expected"),
    [(IdFrom.STEM, "spring_sale"), (IdFrom.NAME, "spring_sale.jpg"), (IdFrom.PATH, "2026_a_spring_sale.jpg")],
)
def test_a_path_gives_stem_name_or_all_of_it(rule: IdFrom, expected: str) -> None:
    assert identifier_for(PurePosixPath("2026/a/spring-sale.jpg"), rule) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("poster_1", "poster_1"),
        ("Été à Köln", "Ete_a_Koln"),
        ("7", "7__"),
        ("a b", "a_b"),
        ("x@y.z", "x@y.z"),
        ("ＡＢＣ", "ABC"),
    ],
)
def test_what_can_be_kept_is_kept(text: str, expected: str) -> None:
    assert made_valid(text) == expected


def test_names_of_other_scripts_stay_apart() -> None:
    spring, autumn = made_valid("海报 春"), made_valid("海报 秋")
    assert spring != autumn
    assert made_valid("春天-12") == made_valid("春天-12")
    assert made_valid("春天-12").startswith("12_")


def test_long_names_that_begin_alike_stay_apart() -> None:
    one, two = made_valid("x" * 60 + "1"), made_valid("x" * 60 + "2")
    assert one != two
    assert len(one) == len(two) == 50


def test_composed_and_decomposed_letters_are_the_same_name() -> None:
    name = "한국어 é"
    assert made_valid(unicodedata.normalize("NFD", name)) == made_valid(unicodedata.normalize("NFC", name))


@given(st.text(st.characters(exclude_categories=()), max_size=80))
def test_every_name_gives_a_valid_identifier(text: str) -> None:
    assert valid_identifier(made_valid(text))
    assert made_valid(text) == made_valid(text)


def test_a_name_of_odd_bytes_gives_a_valid_identifier() -> None:
    assert valid_identifier(made_valid(b"caf\xe9".decode("utf-8", "surrogateescape")))


@pytest.mark.parametrize(
    ("relative", "rule", "name"),
    [
        ("poster_1.jpg", IdFrom.STEM, None),
        ("poster 1.jpg", IdFrom.STEM, "poster 1.jpg"),
        ("海报.jpg", IdFrom.STEM, "海报.jpg"),
        ("a.jpg", IdFrom.STEM, "a.jpg"),
        ("a/poster.jpg", IdFrom.STEM, None),
        ("poster.jpg", IdFrom.NAME, None),
        ("poster-2.jpg", IdFrom.NAME, "poster-2.jpg"),
        ("a/b.jpg", IdFrom.PATH, "a/b.jpg"),
        ("Cafe\u0301.jpg", IdFrom.STEM, "Café.jpg"),
    ],
)
def test_the_file_s_name_is_kept_where_the_identifier_is_another(
    relative: str, rule: IdFrom, name: str | None
) -> None:
    path = PurePath(relative)
    assert original_name(path, rule, identifier_for(path, rule)) == name


def test_identifiers_can_be_readable_in_any_script() -> None:
    pytest.importorskip("anyascii", reason="needs the extra latin")
    found = [
        identifier_for(PurePath(f"{name}.jpg"), IdFrom.LATIN)
        for name in ("海报-12", "Постер", "Été", "plain_1")
    ]
    assert found == ["HaiBao_12", "Poster", "Ete", "plain_1"]


def test_without_its_package_latin_says_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "anyascii", None)
    with pytest.raises(NotSupported) as caught:
        identifier_for(PurePath("海报.jpg"), IdFrom.LATIN)
    assert "[latin]" in (caught.value.hint or "")
