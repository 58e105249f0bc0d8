"""How many targets a sync may remove before somebody must confirm that this is intended."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from arcli.bulk.channel_state import SIZES
from arcli.bulk.sync.actions import Action, Do
from arcli.errors import UsageError

_GIVEN = re.compile(r"([0-9]{1,18})|([0-9]{1,3}(?:\.[0-9]{1,18})?) ?%")


@dataclass(frozen=True, slots=True, kw_only=True)
class MaxDelete:
    """The largest number of targets that may be removed without a question.

    count, share (0 to 1): what the user gave. Without either, what is usual for a maintained gallery: never
    all of it, and a tenth or three targets, whichever is more. A season's change of a catalogue stays below
    that; a wrong folder or a network share that is not mounted does not (rsync and Terraform users report
    both).
    """

    count: int | None = None
    share: float | None = None
    usual_share: float = 0.1
    usual_count: int = 3

    @classmethod
    def of(cls, text: str | None) -> MaxDelete:
        """Read `N` or `N%`; None is the default. Raises UsageError."""
        if text is None:
            return cls()
        match = _GIVEN.fullmatch(text.strip())
        if match is None or (match[2] and float(match[2]) > 100):
            raise UsageError(
                f"--max-delete {text[:40]!r} is not a number of targets", hint="for example 20, or 5%"
            )
        return cls(count=int(match[1])) if match[1] else cls(share=float(match[2]) / 100)

    @property
    def given(self) -> bool:
        return self.count is not None or self.share is not None

    def allows(self, removals: int, targets: int) -> bool:
        """Say whether so many of a channel's targets may be removed without a question."""
        if self.count is not None:
            return removals <= self.count
        if self.share is not None:
            return removals <= self.share * targets
        few = removals <= max(self.usual_count, self.usual_share * targets)
        return removals == 0 or (few and removals < targets)


@dataclass(slots=True)
class Planned:
    """What a stored plan is about. identifiers: those of its first `SIZES.few` actions."""

    identifiers: frozenset[str]
    actions: int
    removals: int
    faults: int

    @classmethod
    def of(cls, actions: Iterable[Action]) -> Planned:
        """Read all actions of a plan once."""
        names: set[str] = set()
        count = removals = faults = 0
        for action in actions:
            count += 1
            if len(names) < SIZES.few:
                names.add(action.identifier)
            removals += action.do is Do.REMOVE
            faults += action.do in (Do.FAIL, Do.HOLD)
        return cls(frozenset(names), count, removals, faults)
