"""What a Tupu service cannot be asked: how its galleries are filled is not public."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NoReturn

from arcli.errors import NotSupported
from arcli.models import (
    AddItem,
    AddOptions,
    AddResult,
    RemoveResult,
    StatisticsQuery,
    StatRecord,
    Target,
    TargetChanges,
)


class TupuCannot:
    """The methods of Gallery that raise NotSupported, saying who can do it."""

    def add(self, *, channel: str, item: AddItem, options: AddOptions = AddOptions()) -> AddResult:
        _cannot("add pictures")

    def add_many(
        self, *, channel: str, items: Iterable[AddItem], options: AddOptions = AddOptions()
    ) -> Iterator[AddResult]:
        _cannot("add pictures")

    def remove(self, *, channel: str, identifier: str) -> bool:
        _cannot("remove pictures")

    def remove_many(self, *, channel: str, identifiers: Iterable[str]) -> Iterator[RemoveResult]:
        _cannot("remove pictures")

    def get(self, *, channel: str, identifier: str) -> Target:
        _cannot("show one picture of its gallery")

    def picture(self, *, channel: str, identifier: str) -> bytes:
        _cannot("give pictures back")

    def update(self, *, channel: str, identifier: str, changes: TargetChanges) -> Target:
        _cannot("change pictures of its gallery")

    def statistics(self, *, query: StatisticsQuery) -> Sequence[StatRecord]:
        _cannot("tell how often it found something")


def _cannot(what: str) -> NoReturn:
    raise NotSupported(
        f"through Tupu's public interface arcli cannot {what}",
        hint="a local profile and an ARCloud profile can; Tupu's own console fills its galleries",
    )
