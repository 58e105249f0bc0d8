"""The strips or tiles of a large TIFF, some at a time: Pillow decodes each batch as a TIFF of its own."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from PIL import Image

_WIDTH, _HEIGHT, _COMPRESSION, _SAMPLES, _ROWS, _PLANAR = 256, 257, 259, 277, 278, 284
_STRIPS, _TILES = (273, 279), (324, 325)  # tags of offsets and lengths in bytes
_TILE_WIDTH, _TILE_HEIGHT = 322, 323
_SHORTS, _LONGS, _BYTES = (
    (258, 259, 262, 266, 277, 284, 317, 320, 338, 339, 530, 531),
    (292, 293, 322, 323),
    347,
)
"""Tags that say how pixels are stored, by the type of their values."""
_ALONE = (1, 2, 3, 4, 5, 7, 8, 32773, 32946)
"""Compressions with independent strips: none, Group 3 and 4, LZW, JPEG, deflate, PackBits."""


@dataclass(frozen=True, slots=True)
class _Layout:
    """The layout of strips or tiles: `rows` in each, `across` side by side, `down` below each other."""

    size: tuple[int, int]
    rows: int
    across: int
    down: int
    planes: int
    offsets: tuple[int, ...]
    lengths: tuple[int, ...]

    def numbers(self, first: int, last: int) -> list[int]:
        """Return which of them hold rows `first` to `last` of strips, of all planes."""
        rows, columns = range(first, last), range(self.across)
        planes = range(self.planes)
        return [
            (plane * self.down + row) * self.across + column
            for plane in planes
            for row in rows
            for column in columns
        ]


def tiff_bands(
    image: Image.Image, data: bytes, area: int
) -> tuple[int, Callable[[], Iterator[Image.Image]]] | None:
    """Return how to read a TIFF opened from `data` in bands of about `area` pixels, and how many they have.

    None if it has everything in one strip, or strips that depend on each other.
    """
    tags: Any = image.tag_v2  # type: ignore[attr-defined]
    layout = _layout(tags)
    if layout is None:
        return None
    width, height = layout.size
    step = max(1, area // (layout.rows * width))

    def bands() -> Iterator[Image.Image]:
        for first in range(0, layout.down, step):
            last = min(first + step, layout.down)
            parts = [
                data[layout.offsets[n] : layout.offsets[n] + layout.lengths[n]]
                for n in layout.numbers(first, last)
            ]
            size = (width, min(height, last * layout.rows) - first * layout.rows)
            yield _small_tiff(image, tags, size, layout.rows, parts)

    return step * layout.rows * width, bands


def _layout(tags: Any) -> _Layout | None:
    tiled = _TILES[0] in tags
    offsets, lengths = (_several(tags.get(tag, ())) for tag in (_TILES if tiled else _STRIPS))
    width, height = int(tags[_WIDTH]), int(tags[_HEIGHT])
    rows = min(height, int(tags[_TILE_HEIGHT] if tiled else tags.get(_ROWS, height)))
    if rows < 1 or rows == height or int(tags.get(_COMPRESSION, 1)) not in _ALONE:
        return None
    across = -(-width // int(tags[_TILE_WIDTH])) if tiled else 1
    down = -(-height // rows)
    planes = int(tags.get(_SAMPLES, 1)) if tags.get(_PLANAR) == 2 else 1
    if not len(offsets) == len(lengths) == across * down * planes:
        return None
    return _Layout((width, height), rows, across, down, planes, offsets, lengths)


def _small_tiff(
    image: Image.Image, tags: Any, size: tuple[int, int], rows: int, parts: Sequence[bytes]
) -> Image.Image:
    """Open a TIFF of some of a TIFF's strips or tiles."""
    starts = list(accumulate((len(part) for part in parts), initial=8))
    tiled = _TILES[0] in tags
    offset_tag, length_tag = _TILES if tiled else _STRIPS
    entries = [_entry(tag, "H", tags[tag]) for tag in _SHORTS if tag in tags]
    entries += [_entry(tag, "I", tags[tag]) for tag in _LONGS if tag in tags]
    entries += [_entry(_BYTES, "s", tags[_BYTES])] if _BYTES in tags else []
    entries += [_entry(_WIDTH, "I", size[0]), _entry(_HEIGHT, "I", size[1])]
    entries += [] if tiled else [_entry(_ROWS, "I", rows)]
    entries += [_entry(offset_tag, "I", tuple(starts[:-1]))]
    entries += [_entry(length_tag, "I", tuple(map(len, parts)))]
    order = ">" if tags.prefix == b"MM" else "<"
    head = tags.prefix + struct.pack(order + "HI", 42, starts[-1])
    opener: Any = type(image)
    small: Image.Image = opener(io.BytesIO(b"".join((head, *parts, _directory(order, entries, starts[-1])))))
    return small


Entry = tuple[int, str, Any]  # tag, struct's letter for its values, the values


def _entry(tag: int, letter: str, value: Any) -> Entry:
    return tag, letter, value if isinstance(value, bytes) else _several(value)


def _directory(order: str, entries: Sequence[Entry], at: int) -> bytes:
    """Return a TIFF directory for the offset `at`, followed by the values that do not fit into it."""
    kinds = {"H": 3, "I": 4, "s": 7}
    table, behind = [struct.pack(order + "H", len(entries))], b""
    end = at + 2 + 12 * len(entries) + 4
    for tag, letter, values in sorted(entries):
        packed = values if letter == "s" else struct.pack(f"{order}{len(values)}{letter}", *values)
        if len(packed) > 4:
            packed, behind = struct.pack(order + "I", end + len(behind)), behind + packed
        table.append(struct.pack(order + "HHI4s", tag, kinds[letter], len(values), packed))
    return b"".join((*table, bytes(4), behind))


def _several(value: Any) -> tuple[int, ...]:
    return tuple(map(int, value)) if isinstance(value, tuple) else (int(value),)
