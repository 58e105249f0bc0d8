"""Files made to burn time and memory: refused or decoded, at a bounded cost whatever they contain."""

import io
import os
import random
import signal
import struct
import subprocess
import sys
import threading
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from arcli.errors import Busy, PictureRefused, PictureTooLarge, UnreadablePicture
from arcli.vision.decoding import isolation
from arcli.vision.decoding.decode import LOCAL, SERVE, DecodeLimits, decode
from arcli.vision.decoding.isolation import DecodingPool
from arcli.vision.decoding.limits import may_open
from tests.vision.pictures import encoded, textured

SMALL = textured(5, (64, 48))
PIXELS = textured(6)
RAW = zlib.compress(b"\0" * 100 * 301)
MUTATED = int(os.environ.get("FUZZ_FILES", "400"))
"""Mutated pictures that the fuzz test tries, over all formats; FUZZ_FILES=20000 is the full run."""


def chunk(name: bytes, content: bytes) -> bytes:
    body = name + content
    return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))


def png(*idats: bytes, before: bytes = b"") -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 100, 100, 8, 2, 0, 0, 0))
    data = b"".join(chunk(b"IDAT", idat) for idat in idats)
    return b"\x89PNG\r\n\x1a\n" + header + before + data + chunk(b"IEND", b"")


def tiff(entries: list[tuple[int, int, int, int]], rest: bytes = b"") -> bytes:
    body = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\0" + struct.pack("<IH", 8, len(entries) & 0xFFFF) + body + bytes(4) + rest


def bigtiff(count: int) -> bytes:
    entries = b"".join(struct.pack("<HHQQ", 256 + n % 60_000, 4, 1, 100) for n in range(count))
    return b"II+\0" + struct.pack("<HHQQ", 8, 0, 16, count) + entries + bytes(8)


def jpeg(*segments: tuple[int, bytes], picture: bytes = encoded(SMALL, "JPEG")) -> bytes:
    parts = (b"\xff" + bytes([kind]) + struct.pack(">H", len(body) + 2) + body for kind, body in segments)
    return picture[:2] + b"".join(parts) + picture[2:]


def many_scans(trick: bytes) -> bytes:
    """A JPEG of 7000 x 7000 pixels in 2,500 scans, each hidden behind `trick`."""
    stream = io.BytesIO()
    Image.new("RGB", (7000, 7000), (128,) * 3).save(stream, "JPEG", progressive=True, quality=10)
    data = stream.getvalue()
    last = data.rindex(b"\xff\xda")
    return data[:-2] + (trick + data[last:-2]) * 2500 + data[-2:]


def packed_bmp(width: int, height: int, row: bytes) -> bytes:
    """A BMP of 256 colours in runs; what is left of each row is filled in by the decoder."""
    start, body = 14 + 40 + 1024, row * height + b"\0\1"
    sizes = (40, width, height, 1, 8, 1, len(body), 0, 0, 256, 0)
    head = struct.pack("<IHHI", start + len(body), 0, 0, start) + struct.pack("<IiiHHIIiiII", *sizes)
    return b"BM" + head + bytes(1024) + body


