"""TIFF directories: of TIFF files, and of the EXIF block in other formats."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping

from arcli.vision.decoding.header_types import PictureHeader

_WIDTH, _HEIGHT, _BITS, _ORIENTATION, _CHANNELS = 256, 257, 258, 274, 277
_OFFSETS, _COUNTS, _TILE_WIDTH, _TILE_HEIGHT = (273, 324), (279, 325), 322, 323
_INTEGERS = {1: "B", 3: "H", 4: "I"}
_MAX_VALUES = 1_000_000


def exif_orientation(block: bytes) -> int:
    """Return the orientation (1 to 8) that an EXIF block gives, 1 where it is absent or nonsense."""
    try:
        value = _directory(block, (_ORIENTATION,)).get(_ORIENTATION, (1,))[0]
    except (ValueError, struct.error, IndexError):
        return 1
    return value if 1 <= value <= 8 else 1


def tiff_header(data: bytes) -> PictureHeader:
    """Read the first directory and check that its strips or tiles lie in the file."""
    wanted = (_WIDTH, _HEIGHT, _BITS, _ORIENTATION, _CHANNELS, _TILE_WIDTH, _TILE_HEIGHT, *_OFFSETS, *_COUNTS)
    tags = _directory(data, wanted)
    if _WIDTH not in tags or _HEIGHT not in tags:
        raise ValueError("the TIFF names no picture size")
    for offsets, counts in zip(_OFFSETS, _COUNTS, strict=True):
        ends = map(sum, zip(tags.get(offsets, ()), tags.get(counts, ()), strict=False))
        if max(ends, default=0) > len(data):
            raise ValueError("the TIFF is cut short")
    width, height = tags[_WIDTH][0], tags[_HEIGHT][0]
    tile = tags.get(_TILE_WIDTH, (1,))[0] * tags.get(_TILE_HEIGHT, (1,))[0]
    if tile > 4 * max(width * height, 1 << 20):
        raise ValueError("the TIFF has tiles larger than itself")
    depth = -(-max(tags.get(_BITS, (1,))) // 8)
    channels = max(3, tags.get(_CHANNELS, (1,))[0])
    orientation = tags.get(_ORIENTATION, (1,))[0]
    if not 2 <= orientation <= 8:
        return PictureHeader("tiff", (width, height), channels, depth)
    upright = _without_orientation(data)
    return PictureHeader("tiff", (width, height), channels, depth, orientation, payload=upright)


def _without_orientation(data: bytes) -> bytes:
    """Return the file with orientation 1: some versions of OpenCV turn some kinds of TIFF by themselves."""
    copy = bytearray(data)
    for order, tag, kind, _, at in _entries(data):
        if tag == _ORIENTATION and kind in _INTEGERS:
            struct.pack_into(order + _INTEGERS[kind], copy, at + 8, 1)
    return bytes(copy)


def _directory(data: bytes, wanted: tuple[int, ...]) -> Mapping[int, tuple[int, ...]]:
    """Return the wanted integer tags of the first directory."""
    tags = {}
    for order, tag, kind, count, at in _entries(data):
        if tag in wanted and kind in _INTEGERS and 0 < count <= _MAX_VALUES:
            layout = f"{order}{count}{_INTEGERS[kind]}"
            inline = struct.calcsize(layout) <= 4
            place = at + 8 if inline else struct.unpack_from(order + "I", data, at + 8)[0]
            tags[tag] = struct.unpack_from(layout, data, place)
    return tags


def _entries(data: bytes) -> Iterator[tuple[str, int, int, int, int]]:
    """Yield (byte order, tag, kind, count, where) of the first directory's entries."""
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    if order is None or struct.unpack_from(order + "H", data, 2)[0] != 42:
        raise ValueError("the TIFF header makes no sense")
    (start,) = struct.unpack_from(order + "I", data, 4)
    (entries,) = struct.unpack_from(order + "H", data, start)
    for at in range(start + 2, start + 2 + 12 * entries, 12):
        tag, kind, count = struct.unpack_from(order + "HHI", data, at)
        yield order, tag, kind, count, at
