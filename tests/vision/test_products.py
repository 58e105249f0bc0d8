"""What vision makes beside features: kept picture, thumbnail, drawing."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from arcli.vision.decoding.decode import Decoded, decode
from arcli.vision.drawing.draw import Outline, draw
from arcli.vision.drawing.thumbnail import encoded_to_keep, kept_as_it_is, thumbnail, thumbnail_pixels
from tests.vision.pictures import encoded, textured


def test_a_small_jpeg_is_kept_as_it_is_but_for_what_it_tells_about_people() -> None:
    exif = Image.Exif()
    exif[0x010E] = "Grandma at home, 51.5 N"
    data = encoded(textured(1), "JPEG", exif=exif, comment=b"secret comment")
    decoded = decode(data, name="x")
    kept = kept_as_it_is(decoded, data + b"trailing secret")
    assert b"Grandma" in data
    assert kept is not None
    assert not any(word in kept for word in (b"Grandma", b"secret", b"Exif"))
    assert (decode(kept, name="x").pixels == decoded.pixels).all()


@pytest.mark.parametrize("size", [(2000, 1000), (640, 640), (30, 1900)])
def test_a_kept_picture_is_a_small_upright_jpeg(size: tuple[int, int]) -> None:
    exif = Image.Exif()
    exif[0x0112] = 8
    data = encoded(textured(2, size), "JPEG", exif=exif)
    decoded = decode(data, name="x", max_side=640)
    assert kept_as_it_is(decoded, data) is None, "it is turned"
    again = Image.open(io.BytesIO(encoded_to_keep(decoded)))
    assert again.format == "JPEG"
    assert max(again.size) <= 640
    assert (again.size[0] < again.size[1]) == (decoded.size[0] < decoded.size[1])
    assert 0x0112 not in again.getexif()


def test_a_thumbnail_is_small_and_read_back() -> None:
    decoded = decode(encoded(textured(2, (900, 600)), "PNG"), name="x")
    data = thumbnail(decoded)
    pixels = thumbnail_pixels(data)
    assert len(data) < 12_000
    assert pixels is not None
    assert pixels.shape == (85, 128, 3)
    assert thumbnail_pixels(data[:50]) is None
    assert thumbnail_pixels(b"") is None


@pytest.mark.parametrize("file_format", ["jpeg", "png"])
@pytest.mark.parametrize("size", [(60, 40), (640, 480), (3000, 2000)])
def test_the_drawing_shows_the_quad_and_its_name(size: tuple[int, int], file_format: str) -> None:
    photo = Decoded(np.full((size[1], size[0], 3), 120, np.uint8), size, "png")
    w, h = size
    quad = ((0.2 * w, 0.3 * h), (0.8 * w, 0.3 * h), (0.8 * w, 0.9 * h), (0.2 * w, 0.9 * h))
    far = ((-9e6, -9e6), (9e6, -5.0), (9e6, 9e6), (-4.0, 9e6))
    outlines = [Outline(quad=quad, text="book_1"), Outline(quad=far, text="x" * 50)]
    data = draw(photo, outlines, file_format=file_format)
    drawn = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    height, width = drawn.shape[:2]
    assert max(width, height) >= 480
    across_the_edge = drawn[int(0.6 * height), int(0.17 * width) : int(0.23 * width)].astype(int)
    assert np.abs(across_the_edge - 120).max() > 40
