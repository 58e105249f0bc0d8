"""What is accepted in photos that show none of the gallery's targets, the least certain first.

The gallery is the targets of all sets and one half of the distractors; the photos are the other half, or the
pictures of a folder. Distractors were never screened: some do share content with a gallery picture, so that
an accepted photo is to be looked at before it is called chance. Run it by `make bench-openset`; ARGS:
--half 0|1 (that is looked up), --photos DIR, --every N (each Nth photo), --gallery-every N, --effort,
--data-dir DIR (kept: another one for each half), --output FILE.json.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from arcli.engine import LocalGallery
from arcli.errors import PictureRefused
from arcli.models import AddItem, AddOptions, Effort, FindOptions, OnExists, Picture
from tests.benchmarks.recognition import BENCH, manifest
from tests.benchmarks.results import ROOT, describe_run, print_table, write_json


@dataclass(slots=True)
class Accepted:
    """A photo and the target that was accepted for it."""

    photo: str
    identifier: str
    score: float
    inliers: int | None


def halves() -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the manifest lines of the targets and of both halves of the distractors: every other one."""
    entries = manifest()
    distractors = [entry for entry in entries if entry["role"] == "distractor"]
    targets = [entry for entry in entries if entry["role"] == "gallery"]
    return targets, distractors[::2], distractors[1::2]


def register(gallery: LocalGallery, entries: list[dict[str, Any]]) -> int:
    """Add pictures; return how many the gallery takes."""
    items = [
        AddItem(
            picture=Picture(name=entry["file"], path=BENCH / entry["file"]),
            identifier=entry["id"] or Path(entry["file"]).stem,
        )
        for entry in entries
    ]
    options = AddOptions(on_exists=OnExists.SKIP)
    return sum(
        result.error is None for result in gallery.add_many(channel="default", items=items, options=options)
    )


def look_up(gallery: LocalGallery, photos: list[Path], effort: Effort) -> Iterator[Accepted]:
    """Yield what is accepted. Photos that cannot be looked up (too few features) accept nothing."""
    options = FindOptions(effort=effort, count=False)
    pictures = [Picture(name=str(path), path=path) for path in photos]
    for result in gallery.find_many(pictures=pictures, channels=None, options=options):
        if result.error is not None and not isinstance(result.error, PictureRefused):
            raise result.error
        for match in result.matches:
            yield Accepted(result.image, match.identifier, round(match.score, 4), match.inliers)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--half", type=int, choices=[0, 1], default=1)
    parser.add_argument("--photos", type=Path)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--gallery-every", type=int, default=1)
    parser.add_argument("--effort", type=Effort, default=Effort.NORMAL)
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--output", type=Path, default=ROOT / "bench-results" / "openset.json")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    if not BENCH.exists():
        raise SystemExit(f"the photo sets are not here: {BENCH}")
    targets, *distractors = halves()
    members = (targets + distractors[1 - options.half])[:: options.gallery_every]
    photos = [BENCH / entry["file"] for entry in distractors[options.half]]
    if options.photos:
        photos = sorted(path for path in options.photos.rglob("*") if path.is_file())
    photos = photos[:: options.every]
    with (
        tempfile.TemporaryDirectory() as folder,
        LocalGallery(options.data_dir or Path(folder) / "data") as gallery,
    ):
        size = register(gallery, members)
        accepted = sorted(look_up(gallery, photos, options.effort), key=lambda one: one.score)
    heads = ["photo", "target", "score", "inliers"]
    print_table(heads, [(one.photo, one.identifier, one.score, one.inliers) for one in accepted])
    print(f"{len(accepted)} of {len(photos)} photos accepted, in a gallery of {size}")
    figures = {"effort": options.effort, "gallery": size, "photos": len(photos)}
    write_json(options.output, {**describe_run(), **figures, "accepted": [asdict(one) for one in accepted]})


if __name__ == "__main__":
    main()
