"""Contact sheets: each accepted photo next to its target, with the quad drawn, to be classified by eye."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from arcli.errors import ArcliError
from arcli.models import Quad
from arcli.vision.decoding.decode import LOCAL, decode
from arcli.vision.opencv import cv2
from benchmarks.openset_run import Record

SIDE = 200  # px of a picture on a sheet
COLUMNS, ROWS = 4, 5
_GREEN, _BLACK = (0, 200, 0), (0, 0, 0)

Image = npt.NDArray[np.uint8]


def write_sheets(folder: Path, records: Sequence[Record], paths: Mapping[str, Path]) -> None:
    """Write sheet-00.png … and, next to each, its pairs as CSV lines."""
    folder.mkdir(parents=True, exist_ok=True)
    size = COLUMNS * ROWS
    for number, start in enumerate(range(0, len(records), size)):
        part = records[start : start + size]
        cells = [_cell(start + i, record, paths) for i, record in enumerate(part)]
        cells += [np.full_like(cells[0], 255)] * (size - len(cells))
        lines = [np.hstack(cells[row * COLUMNS : (row + 1) * COLUMNS]) for row in range(ROWS)]
        cv2.imwrite(str(folder / f"sheet-{number:02}.png"), np.vstack(lines))
    names = [f"{i},{record.photo},{record.target}" for i, record in enumerate(records)]
    (folder / "pairs.csv").write_text("\n".join(names) + "\n", encoding="utf-8")


def _cell(number: int, record: Record, paths: Mapping[str, Path]) -> Image:
    photo = _tile(paths[record.photo], record.quad)
    target = _tile(paths[str(record.target)], None)
    caption = np.full((18, 2 * SIDE, 3), 255, np.uint8)
    text = f"{number}: {record.score:.3f} {record.inliers} {record.likeness}"
    cv2.putText(caption, text, (2, 13), cv2.FONT_HERSHEY_SIMPLEX, 0.45, _BLACK, 1, cv2.LINE_AA)
    return np.vstack([np.hstack([photo, target]), caption])


def _tile(path: Path, quad: Quad | None) -> Image:
    """Return the picture fitted into a square, with the quad (in its own pixels) drawn."""
    tile = np.full((SIDE, SIDE, 3), 235, np.uint8)
    try:
        decoded = decode(path.read_bytes(), name=path.name, limits=LOCAL, max_side=2 * SIDE)
    except ArcliError:
        return tile
    scale = (SIDE - 6) / max(decoded.size)
    width, height = (max(1, round(side * scale)) for side in decoded.size)
    tile[:height, :width] = cv2.resize(decoded.pixels, (width, height), interpolation=cv2.INTER_AREA)
    if quad is not None:
        corners = np.rint(np.array(quad) * scale).astype(np.int32)
        cv2.polylines(tile, [corners.reshape(-1, 1, 2)], True, _GREEN, 1, cv2.LINE_AA)
    return tile
