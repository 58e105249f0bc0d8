"""The type of a file by its first bytes: picture formats, and what is often given instead by mistake."""

from __future__ import annotations

import re
from enum import StrEnum

HEAD_BYTES = 64
"""How many first bytes are needed to tell the format."""


class PictureFormat(StrEnum):
    """Formats that arcli reads (HEIC needs an optional package)."""

    JPEG = "jpeg"
    PNG = "png"
    GIF = "gif"
    WEBP = "webp"
    BMP = "bmp"
    TIFF = "tiff"
    PNM = "pnm"
    AVIF = "avif"
    JP2 = "jp2"
    HEIC = "heic"

    @property
    def suffix(self) -> str:
        """The usual suffix of a file's name, with its dot."""
        return _SUFFIXES.get(self, f".{self.value}")

    @property
    def media_type(self) -> str:
        return _MEDIA_TYPES.get(self, f"image/{self.value}")


_SUFFIXES = {PictureFormat.JPEG: ".jpg", PictureFormat.TIFF: ".tif", PictureFormat.PNM: ".ppm"}
_MEDIA_TYPES = {PictureFormat.PNM: "image/x-portable-anymap"}
_STARTS = (
    (b"\xff\xd8\xff", PictureFormat.JPEG),
    (b"\x89PNG\r\n\x1a\n", PictureFormat.PNG),
    (b"GIF87a", PictureFormat.GIF),
    (b"GIF89a", PictureFormat.GIF),
    (b"II*\0", PictureFormat.TIFF),
    (b"MM\0*", PictureFormat.TIFF),
    (b"II+\0\x08\0\0\0", PictureFormat.TIFF),  # BigTIFF
    (b"MM\0+\0\x08\0\0", PictureFormat.TIFF),
    (b"\0\0\0\x0cjP  \r\n\x87\n", PictureFormat.JP2),
    (b"\xff\x4f\xff\x51", PictureFormat.JP2),  # a bare codestream
)
_PATTERNS = (
    (re.compile(rb"RIFF.{4}WEBP", re.DOTALL), PictureFormat.WEBP),
    # The size of the second header is one of seven: text may begin with BM too.
    (re.compile(rb"BM.{12}[\x0c\x10\x28\x34\x38\x40\x6c\x7c]\0\0\0", re.DOTALL), PictureFormat.BMP),
    (re.compile(rb"P[1-6]\s{1,16}(?:#|\d{1,9}\s)"), PictureFormat.PNM),
)
_HEIC_BRANDS = {b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"}
_AVIF_BRANDS = {b"avif", b"avis"}
_STRANGERS = (
    (
        b"version https://git-lfs.github.com/spec/",
        "a Git LFS pointer, not the picture itself",
        "git lfs pull",
    ),
    (b"/annex/objects/", "a git-annex pointer, not the picture itself", "git annex get"),
    (b"%PDF-", "a PDF", "export its page as PNG or JPEG"),
    (b"8BPS", "a Photoshop file", "export it as PNG or JPEG"),
    (b"\xff\x0a", "a JPEG XL picture, which arcli does not read", "save it as JPEG or PNG"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL picture, which arcli does not read", "save it as JPEG or PNG"),
    (b"\0\0\1\0", "an icon (ICO), which arcli does not read", "save it as PNG"),
    (b"%!PS", "a PostScript file", "export it as PNG or JPEG"),
    (b"PK\x03\x04", "a ZIP archive", "unpack it and name the pictures in it"),
    (b"\x1f\x8b", "a gzip archive", "unpack it and name the pictures in it"),
    (b"\xd0\xcf\x11\xe0", "an Office document", "save the picture by itself as JPEG or PNG"),
    (b"\x1aE\xdf\xa3", "a video (Matroska or WebM)", "take a frame of it as JPEG or PNG"),
)
_LOOK = "look at it in a text editor: a download may have failed, or asked for a login"
_DRAWING = "export it as PNG, about 800 px on its long side"
_TAGS = (
    (re.compile(rb"<(?:!doctype html|html|head|body)\b", re.IGNORECASE), "a web page (HTML)"),
    (re.compile(rb"<svg\b", re.IGNORECASE), "an SVG drawing"),
    (re.compile(rb"<"), "an XML file"),
)


def picture_format(head: bytes) -> PictureFormat | None:
    """Return a picture's format by its first `HEAD_BYTES` bytes, None if arcli does not know it."""
    head = head[:HEAD_BYTES]
    if head[4:8] == b"ftyp":
        return _container(head)
    known = next((found for start, found in _STARTS if head.startswith(start)), None)
    return known or next((found for pattern, found in _PATTERNS if pattern.match(head)), None)


def _container(head: bytes) -> PictureFormat | None:
    """Return the format of an ISO media file by its brands: the major one first, then the compatible ones."""
    length = int.from_bytes(head[:4], "big")
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, min(length, len(head)), 4))]
    if any(brand in _AVIF_BRANDS for brand in brands):
        return PictureFormat.AVIF
    return PictureFormat.HEIC if any(brand in _HEIC_BRANDS for brand in brands) else None


def what_else(head: bytes) -> tuple[str, str]:
    """Say what a file is if not a picture, as `a web page`, and what to do about it.

    `head`: its first bytes, a thousand or so.
    """
    for start, what, advice in _STRANGERS:
        if head.startswith(start):
            return what, advice
    if head[4:8] == b"ftyp":
        return "a video, or a picture that arcli does not read", "save a frame of it as JPEG or PNG"
    text = _as_text(head)
    if text is None:
        return "not a picture in a format that arcli reads", _READ
    tags = _TAGS if text.startswith(b"<") else ()
    found = next((what for pattern, what in tags if pattern.search(text)), "a text file, not a picture")
    return found, _DRAWING if found == "an SVG drawing" else _LOOK


_READ = "arcli reads JPEG, PNG, GIF, WebP, AVIF, JPEG 2000, BMP, TIFF, PNM and, with its extra heic, HEIC"


def _as_text(head: bytes) -> bytes | None:
    """Return a text's ASCII without byte-order mark and leading space, None for what is not text."""
    text = head.removeprefix(b"\xef\xbb\xbf")
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):  # UTF-16: markup and JSON are ASCII
        text = head[2:].replace(b"\0", b"")
    printable = sum(byte >= 32 or byte in b"\t\n\r\f" for byte in text)
    return text.lstrip() if text and printable == len(text) else None
