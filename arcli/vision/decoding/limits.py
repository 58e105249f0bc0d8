"""How much a picture may cost: bytes, pixels, memory and processor time."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from arcli.errors import PictureTooLarge, UnreadablePicture
from arcli.filetypes import PictureFormat, picture_format
from arcli.models import PICTURE_BYTES_LIMIT, SMALLER
from arcli.parallel import machine_memory
from arcli.system import pages

if TYPE_CHECKING:
    from arcli.vision.decoding.pillow import PictureHeader


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodeTuning:
    """What counts as an ordinary picture, and what the decoding processes may take.

    least_memory (400 MB to 2 GB): bytes that one's own picture may always take. ordinary_memory (100 to 600
    MB), ordinary_area (10 to 100 M): bytes, and pixels of anything but a JPEG, up to which a picture is
    decoded in this process; ordinary_scans (100 M to 2 G): pixels x scans of a JPEG. 60 M and 1 G take about
    a second. scans (20 to 500): of a progressive JPEG, which has about 10; thousands are meant to burn time.
    entries (256 to 65,536): of a TIFF directory; Pillow's own files have about 15. blocks (16 to
    1,000): EXIF blocks of a JPEG, of which Pillow makes one, and profiles of a PNG, each of which it
    inflates; a camera writes one, and one for each picture that follows. band (1 M to 16 M): pixels
    held at once, unless the file holds more of them together. inflated (4 KiB to 1 MiB): bytes of a PNG that
    are inflated at a time. jobs (50 to 5,000): pictures that a process decodes before it is replaced, which
    bounds what a library may leak. slack (64 to 256 MiB): address space besides the pixels: stacks of
    threads, buffers of codecs; least values by trial.
    """

    least_memory: int = 600_000_000
    ordinary_memory: int = 400_000_000
    ordinary_area: int = 60_000_000
    ordinary_scans: int = 1_000_000_000
    scans: int = 100
    entries: int = 4096
    blocks: int = 256
    band: int = 4_000_000
    inflated: int = 1 << 16
    jobs: int = 500
    slack: int = 96 << 20


DECODING = DecodeTuning()


# Of the oldest header, which names no compression, or of none: whole pixels or bit fields.
_BMP_WITHOUT_RUNS = re.compile(rb"BM.{12}(?:\x0c|.{16}[\0\3]\0\0\0)", re.DOTALL)
_PLAIN = {PictureFormat.JPEG, PictureFormat.PNG, PictureFormat.BMP, PictureFormat.WEBP}


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodeLimits:
    """What one picture may cost.

    file_bytes: of the encoded picture. pixels: by its header. memory: bytes that decoding may take, None:
    half of what the machine has free. seconds: of processor time; seconds_per_megabyte: more of them for a
    large file. patience: seconds by the clock, for a busy machine. isolated: decode every picture in a
    separate process; otherwise only those that are not ordinary photos.
    """

    file_bytes: int = 64 << 20
    pixels: int = 50_000_000
    memory: int | None = 600_000_000
    seconds: float = 4.0
    seconds_per_megabyte: float = 0.8
    patience: float = 25.0
    isolated: bool = False

    def bytes_of_memory(self) -> int:
        return max(DECODING.least_memory, _free_memory() // 2) if self.memory is None else self.memory

    def processor_seconds(self, length: int) -> float:
        """Return the processor time that a file of `length` bytes may take."""
        return self.seconds + self.seconds_per_megabyte * length / 1e6


SERVE = DecodeLimits(isolated=True)
"""For pictures that strangers send: 50 megapixels, each in a separate process (docs/reference/pictures.md).
"""

LOCAL = DecodeLimits(file_bytes=PICTURE_BYTES_LIMIT, pixels=250_000_000, memory=None, patience=300.0)
"""For one's own files: phones take 200 megapixels, an A0 print at 300 dpi has 139."""


def may_open(data: bytes, limits: DecodeLimits, name: str) -> bool:
    """Say whether a file may be opened outside a separate process; a file that is not a picture may.

    Raises PictureTooLarge for one with too many bytes.
    """
    if len(data) > limits.file_bytes:
        raise PictureTooLarge(
            f"{name}: {len(data):,} bytes, over {limits.file_bytes:,}", hint=SMALLER, item=name
        )
    kind = picture_format(data)
    return not limits.isolated and (kind is None or (kind in _PLAIN and _decodes_fast(data, kind)))


def _decodes_fast(data: bytes, kind: PictureFormat) -> bool:
    """Say whether a file is not a BMP in runs: they are expanded pixel by pixel, 60 M of them in 6 s."""
    return kind is not PictureFormat.BMP or _BMP_WITHOUT_RUNS.match(data) is not None


def check_size(header: PictureHeader, limits: DecodeLimits, memory: int, name: str) -> bool:
    """Refuse a picture without area, with too many pixels, or that takes too much memory to decode.

    Return whether it can be decoded in little time and memory, whatever its content.

    memory: bytes that decoding takes.

    Raises UnreadablePicture, PictureTooLarge.
    """
    width, height = header.size
    if width < 1 or height < 1:
        raise UnreadablePicture(f"{name}: the picture is {width} x {height} pixels", item=name)
    if header.area > limits.pixels:
        raise PictureTooLarge(
            f"{name}: {width:,} x {height:,} pixels, over {limits.pixels // 1_000_000} megapixels",
            hint=SMALLER,
            item=name,
        )
    if memory > limits.bytes_of_memory():
        raise too_much_memory(name, memory)
    return _is_ordinary(header, memory)


def too_much_memory(name: str, needed: int | None = None) -> PictureTooLarge:
    """Return the error for a picture that takes more memory to decode than allowed."""
    amount = (
        "more memory than allowed" if needed is None else f"about {needed / 1e6:,.0f} MB of memory, too much"
    )
    return PictureTooLarge(f"{name}: decoding it takes {amount}", hint=SMALLER, item=name)


def _is_ordinary(header: PictureHeader, memory: int) -> bool:
    if header.format not in _PLAIN or header.scans * header.area > DECODING.ordinary_scans:
        return False
    if header.format is not PictureFormat.JPEG and header.area > DECODING.ordinary_area:
        return False
    return memory <= DECODING.ordinary_memory


def _free_memory() -> int:
    """Return the bytes of memory that are still free on this machine, or in this container."""
    free = pages("SC_AVPHYS_PAGES") or machine_memory()
    for line in _lines("/proc/meminfo"):
        if line.startswith("MemAvailable:"):
            free = int(line.split()[1]) * 1024
    limit, used = _lines("/sys/fs/cgroup/memory.max"), _lines("/sys/fs/cgroup/memory.current")
    if limit and used and limit[0].isdigit():
        free = min(free, int(limit[0]) - int(used[0]))
    return max(0, free)


def _lines(path: str) -> list[str]:
    try:
        with open(path, encoding="ascii") as file:  # noqa: PTH123
            return file.read().splitlines()
    except (OSError, UnicodeDecodeError):
        return []
