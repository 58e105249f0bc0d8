"""Moving channels from one store into another: rows, features and pictures as bytes, compared afterwards.

Nothing is extracted again. A batch is one transaction of the destination; when it has ended, it is read back
and compared with the source, field by field and byte by byte. What is there already and equal is not written
again, so that a migration that was interrupted goes on where it ended.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING

from arcli.errors import (
    ArcliError,
    Busy,
    ChannelExists,
    Conflict,
    DataDamaged,
    LimitExceeded,
    ShellHint,
    Unreachable,
)
from arcli.models import ChannelSettings, ListQuery, Migrated, SettingsChanges, Target
from arcli.store.rows import NewTarget, TargetRow

if TYPE_CHECKING:
    from arcli.engine.channels import Channels, OpenChannel
    from arcli.store.catalog import ChannelRecord
    from arcli.store.protocols import MatchCounts, TargetSnapshot, TargetWriter

_log = logging.getLogger(__name__)
_RESUME = ShellHint("migrate again with --resume")
_COMPARED = tuple(name for name in Target.__slots__ if name != "channel")


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationOptions:
    """batch (1 to 256): targets in one transaction, some 100 kB each. passes (1 to 10): over a channel that
    others change meanwhile. named (1 to 100): targets that an error names. Chosen.
    """

    batch: int = 32
    passes: int = 3
    named: int = 5


MIGRATION = MigrationOptions()


@dataclass(frozen=True, slots=True)
class _Whole:
    """A target with all that belongs to it."""

    row: TargetRow
    features: bytes
    picture: bytes | None
    thumbnail: bytes | None

    def equals(self, other: _Whole | None) -> bool:
        return (
            other is not None
            and all(getattr(self.row, name) == getattr(other.row, name) for name in _COMPARED)
            and (self.features, self.picture, self.thumbnail)
            == (other.features, other.picture, other.thumbnail)
        )

    def new(self) -> NewTarget:
        fields = {name: getattr(self.row, name) for name in _COMPARED}
        return NewTarget(**fields, features=self.features, picture=self.picture, thumbnail=self.thumbnail)


@dataclass(slots=True)
class _Tally:
    written: int = 0
    removed: int = 0
    failed: dict[str, ArcliError] = field(default_factory=dict)


class Migration:
    """Moves channels of `source` to `target`; both are closed by `close`.

    advance: is called for each target that was compared.
    """

    def __init__(
        self, source: Channels, target: Channels, *, advance: Callable[[], None] = lambda: None
    ) -> None:
        self._source, self._target, self.advance = source, target, advance

    def __enter__(self) -> Migration:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        self._source.close()
        self._target.close()

    def names(self) -> Sequence[str]:
        """Return the names of all channels of the source."""
        return self._source.names()

    def total(self, names: Sequence[str]) -> int:
        """Return how many targets the channels of the source have. Raises ChannelNotFound."""
        found = 0
        for name in names:
            with self._source.get(name).store.read() as snapshot:
                found += snapshot.count()
        return found

    def run(self, names: Sequence[str], *, resume: bool = False, delete: bool = False) -> Iterator[Migrated]:
        """Yield each channel when it has been moved and compared; one that fails does not stop the others.

        resume: go on with channels that exist already. delete: remove there what the source no longer has.
        Raises Busy, Unreachable, LimitExceeded: what was written until then is kept.
        """
        for name in names:
            try:
                yield self._channel(name, resume=resume, delete=delete)
            except (Busy, Unreachable, LimitExceeded) as error:
                raise error.hinting(_RESUME) from error
            except ArcliError as error:
                yield Migrated(channel=name, error=error)

    def _channel(self, name: str, *, resume: bool, delete: bool) -> Migrated:
        source = self._source.get(name)
        target = self._made(source.record, resume=resume)
        target.fold_owed()
        target.reserve.keep()
        tally = _Tally()
        self._until_equal(source, target, tally, delete=delete)
        source.counts.flush()
        counted = _carry_counts(source.counts, target.counts)
        if self._target.catalog().channel(target.name).settings != source.settings:
            self._target.catalog().set_channel(target.name, _all_of(source.settings))
        with target.store.read() as snapshot:
            targets = snapshot.count()
        error = _failure(name, tally.failed) or self._record_differs(source.record)
        return Migrated(
            channel=source.name,
            targets=targets,
            written=tally.written,
            removed=tally.removed,
            counts=counted,
            error=error,
        )

    def _made(self, record: ChannelRecord, *, resume: bool) -> OpenChannel:
        """Return the channel of the destination, made if it is not there; it has no quota until the end."""
        catalog = self._target.catalog(create=True)
        settings = replace(record.settings, quota=None)
        try:
            catalog.create_channel(record.name, settings, record.preset, created=record.created)
        except ChannelExists as error:
            if not resume:
                hint = ShellHint("--resume goes on with a migration that was interrupted")
                raise error.hinting(hint) from error
        made = catalog.channel(record.name)
        if (made.preset, made.created) != (record.preset, record.created):
            raise Conflict(
                f"channel {record.name!r} of the destination is not this one: it was made at"
                f" {made.created}, not at {record.created}",
                item=record.name,
            )
        if made.settings.quota is not None:
            catalog.set_channel(record.name, SettingsChanges(quota=None))
        return self._target.get(record.name)

    def _record_differs(self, wanted: ChannelRecord) -> Conflict | None:
        """Return an error unless the destination's record is the source's."""
        made = self._target.catalog().channel(wanted.name)
        if made.settings == wanted.settings and made.created == wanted.created:
            return None
        return Conflict(f"somebody else changes the settings of channel {wanted.name!r}", item=wanted.name)

    def _until_equal(self, source: OpenChannel, target: OpenChannel, tally: _Tally, *, delete: bool) -> None:
        """Move what differs, again while others change the source. Raises Busy when they do not stop."""
        for _ in range(MIGRATION.passes):
            tally.failed.clear()
            with source.store.read() as snapshot:
                before = snapshot.changes()
            self._pass(source, target, tally)
            self._surplus(source, target, tally, delete=delete)
            with source.store.read() as snapshot:
                if snapshot.changes() == before:
                    return
        raise Busy(f"channel {source.name!r} is being changed while it is migrated", hint=_RESUME)

    def _pass(self, source: OpenChannel, target: OpenChannel, tally: _Tally) -> None:
        last = 0
        while True:
            with source.store.read() as snapshot:
                ids = [row for row, _ in snapshot.features_after(last, MIGRATION.batch)]
                batch = _wholes(snapshot, ids, tally.failed)
            if not ids:
                return
            last = ids[-1]
            _bring(target, batch, tally)
            for _ in ids:
                self.advance()

    def _surplus(self, source: OpenChannel, target: OpenChannel, tally: _Tally, *, delete: bool) -> None:
        """Find what only the destination has, where it has more targets."""
        with source.store.read() as here, target.store.read() as there:
            if here.count() >= there.count():
                return
            more = [name for name in _identifiers(there) if here.target(name) is None]
        for name in more:
            if delete:
                with target.store.write() as writer:
                    tally.removed += writer.remove(name) is not None
            else:
                hint = ShellHint("--delete removes it")
                tally.failed[name] = Conflict(f"only the destination has {name}", item=name, hint=hint)


def _identifiers(snapshot: TargetSnapshot, page: int = 1000) -> Iterator[str]:
    for position in range(0, snapshot.count(), page):
        _, rows = snapshot.list(ListQuery(limit=page, position=position))
        yield from (row.identifier for row in rows)


def _wholes(snapshot: TargetSnapshot, row_ids: Sequence[int], failed: dict[str, ArcliError]) -> list[_Whole]:
    """Read targets of the source; those that are damaged there go to `failed`."""
    found = []
    for row_id, row in snapshot.rows(row_ids).items():
        try:
            found.append(_whole(snapshot, row))
        except DataDamaged as error:
            failed[row.identifier] = error
            row_ids = [other for other in row_ids if other != row_id]
    for lost in {*row_ids} - {one.row.row_id for one in found}:
        failed[f"row {lost}"] = DataDamaged(f"row {lost} of the source cannot be read: arcli doctor")
    return found


def _whole(snapshot: TargetSnapshot, row: TargetRow) -> _Whole:
    """Raises DataDamaged."""
    one = [row.row_id]
    features = snapshot.features(one).get(row.row_id)
    if not features:
        raise DataDamaged(f"the features of {row.identifier} cannot be read", item=row.identifier)
    return _Whole(row, features, snapshot.picture(row.row_id), snapshot.thumbnails(one).get(row.row_id))


def _bring(channel: OpenChannel, batch: Sequence[_Whole], tally: _Tally) -> None:
    """Write what is missing or differs in one transaction, and read it back."""
    with channel.store.read() as snapshot:
        wanted = [one for one in batch if not one.equals(_present(snapshot, one))]
    if not wanted:
        return
    with channel.store.write() as writer:
        written = [one for one in wanted if _put(writer, one, tally.failed)]
    with channel.store.read() as snapshot:
        for one in written:
            if not one.equals(_present(snapshot, one)):
                name = one.row.identifier
                tally.failed[name] = Conflict(f"{name} is not as it was written", item=name, hint=_RESUME)
    tally.written += len(written)
    channel.fold()


def _put(writer: TargetWriter, one: _Whole, failed: dict[str, ArcliError]) -> bool:
    """Write a target over the one of its name, unless that was changed in the destination since."""
    name, present = one.row.identifier, writer.target(one.row.identifier)
    if present is not None and (present.updated or "") > (one.row.updated or ""):
        failed[name] = Conflict(f"{name} was changed in the destination since", item=name)
        return False
    if present is not None:
        writer.remove(name)
    writer.insert(one.new())
    return True


def _present(snapshot: TargetSnapshot, one: _Whole) -> _Whole | None:
    row = snapshot.target(one.row.identifier)
    try:
        return None if row is None else _whole(snapshot, row)
    except DataDamaged:
        return None


def _carry_counts(source: MatchCounts, target: MatchCounts) -> int:
    """Raise the destination's counts to the source's; return how many were raised."""
    there = {(count.day, count.identifier): count.count for count in target.read(dt.date.min, dt.date.max)}
    missing = {}
    for count in source.read(dt.date.min, dt.date.max):
        key = (count.day, count.identifier)
        if (more := count.count - there.get(key, 0)) > 0:
            missing[key] = more
    if missing:
        target.add(missing, timeout=float(dt.timedelta(minutes=1).seconds))
    return len(missing)


def _all_of(settings: ChannelSettings) -> SettingsChanges:
    changes = SettingsChanges()
    changes.update(asdict(settings))  # type: ignore[typeddict-item]  # the same names
    return changes


def _failure(channel: str, failed: dict[str, ArcliError]) -> ArcliError | None:
    """Return one error for all targets that could not be moved, of the first one's kind; the log has each."""
    for error in failed.values():
        _log.warning("channel %r: %s", channel, error.message)
    if not failed:
        return None
    first = next(iter(failed.values()))
    named = ", ".join([*failed][: MIGRATION.named]) + (" …" if len(failed) > MIGRATION.named else "")
    message = f"{len(failed):,} targets of channel {channel!r} are not as in the source: {named}"
    return type(first)(message, item=channel, hint=first.hint)
