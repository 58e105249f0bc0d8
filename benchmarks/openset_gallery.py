"""The pictures of the open-set benchmark: which are registered, which are looked up, and what is left out.

The own row of every picture that is looked up is left out of the search, as a removed target would be, so
that the same gallery serves photos that are in it and photos that are not.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from arcli.engine import LocalGallery
from arcli.engine.channels import OpenChannel
from arcli.models import AddItem, AddOptions, OnExists, Picture
from benchmarks.recognition import BENCH, expected_of, manifest

LEFT_OUT_SETS = ("smvs_book_covers", "smvs_museum_paintings")  # banknotes have look-alikes in the gallery
DEBIAN_QUERIES = ("deb:backgrounds/", "deb:wallpapers/", "deb:tuxpaint/", "deb:kgeography/")
PICTURES = (".png", ".jpg", ".jpeg", ".webp")


@dataclass(frozen=True, slots=True)
class Registered:
    """A picture of the gallery. name: as in results, the same on every machine."""

    name: str
    path: Path
    identifier: str


@dataclass(frozen=True, slots=True)
class Photo:
    """A picture to look up.

    left_out: identifiers to leave out of the search; expected: those that are right.
    """

    kind: str
    name: str
    path: Path
    left_out: frozenset[str] = frozenset()
    expected: frozenset[str] = frozenset()


def bench_pictures() -> Iterator[Registered]:
    """Yield the targets of all sets and the 3,000 distractors."""
    for entry in manifest():
        if entry["role"] in ("gallery", "distractor"):
            file = entry["file"]
            yield Registered(file, BENCH / file, entry["id"] or Path(file).stem)


def debian_pictures(folder: Path) -> Iterator[Registered]:
    """Yield the pictures of unpacked packages, without repetitions."""
    root, seen = folder / "usr" / "share", set()
    for path in sorted(root.rglob("*")):
        if path.suffix.lower() not in PICTURES or path.is_symlink() or "/doc/" in str(path):
            continue
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        if digest not in seen:
            seen.add(digest)
            stem = re.sub(r"[^A-Za-z0-9]+", "_", path.stem)[:40]
            yield Registered(f"deb:{path.relative_to(root)}", path, f"{stem}.{digest[:8]}")


def photos(gallery: Sequence[Registered]) -> Iterator[Photo]:
    """Yield what is looked up: photos without their target, gallery pictures without themselves, the rest."""
    for entry in manifest():
        file, right = entry["file"], frozenset[str]().union(*expected_of(entry))
        if entry["role"] == "query" and "boof_image" not in file:
            yield Photo(f"shown: {entry['set']}", file, BENCH / file, expected=right)
            if entry["set"] in LEFT_OUT_SETS:
                yield Photo("left out", file, BENCH / file, left_out=right)
        elif entry["role"] == "negative":
            yield Photo("negatives", file, BENCH / file)
    for picture in gallery:
        own = frozenset({picture.identifier})
        if picture.name.startswith("distractors/"):
            yield Photo("distractors", picture.name, picture.path, left_out=own)
        elif picture.name.startswith(DEBIAN_QUERIES) and "/flags/" not in picture.name:
            yield Photo("debian", picture.name, picture.path, left_out=own)


def register(data_dir: Path, pictures: Sequence[Registered]) -> None:
    """Add pictures; those that the gallery refuses (too few features) are skipped."""
    items = (
        AddItem(picture=Picture(name=each.name, path=each.path), identifier=each.identifier)
        for each in pictures
    )
    with LocalGallery(data_dir) as gallery:
        for _ in gallery.add_many(
            channel="default", items=items, options=AddOptions(on_exists=OnExists.SKIP)
        ):
            pass
        gallery.compact(channel="default")


def rows_of(channel: OpenChannel, pictures: Sequence[Registered]) -> dict[str, int]:
    """Return the row of each identifier that was added."""
    with channel.store.read() as snapshot:
        rows = ((each.identifier, snapshot.target(each.identifier)) for each in pictures)
        return {identifier: row.row_id for identifier, row in rows if row is not None}
