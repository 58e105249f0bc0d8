"""What a data folder must hold after an operation that was stopped anywhere, and what it does hold."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from arcli.engine import LocalGallery
from arcli.engine.channels import Channels
from arcli.engine.indexing.shortlist import Shortlister
from arcli.errors import ArcliError
from arcli.features import Features
from arcli.models import AddItem, FindOptions, ListQuery, Picture, StatisticsQuery
from arcli.store.accounts import Accounts
from arcli.store.repair.backup import opened_backup
from arcli.store.repair.backup_folder import MANIFEST, Backups
from arcli.vision.features.presets import load_preset

CHANNEL = "default"
State = dict[str, Any]
"""What there is: `target:CHANNEL:ID` → [picture, metadata, active]; `channel:NAME` → True …"""


@cache
def picture(seed: int) -> bytes:
    """Return a picture like no other: random clouds of several sizes."""
    rng = np.random.default_rng(seed)
    clouds = [rng.integers(0, 255, (240 // size, 180 // size, 3), np.uint8) for size in (5, 10, 20)]
    pixels = np.mean([cv2.resize(cloud, (180, 240)) for cloud in clouds], axis=0).astype(np.uint8)
    return bytes(cv2.imencode(".png", pixels)[1])


@cache
def picture_hash(seed: int) -> str:
    return hashlib.sha256(picture(seed)).hexdigest()


def item(seed: int, name: str | None = None, metadata: str | None = None) -> AddItem:
    shown = Picture(name=f"{seed}.png", data=picture(seed))
    return AddItem(picture=shown, identifier=name or f"poster{seed}", metadata=metadata)


def target(seed: int, metadata: str | None = None, *, active: bool = True) -> list[Any]:
    """Return how a target stands in a State."""
    return [picture_hash(seed)[:12], metadata, active]


class Diary:
    """Lines outside the data folder: what was begun, and what was acknowledged. Both outlive the process."""

    def __init__(self, path: Path, mark: Callable[[str], None]) -> None:
        self._handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._mark = mark

    def write(self, **line: Any) -> None:
        text = json.dumps(line)
        os.write(self._handle, text.encode() + b"\n")
        self._mark(text)

    @contextmanager
    def step(self, **changes: Any) -> Iterator[None]:
        """Begin changes that are one transaction; they are acknowledged when the block ends well."""
        self.write(begun=changes)
        yield
        self.write(done=changes)


@dataclass
class Expected:
    """What may be there, from a first state and the lines of a diary.

    open: changes that were begun and not acknowledged, each all or nothing.
    """

    state: State
    open: list[State] = field(default_factory=list)

    def read(self, line: Mapping[str, Any]) -> None:
        if "begun" in line:
            self.open.append(dict(line["begun"]))
        for name, value in line.get("done", {}).items():
            self.state[name] = value
            for one in self.open:
                one.pop(name, None)
        self.open = [one for one in self.open if one]

    def contradictions(self, found: State) -> list[str]:
        """Return what is lost, half done, or never was."""
        allowed = [self.state]
        for changes in self.open:
            allowed += [before | changes for before in allowed]
        cleaned = [{n: v for n, v in state.items() if v is not None} for state in allowed]
        if found in cleaned:
            return []
        wanted = cleaned[0]
        return [
            f"{name}: {found.get(name)!r}, acknowledged {wanted.get(name)!r}, begun {self.open}"
            for name in sorted(wanted.keys() | found.keys())
            if wanted.get(name) != found.get(name)
        ] or [f"half of what was begun: {self.open}"]


def expected(first: State, lines: Iterator[str] | list[str]) -> Expected:
    """Return what must be there after the lines of a diary (the last may be torn)."""
    result = Expected(dict(first))
    for line in lines:
        try:
            result.read(json.loads(line))
        except ValueError:
            break
    return result


def state_of(data: Path) -> State:
    """Read everything that is there. Raises ArcliError."""
    found: State = {}
    with LocalGallery(data) as gallery:
        channels = gallery.channels()
        for channel in channels:
            found[f"channel:{channel.name}"] = True
            found |= {f"count:{channel.name}:{name}": n for name, n in _counts(gallery, channel.name)}
            for row in gallery.list(channel=channel.name, query=ListQuery()).targets:
                kept = hashlib.sha256(gallery.picture(channel=channel.name, identifier=row.identifier))
                assert kept.digest(), "the picture can be read"
                key = f"target:{channel.name}:{row.identifier}"
                found[key] = [_hash_of(gallery, channel.name, row.identifier), row.metadata, row.active]
    with Accounts(data) as accounts:
        found |= {f"account:{account.username}": True for account in accounts.accounts()}
    return found | _backups(data, data.parent / "beside")


def _backups(data: Path, beside: Path) -> State:
    """Read what was backed up beside a data folder, which must be sound, and what was restored there."""
    found: State = {}
    if (beside / "all" / MANIFEST).exists():
        written = Backups(data, Features.from_bytes).verify(beside / "all")
        found["backup:all"] = sum(one.targets for one in written)
    if (beside / "one.arcli").exists():
        with opened_backup(beside / "one.arcli", Features.from_bytes) as snapshot:
            found["backup:one"] = snapshot.count()
    if (beside / "again").exists():
        found["restored"] = len(state_of(beside / "again"))
    return found


def _counts(gallery: LocalGallery, channel: str) -> Iterator[tuple[str | None, int]]:
    query = StatisticsQuery(start=dt.date(2000, 1, 1), end=dt.date(2999, 1, 1), channel=channel)
    for record in gallery.statistics(query=query):
        yield record.identifier, record.count


def _hash_of(gallery: LocalGallery, channel: str, identifier: str) -> str:
    with gallery._channels.get(channel).store.read() as snapshot:
        row = snapshot.target(identifier)
    assert row is not None
    return str(row.picture_hash)[:12]


def examine(data: Path) -> dict[str, Any]:
    """Return the `state`, what doctor finds wrong, and where the index disagrees with the store."""
    try:
        state = state_of(data)
        with LocalGallery(data) as gallery:
            unsound = [f"{one.subject}: {one.message}" for one in gallery.verify() if not one.ok]
            wrong = [text for name in gallery._channels.names() for text in astray(gallery._channels, name)]
            gallery.compact(channel=CHANNEL)  # takes over the index of a copy
            wrong += [text for name in gallery._channels.names() for text in astray(gallery._channels, name)]
            gallery.add(channel=CHANNEL, item=item(99, "afterwards"))
            gallery.remove(channel=CHANNEL, identifier="afterwards")
    except ArcliError as error:
        return {"state": {}, "unsound": [f"{type(error).__name__}: {error.message}"], "astray": []}
    return {"state": state, "unsound": unsound, "astray": wrong}


def ask(data: Path) -> dict[str, str]:
    """Look up the pictures of `base`; return what each is found as, "" for none or an error."""
    found: dict[str, str] = {}
    quiet = FindOptions(count=False)
    with suppress(ArcliError), LocalGallery(data) as gallery:
        for seed in (*range(5), 30, 31, 32):
            with suppress(ArcliError):
                photo = Picture(name=f"{seed}.png", data=picture(seed))
                matches = gallery.find(picture=photo, channels=[CHANNEL], options=quiet).matches
                found[f"poster{seed}"] = matches[0].identifier if matches else ""
    return found


def astray(channels: Channels, name: str) -> Iterator[str]:
    """Yield the targets that the index does not give first for their own features, and rows that are gone."""
    store = channels.get(name).store
    search = Shortlister(store)
    with store.read() as snapshot:
        rows = {row.row_id: row for row in snapshot.list(ListQuery())[1]}
        for row_id, data in snapshot.features(rows).items():
            features = Features.from_bytes(data)
            alike = load_preset(features.preset).alike
            votes = search.search(snapshot, features.codes, limit=10, alike=alike)
            if {vote.row_id for vote in votes} - rows.keys():
                yield f"{name}: a target that is gone gets votes"
            if rows[row_id].active and (not votes or votes[0].row_id != row_id):
                yield f"{name}: {rows[row_id].identifier} is not found by its own features"
    search.close()
