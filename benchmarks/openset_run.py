"""Looks up the photos of the open-set benchmark: a record of the nearest candidate of each."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from arcli.engine.channels import Channels, OpenChannel
from arcli.engine.finding import StoredChannel, held
from arcli.engine.recognition.recognize import VerifiedCandidate, largest_side, recognize
from arcli.errors import PictureRefused
from arcli.models import Effort, FindOptions, Quad
from arcli.vision.decoding.decode import LOCAL, decode
from benchmarks.openset_gallery import Photo, Registered, rows_of


@dataclass(frozen=True, slots=True)
class Record:
    """The best candidate of a photo. reason None: accepted. `right`: it is a target that the photo shows.

    usable: the photo had enough features to be looked up; target None: no candidate had a homography.
    """

    kind: str
    photo: str
    usable: bool = True
    target: str | None = None
    score: float = 0.0
    inliers: int = 0
    likeness: float | None = None
    reason: str | None = None
    right: bool = False
    quad: Quad | None = None

    @property
    def accepted(self) -> bool:
        return self.target is not None and self.reason is None


class Looker:
    """Looks photos up in the channel of a data folder, each without the targets to leave out."""

    def __init__(self, data_dir: Path, pictures: list[Registered], effort: Effort) -> None:
        self._channel: OpenChannel = Channels(data_dir).get("default")
        self._rows = rows_of(self._channel, pictures)
        self._names = {self._rows[p.identifier]: p for p in pictures if p.identifier in self._rows}
        self._options = FindOptions(effort=effort, count=False)

    @property
    def size(self) -> int:
        return len(self._rows)

    def run(self, photos: Iterable[Photo], jobs: int) -> Iterator[Record]:
        with ThreadPoolExecutor(jobs) as pool:
            yield from pool.map(self.look, photos)

    def look(self, photo: Photo) -> Record:
        out = [self._rows[identifier] for identifier in photo.left_out if identifier in self._rows]
        try:
            side = largest_side(self._options)
            pixels = decode(photo.path.read_bytes(), name=photo.name, limits=LOCAL, max_side=side)
            with self._channel.store.read() as snapshot:
                channel = StoredChannel(self._channel, held(snapshot), out)
                found = recognize(pixels, [channel], self._options)
        except PictureRefused:
            return Record(photo.kind, photo.name, usable=False)
        best = next((each for each in found if each.score > 0), None)
        return self._record(photo, best) if best else Record(photo.kind, photo.name)

    def _record(self, photo: Photo, best: VerifiedCandidate) -> Record:
        target = self._names[best.target.row_id]
        return Record(
            kind=photo.kind,
            photo=photo.name,
            target=target.name,
            score=round(best.score, 4),
            inliers=best.inliers,
            likeness=None if best.likeness is None else round(best.likeness, 3),
            reason=best.reason,
            right=target.identifier in photo.expected,
            quad=best.quad,
        )


def write_records(path: Path, run: dict[str, Any], records: Iterable[Record]) -> Iterator[Record]:
    """Pass records on and write each as a line of JSON immediately, after a line about the run."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        file.write(json.dumps(run) + "\n")
        for record in records:
            file.write(json.dumps(asdict(record)) + "\n")
            file.flush()
            yield record


def read_records(path: Path) -> tuple[dict[str, Any], list[Record]]:
    """Return the data about the run, and its records."""
    with path.open(encoding="utf-8") as file:
        return json.loads(next(file)), [Record(**json.loads(line)) for line in file]
