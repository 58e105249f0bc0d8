"""The channels in which labelled photos are looked up, and the labels that they cannot answer."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from arcli.bulk.add_plan import Defaults, plan_words
from arcli.bulk.channel_state import known_of
from arcli.bulk.identifiers import IdFrom
from arcli.bulk.plan_run import load
from arcli.console.session import Session
from arcli.errors import ArcliError, NotSupported, TargetInactive, TargetNotFound
from arcli.models import MESSAGES, AddOptions, some_of

if TYPE_CHECKING:
    from arcli.evaluation.photos import PhotoList, Registered
    from arcli.gallery import Gallery


@dataclass(frozen=True, slots=True, kw_only=True)
class Searched:
    """Where photos are looked up. channels: None for all; names: those of the channels, if known."""

    gallery: Gallery
    channels: list[str] | None
    names: tuple[str, ...]
    folder: Path | None = None


@contextmanager
def searched_in(session: Session, folder: Path | None, all_channels: bool) -> Iterator[Searched]:
    """Open what to search: channels, or a folder's pictures in a temporary gallery."""
    if folder is None:
        names = _all_channels(session) if all_channels else (session.channel,)
        channels = None if all_channels else [session.channel]
        yield Searched(gallery=session.gallery, channels=channels, names=names)
        return
    from arcli.connect import scratch

    name = session.channel
    with (
        tempfile.TemporaryDirectory(prefix="arcli-") as data_dir,
        scratch(Path(data_dir) / "data") as gallery,
    ):
        _register(session, gallery, name, folder)
        yield Searched(gallery=gallery, channels=[name], names=(name,), folder=folder)


def _register(session: Session, gallery: Gallery, channel: str, folder: Path) -> None:
    """Add the folder's pictures, with the identifiers that `add` would give them."""
    plan = plan_words([str(folder)], IdFrom.STEM, Defaults())
    with session.progress("registering", plan.total) as advance:
        for outcome in load(gallery, channel=channel, plan=plan, options=AddOptions()):
            if outcome.error is not None:
                session.warn(f"{outcome.image}: {outcome.error}")
            advance()


def _all_channels(session: Session) -> tuple[str, ...]:
    try:
        return tuple(channel.name for channel in session.channels.channels())
    except NotSupported:
        return ()


def registered_of(searched: Searched, labelled: PhotoList) -> Registered:
    """Find the labels that the channels cannot answer; unknown if a service does not list its targets."""
    from arcli.evaluation.photos import Registered

    wanted = labelled.wanted
    active: set[str] = set()
    there: set[str] = set()
    try:
        for name in searched.names:
            known = known_of(searched.gallery, name, wanted)
            there |= known.keys()
            active |= {identifier for identifier, target in known.items() if target.active}
    except NotSupported:
        return Registered()
    if not searched.names:
        return Registered()
    return Registered(absent=wanted - there, inactive=frozenset(there - active))


def label_faults(searched: Searched, registered: Registered) -> Iterator[ArcliError]:
    """Yield what makes the figures less meaningful than they look."""
    where = f"channel {searched.channels[0]}" if searched.channels else "no channel"
    where = where if searched.folder is None else str(searched.folder)
    if registered.absent:
        has = "has" if searched.channels else "of all has"
        yield TargetNotFound(
            f"{where} {has} no target {_named(registered.absent)}, which photos are labelled with",
            hint="name the channel with -c, or correct the labels; these count as missed: no_such_target",
            item=_only(registered.absent),
        )
    if registered.inactive:
        yield TargetInactive(
            f"inactive, so that no photo can show it: {_named(registered.inactive)}",
            hint="arcli update ID --active; these count as missed: inactive",
            item=_only(registered.inactive),
        )


def _named(identifiers: frozenset[str]) -> str:
    return some_of(sorted(identifiers), MESSAGES.in_paragraph)


def _only(identifiers: frozenset[str]) -> str | None:
    return next(iter(identifiers)) if len(identifiers) == 1 else None