EXIF = b"Exif\0\0" + tiff([(0x112, 3, 1, 6), *((n, 4, 1, 5) for n in range(300, 5700))])[:60_000]
HOSTILE: dict[str, Callable[[], bytes]] = {
    "scans": lambda: many_scans(b""),
    "scans behind FF 02": lambda: many_scans(b"\xff\x02"),
    "scans behind fill bytes": lambda: many_scans(b"\xff\xff\xff"),
    "scans behind garbage": lambda: many_scans(b"garbage"),
    "surplus IDAT": lambda: png(RAW, *[zlib.compress(bytes(100_000_000), 9)] * 4),
    "an IDAT that goes on": lambda: png(zlib.compress(bytes(400_000_000), 9)),
    "empty chunks": lambda: png(RAW, before=chunk(b"aaAa", b"") * 500_000),
    "empty IDATs": lambda: png(*[b""] * 500_000, RAW),
    "an inflating text": lambda: png(RAW, before=chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(50_000_000)))),
    "an inflating profile": lambda: png(
        RAW, before=chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(50_000_000)))
    ),
    "spaces of PNM": lambda: b"P5" + b" " * 30 + b"x",
    "many spaces of PNM": lambda: b"P5 1" + b" " * 5_000_000 + b"x",
    "comments of PNM": lambda: b"P5\n" + b"#\n" * 1_000_000,
    "numbers of PNM": lambda: b"P3\n1000 1000\n255\n" + b"1 " * 1_500_000,
    "EXIF entries": lambda: jpeg((0xE1, EXIF)),
    "EXIF blocks": lambda: jpeg(*[(0xE1, EXIF)] * 60),
    "small EXIF blocks": lambda: jpeg(*[(0xE1, b"Exif\0\0" + bytes(10))] * 20_000),
    "profiles": lambda: png(RAW, before=chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(2**20 - 1))) * 300),
    "EXIF in a PNG": lambda: png(RAW, before=chunk(b"eXIf", tiff([(0x112, 4, 1, 6)] * 60_000))),
    "segments": lambda: jpeg(*[(0xFE, b"")] * 500_000),
    "fill bytes": lambda: b"\xff\xd8" + b"\xff" * 2_000_000 + encoded(SMALL, "JPEG")[2:],
    "TIFF entries": lambda: tiff([(256 + n, 4, 1, 5) for n in range(60_000)]),
    "BigTIFF entries": lambda: bigtiff(300_000),
    "TIFF tag twice": lambda: tiff([(256, 4, 1, 100), (256, 4, 1, 100_000), (257, 4, 1, 100)], bytes(99_999)),
    "TIFF count": lambda: tiff([(256, 4, 1, 99), (257, 4, 1, 99), (273, 4, 500_000, 99)], bytes(3_000_000)),
    "GIF comments": lambda: b"GIF89a" + struct.pack("<HHBBB", 9, 9, 0, 0, 0) + b"!\xfe\x01x\0" * 400_000,
    "GIF frame": lambda: (
        b"GIF89a" + struct.pack("<HHBBB", 9, 9, 0, 0, 0) + b",\0\0\0\0" + b"\x60\xea" * 2 + b"\0\2\2D\1\0;"
    ),
    "WebP canvas": lambda: (
        b"RIFF" + struct.pack("<I", 30) + b"WEBPVP8X\x0a\0\0\0\2\0\0\0" + b"\xfe\x3f\0" * 2 + bytes(8)
    ),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_the_cost_of_a_file_is_bounded_whatever_it_holds(kind: str) -> None:
    """By the kernel: a child that may take 5 s of processor time and 1 s a megabyte decodes it."""
    data = HOSTILE[kind]()
    script = (
        "import sys\nfrom arcli.errors import PictureRefused\n"
        "from arcli.vision.decoding.decode import LOCAL, decode\n"
        "import resource, time\ndata = sys.stdin.buffer.read()\n"
        "limit = int(time.process_time() + 5 + len(data) / 1e6)\n"
        "resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))\n"
        "try:\n    decode(data, name='x', limits=LOCAL, max_side=640)\n"
        "except PictureRefused as error:\n    print(error.message)\n"
    )
    ran = subprocess.run([sys.executable, "-P", "-c", script], input=data, capture_output=True)
    assert ran.returncode == 0, (ran.returncode, ran.stderr[-300:])


REFUSED = ("scans", "small EXIF", "profiles", "TIFF e", "TIFF t", "Big", "GIF f")


@pytest.mark.parametrize("kind", [kind for kind in HOSTILE if kind.startswith(REFUSED)])
@pytest.mark.parametrize("limits", [SERVE, LOCAL])
def test_what_must_not_be_decoded_is_refused(kind: str, limits: DecodeLimits) -> None:
    with pytest.raises(PictureRefused) as caught:
        decode(HOSTILE[kind](), name="x", limits=limits, max_side=640)
    assert caught.value.message.startswith("x: ")
    assert caught.value.hint


