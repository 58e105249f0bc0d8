"""What vision makes besides features: kept picture, thumbnail, drawing."""

import io
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from arcli.vision.decoding.decode import Decoded, decode
from arcli.vision.drawing import labels
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
    assert drawn is not None
    height, width = drawn.shape[:2]
    assert max(width, height) >= 480
    across_the_edge = drawn[int(0.6 * height), int(0.17 * width) : int(0.23 * width)].astype(int)
    assert np.abs(across_the_edge - 120).max() > 40


def wall(count: int, size: tuple[int, int], seed: int) -> list[np.ndarray]:
    """Quads in rows over the whole photo, somewhat askew, some overlapping their neighbours."""
    rng = np.random.default_rng(seed)
    columns = int(np.ceil(np.sqrt(count)))
    cell = np.array(size) / (columns, -(-count // columns))
    square = np.array([(0.05, 0.05), (0.95, 0.05), (0.95, 0.95), (0.05, 0.95)])
    corners = [np.array(divmod(n, columns)[::-1]) + square for n in range(count)]
    return [(each + rng.uniform(-0.15, 0.15, (4, 2))) * cell for each in corners]


@pytest.mark.parametrize("size", [(480, 360), (1600, 1200)])
@pytest.mark.parametrize("count", [1, 5, 20, 60])
@pytest.mark.parametrize("text", ["b{}", "The_Art_of_Computer_Programming_volume_{}"])
def test_labels_lie_in_the_photo_and_over_no_other(count: int, size: tuple[int, int], text: str) -> None:
    quads = wall(count, size, count)
    texts = [text.format(n) for n in range(count)]
    placed = labels.place(quads, texts, size)
    shown = [label for label in placed if label is not None]
    assert len(shown) >= 0.9 * count
    for n, label in enumerate(placed):
        assert label is None or label.text in (texts[n], str(n + 1))
    for label in shown:
        assert min(label.box[:2]) >= 0
        assert (label.box[2] <= size[0], label.box[3] <= size[1]) == (True, True)
        assert label.scale >= 0.4 * labels.unit(size), "it can be read"
    for n, one in enumerate(shown):
        for other in shown[n + 1 :]:
            apart = one.box[2] <= other.box[0] or other.box[2] <= one.box[0]
            assert apart or one.box[3] <= other.box[1] or other.box[3] <= one.box[1]


def test_neighbours_have_different_colours() -> None:
    quads = wall(20, (1600, 1200), 3)
    chosen = labels.colours(quads)
    centres = np.array([quad.mean(0) for quad in quads])
    for n, centre in enumerate(centres):
        nearest = np.argsort(np.hypot(*(centres - centre).T))[1:4]
        assert all(chosen[n] != chosen[other] for other in nearest)


def test_what_does_not_fit_its_target_stands_in_a_legend_below() -> None:
    photo = Decoded(np.full((600, 800, 3), 120, np.uint8), (800, 600), "png")
    quads: list[Any] = [tuple(map(tuple, quad)) for quad in wall(20, (800, 600), 1)]
    long = [Outline(quad=quad, text=f"a_name_of_many_letters_{n}") for n, quad in enumerate(quads)]
    heights = [
        np.asarray(cv2.imdecode(np.frombuffer(draw(photo, outlines), np.uint8), 1)).shape[0]
        for outlines in (long[:0], long)
    ]
    assert heights[1] > heights[0] * 1.1
