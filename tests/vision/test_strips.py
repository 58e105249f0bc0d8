"""Large pictures read in strips: the same pixels as of the whole, in little memory, and damage is noticed."""

import contextlib
import io
import random
import struct
import zlib
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from arcli.errors import PictureRefused, PictureTooLarge, UnreadablePicture
from arcli.vision.decoding import raster, strips
from arcli.vision.decoding.decode import LOCAL, decode
from arcli.vision.decoding.limits import DecodeTuning, check_size
from arcli.vision.decoding.pillow import open_picture
from tests.vision.pictures import encoded, textured

PIXELS = textured(1)
RGB = np.ascontiguousarray(PIXELS[:, :, ::-1])
TURNED = Image.Exif()
TURNED[0x0112] = 6
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def interlaced(rgb: np.ndarray) -> bytes:
    """An Adam7 PNG whose rows use filter 2, the difference to the row above."""
    rows = b""
    for x, y, step_x, step_y in _PASSES:
        part = rgb[y::step_y, x::step_x]
        above = np.vstack([np.zeros_like(part[:1]), part[:-1]])
        rows += b"".join(b"\2" + row.tobytes() for row in part - above)
    header = struct.pack(">IIBBBBB", rgb.shape[1], rgb.shape[0], 8, 2, 0, 0, 1)
    pixels = zlib.compress(rows)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def with_late_exif(png: bytes) -> bytes:
    """The orientation behind the pixels, where some cameras' programs write it."""
    return png[:-12] + chunk(b"eXIf", TURNED.tobytes()[6:]) + png[-12:]


def tiff(entries: Mapping[int, tuple[int, ...]], parts: list[bytes], places: tuple[int, int]) -> bytes:
    """A deflated TIFF of `parts`; `places`: tags of their offsets and lengths."""
    starts = np.cumsum([8, *map(len, parts)]).tolist()
    tags = {**entries, 259: (8,), places[0]: tuple(starts[:-1]), places[1]: tuple(map(len, parts))}
    table, behind, end = struct.pack("<H", len(tags)), b"", starts[-1] + 2 + 12 * len(tags) + 4
    for tag, values in sorted(tags.items()):
        packed = struct.pack(f"<{len(values)}I", *values)
        if len(values) > 1:
            packed, behind = struct.pack("<I", end + len(behind)), behind + packed
        table += struct.pack("<HHI", tag, 4, len(values)) + packed
    return b"II*\0" + struct.pack("<I", starts[-1]) + b"".join(parts) + table + bytes(4) + behind


def tiled(rgb: np.ndarray, side: int = 64) -> bytes:
    height, width, _ = rgb.shape
    padded = np.pad(rgb, ((0, -height % side), (0, -width % side), (0, 0)))
    cells = [
        padded[y : y + side, x : x + side] for y in range(0, height, side) for x in range(0, width, side)
    ]
    shape = {256: (width,), 257: (height,), 258: (8, 8, 8), 262: (2,), 277: (3,), 322: (side,), 323: (side,)}
    return tiff(shape, [zlib.compress(cell.tobytes()) for cell in cells], (324, 325))


def in_planes(rgb: np.ndarray, rows: int = 32) -> bytes:
    height, width, _ = rgb.shape
    bands = [rgb[y : y + rows, :, plane] for plane in range(3) for y in range(0, height, rows)]
    shape = {256: (width,), 257: (height,), 258: (8, 8, 8), 262: (2,), 277: (3,), 278: (rows,), 284: (2,)}
    return tiff(shape, [zlib.compress(band.tobytes()) for band in bands], (273, 279))


def in_strips_of_16_bits(rgb: np.ndarray, photometric: int) -> bytes:
    gray = rgb[:, :, 0].astype(np.uint16) * 257
    height, width = gray.shape
    shape = {256: (width,), 257: (height,), 258: (16,), 262: (photometric,), 277: (1,), 278: (32,)}
    return tiff(shape, [zlib.compress(gray[y : y + 32].tobytes()) for y in range(0, height, 32)], (273, 279))


PNG = {
    **{f"png {mode}": encoded(PIXELS, "PNG", mode) for mode in ("1", "L", "LA", "P", "RGB", "RGBA")},
    "png 16": encoded(PIXELS, "PNG", "I;16"),
    "png of 4 bits": encoded(PIXELS, "PNG", "P", bits=4),
    "png of a colour that is clear": encoded(PIXELS, "PNG", "P", transparency=3),
    "png turned": encoded(PIXELS, "PNG", exif=TURNED),
    "png turned by what stands last": with_late_exif(encoded(PIXELS, "PNG")),
}
TIFF = {
    f"tiff {mode} {how}": encoded(PIXELS, "TIFF", mode, compression=how, strip_size=4000)
    for mode in ("1", "L", "P", "RGB", "RGBA", "CMYK")
    for how in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits")
} | {
    "tiff group 4": encoded(PIXELS, "TIFF", "1", compression="group4", strip_size=4000),
    "tiff group 3": encoded(PIXELS, "TIFF", "1", compression="group3", strip_size=4000),
    "tiff jpeg": encoded(PIXELS, "TIFF", compression="jpeg", strip_size=4000),
    "tiff jpeg cmyk": encoded(PIXELS, "TIFF", "CMYK", compression="jpeg", strip_size=4000),
    "tiff turned": encoded(PIXELS, "TIFF", compression="tiff_lzw", exif=TURNED, strip_size=4000),
    "tiff big": encoded(PIXELS, "TIFF", compression="tiff_lzw", big_tiff=True, strip_size=4000),
    "tiff tiled": tiled(RGB),
    "tiff in planes": in_planes(RGB),
    "tiff 16": in_strips_of_16_bits(RGB, 1),
    "tiff 16 min-is-white": in_strips_of_16_bits(RGB, 0),
}
RAW = {
    "bmp": encoded(PIXELS, "BMP"),
    "bmp palette": encoded(PIXELS, "BMP", "P"),
    **{f"pnm {mode}": encoded(PIXELS, "PPM", mode) for mode in ("1", "L", "RGB")},
}
ALL = {**PNG, **TIFF, **RAW}


