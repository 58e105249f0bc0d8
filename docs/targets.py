"""Make the pictures of good and bad targets in docs/how-to/targets.md, and the lines of its tables.

python docs/targets.py writes docs/pictures/targets/*.jpg, the details that arcli uses drawn upon them, and
the levels and hints into the page; --check only compares the page.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))
from arcli.vision.rating.enrolment import rate
from arcli.vision.rating.kinds import kind_hints
from benchmarks.level_photos import enrolled
from benchmarks.level_pictures import SPOILED, Image, fitted

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "how-to" / "targets.md"
PICTURES = ROOT / "docs" / "pictures" / "targets"
DRAWN = 260  # px: the long side of a picture on the page
INK = (190, 0, 230)  # BGR: seen on light and dark pictures


def read(name: str) -> Image:
    pixels = cv2.imread(str(ROOT / "samples" / "gallery" / name), cv2.IMREAD_COLOR)
    assert pixels is not None, name
    return fitted(np.asarray(pixels, np.uint8))


def spoiled(name: str, way: str) -> Callable[[], Image]:
    return lambda: SPOILED[way](read(name), np.random.default_rng(3))


def logo() -> Image:
    """Return a mark of three plain shapes."""
    page = np.full((480, 640, 3), 255, np.uint8)
    cv2.circle(page, (220, 240), 130, (180, 90, 20), -1, cv2.LINE_AA)
    cv2.circle(page, (420, 240), 130, (40, 140, 240), -1, cv2.LINE_AA)
    cv2.rectangle(page, (270, 220), (370, 260), (255, 255, 255), -1)
    return page


def with_a_picture() -> Image:
    """Return the same mark upon a picture."""
    page = cv2.resize(read("street.jpg"), (640, 480), interpolation=cv2.INTER_AREA)
    mark = cv2.resize(logo()[90:390, 80:560], (240, 150), interpolation=cv2.INTER_AREA)
    page[310:460, 20:260] = mark
    return np.asarray(page, np.uint8)


@dataclass(frozen=True, slots=True)
class Example:
    """A picture of the page. words: what it is."""

    name: str
    words: str
    make: Callable[[], Image]


GOOD = (
    Example(
        "painting", "a painting: strokes everywhere, none like another", lambda: read("starry_night.jpg")
    ),
    Example("packaging", "a packet: large and small letters, a picture", lambda: read("peanuts.png")),
    Example("drawing", "a drawing with strong lines", lambda: read("raccoon.jpg")),
    Example("logo_on_picture", "the mark from below, upon a photograph", with_a_picture),
)
BAD = (
    Example("logo", "a mark of plain shapes", logo),
    Example("tiles", "one motif, repeated", spoiled("card.png", "tiled 8 x 8")),
    Example("corner", "a picture in the corner of a page", spoiled("bear.jpg", "a tenth of a page")),
    Example("faint", "pale print", spoiled("card.png", "contrast 15 %")),
    Example("blurred", "enlarged from a small file", spoiled("street.jpg", "blurred by 3 %")),
    Example("strip", "a narrow strip", spoiled("keyboard.jpg", "strip")),
    Example("text", "a page of nothing but text", spoiled("card.png", "text")),
)


def judged(pixels: Image) -> tuple[str, list[str], Image]:
    """Return level, hints, and the picture with its details drawn."""
    features, decoded = enrolled(pixels)
    rating = rate(features, decoded)
    hints = [hint.code for hint in (*kind_hints(pixels, features), *rating.hints)]
    factor = DRAWN / max(pixels.shape)
    small = cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    scale = small.shape[1] / features.image_size[0]
    for x, y, diameter in features.keypoints[:, :3] * scale:
        cv2.circle(small, (round(x), round(y)), max(2, round(diameter / 2)), INK, 1, cv2.LINE_AA)
    return str(rating.level), hints, np.asarray(small, np.uint8)


def lines(examples: tuple[Example, ...], *, write: bool) -> Iterator[str]:
    """Yield the page's lines of some examples; write their pictures."""
    for example in examples:
        level, hints, drawn = judged(example.make())
        if write:
            PICTURES.mkdir(exist_ok=True)
            cv2.imwrite(str(PICTURES / f"{example.name}.jpg"), drawn, [cv2.IMWRITE_JPEG_QUALITY, 80])
        said = ", ".join(f"`{hint}`" for hint in hints) or "none"
        picture = f"![{example.words}](../pictures/targets/{example.name}.jpg)"
        yield f"| {picture} | {example.words} | {level} | {said} |"


def page_of(text: str, *, write: bool) -> str:
    """Return the page with the lines of its two tables as they are now."""
    for title, examples in (("Good", GOOD), ("Bad", BAD)):
        head = f"| {title} | what it is | level | hints |\n|---|---|---|---|\n"
        rows = "".join(f"{line}\n" for line in lines(examples, write=write))
        text = re.sub(re.escape(head) + r"(?:\|.*\n)*", lambda _, made=head + rows: made, text)
    return text


def main(check: bool) -> int:
    """Write or check; return the exit status."""
    text = PAGE.read_text(encoding="utf-8")
    made = page_of(text, write=not check)
    if check and made != text:
        print(f"{PAGE} is not what python docs/targets.py writes", file=sys.stderr)
        return 1
    if not check:
        PAGE.write_text(made, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv))
