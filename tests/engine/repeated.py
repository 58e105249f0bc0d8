"""Made-up pictures with repeating parts: each kind in many variants, all of them different pictures."""

from collections.abc import Callable

import cv2
import numpy as np

Pixels = np.ndarray
_WORDS = ["the", "of", "and", "to", "in", "that", "for", "it", "was", "with", "not", "but", "have", "from"]


def _page() -> Pixels:
    return np.full((400, 300, 3), 250, np.uint8)


def dial(rng: np.random.Generator) -> Pixels:
    """A clock, a gauge or a compass: ticks, perhaps numerals, hands, of several sizes."""
    page, centre = _page(), np.array([150, 200])
    radius, ticks = int(rng.integers(90, 140)), int(rng.choice([8, 10, 12, 24, 60]))
    cv2.circle(page, centre.tolist(), radius, (30, 30, 30), int(rng.integers(1, 8)), cv2.LINE_AA)
    font, begin = int(rng.integers(0, 8)), int(rng.integers(0, 90))
    for tick in range(ticks):
        way = np.array([np.sin(2 * np.pi * tick / ticks), -np.cos(2 * np.pi * tick / ticks)])
        inner, outer = centre + way * radius * 0.88, centre + way * radius * 0.97
        begins, ends = (np.rint(end).astype(int).tolist() for end in (inner, outer))
        cv2.line(page, begins, ends, (20, 20, 20), 2)
        if ticks <= 12 and rng.random() < 0.8:
            place = np.rint(centre + way * radius * 0.72 - [10, -8]).astype(int).tolist()
            cv2.putText(page, str(begin + tick), place, font, 0.7, (20, 20, 20), 2, cv2.LINE_AA)
    for length in (0.5, 0.75):
        angle = rng.uniform(0, 2 * np.pi)
        end = centre + radius * length * np.array([np.sin(angle), np.cos(angle)])
        cv2.line(page, centre.tolist(), np.rint(end).astype(int).tolist(), (0, 0, 120), 3, cv2.LINE_AA)
    return page


def grid(rng: np.random.Generator) -> Pixels:
    """Ruled paper, a table, tiles: lines at one distance each way."""
    page = _page()
    across, down = (int(step) for step in rng.integers(9, 45, 2))
    page[:, ::across] = page[::down] = rng.integers(0, 150, 3)
    return page


def checkerboard(rng: np.random.Generator) -> Pixels:
    side = int(rng.integers(12, 50))
    rows, columns = np.indices((400, 300)) // side
    colours = np.array([rng.integers(0, 90, 3), rng.integers(160, 255, 3)], np.uint8)
    return colours[(rows + columns) % 2]


def text(rng: np.random.Generator) -> Pixels:
    """A page of common words in one of several sizes."""
    page, size, font = _page(), rng.uniform(0.35, 0.7), int(rng.integers(0, 5))
    for line in range(int(30 * size) + 12, 390, int(32 * size) + 4):
        cv2.putText(
            page, " ".join(rng.choice(_WORDS, 14)), (12, line), font, size, (20, 20, 20), 1, cv2.LINE_AA
        )
    return page


def halftone(rng: np.random.Generator) -> Pixels:
    """A smooth picture through a dot screen of one of several widths and angles."""
    tone = cv2.resize(rng.random((5, 4)), (300, 400), interpolation=cv2.INTER_CUBIC)
    step, angle = rng.uniform(5, 9), rng.uniform(0, np.pi / 2)
    y, x = np.indices((400, 300)) * (2 * np.pi / step)
    along, across = np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x
    dots = np.clip(127 + 400 * ((np.cos(along) + np.cos(across)) / 4 + tone - 0.5), 0, 255)
    return np.repeat(dots.astype(np.uint8)[..., None], 3, axis=2)


def barcode(rng: np.random.Generator) -> Pixels:
    """Bars with their digits, or a square code with three finder marks, on a label."""
    page = _page()
    if rng.random() < 0.5:
        bars = np.repeat(rng.integers(0, 2, 95), 2).astype(np.uint8)[:190] * 235 + 10
        page[120:260, 55:245] = bars[None, :, None]
        digits = "".join(str(digit) for digit in rng.integers(0, 10, 13))
        cv2.putText(page, digits, (62, 282), cv2.FONT_HERSHEY_SIMPLEX, 0.65, (10, 10, 10), 2, cv2.LINE_AA)
        return page
    code = rng.integers(0, 2, (25, 25)).astype(np.uint8)
    mark = np.pad(np.pad(np.pad(np.ones((3, 3), np.uint8), 1), 1, constant_values=1), 1)[1:, 1:]
    for top, left in ((0, 0), (0, 17), (17, 0)):
        code[top : top + 8, left : left + 8] = mark
    page[80:305, 37:262] = 245 - np.kron(code, np.full((9, 9), 235, np.uint8))[..., None]
    return page


def map_(rng: np.random.Generator) -> Pixels:
    """Coloured regions with borders."""
    towns = rng.uniform(0, [300, 400], (int(rng.integers(10, 40)), 2))
    y, x = np.indices((400, 300))
    nearest = ((x[..., None] - towns[:, 0]) ** 2 + (y[..., None] - towns[:, 1]) ** 2).argmin(-1)
    page = rng.integers(120, 255, (len(towns), 3)).astype(np.uint8)[nearest]
    page[1:][nearest[1:] != nearest[:-1]] = page[:, 1:][nearest[:, 1:] != nearest[:, :-1]] = 20
    return page


def music(rng: np.random.Generator) -> Pixels:
    """Staves with notes."""
    page, gap = _page(), int(rng.integers(5, 9))
    for top in range(30, 390 - 5 * gap, 9 * gap):
        for line in range(5):
            cv2.line(page, (12, top + line * gap), (288, top + line * gap), (40, 40, 40), 1)
        for left in range(30, 280, int(rng.integers(16, 26))):
            note = (left, top + int(rng.integers(-1, 9)) * gap // 2)
            cv2.ellipse(page, note, (gap // 2 + 1, gap // 2), -20, 0, 360, (10, 10, 10), -1, cv2.LINE_AA)
            cv2.line(
                page, (note[0] + gap // 2, note[1]), (note[0] + gap // 2, note[1] - 4 * gap), (10, 10, 10), 1
            )
    return page


KINDS: dict[str, Callable[[np.random.Generator], Pixels]] = {
    "dial": dial,
    "grid": grid,
    "checkerboard": checkerboard,
    "text": text,
    "halftone": halftone,
    "barcode": barcode,
    "map": map_,
    "music": music,
}


def variant(kind: str, number: int) -> Pixels:
    """Return a picture of a kind; equal numbers give equal pictures."""
    return KINDS[kind](np.random.default_rng([number, *kind.encode()]))


def photo(pixels: Pixels, seed: int) -> Pixels:
    """Return the picture as a phone shows it: from the side, on a table, a little blurred and noisy."""
    rng = np.random.default_rng(seed)
    corners = np.array([[0, 0], [300, 0], [300, 400], [0, 400]], np.float32)
    seen = corners * 0.9 + [90, 60] + rng.uniform(-28, 28, (4, 2))
    table = np.full((480, 480, 3), rng.integers(60, 200, 3), np.uint8)
    matrix = cv2.getPerspectiveTransform(corners, seen.astype(np.float32))
    cv2.warpPerspective(pixels, matrix, (480, 480), table, borderMode=cv2.BORDER_TRANSPARENT)
    noisy = cv2.GaussianBlur(table, (0, 0), 0.8) + rng.normal(0, 5, table.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8)
