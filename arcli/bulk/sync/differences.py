"""Compare a source with a channel: what must be done to make them equal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from arcli.bulk.add_plan import PlanEntry, located
from arcli.bulk.channel_state import Known, hash_of
from arcli.bulk.sync.actions import Action, Do
from arcli.bulk.sync.listing import ChannelListing
from arcli.errors import ArcliError, NotSupported, PictureNotKept, Unreachable


@dataclass(slots=True)
class Tally:
    """What a comparison has seen. `unknown`: pictures kept because the channel does not tell what it has."""

    seen: Counter[Do] = field(default_factory=Counter)
    unknown: int = 0


def compare(
    entries: Iterable[PlanEntry],
    channel: ChannelListing,
    tally: Tally,
    *,
    remove: bool,
    again: bool = False,
    complete: bool = True,
    total: int | None = None,
) -> Iterator[Action]:
    """Yield an action for each entry in order, then the removals.

    `again`: replace pictures if the channel does not tell what it has. Removals are held when an entry has
    failed, when the source was not read completely, when it gave a number of entries other than its `total`,
    or when it gave none: a source that is broken, not mounted or just being changed must not empty a channel.
    """
    seen = channel.none_seen()
    entered = 0
    for entry in entries:
        place, before = channel.find(entry.identifier) or (None, None)
        if place is not None:
            seen[place] = 1
        entered += 1
        action = _action(entry, before, tally, again)
        tally.seen[action.do] += 1
        yield action
    if remove:
        whole = complete and entered and total in (None, entered) and not tally.seen[Do.FAIL]
        do = Do.REMOVE if whole else Do.HOLD
        for identifier, before in channel.unseen(seen):
            tally.seen[do] += 1
            yield Action(do=do, identifier=identifier, before=before)


def _action(entry: PlanEntry, before: Known | None, tally: Tally, again: bool) -> Action:
    if entry.error is not None:
        return Action(do=Do.FAIL, identifier=entry.identifier, entry=entry, error=entry.error)
    try:
        if before is None:
            return Action(do=Do.ADD, identifier=entry.identifier, entry=entry, picture=hash_of(entry))
        return _difference(entry, before, tally, again)
    except Unreachable:
        raise
    except ArcliError as error:
        return Action(do=Do.FAIL, identifier=entry.identifier, entry=entry, error=located(error, entry))


def _difference(entry: PlanEntry, before: Known, tally: Tally, again: bool) -> Action:
    changes = _changed_words(entry, before)
    same = _same_picture(entry, before)
    tally.unknown += same is None
    if same is False or (same is None and again):
        return Action(
            do=Do.REPLACE,
            identifier=entry.identifier,
            entry=entry,
            changes=("picture", *changes),
            picture=hash_of(entry),
            before=before,
        )
    do = Do.UPDATE if changes else Do.KEEP
    return Action(do=do, identifier=entry.identifier, entry=entry, changes=changes, before=before)


def _same_picture(entry: PlanEntry, before: Known) -> bool | None:
    try:
        return before.same_picture(entry)
    except (NotSupported, PictureNotKept):
        return None


def _changed_words(entry: PlanEntry, before: Known) -> tuple[str, ...]:
    """Return the names of what the entry would change; what it does not mention stays."""
    pairs = (
        ("metadata", before.digest(entry.metadata), before.metadata),
        ("matchratio", _text(entry.matchratio), _text(before.matchratio)),
        ("active", entry.active, before.active),
    )
    return tuple(name for name, wanted, is_now in pairs if wanted is not None and wanted != is_now)


def _text(value: object) -> str | None:
    return None if value is None else str(value)