def test_a_bmp_in_runs_is_decoded_in_a_process_of_limited_time() -> None:
    """Pillow fills rows up pixel by pixel: 59 megapixels in 4 kB took 6 s."""
    small = packed_bmp(40, 20, b"\x28\5\0\0")
    assert decode(small, name="x", limits=LOCAL).size == (40, 20)
    assert not may_open(small, LOCAL, "x")
    for plain in (encoded(SMALL, "BMP"), encoded(SMALL, "BMP", "P"), encoded(SMALL, "PNG")):
        assert may_open(plain, LOCAL, "x")


@pytest.fixture
def pool() -> Iterator[DecodingPool]:
    pool = DecodingPool(2)
    yield pool
    pool.close()


ISOLATED = replace(LOCAL, isolated=True)
PHOTO = encoded(PIXELS, "JPEG", quality=90)


def test_a_process_gives_the_pixels_that_decoding_here_gives() -> None:
    for data in (PHOTO, encoded(PIXELS, "PNG", "RGBA"), encoded(PIXELS, "WEBP")):
        here, there = (decode(data, name="x", limits=limits, max_side=200) for limits in (LOCAL, ISOLATED))
        assert (here.pixels == there.pixels).all()
        assert (here.size, here.format) == (there.size, there.format)


def test_a_picture_that_takes_too_long_costs_its_process_and_no_other(pool: DecodingPool) -> None:
    slow = encoded(textured(1, (4000, 4000)), "PNG")
    with pytest.raises(PictureTooLarge, match="processor time") as caught:
        pool.raster(slow, name="slow.png", limits=replace(ISOLATED, seconds=0.02, seconds_per_megabyte=0))
    assert caught.value.ended_worker
    assert caught.value.hint
    assert pool.kills == 1
    assert pool.raster(PHOTO, name="x", limits=ISOLATED).size == (320, 240)
    assert pool.kills == 1


