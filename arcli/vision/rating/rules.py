"""What a service asks of pictures beyond what it can decode: format, size, shape, colours."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from arcli.models import Hint
from arcli.vision.decoding.header import read_header
from arcli.vision.decoding.header_jpeg import segments
from arcli.vision.decoding.header_types import PictureHeader

_PNG_COLOUR_AT = 25  # byte of the colour type in a PNG
_PNG_GRAY = (0, 4)
_PNG_ALPHA = (4, 6)


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureRules:
    """Sides in pixels; `widest`: long side by short side; `formats` as headers name them."""

    name: str
    formats: tuple[str, ...]
    smallest: int
    largest: int
    best: int
    widest: float


ARCLOUD = PictureRules(  # the vendor's advice: protocols.md, at the end of ARCloud's open points
    name="ARCloud", formats=("jpeg", "png"), smallest=480, largest=1280, best=800, widest=16 / 9
)


def breaches(data: bytes, name: str, rules: PictureRules) -> tuple[Hint, ...]:
    """Return what of `rules` an encoded picture does not keep. Raises UnreadablePicture."""
    header = read_header(data, name)
    found = [*_shape(header, rules), *_colours(data, header, rules)]
    if header.format not in rules.formats:
        accepted = " and ".join(rules.formats).upper()
        found.insert(0, _hint(rules, "format", f"takes {accepted} only", "save it as JPEG or PNG"))
    return tuple(found)


def _hint(rules: PictureRules, code: str, message: str, advice: str) -> Hint:
    return Hint(code=f"{rules.name.lower()}_{code}", message=f"{rules.name} {message}", advice=advice)


def _shape(header: PictureHeader, rules: PictureRules) -> Iterator[Hint]:
    width, height = header.size
    is_so = f"this is {width} × {height}"
    if min(width, height) < rules.smallest or max(width, height) > rules.largest:
        wanted = f"wants sides of {rules.smallest} to {rules.largest} px, {is_so}"
        yield _hint(rules, "size", wanted, f"about {rules.best} px is best")
    if max(width, height) > rules.widest * min(width, height) + 1:  # 1 px for rounding
        yield _hint(rules, "shape", f"wants 9:16 to 16:9, {is_so}", "crop it, or split it in two")


def _colours(data: bytes, header: PictureHeader, rules: PictureRules) -> Iterator[Hint]:
    colour = data[_PNG_COLOUR_AT] if header.format == "png" else None
    jpeg = header.format == "jpeg"
    if colour in _PNG_GRAY or (jpeg and header.channels == 1):
        yield _hint(rules, "colours", "wants RGB, this is gray", "colours tell look-alikes apart")
    if jpeg and header.channels == 4:
        yield _hint(rules, "colours", "wants RGB, this is CMYK", "convert it to sRGB")
    if colour in _PNG_ALPHA:
        yield _hint(rules, "colours", "wants RGB, this may be transparent", "flatten it on its background")
    if jpeg and _other_profile(data):
        yield _hint(rules, "profile", "wants sRGB, this has another colour profile", "convert it to sRGB")


def _other_profile(data: bytes) -> bool:
    """Say whether a JPEG carries a colour profile whose text does not name sRGB."""
    profile = b"".join(
        data[start:end]
        for marker, start, end in segments(data)
        if marker == 0xE2 and data[start : start + 12] == b"ICC_PROFILE\0"
    )
    return bool(profile) and not any("sRGB".encode(code) in profile for code in ("ascii", "utf-16-be"))
