"""What a service requires of pictures besides being readable: format, size, shape, colours."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from arcli.filetypes import PictureFormat
from arcli.models import Hint
from arcli.vision.decoding.pillow import PictureHeader, read_header

_GRAY = ("1", "L", "LA", "I", "F", "I;16")  # Pillow's names of modes
_TRANSPARENT = ("LA", "PA", "RGBA")


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureRules:
    """Sides in pixels; `widest`: long side by short side; `formats` as in PictureHeader."""

    name: str
    formats: tuple[str, ...]
    smallest: int
    largest: int
    best: int
    widest: float


ARCLOUD = PictureRules(  # the vendor's advice for pictures to recognise
    name="ARCloud", formats=("jpeg", "png"), smallest=480, largest=1280, best=800, widest=16 / 9
)


def breaches(data: bytes, name: str, rules: PictureRules) -> tuple[Hint, ...]:
    """Return a hint for each of `rules` that an encoded picture breaks. Raises UnreadablePicture."""
    header = read_header(data, name)
    found = [*_shape(header, rules), *_colours(header, rules)]
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


def _colours(header: PictureHeader, rules: PictureRules) -> Iterator[Hint]:
    if header.format not in (PictureFormat.PNG, PictureFormat.JPEG):
        return
    if header.mode in _GRAY:
        yield _hint(rules, "colours", "wants RGB, this is gray", "colours tell look-alikes apart")
    if header.mode == "CMYK":
        yield _hint(rules, "colours", "wants RGB, this is CMYK", "convert it to sRGB")
    if header.mode in _TRANSPARENT:
        yield _hint(rules, "colours", "wants RGB, this may be transparent", "flatten it on its background")
    if header.format is PictureFormat.JPEG and header.profile and not _names_srgb(header.profile):
        yield _hint(rules, "profile", "wants sRGB, this has another colour profile", "convert it to sRGB")


def _names_srgb(profile: bytes) -> bool:
    """Say whether the text of an ICC profile names sRGB."""
    return any("sRGB".encode(code) in profile for code in ("ascii", "utf-16-be"))
