"""Reading a listing whose page size is not documented (docs/reference/protocols.md, "ARCloud")."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator

from arcli.errors import BadAnswer
from arcli.models import ListQuery, Target, TargetPage


def pages(
    fetch: Callable[[int], TargetPage], position: int = 0, first: TargetPage | None = None
) -> Iterator[TargetPage]:
    """Yield pages from `position` on (`first`: a page that was already read), until all are read.

    A target that was yielded before (pages overlap if others add targets) is left out. Raises BadAnswer on a
    page that brings nothing new (the service ignores the position), and where the listing ends before its
    totalcount.
    """
    seen: set[str] = set()
    page = fetch(position) if first is None else first
    while page.targets:
        new = {target.identifier: target for target in page.targets if target.identifier not in seen}
        if not new:
            raise BadAnswer(f"the service repeats a page of its listing (position {position})")
        seen |= new.keys()
        yield TargetPage(totalcount=page.totalcount, targets=tuple(new.values()))
        position += len(page.targets)
        if position >= page.totalcount:
            return
        page = fetch(position)
    refuse_early_end(page, position)
    yield page


def refuse_early_end(page: TargetPage, position: int) -> None:
    """Raise BadAnswer for an empty page at a position before its own totalcount.

    A listing cut short would be taken for the whole: `sync` would add and delete by it.
    """
    if not page.targets and position < page.totalcount:
        raise BadAnswer(
            f"the listing ends at {position} of {page.totalcount} targets",
            hint="nothing was read; try again, and ask the service's operator if this persists",
        )


def collected(read: Iterable[TargetPage], limit: int | None) -> TargetPage:
    """Return the first `limit` targets of pages, in order, reading no more pages than needed."""
    found: dict[str, Target] = {}
    total = 0
    for page in read:
        total = page.totalcount
        found |= {target.identifier: target for target in page.targets}
        if limit is not None and len(found) >= limit:
            break
    ordered = sorted(found.values(), key=lambda target: target.identifier)
    return TargetPage(totalcount=total, targets=tuple(ordered[:limit]))


def selected(read: Iterable[TargetPage], query: ListQuery) -> TargetPage:
    """Read all pages and select here, as the embedded engine would (`level` is not in a listing)."""
    chosen = [target for page in read for target in page.targets if _selects(query, target)]
    chosen.sort(key=lambda target: target.identifier)
    end = None if query.limit is None else query.position + query.limit
    return TargetPage(totalcount=len(chosen), targets=tuple(chosen[query.position : end]))


def _selects(query: ListQuery, target: Target) -> bool:
    return (
        target.identifier.startswith(query.prefix or "")
        and query.active in (None, target.active)
        and all(_holds(target.metadata, key, value) for key, value in query.where)
    )


def _holds(metadata: str | None, key: str, value: str) -> bool:
    """Return whether the metadata are an object whose `key` has `value`, compared as text."""
    try:
        found = json.loads(metadata or "null")
    except (ValueError, RecursionError):
        return False
    if not isinstance(found, dict) or key not in found:
        return False
    item = found[key]
    return (item if isinstance(item, str) else json.dumps(item, ensure_ascii=False)) == value
