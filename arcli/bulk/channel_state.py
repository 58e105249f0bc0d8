"""What a channel held when a load began, and what it holds now.

A load that is continued reports each item as if it had never been interrupted: its *status* is decided by the
channel as it was at the start, and *what is left to do* by the channel as it is now.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from arcli.bulk.add_plan import PlanEntry
from arcli.errors import BadAnswer, ChannelNotFound, Conflict, TargetNotFound
from arcli.files import write_atomically
from arcli.gallery import Gallery
from arcli.models import ListQuery, MatchRatio, Target

_FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSizes:
    """How much is requested at once.

    few: up to so many targets are requested one by one rather than by a listing; 10 to 300: in a local
    channel one takes 0.8 ms and a page of 5,000 takes 250 ms, over a network each is a request. page: targets
    per page of a listing, 1,000 to 10,000 (chosen, not measured). idle: after so many steps in a row that
    need no sending a batch ends, so that their results appear; 16 to 1,000 (chosen).
    """

    few: int = 50
    page: int = 5000
    idle: int = 64


SIZES = BatchSizes()


@dataclass(frozen=True, slots=True)
class Known:
    """A target in brief: digests instead of texts, so that a large channel fits in memory."""

    picture_hash: str | None
    metadata: str | None  # as `digest` makes it
    matchratio: MatchRatio | None
    active: bool
    level: int | None

    @classmethod
    def of(cls, target: Target) -> Known:
        metadata = digest(target.metadata, exact=target.picture_hash is not None)
        return cls(target.picture_hash, metadata, target.matchratio, target.active, target.level)

    def digest(self, metadata: str | None) -> str | None:
        """Return the digest of metadata to compare with this target's."""
        return digest(metadata, exact=self.picture_hash is not None)

    def same_picture(self, entry: PlanEntry) -> bool | None:
        """Say whether the target was added from the entry's bytes; None if the gallery does not tell.

        Raises a PictureRefused when the entry's picture cannot be read, and what fetching it raises.
        """
        if self.picture_hash is None:
            return None
        return self.picture_hash == entry.picture_hash or self.picture_hash == hash_of(entry)

    def same_words(self, entry: PlanEntry) -> bool:
        """Say whether the target already has everything that the entry sets besides its picture."""
        return (
            (entry.metadata is None or self.digest(entry.metadata) == self.metadata)
            and (entry.matchratio is None or str(entry.matchratio) == str(self.matchratio))
            and (entry.active is None or entry.active == self.active)
        )


def hash_of(entry: PlanEntry) -> str:
    """Return the SHA-256 of an entry's picture. Raises as `Known.same_picture` does."""
    return hashlib.sha256(entry.picture().read()).hexdigest()


def digest(text: str | None, *, exact: bool) -> str | None:
    """Return a SHA-256 of metadata; unless `exact`, of their meaning.

    A service that keeps no hashes is a vendor's, and may rewrite JSON.
    """
    if text is None:
        return None
    try:
        plain = text if exact else json.dumps(json.loads(text), sort_keys=True)
    except (ValueError, RecursionError):
        plain = text
    return hashlib.sha256(plain.encode()).hexdigest()


def listed(gallery: Gallery, channel: str, prefix: str | None = None) -> Iterator[Target]:
    """Yield all targets of a channel whose identifiers begin with `prefix`, a page at a time.

    Raises ChannelNotFound, and BadAnswer for a listing that ends before its totalcount: taken as complete, it
    would remove targets.
    """
    position = 0
    while True:
        query = ListQuery(position=position, limit=SIZES.page, prefix=prefix)
        page = gallery.list(channel=channel, query=query)
        yield from page.targets
        position += len(page.targets)
        if position >= page.totalcount:
            return
        if not page.targets:
            raise BadAnswer(
                f"the listing of channel {channel} ends after {position:,} of {page.totalcount:,} targets",
                item=channel,
            )


def targets(gallery: Gallery, channel: str) -> Iterator[Target]:
    """Yield all targets of a channel, as `listed` does; a channel that does not exist has none."""
    with suppress(ChannelNotFound):
        yield from listed(gallery, channel)


def all_known(gallery: Gallery, channel: str) -> Iterator[tuple[str, Known]]:
    """Yield identifier and state of each target of a channel, as `targets` does."""
    return ((target.identifier, Known.of(target)) for target in targets(gallery, channel))


def known_of(gallery: Gallery, channel: str, identifiers: frozenset[str]) -> dict[str, Known]:
    """Return the state of those of `identifiers` that `channel` has."""
    if len(identifiers) > SIZES.few:
        return {name: known for name, known in all_known(gallery, channel) if name in identifiers}
    found = {}
    for identifier in identifiers:
        try:
            found[identifier] = Known.of(gallery.get(channel=channel, identifier=identifier))
        except TargetNotFound:
            continue
        except ChannelNotFound:
            break
    return found


def save_start(path: Path, channel: str, start: dict[str, Known]) -> None:
    """Save the state at the start, durably, before anything is added."""
    record = {
        "arcli_start": _FORMAT,
        "channel": channel,
        "known": {name: asdict(known) for name, known in start.items()},
    }
    write_atomically(path, json.dumps(record).encode())


def read_start(path: Path, channel: str) -> dict[str, Known] | None:
    """Return what `save_start` wrote, None when there is no such file.

    Raises Conflict when the load went into another channel, or the file is not ours.
    """
    try:
        record = json.loads(path.read_bytes())
        if record["arcli_start"] != _FORMAT:
            raise ValueError
        start = {name: Known(**known) for name, known in record["known"].items()}
        of = record["channel"]
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Conflict(f"{path} was not written by arcli", hint="remove it, or use a new report") from error
    if of != channel:
        raise Conflict(f"the load that {path} belongs to went into channel {of}", item=os.fspath(path))
    return start
