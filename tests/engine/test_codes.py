"""Codes of one family: the registered one is found, another is no sure answer; `check` names the kind."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from arcli.engine import LocalGallery
from arcli.models import AddItem, FindOptions, FindResult, Picture
from benchmarks.camera import Camera, photograph

from .conftest import cv2, encoded, poster_pixels
from .repeated import KINDS, variant

CASES = Path(__file__).parents[3] / "shared" / "cases" / "23-codes-of-one-family"
VIEWS = (Camera(share=0.7, roll=5), Camera(share=0.5, tilt=35, roll=-20), Camera(share=0.6, blur=1.5))
_LEFT = """0001101 0011001 0010011 0111101 0100011
    0110001 0101111 0111011 0110111 0001011""".split()  # noqa: SIM905
_SIDES = """LLLLLL LLGLGG LLGGLG LLGGGL LGLLGG
    LGGLLG LGGGLL LGLGLG LGLGGL LGGLGL""".split()  # noqa: SIM905


def qr(number: int, version: int = 0) -> np.ndarray:
    """A QR code as table signs have them, ten px a module."""
    parameters = cv2.QRCodeEncoder.Params()
    parameters.version = version
    code = cv2.QRCodeEncoder.create(parameters).encode(f"https://menu.example/tables/{number}")
    rows, columns = np.nonzero(code == 0)
    code = code[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    return np.kron(np.pad(code, 4, constant_values=255), np.ones((10, 10), np.uint8))[..., None].repeat(3, 2)


def ean(number: int) -> np.ndarray:
    """An EAN-13 with its digits."""
    digits = f"400638{number:06}"
    digits += str(-sum(int(d) * (3 if k % 2 else 1) for k, d in enumerate(digits)) % 10)
    mirrored = [code.translate(str.maketrans("01", "10")) for code in _LEFT]
    left = [
        _LEFT[int(d)] if side == "L" else mirrored[int(d)][::-1]
        for d, side in zip(digits[1:7], _SIDES[int(digits[0])], strict=True)
    ]
    bits = "101" + "".join(left) + "01010" + "".join(mirrored[int(d)] for d in digits[7:]) + "101"
    page = np.full((290, 4 * len(bits) + 80, 3), 255, np.uint8)
    page[20:220, 40:-40] = np.repeat([250 - 240 * int(bit) for bit in bits], 4)[None, :, None]
    cv2.putText(page, digits, (60, 265), cv2.FONT_HERSHEY_SIMPLEX, 1.3, (10, 10, 10), 2, cv2.LINE_AA)
    return page


def sign(number: int) -> np.ndarray:
    """A QR code on a poster that all signs share."""
    page = cv2.resize(poster_pixels(5), (480, 640))
    page[300:620, 80:400] = cv2.resize(qr(number), (320, 320), interpolation=cv2.INTER_AREA)
    return page


def printed(dark: np.ndarray, size: int) -> np.ndarray:
    """Modules, `size` px each, with white around them."""
    page = np.pad(np.where(dark, 0, 255).astype(np.uint8), 4, constant_values=255)
    return np.kron(page, np.ones((size, size), np.uint8))[..., None].repeat(3, 2)


def data_of(number: int, side: int) -> np.ndarray:
    """Modules at random, of which a third belongs to the number; the family shares the others."""
    shared, own = (np.random.default_rng(seed).random((side, side)) < 0.5 for seed in (0, number))
    return np.where(np.random.default_rng(1).random((side, side)) < 1 / 3, own, shared)


def data_matrix(number: int) -> np.ndarray:
    """The marks of a Data Matrix, two sides dark and two by turns, around data."""
    dark = data_of(number, 22)
    even = np.arange(22) % 2 == 0
    dark[:, -1], dark[0], dark[:, 0], dark[-1] = ~even, even, True, True
    return printed(dark, 14)


def aztec(number: int) -> np.ndarray:
    """The rings of an Aztec code and the marks at their corners, in data."""
    dark = data_of(number, 27)
    rings = np.maximum(*np.abs(np.mgrid[-5:6, -5:6]))
    dark[8:19, 8:19] = (rings % 2 == 0) & (rings < 5)
    dark[8, 8:10] = dark[9, 8] = dark[8:10, 18] = dark[17, 18] = True
    return printed(dark, 12)


def pdf417(number: int) -> np.ndarray:
    """Rows of PDF417: its first and last bars, between them words of four bars and four gaps."""

    def word(row: int, column: int) -> np.ndarray:
        rng = np.random.default_rng((row, column, number if row % 3 == 0 else 0))
        widths = np.ones(8, int)
        for _ in range(9):
            widths[rng.choice(np.flatnonzero(widths < 6))] += 1
        return np.repeat(np.arange(8) % 2 == 0, widths)

    first, last = ([bit == "1" for bit in bits] for bits in ("11111111010101000", "111111101000101001"))
    rows = [np.r_[first, *(word(row, column) for column in range(4)), last] for row in range(14)]
    return printed(np.repeat(np.array(rows), 3, axis=0), 5)


Draw = Callable[[int], np.ndarray]
FAMILIES: dict[str, Draw] = {
    "small": partial(qr, version=2),
    "middle": partial(qr, version=6),
    "large": partial(qr, version=10),
    "ean": lambda number: ean(133_000 + number),
    "sign": sign,
    "data matrix": data_matrix,
    "aztec": aztec,
    "pdf417": pdf417,
}


def photo(pixels: np.ndarray, view: int) -> Picture:
    taken, _ = photograph(pixels, VIEWS[view], seed=view)
    return Picture(name="photo", data=encoded(taken, ".jpg"))


def ask(gallery: LocalGallery, pixels: np.ndarray, view: int) -> FindResult:
    return gallery.find(picture=photo(pixels, view), channels=None, options=FindOptions(count=False))


@pytest.mark.parametrize("family", FAMILIES)
def test_a_code_is_found_and_another_of_its_family_not_answered_surely(
    gallery: LocalGallery, family: str
) -> None:
    make = FAMILIES[family]
    for number in (17, 19):
        picture = Picture(name=str(number), data=encoded(make(number)))
        gallery.add(channel="default", item=AddItem(picture=picture, identifier=f"t{number}"))
    for view in range(len(VIEWS)):
        own = ask(gallery, make(17), view).matches
        assert [match.identifier for match in own] == ["t17"]
        other = ask(gallery, make(25), view)
        assert all(match.ambiguous for match in other.matches)
    assert not ask(gallery, make(17), 0).matches[0].ambiguous


CHECKED = [
    *(KINDS.keys() - {"barcode"}),
    "qr",
    "ean",
    "sign",
    "poster",
    "data matrix",
    "aztec",
    "pdf417",
]  # bars at random are no bar code: "ean" is


@pytest.mark.parametrize("kind", sorted(CHECKED))
def test_check_names_kinds_that_are_taken_for_each_other(kind: str, gallery: LocalGallery) -> None:
    made: dict[str, tuple[Draw, set[str]]] = {
        "qr": (qr, {"qr_code"}),
        "ean": (ean, {"bar_code"}),
        "sign": (sign, {"qr_code"}),
        "data matrix": (data_matrix, {"matrix_code"}),
        "aztec": (aztec, {"matrix_code"}),
        "pdf417": (pdf417, {"matrix_code"}),
        "poster": (poster_pixels, set()),
    }
    expected = {"dial": {"dial"}, "grid": {"grid"}, "checkerboard": {"grid"}, "text": {"text"}}
    make, hint = made.get(kind) or (partial(variant, kind), expected.get(kind, set()))
    pictures = [Picture(name=str(number), data=encoded(make(number))) for number in (1, 2, 3)]
    named = {"qr_code", "bar_code", "matrix_code", "text", "dial", "grid"}
    for result in gallery.check(pictures=pictures, channel=None):
        assert result.error is not None or {each.code for each in result.hints} & named == hint


@pytest.mark.skipif(not CASES.is_dir(), reason="needs the shared cases")
def test_the_case_of_table_signs(gallery: LocalGallery) -> None:
    for name in ("t17", "t19"):
        picture = Picture(name=name, path=CASES / f"{name}.png")
        gallery.add(channel="default", item=AddItem(picture=picture, identifier=name, matchratio=0.999))
    own = gallery.find(picture=Picture(name="p", path=CASES / "p17.jpg"), channels=None)
    assert [match.identifier for match in own.matches] == ["t17"]
    other = gallery.find(
        picture=Picture(name="p", path=CASES / "p25_unknown.jpg"),
        channels=None,
        options=FindOptions(candidates=2),
    )
    assert not other.matches
    assert "other_code" in {candidate.reason for candidate in other.candidates}