@pytest.fixture
def small_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raster, "RASTER", raster.RasterOptions(large=1000))
    monkeypatch.setattr(strips, "DECODING", DecodeTuning(band=5000))


def rasterized(data: bytes, max_side: int = 80) -> raster.Raster:
    image, header = open_picture(data, "x")
    return raster.rasterize(image, header, data, name="x", max_side=max_side)


@pytest.mark.parametrize("max_side", [30, 80, 110])
@pytest.mark.parametrize("kind", ALL)
def test_strips_give_the_pixels_that_the_whole_gives(
    kind: str, max_side: int, small_is_large: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert open_picture(ALL[kind], "x")[1].in_strips(2)
    in_parts = rasterized(ALL[kind], max_side)
    monkeypatch.setattr(raster, "strips_of", lambda *_: None)
    assert in_parts == rasterized(ALL[kind], max_side)
    assert max(in_parts.width, in_parts.height) < 2 * max_side


@pytest.mark.parametrize(("size", "factor"), [((320, 240), 16), ((319, 233), 8), ((5, 240), 8)])
def test_the_passes_of_an_interlaced_picture_are_averaged(
    size: tuple[int, int], factor: int, small_is_large: None
) -> None:
    rgb = np.ascontiguousarray(RGB[: size[1], : size[0]])
    read = rasterized(interlaced(rgb), 20)
    truth = Image.fromarray(rgb).reduce(factor)
    assert (read.width, read.height) == truth.size
    pixels = np.frombuffer(read.bgr, np.uint8).reshape(read.height, read.width, 3)[:, :, ::-1]
    assert np.abs(pixels.astype(int) - np.asarray(truth)).mean() < 2


@pytest.mark.parametrize("share", [0.3, 0.9])
@pytest.mark.parametrize("kind", [kind for kind in ALL if not kind.startswith("png")])
def test_a_file_that_was_cut_is_refused_in_strips_too(kind: str, share: float, small_is_large: None) -> None:
    with pytest.raises(UnreadablePicture):
        rasterized(ALL[kind][: int(len(ALL[kind]) * share)])


@pytest.mark.parametrize("kind", PNG)
def test_a_png_whose_rows_end_early_is_refused(kind: str, small_is_large: None) -> None:
    data = ALL[kind]
    begin = data.index(b"IDAT")
    length = struct.unpack_from(">I", data, begin - 4)[0]
    rows = zlib.decompress(data[begin + 4 : begin + 4 + length])
    cut = chunk(b"IDAT", zlib.compress(rows[: len(rows) // 2]))
    with pytest.raises(UnreadablePicture):
        rasterized(data[: begin - 4] + cut + data[begin + 8 + length :])


@pytest.mark.parametrize("kind", ALL)
def test_a_changed_file_is_read_or_refused(kind: str, small_is_large: None) -> None:
    chance = random.Random(kind)
    for _ in range(25):
        data = bytearray(ALL[kind])
        for _ in range(chance.choice((1, 2, 8))):
            data[chance.randrange(min(len(data), chance.choice((200, 10**9))))] = chance.randrange(256)
        with contextlib.suppress(PictureRefused):
            header = open_picture(bytes(data), "x")[1]
            check_size(header, replace(LOCAL, pixels=2_000_000), header.memory(1), "x")
            assert rasterized(bytes(data)).format == header.format


A0 = (9933, 14043)


def a0(mode: str) -> Image.Image:
    return Image.fromarray(RGB).convert(mode).resize(A0, Image.Resampling.NEAREST)


def saved(picture: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


@pytest.mark.parametrize("mode", ["1", "L", "RGB"])
def test_a_print_of_a0_takes_a_fraction_of_the_memory_that_its_pixels_would(mode: str) -> None:
    """The kernel holds the process that decodes to the limit: RLIMIT_AS."""
    poster = a0(mode)
    limits = replace(LOCAL, memory=250_000_000)
    for data in (
        saved(poster, "PNG", compress_level=1),
        saved(poster, "TIFF", compression="group4" if mode == "1" else "tiff_adobe_deflate"),
    ):
        decoded = decode(data, name="a0", limits=limits, max_side=640)
        assert decoded.size == A0
        assert 640 <= max(decoded.pixels.shape) < 1300
        assert decoded.pixels.std() > 20
        with pytest.raises(PictureTooLarge, match="memory"):
            decode(data, name="a0", limits=limits)


def test_an_uncompressed_print_of_a0_is_not_too_large_a_file() -> None:
    data = saved(a0("RGB"), "TIFF")
    assert len(data) > 400_000_000
    assert decode(data, name="a0.tif", limits=LOCAL, max_side=640).size == A0
