"""Every kind of picture is read as it is displayed; everything else is refused with a sentence."""

import io
import struct
import sys
import zlib
from dataclasses import replace

import cv2
import numpy as np
import pytest
from PIL import Image

from arcli.errors import PictureTooLarge, UnreadablePicture
from arcli.filetypes import HEAD_BYTES, picture_format
from arcli.vision.decoding.decode import LOCAL, SERVE, DecodeLimits, decode
from arcli.vision.decoding.pillow import read_header
from tests.vision.pictures import encoded, encoded_gray16, textured


def tiff_of(samples: np.ndarray, photometric: int, *more: tuple[int, int, int, int]) -> bytes:
    """An uncompressed TIFF of (H, W, channels) samples; `more` directory entries: tag, kind, count, value."""
    height, width, channels = samples.shape
    bits = 8 * samples.dtype.itemsize
    table = 8 + 2 + 12 * (9 + len(more)) + 4
    start = table + 2 * channels
    entries = [(256, 4, 1, width), (257, 4, 1, height), (258, 3, channels, table if channels > 2 else bits)]
    entries += [(259, 3, 1, 1), (262, 3, 1, photometric), (273, 4, 1, start), (277, 3, 1, channels)]
    entries += [(278, 4, 1, height), (279, 4, 1, samples.nbytes), *more]
    directory = b"".join(struct.pack("<HHII", *entry) for entry in sorted(entries))
    counted = struct.pack("<IH", 8, len(entries)) + directory + bytes(4)
    return b"II*\0" + counted + struct.pack(f"<{channels}H", *[bits] * channels) + samples.tobytes()


def tiff16(pixels: np.ndarray, photometric: int) -> bytes:
    """16-bit RGB (2) or CMYK (5)."""
    rgb = pixels[:, :, ::-1].astype(np.uint16) * 257
    if photometric == 2:
        return tiff_of(rgb, 2)
    return tiff_of(np.dstack([65535 - rgb, np.zeros(rgb.shape[:2], np.uint16)]), 5)