def test_a_picture_that_takes_too_much_memory_is_refused(
    pool: DecodingPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the kernel, where the estimate by the header was wrong."""
    large = encoded(np.zeros((9000, 9000, 3), np.uint8), "PNG")
    given = isolation._request

    def wrong_estimate(data: bytes, name: str, limits: DecodeLimits, max_side: int | None) -> bytes:
        return given(data, name, replace(limits, memory=330_000_000), max_side)

    monkeypatch.setattr(isolation, "_request", wrong_estimate)
    with pytest.raises(PictureTooLarge, match="memory"):
        pool.raster(large, name="large.png", limits=ISOLATED)
    assert pool.raster(PHOTO, name="x", limits=ISOLATED).size == (320, 240)


def test_a_process_that_dies_is_replaced(pool: DecodingPool) -> None:
    pool.warm(1)
    (process,) = pool._idle
    process._child.send_signal(signal.SIGSTOP)  # it dies in the middle of a job
    threading.Timer(0.2, process._child.kill).start()
    with pytest.raises(UnreadablePicture, match="that was reading it crashed") as caught:
        pool.raster(PHOTO, name="x", limits=ISOLATED)
    assert caught.value.ended_worker
    assert pool.raster(PHOTO, name="x", limits=ISOLATED).size == (320, 240)


def test_a_machine_that_is_too_busy_says_so(pool: DecodingPool) -> None:
    pool.warm(1)
    pool._idle[0]._child.send_signal(signal.SIGSTOP)
    with pytest.raises(Busy):
        pool.raster(PHOTO, name="x", limits=replace(ISOLATED, patience=0.2))
    assert pool.raster(PHOTO, name="x", limits=ISOLATED).size == (320, 240)


def test_closing_ends_what_is_being_decoded_at_once() -> None:
    pool = DecodingPool(1)
    pool.warm(1)
    pool._idle[0]._child.send_signal(signal.SIGSTOP)
    threading.Timer(0.2, pool.close).start()
    with pytest.raises(Busy, match="stopping"):
        pool.raster(PHOTO, name="x", limits=ISOLATED)
    with pytest.raises(Busy, match="stopping"):
        pool.raster(PHOTO, name="x", limits=ISOLATED)


GOOD: dict[str, object] = {
    **{"width": 2, "height": 1, "size": [2, 1], "format": "png", "orientation": 1, "ground": None}
}


WRONG: tuple[dict[str, object], ...] = (
    {"width": -2, "height": -1},
    {"width": 3},
    {"size": [0, 1]},
    {"size": []},
    {"size": "ab"},
    {"format": "exe"},
    {"ground": []},
    {"width": 1e999},
    {"orientation": {}},
)


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        {},
        {"seconds": "x", "raster": GOOD},
        {"seconds": 1},
        {"seconds": 1, "raster": None},
        *({"seconds": 1, "raster": GOOD | change} for change in WRONG),
        {"seconds": 1, "error": None},
        {"seconds": 1, "error": {"code": "interrupted", "message": "stop"}},
        {"seconds": 1, "error": {"code": "unreadable_picture", "message": 5}},
    ],
)
def test_nonsense_of_a_process_that_a_picture_took_over_is_noticed(answer: object) -> None:
    assert isolation._outcome({"seconds": 1, "raster": GOOD}, bytearray(6))[1] == 1.0
    with pytest.raises(ValueError, match=r"cannot be read|valid|could not"):
        isolation._outcome(answer, bytearray(6))


def test_threads_share_the_processes(pool: DecodingPool) -> None:
    sizes: list[tuple[int, int]] = []
    work = [
        threading.Thread(target=lambda: sizes.append(pool.raster(PHOTO, name="x", limits=ISOLATED).size))
        for _ in range(12)
    ]
    for thread in work:
        thread.start()
    for thread in work:
        thread.join()
    assert sizes == [(320, 240)] * 12
    assert len(pool._idle) <= 2


def test_a_process_that_decodes_is_given_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARCLI_SECRETKEY", "s3cret")
    assert not any("s3cret" in value for value in isolation._environment().values())


FORMATS = {
    "jpeg": encoded(SMALL, "JPEG"),
    "jpeg-progressive": encoded(SMALL, "JPEG", progressive=True),
    "jpeg-cmyk": encoded(SMALL, "JPEG", "CMYK"),
    "png": encoded(SMALL, "PNG"),
    "png-palette": encoded(SMALL, "PNG", "P"),
    "png-rgba": encoded(SMALL, "PNG", "RGBA"),
    "gif": encoded(SMALL, "GIF"),
    "webp": encoded(SMALL, "WEBP"),
    "webp-lossless": encoded(SMALL, "WEBP", "RGBA", lossless=True),
    "bmp": encoded(SMALL, "BMP"),
    "bmp-palette": encoded(SMALL, "BMP", "P"),
    "tiff": encoded(SMALL, "TIFF"),
    "tiff-lzw": encoded(SMALL, "TIFF", compression="tiff_lzw"),
    "tiff-jpeg": encoded(SMALL, "TIFF", compression="jpeg"),
    "tiff-g4": encoded(SMALL, "TIFF", "1", compression="group4"),
    "pnm": encoded(SMALL, "PPM"),
    "jp2": encoded(SMALL, "JPEG2000"),
    "avif": encoded(SMALL, "AVIF"),
}


def mutated(data: bytes, rng: random.Random) -> bytes:
    """Change some bytes, mostly of the header; sometimes cut, repeat or insert a piece."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        place = rng.randrange(min(len(changed), rng.choice((32, 200, len(changed)))))
        changed[place] = rng.choice((0, 1, 127, 128, 255, rng.randrange(256)))
    at, length = rng.randrange(len(changed)), rng.randrange(1, 64)
    match rng.randrange(8):
        case 0:
            del changed[at:]
        case 1:
            changed[at:at] = changed[at : at + length] * rng.randrange(1, 200)
        case 2:
            changed[at:at] = rng.randbytes(length)
    return bytes(changed)


@pytest.mark.parametrize("kind", FORMATS)
def test_mutated_pictures_are_decoded_or_refused(kind: str) -> None:
    """Each in a process of limited time and memory; one that was ended is a failure to examine."""
    rng = random.Random(f"{kind} 1")
    ended: list[tuple[int, str]] = []
    for number in range(max(1, MUTATED // len(FORMATS))):
        data = mutated(FORMATS[kind], rng)
        try:
            decoded = decode(data, name="x", limits=replace(SERVE, pixels=4_000_000), max_side=64)
        except PictureRefused as error:
            ended += [(number, error.message)] if error.ended_worker else []
        else:
            assert decoded.pixels.ndim == 3
    assert ended == []
