"""Carry out the actions of a sync, or say what each would do."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from typing import Protocol

from arcli.bulk.add_plan import PlanEntry
from arcli.bulk.channel_state import Known, hash_of
from arcli.bulk.run_steps import Reword, Send, Settled, Step, run_steps
from arcli.bulk.sync.actions import Action, Do, action_line, read_action
from arcli.errors import ArcliError, Conflict, PictureNotFound, Unreachable
from arcli.files import Spool
from arcli.gallery import Gallery
from arcli.models import AddOptions, AddResult, AddStatus, Hint, OnExists

_DONE = {Do.ADD: "added", Do.REPLACE: "replaced", Do.UPDATE: "updated", Do.REMOVE: "removed"}
KEPT = "unchanged"
HELD = "held"  # would be removed, but not all of the source could be read


class Knows(Protocol):
    """What a channel has, by identifier."""

    def get(self, identifier: str, /) -> Known | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncResult:
    """What became of one action: added, replaced, updated, removed, held, unchanged, failed, or would-…"""

    identifier: str
    image: str | None
    status: str
    changes: tuple[str, ...] = ()
    level: int | None = None
    hints: tuple[Hint, ...] = ()
    error: ArcliError | None = None


def planned_result(action: Action) -> SyncResult:
    """Say what an action would do."""
    if action.do is Do.KEEP:
        return _result(action, KEPT)
    if action.do is Do.FAIL:
        return _result(action, "would-fail", error=action.error)
    return _result(action, f"would-{action.do.value}")


def apply(
    gallery: Gallery,
    *,
    channel: str,
    actions: Iterable[Action],
    options: AddOptions,
    now: Knows | None = None,
) -> Iterator[SyncResult]:
    """Yield the result of each action, in order, removals last; they are held when anything failed before.

    Removals are kept on disk until then. `now`: the actions were decided earlier, and this is the present
    state of their targets; an action whose target or picture has changed since then fails. Raises Unreachable
    and whatever else stops the whole sync: then run it again.
    """
    if now is not None:
        actions = (_still_valid(action, now.get(action.identifier)) for action in actions)
    following = iter(actions)
    failed = False
    removals = Spool()
    waiting: deque[Action] = deque()

    def steps() -> Iterator[Step]:
        for action in following:
            if action.do in (Do.REMOVE, Do.HOLD):
                removals.add(action_line(action).decode().rstrip("\n"))
            else:
                waiting.append(action)
                yield _step(action)

    options = replace(options, on_exists=OnExists.REPLACE)
    for result in run_steps(gallery, channel, options, steps()):
        done = _outcome(waiting.popleft(), result)
        failed = failed or done.error is not None
        yield done
    waiting_removals = (read_action(line) for line in removals.lines())
    yield from _remove(gallery, channel, waiting_removals, hold=failed)


def _step(action: Action) -> Step:
    entry = action.entry if action.entry is not None else PlanEntry(image="", identifier=action.identifier)
    if action.do is Do.KEEP:
        return Settled(entry, AddStatus.SKIPPED, action.before.level if action.before else None)
    if action.do is Do.FAIL:
        return Settled(replace(entry, error=action.error), AddStatus.FAILED)
    if action.do is Do.UPDATE:
        return Reword(entry, action.before.level if action.before else None)
    return Send(entry)


def _outcome(action: Action, result: AddResult) -> SyncResult:
    if result.error is not None:
        return _result(action, "failed", error=result.error)
    status = KEPT if action.do is Do.KEEP else _DONE[action.do]
    return replace(_result(action, status), level=result.level, hints=result.hints)


def _remove(
    gallery: Gallery, channel: str, removals: Iterator[Action], *, hold: bool
) -> Iterator[SyncResult]:
    """Remove targets in the order of `removals`. `hold`: remove none, because something failed."""
    for action in removals:
        if _is_due(action) and not hold:
            yield from _remove_many(gallery, channel, chain([action], removals))
        else:
            yield _not_removed(action)


def _remove_many(gallery: Gallery, channel: str, removals: Iterator[Action]) -> Iterator[SyncResult]:
    """Remove in one batch; actions that remove nothing keep their place among the results."""
    passed: deque[Action] = deque()

    def due() -> Iterator[str]:
        for action in removals:
            passed.append(action)
            if _is_due(action):
                yield action.identifier

    for result in gallery.remove_many(channel=channel, identifiers=due()):
        while not _is_due(action := passed.popleft()):
            yield _not_removed(action)
        status = "failed" if result.error is not None else _DONE[Do.REMOVE]
        yield _result(action, status, error=result.error)
    yield from map(_not_removed, passed)


def _is_due(action: Action) -> bool:
    return action.do is Do.REMOVE and action.error is None


def _not_removed(action: Action) -> SyncResult:
    if action.error is not None:
        return _result(action, "failed", error=action.error)
    return _result(action, HELD)


def _result(action: Action, status: str, *, error: ArcliError | None = None) -> SyncResult:
    return SyncResult(
        identifier=action.identifier,
        image=None if action.entry is None else action.entry.image,
        status=status,
        changes=action.changes,
        error=error,
    )


def _still_valid(action: Action, now: Known | None) -> Action:
    """Return the action, or one that fails because something has changed since it was decided."""
    if action.do in (Do.KEEP, Do.FAIL, Do.HOLD):
        return action
    if now != action.before:
        why = "was changed" if now and action.before else "has appeared" if now else "has gone"
        return _stale(action, f"the target {action.identifier} {why} since the plan was made")
    if action.picture is None or action.entry is None:
        return action
    try:
        if hash_of(action.entry) != action.picture:
            return _stale(action, f"{action.entry.image} was changed since the plan was made")
    except PictureNotFound:
        return action  # the gallery will report it
    except Unreachable:
        raise
    except ArcliError as error:
        return replace(action, do=Do.FAIL, error=error)
    return action


def _stale(action: Action, why: str) -> Action:
    error = Conflict(why, hint="make a new plan", item=action.identifier)
    do = Do.REMOVE if action.do is Do.REMOVE else Do.FAIL
    return replace(action, do=do, error=error)
