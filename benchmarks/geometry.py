"""How exact the corners of `find` are: on the oxford_affine photos, whose manifest lines have the true
homography, or on book covers and paintings under the simulated camera.

Errors are in px of a photo of 800 px. Run it by `make bench-geometry`; ARGS: --every N (each Nth photo),
--effort, --planar (only the planar sequences), --camera N (each Nth picture, in every view),
--output FILE.json.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from arcli.engine import LocalGallery
from arcli.models import AddItem, Effort, FindOptions, Picture, Quad
from arcli.vision.decoding.decode import decode
from arcli.vision.geometry import corners, project
from arcli.vision.opencv import cv2
from benchmarks.camera import PHOTO, VIEWS, photograph
from benchmarks.recognition import BENCH, manifest, need_photo_sets
from benchmarks.results import ROOT, describe_run, print_table, write_json

SET = "oxford_affine"
PHOTOGRAPHED = ("smvs_book_covers", "smvs_museum_paintings")
SIDE = 800  # px: the long side to which errors refer


@dataclass(slots=True)
class Placed:
    """A photo: distances in px of its four corners from the truth, None if it was not found."""

    photo: str
    errors: list[float] | None


def photographs(targets: dict[str, dict[str, Any]]) -> Iterator[tuple[dict[str, Any], Picture]]:
    """Yield a manifest line and a photo for each target in every view of the simulated camera."""
    for seed, (identifier, target) in enumerate(targets.items()):
        pixels = decode((BENCH / target["file"]).read_bytes(), name=target["file"]).pixels
        for name, camera in VIEWS.items():
            photo, homography = photograph(pixels, camera, seed=seed)
            width, height = PHOTO
            line = {"file": f"{identifier}, {name}", "id": identifier, "w": width, "h": height}
            data = cv2.imencode(".png", photo)[1].tobytes()
            yield line | {"homography": homography.tolist()}, Picture(name="photo.png", data=data)


def register(gallery: LocalGallery, entries: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Add the set's targets; return their manifest lines by identifier."""
    targets = {entry["id"]: entry for entry in entries if entry["role"] == "gallery"}
    for identifier, entry in targets.items():
        picture = Picture(name=entry["file"], data=(BENCH / entry["file"]).read_bytes())
        gallery.add(channel="default", item=AddItem(picture=picture, identifier=identifier))
    return targets


def taken(entries: list[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], Picture]]:
    """Yield the manifest lines of photos, with the photos."""
    for entry in entries:
        yield entry, Picture(name=entry["file"], data=(BENCH / entry["file"]).read_bytes())


def place(
    gallery: LocalGallery, entry: dict[str, Any], photo: Picture, target: dict[str, Any], effort: Effort
) -> Placed:
    """Look a photo up and compare the corners of the match."""
    result = gallery.find(picture=photo, channels=None, options=FindOptions(effort=effort, count=False))
    quads = [match.quad for match in result.matches if match.identifier == entry["id"] and match.quad]
    return Placed(Path(entry["file"]).name, distances(quads[0], entry, target) if quads else None)


def distances(quad: Quad, entry: dict[str, Any], target: dict[str, Any]) -> list[float]:
    """Return how far the corners are from the truth, in px of a photo of 800 px."""
    truth, _ = project(np.array(entry["homography"]), corners((target["w"], target["h"])))
    offsets = np.array(quad) - truth
    scale = SIDE / max(entry["w"], entry["h"])
    return [round(float(distance), 2) for distance in np.hypot(offsets[:, 0], offsets[:, 1]) * scale]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--effort", type=Effort, default=Effort.NORMAL)
    parser.add_argument("--camera", type=int, default=0)
    parser.add_argument("--planar", action="store_true")
    parser.add_argument("--output", type=Path, default=ROOT / "bench-results" / "geometry.json")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    need_photo_sets()
    sets = PHOTOGRAPHED if options.camera else (SET,)
    entries = [entry for entry in manifest() if entry["set"] in sets]
    if options.camera:
        entries = [entry for entry in entries if entry["role"] == "gallery"][:: options.camera]
    photos = [entry for entry in entries if "homography" in entry and (entry["planar"] or not options.planar)]
    with tempfile.TemporaryDirectory() as folder, LocalGallery(Path(folder) / "data") as gallery:
        targets = register(gallery, entries)
        shots = photographs(targets) if options.camera else taken(photos[:: options.every])
        placed = [
            place(gallery, entry, photo, targets[entry["id"]], options.effort) for entry, photo in shots
        ]
    report(placed, options)


def report(placed: list[Placed], options: argparse.Namespace) -> None:
    """Print the worst 40 photos, the worst last, then the figures over all corners."""
    found = [(one.photo, one.errors) for one in placed if one.errors is not None]
    if not found:
        raise SystemExit("no photo was found")
    errors = np.concatenate([errors for _, errors in found])
    median, p90 = (round(float(np.percentile(errors, share)), 2) for share in (50, 90))
    by_worst = sorted(found, key=lambda one: max(one[1]))
    print_table(["photo", "worst corner, px"], [(photo, max(errors)) for photo, errors in by_worst[-40:]])
    print(f"{len(found)} of {len(placed)} photos found; corners: median {median} px, 90 % point {p90} px")
    figures = {"effort": options.effort, "median_px": median, "p90_px": p90}
    write_json(options.output, {**describe_run(), **figures, "photos": [asdict(one) for one in placed]})


if __name__ == "__main__":
    main()