PIXELS = textured(1)
GRAY = cv2.cvtColor(cv2.cvtColor(PIXELS, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
ONE_BIT = encoded(PIXELS, "PNG", "1")
COLOUR = {
    "jpeg": encoded(PIXELS, "JPEG", quality=95),
    "jpeg-progressive": encoded(PIXELS, "JPEG", progressive=True, quality=95),
    "jpeg-cmyk": encoded(PIXELS, "JPEG", "CMYK", quality=95),
    "png": encoded(PIXELS, "PNG"),
    "png-palette": encoded(PIXELS, "PNG", "P"),
    "png-rgba": encoded(PIXELS, "PNG", "RGBA"),
    "gif": encoded(PIXELS, "GIF"),
    "webp": encoded(PIXELS, "WEBP", quality=95),
    "webp-lossless": encoded(PIXELS, "WEBP", "RGBA", lossless=True),
    "bmp": encoded(PIXELS, "BMP"),
    "bmp-palette": encoded(PIXELS, "BMP", "P"),
    "bmp-32": encoded(PIXELS, "BMP", "RGBA"),
    "tiff": encoded(PIXELS, "TIFF"),
    "tiff-lzw": encoded(PIXELS, "TIFF", compression="tiff_lzw"),
    "tiff-jpeg": encoded(PIXELS, "TIFF", compression="jpeg"),
    "tiff-cmyk": encoded(PIXELS, "TIFF", "CMYK"),
    "tiff-palette": encoded(PIXELS, "TIFF", "P"),
    "tiff-16": tiff16(PIXELS, 2),
    "tiff-big": encoded(PIXELS, "TIFF", big_tiff=True),
    "tiff-cmyk16": tiff16(PIXELS, 5),
    "pnm": encoded(PIXELS, "PPM"),
    "jp2": encoded(PIXELS, "JPEG2000"),
    "avif": encoded(PIXELS, "AVIF", quality=95),
}
GRAYS = {
    "jpeg": encoded(PIXELS, "JPEG", "L", quality=95),
    "png": encoded(PIXELS, "PNG", "L"),
    "png-alpha": encoded(PIXELS, "PNG", "LA"),
    "png-16": encoded_gray16(PIXELS, "PNG"),
    "tiff-16": encoded_gray16(PIXELS, "TIFF"),
    "tiff-float": encoded(PIXELS, "TIFF", "F"),
    "tiff-min-is-white": tiff_of(255 - GRAY[:, :, :1], 0),
    "tiff-16-min-is-white": tiff_of((255 - GRAY[:, :, :1]).astype(np.uint16) * 257, 0),
    "tiff-g4": encoded(PIXELS, "TIFF", "L", compression="tiff_adobe_deflate"),
    "pnm": encoded(PIXELS, "PPM", "L"),
}


def difference(data: bytes, truth: np.ndarray) -> float:
    return float(np.abs(decode(data, name="x").pixels.astype(int) - truth).mean())


@pytest.mark.parametrize("kind", COLOUR)
def test_colour_pictures_come_out_as_they_went_in(kind: str) -> None:
    decoded = decode(COLOUR[kind], name="x")
    assert decoded.format == kind.split("-", maxsplit=1)[0]
    assert decoded.size == (320, 240)
    assert decoded.pixels.dtype == np.uint8
    assert difference(COLOUR[kind], PIXELS) < 6


@pytest.mark.parametrize("kind", GRAYS)
def test_gray_pictures_come_out_as_they_went_in(kind: str) -> None:
    assert difference(GRAYS[kind], GRAY) < 3


@pytest.mark.parametrize("kind", ["BMP", "TIFF", "PPM"])
def test_one_bit_pictures_agree_whatever_the_format(kind: str) -> None:
    assert difference(encoded(PIXELS, kind, "1"), decode(ONE_BIT, name="x").pixels) == 0


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_an_animation_is_its_first_frame(kind: str) -> None:
    second = Image.fromarray(textured(2))
    data = encoded(PIXELS, kind, save_all=True, append_images=[second, second])
    assert difference(data, PIXELS) < 6


def test_heic_pictures_are_read_where_the_extra_is_installed() -> None:
    pillow_heif = pytest.importorskip("pillow_heif", reason="needs the extra heic")
    picture = pillow_heif.from_pillow(Image.fromarray(PIXELS[:, :, ::-1]))
    stream = io.BytesIO()
    picture.save(stream, quality=90)
    assert difference(stream.getvalue(), PIXELS) < 6
    with pytest.raises(UnreadablePicture):
        decode(stream.getvalue()[:-200], name="x")


def test_heic_pictures_of_odd_sizes_are_read() -> None:
    """Their coder pads them; the header names the padded size."""
    pillow_heif = pytest.importorskip("pillow_heif", reason="needs the extra heic")
    pixels = np.ascontiguousarray(PIXELS[:-1, :-1])
    stream = io.BytesIO()
    pillow_heif.from_pillow(Image.fromarray(pixels[:, :, ::-1])).save(stream, quality=90)
    assert difference(stream.getvalue(), pixels) < 6
    decoded = decode(stream.getvalue(), name="x")
    assert decoded.size == (pixels.shape[1], pixels.shape[0])


def test_heic_pictures_that_their_file_turns_have_the_size_that_is_shown() -> None:
    pillow_heif = pytest.importorskip("pillow_heif", reason="needs the extra heic")
    exif = Image.Exif()
    exif[0x0112] = 6  # the coder writes it as the file's own rotation
    stream = io.BytesIO()
    pillow_heif.from_pillow(Image.fromarray(PIXELS)).save(stream, exif=exif.tobytes(), quality=90)
    decoded = decode(stream.getvalue(), name="x")
    assert decoded.size == (decoded.pixels.shape[1], decoded.pixels.shape[0]) == PIXELS.shape[:2]


def test_without_the_extra_a_heic_picture_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(UnreadablePicture, match=r"x\.heic: HEIC pictures need an extra") as caught:
        read_header(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "x.heic")
    assert "[heic]" in str(caught.value.hint)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_the_exif_orientation_is_applied(kind: str, orientation: int) -> None:
    from PIL import ImageOps

    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(PIXELS, kind, exif=exif)
    truth = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB"))[:, :, ::-1]
    decoded = decode(data, name="x")
    assert decoded.size == (truth.shape[1], truth.shape[0])
    assert np.abs(decoded.pixels.astype(int) - truth).mean() < 3


def test_a_turned_photo_that_is_decoded_small_stands_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    decoded = decode(encoded(textured(3, (1600, 1200)), "JPEG", exif=exif), name="x", max_side=400)
    assert decoded.size == (1200, 1600)
    assert decoded.pixels.shape == (400, 300, 3)


@pytest.mark.parametrize("max_side", [399, 400, 401, 799, 800, 801])
def test_scaled_decoding_never_goes_below_the_side_asked_for(max_side: int) -> None:
    decoded = decode(encoded(textured(3, (1601, 1203)), "JPEG"), name="x", max_side=max_side)
    assert max(decoded.pixels.shape) >= max_side
    assert decoded.size == (1601, 1203)


def test_what_is_transparent_is_white() -> None:
    transparent = np.zeros((40, 40, 4), np.uint8)
    transparent[:20] = (10, 20, 30, 255)
    decoded = decode(cv2.imencode(".png", transparent)[1].tobytes(), name="x").pixels
    assert (decoded[:20] == (10, 20, 30)).all()
    assert (decoded[20:] == 255).all()


@pytest.mark.parametrize("ending", [b"", b"\xff", b"SEFH \xff\x60\xff\xda \0\0\0\x18ftypmp42 \xff"])
@pytest.mark.parametrize("kind", [k for k in COLOUR if k.startswith("jpeg")])
def test_a_jpeg_whose_pixels_are_whole_needs_no_end_marker(kind: str, ending: bytes) -> None:
    cut_short = COLOUR[kind][:-2] + ending
    assert (decode(cut_short, name="x").pixels == decode(COLOUR[kind], name="x").pixels).all()


@pytest.mark.parametrize("cut", [1, 3, 40, 0.5, 0.9])
@pytest.mark.parametrize("kind", [k for k in COLOUR if k != "gif"])
def test_a_file_that_was_cut_is_refused(kind: str, cut: float) -> None:
    data = COLOUR[kind]
    if kind.startswith("jpeg") and cut == 1:
        pytest.skip("only a part of the end marker is missing: it is read")
    length = len(data) - cut if isinstance(cut, int) else int(len(data) * cut)
    with pytest.raises(UnreadablePicture):
        decode(data[:length], name="cut")


@pytest.mark.parametrize("data", [b"", b"\0", b"hello, I am text", b"\xff\xd8\xff", b"%PDF-1.7", b"<svg/>"])
def test_what_is_no_picture_is_refused_by_name(data: bytes) -> None:
    with pytest.raises(UnreadablePicture, match=r"holiday\.jpg"):
        decode(data, name="holiday.jpg")


def png_that_claims(width: int, height: int) -> bytes:
    """A PNG of a few hundred bytes whose header promises a huge picture."""

    def chunk(name: bytes, content: bytes) -> bytes:
        body = name + content
        return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\0" * 100_000, 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(30_000, 30_000), (2**31 - 1, 2**31 - 1), (50_001, 1_000)])
def test_a_picture_bomb_is_refused_before_it_is_decoded(size: tuple[int, int]) -> None:
    with pytest.raises(PictureTooLarge):
        decode(png_that_claims(*size), name="bomb.png")


def test_local_limits_bound_the_memory_too() -> None:
    with pytest.raises(PictureTooLarge, match="memory") as caught:
        decode(png_that_claims(15_000, 15_000), name="bomb.png", limits=replace(LOCAL, memory=600_000_000))
    assert caught.value.hint


def test_a_file_over_the_byte_limit_is_refused() -> None:
    with pytest.raises(PictureTooLarge):
        decode(COLOUR["png"], name="x", limits=DecodeLimits(file_bytes=1000))


def test_a_jpeg_of_thousands_of_scans_is_refused() -> None:
    data = COLOUR["jpeg-progressive"]
    scan = data.index(b"\xff\xda")
    bomb = data[:scan] + data[scan:-2] * 200 + data[-2:]
    with pytest.raises(UnreadablePicture, match="scans"):
        decode(bomb, name="bomb.jpg")


def test_one_pixel_is_a_picture() -> None:
    assert decode(encoded(PIXELS[:1, :1], "PNG"), name="x").size == (1, 1)


def test_nothing_is_written_to_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    for data in COLOUR.values():
        damaged = bytearray(data)
        damaged[len(data) // 2 : len(data) // 2 + 40] = bytes(40)
        try:
            decode(bytes(damaged), name="x")
        except UnreadablePicture:
            continue
    assert capfd.readouterr().err == ""


def test_cmyk_with_alpha_is_read() -> None:
    cmyka = np.dstack([255 - PIXELS[:, :, ::-1], np.zeros((*PIXELS.shape[:2], 2), np.uint8)])
    cmyka[:, :, 4] = 255
    assert difference(tiff_of(cmyka, 5, (338, 3, 1, 2)), PIXELS) < 6


@pytest.mark.parametrize(
    ("samples", "photometric"),
    [
        (np.zeros((9, 9, 7), np.uint8), 2),
        (np.zeros((9, 9, 5), np.uint16), 5),
    ],
)
def test_a_kind_of_tiff_that_is_not_read_is_refused_by_name(samples: np.ndarray, photometric: int) -> None:
    with pytest.raises(UnreadablePicture, match="TIFF") as caught:
        decode(tiff_of(samples, photometric), name="x.tif")
    assert caught.value.hint


@pytest.mark.parametrize("entries", [0, 2, 60_000])
def test_an_exif_block_whose_count_is_wrong_turns_the_photo_all_the_same(entries: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = bytearray(encoded(PIXELS, "JPEG", exif=exif))
    at = data.index(b"Exif\0\0") + 6 + 8
    order = ">H" if data[at - 8 : at - 6] == b"MM" else "<H"
    assert struct.unpack_from(order, data, at)[0] == 1
    struct.pack_into(order, data, at, entries)
    assert decode(bytes(data), name="x").size == ((240, 320) if entries else (320, 240))


def art(level: int, share: float) -> bytes:
    """Shapes of one gray level on a transparent ground."""
    bgra = np.dstack([np.full_like(PIXELS, level), np.zeros(PIXELS.shape[:2], np.uint8)])
    bgra[: int(240 * share), ::2, 3] = 255
    return cv2.imencode(".png", bgra)[1].tobytes()


def test_light_art_on_a_transparent_ground_is_put_on_a_dark_one() -> None:
    light, dark, gray = (decode(art(level, 0.8), name="x") for level in (255, 0, 128))
    assert (light.ground, dark.ground, gray.ground) == (80, None, None)
    assert light.pixels.min() == 80
    assert dark.pixels.max() == 255


def test_a_print_of_139_megapixels_is_read_small_where_there_is_memory() -> None:
    poster = Image.new("1", (9933, 14043), 1)
    poster.paste(Image.fromarray(PIXELS[:, :, 0]).convert("1").resize((9000, 12_000)), (400, 900))
    stream = io.BytesIO()
    poster.save(stream, "TIFF", compression="group4")
    decoded = decode(stream.getvalue(), name="a0.tif", limits=LOCAL, max_side=640)
    assert decoded.size == (9933, 14043)
    assert 640 <= max(decoded.pixels.shape) < 1300
    assert decoded.pixels.std() > 20


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "Git LFS pointer"),
        (b"\n<!DOCTYPE html>\n<html><body>log in</body></html>", "web page"),
        (b"<?xml version='1.0'?><svg xmlns='x'/>", "SVG"),
        (b"%PDF-1.7", "PDF"),
        (b"PK\x03\x04", "ZIP"),
        (b"\xff\x0a\0", "JPEG XL"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0isom", "video"),
        (b"404: not found", "text"),
        (b"", "empty"),
        (bytes(40), "not a picture"),
    ],
)
@pytest.mark.parametrize("limits", [LOCAL, SERVE])
def test_what_stands_in_the_place_of_a_picture_is_named(data: bytes, told: str, limits: DecodeLimits) -> None:
    with pytest.raises(UnreadablePicture, match=told) as caught:
        decode(data, name="x.jpg", limits=limits)
    assert caught.value.hint


@pytest.mark.parametrize("kind", COLOUR)
def test_the_first_bytes_tell_the_format(kind: str) -> None:
    assert picture_format(COLOUR[kind][:HEAD_BYTES]) == kind.split("-", maxsplit=1)[0]


@pytest.mark.parametrize("text", [b"P5\na.jpg\n", b"BMW.jpg\nb.jpg\n", b"II.tif", b"RIFF.jpg", b"GIF.gif"])
def test_a_list_of_paths_is_no_picture(text: bytes) -> None:
    assert picture_format(text) is None
