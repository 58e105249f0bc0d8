"""The add plan: every picture with its identifier, checked for collisions before anything is sent."""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

from arcli.bulk.identifiers import IdFrom, identifier_for, original_name
from arcli.bulk.manifest import Manifest, Row
from arcli.bulk.walk import Found, Skipped, named_path, picture_named, pictures_of
from arcli.errors import ArcliError, Conflict, EmptyInput, InvalidIdentifier, PictureNotFound, UsageError
from arcli.models import (
    MESSAGES,
    AddItem,
    MatchRatio,
    Picture,
    is_url,
    some_of,
    usable_matchratio,
    valid_identifier,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanEntry:
    """One item of a plan. `where`: its line in a manifest; with an `error` it is not sent. The picture is at
    `path`, or `fetch` gets its bytes, or `data` holds them, or `image` is its URL. `picture_hash`: SHA-256 of
    the bytes where it is known without reading them.
    """

    image: str
    identifier: str = ""
    path: Path | None = None
    data: bytes | None = None
    fetch: Callable[[], bytes] | None = None
    picture_hash: str | None = None
    metadata: str | None = None
    matchratio: MatchRatio | None = None
    active: bool | None = None
    name: str | None = None
    where: str | None = None
    error: ArcliError | None = None

    def picture(self) -> Picture:
        """Return the picture. Raises what `fetch` raises."""
        if self.path is None and self.data is None and self.fetch is None:
            return picture_named(self.image)
        data = self.fetch() if self.fetch is not None else self.data
        return Picture(name=self.image, path=self.path, data=data)

    def item(self) -> AddItem:
        return AddItem(
            picture=self.picture(),
            identifier=self.identifier,
            metadata=self.metadata,
            matchratio=self.matchratio,
            name=self.name,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """What items get that have no values of their own."""

    metadata: str | None = None
    matchratio: MatchRatio | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """`total` entries, read again by each call of `entries` so that no metadata are held in memory.

    `faults`: how many entries already have an error. `unread`: linked folders that were not entered.
    """

    entries: Callable[[], Iterator[PlanEntry]]
    total: int
    identifiers: frozenset[str]
    notes: tuple[str, ...] = ()
    faults: int = 0
    unread: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Shard:
    """One of `count` parts of a plan, from 1: the entries whose identifier's CRC-32 belongs to it."""

    number: int
    count: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Read "3/8". Raises UsageError."""
        found = re.fullmatch(r"([0-9]{1,5})/([0-9]{1,5})", text)
        shard = cls(int(found[1]), int(found[2])) if found else None
        if shard is None or not 1 <= shard.number <= shard.count:
            raise UsageError(
                f"{text!r} is not a part such as 1/4", hint="1/4, 2/4, 3/4 and 4/4 are all parts of a whole"
            )
        return shard

    def has(self, identifier: str) -> bool:
        return zlib.crc32(identifier.encode(errors="replace")) % self.count == self.number - 1

    def of(self, plan: Plan) -> Plan:
        """Return this part of a plan; what has no identifier belongs to the part of its place or path."""

        def entries() -> Iterator[PlanEntry]:
            return (one for one in plan.entries() if self.has(one.identifier or one.where or one.image))

        total, faults = 0, 0
        for entry in entries():
            total += 1
            faults += entry.error is not None
        names = frozenset(name for name in plan.identifiers if self.has(name))
        return replace(plan, entries=entries, total=total, identifiers=names, faults=faults)


def plan_words(
    words: Sequence[str],
    rule: IdFrom,
    defaults: Defaults,
    identifier: str | None = None,
    exclude: Sequence[str] = (),
) -> Plan:
    """Plan files, folders and globs; `identifier` is for one picture, `exclude` has patterns (`excluded`).

    A folder that cannot be read is an entry with an error, since its content is unknown.

    Raises EmptyInput when there is no picture at all, Conflict for a collision, PictureNotFound for a glob
    without a match, UsageError for an identifier given to several pictures, InvalidIdentifier.
    """
    skipped = Skipped()
    found = list(pictures_of(words, skipped, exclude))
    if not found and not skipped.unreadable:
        raise no_pictures(skipped)
    if identifier is not None:
        if len(found) != 1:
            raise UsageError(f"one identifier, but {len(found):,} pictures")
        names = [valid_identifier(identifier)]
    else:
        names = [identifier_for(PurePath(one.relative), rule) for one in found]
    _refuse_collisions(found, names)

    def entries() -> Iterator[PlanEntry]:
        for one, name in zip(found, names, strict=True):
            yield PlanEntry(
                image=one.image,
                path=picture_named(one.image).path,
                identifier=name,
                name=None if identifier else original_name(PurePath(one.relative), rule, name),
                metadata=defaults.metadata,
                matchratio=defaults.matchratio,
            )
        for folder in skipped.unreadable:
            yield PlanEntry(
                image=folder, error=PictureNotFound(f"{folder}: cannot read this folder", item=folder)
            )

    return Plan(
        entries,
        len(found) + len(skipped.unreadable),
        frozenset(names),
        skipped.passed_over(),
        len(skipped.unreadable),
        tuple(skipped.links),
    )


def no_pictures(skipped: Skipped) -> ArcliError:
    """Return the error for arguments that name no picture; the hint says what was skipped."""
    if skipped.unreadable:
        folder = skipped.unreadable[0]
        return PictureNotFound(f"{folder}: cannot read this folder", item=folder)
    empty = f"no pictures in {', '.join(skipped.empty)}" if skipped.empty else "the list names no pictures"
    notes = [note for note in skipped.passed_over() if not note.startswith("no pictures in")]
    return EmptyInput(empty, hint="; ".join(notes) or None)


def _refuse_collisions(found: Iterable[Found], names: list[str]) -> None:
    if len(set(names)) == len(names):
        return
    images: dict[str, list[str]] = {}
    for one, name in zip(found, names, strict=True):
        images.setdefault(name, []).append(one.image)
    shared = [f"{name} from {' and '.join(many)}" for name, many in images.items() if len(many) > 1]
    named = some_of(shared, MESSAGES.in_sentence, "; ")
    raise Conflict(
        f"pictures would get the same identifier, so nothing was sent: {named}",
        hint="try --id-from path, or give them identifiers in a --manifest",
    )


def plan_manifest(manifest: Manifest, rule: IdFrom, defaults: Defaults) -> Plan:
    """Plan a manifest's rows.

    A bad row, or one that repeats an earlier identifier, becomes an entry with an error.

    Raises EmptyInput for a manifest without rows.
    """
    first: dict[str, int] = {}
    taken: dict[int, int] = {}
    total = unused = faults = 0
    for row in manifest.rows():
        total += 1
        faults += row.error is not None
        unused += row.matchratio is not None and usable_matchratio(row.matchratio) is None
        if row.error is None:
            earlier = first.setdefault(_identifier(row, rule), row.line)
            if earlier != row.line:
                taken[row.line] = earlier
    if not total:
        raise EmptyInput(f"{manifest.path} lists no pictures", item=str(manifest.path))

    def entries() -> Iterator[PlanEntry]:
        for row in manifest.rows():
            yield _entry(row, manifest.path, rule, defaults, taken.get(row.line))

    outside = f"{manifest.path}: rows with a matchratio outside 0 to 1, which arcli's own engine does not use"
    notes = (*manifest.notes, f"{outside}: {unused:,}") if unused else manifest.notes
    return Plan(entries, total, frozenset(first), notes, faults + len(taken))


def _identifier(row: Row, rule: IdFrom) -> str:
    assert row.image is not None, "a row without an error has an image"
    return row.identifier or identifier_for(named_path(row.image.replace("\\", "/")), rule)


def _name(row: Row, rule: IdFrom, identifier: str) -> str | None:
    if row.identifier is not None or row.image is None:
        return None
    return original_name(PurePath(row.image.replace("\\", "/")), rule, identifier)


def _entry(row: Row, manifest: Path, rule: IdFrom, defaults: Defaults, taken: int | None) -> PlanEntry:
    where = f"{manifest}, line {row.line}"
    shown = row.image
    if shown is not None and not is_url(shown):
        shown = str(resolved(manifest.parent, shown))
    entry = PlanEntry(
        image=where if shown is None else shown,
        path=None if shown is None else picture_named(shown).path,
        identifier=row.identifier or "",
        metadata=row.metadata if row.metadata is not None else defaults.metadata,
        matchratio=row.matchratio if row.matchratio is not None else defaults.matchratio,
        active=row.active,
        where=where,
    )
    if row.error is not None:
        return replace(entry, error=located(row.error, entry))
    entry = replace(entry, identifier=_identifier(row, rule))
    entry = replace(entry, name=row.name or _name(row, rule, entry.identifier))
    if taken is None:
        return entry
    error = InvalidIdentifier(
        f"the identifier {entry.identifier} is already used in line {taken}",
        hint="the identifiers of a manifest must be different",
    )
    return replace(entry, error=located(error, entry))


def resolved(folder: Path, image: str) -> Path:
    """Return the path of a row's picture, relative to the manifest's folder; `\\` may separate folders."""
    path = folder / image
    if "\\" in image and not os.path.lexists(path):
        return folder / image.replace("\\", "/")
    return path


def located(error: ArcliError, entry: PlanEntry) -> ArcliError:
    """Return the error about the entry's picture, with its place in a manifest."""
    if entry.where is not None and error.message.startswith(entry.where):
        return error
    named = entry.image in error.message or entry.image == entry.where
    about = error.message if named else f"{entry.image}: {error.message}"
    whole = about if entry.where is None else f"{entry.where}: {about}"
    return error.reworded(whole).about(error.item or entry.image)
