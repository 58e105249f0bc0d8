"""Another gallery's channel as a source: its targets as entries, and what cannot be moved."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from arcli.bulk.add_plan import PlanEntry
from arcli.bulk.channel_state import targets
from arcli.bulk.sync.actions import Action
from arcli.errors import ArcliError, NotSupported, PictureNotKept
from arcli.gallery import Gallery
from arcli.models import ListQuery, Picture


class ChannelSource:
    """The targets of `channel` in `gallery`; `label` names it in answers.

    A vendor's service does not return pictures (they then come from `pictures`, identifier → file), has no
    inactive targets, and its matchratio means nothing to another engine (kept with `trust_ratio`).
    """

    def __init__(
        self,
        gallery: Gallery,
        channel: str,
        *,
        label: str,
        pictures: Mapping[str, Path] | None = None,
        trust_ratio: bool = False,
    ) -> None:
        self.gallery, self.channel, self.label = gallery, channel, label
        self.vendor = not gallery.capabilities().features
        self.ratios_left = 0
        self._pictures = pictures or {}
        self._trust_ratio = trust_ratio or not self.vendor
        self._refusal: NotSupported | None = None
        self._last: tuple[str, bytes] | None = None

    def total(self) -> int:
        """Return how many targets there are. Raises ChannelNotFound."""
        return self.gallery.list(channel=self.channel, query=ListQuery(limit=1)).totalcount

    def identifiers(self) -> Iterator[str]:
        """Yield the identifiers of all targets, by a listing of its own."""
        return (target.identifier for target in targets(self.gallery, self.channel))

    def entries(self) -> Iterator[PlanEntry]:
        """Yield every target; its picture is fetched when it is needed."""
        for target in targets(self.gallery, self.channel):
            left = target.matchratio is not None and not self._trust_ratio
            self.ratios_left += left
            yield PlanEntry(
                image=f"{self.label}/{target.identifier}",
                identifier=target.identifier,
                fetch=partial(self._fetch, target.identifier),
                picture_hash=target.picture_hash,
                metadata=target.metadata,
                matchratio=None if left else target.matchratio,
                active=None if self.vendor else target.active,
                name=target.name,
            )

    def attached(self, actions: Iterable[Action]) -> Iterator[Action]:
        """Yield actions that were read from a plan, with their pictures attached again."""
        for action in actions:
            if action.entry is None or action.entry.path is not None:
                yield action
            else:
                entry = replace(action.entry, fetch=partial(self._fetch, action.identifier))
                yield replace(action, entry=entry)

    def _fetch(self, identifier: str) -> bytes:
        """Return a picture; it is compared and then sent, so the last one is kept."""
        if self._last is None or self._last[0] != identifier:
            self._last = identifier, self._bytes(identifier)
        return self._last[1]

    def _bytes(self, identifier: str) -> bytes:
        error: ArcliError
        try:
            if self._refusal is None:
                return self.gallery.picture(channel=self.channel, identifier=identifier)
            error = self._refusal
        except NotSupported as refusal:
            error = self._refusal = refusal
        except PictureNotKept as missing:
            error = missing
        if identifier in self._pictures:
            return Picture.from_path(self._pictures[identifier]).read()
        raise _missing(identifier, error)

    def not_moved(self) -> list[str]:
        """Return notes on what is not moved, after `entries` has been read."""
        notes = ["match counts and creation times are not moved; levels are rated again"]
        if self.ratios_left:
            notes.append(
                f"{self.ratios_left:,} matchratios of another engine are not moved (--trust-matchratio)"
            )
        if self.vendor:
            notes.append("the service does not return pictures: new targets need them from --pictures DIR")
        return notes


def _missing(identifier: str, error: ArcliError) -> ArcliError:
    kind = NotSupported if isinstance(error, NotSupported) else PictureNotKept
    return kind(
        f"the picture of {identifier} cannot be moved: {error.message}",
        hint="give the pictures with --pictures DIR",
        item=identifier,
    )
