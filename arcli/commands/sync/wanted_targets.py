"""What a channel is made equal to: a folder, a manifest, or a channel of another profile."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from arcli.bulk.add_plan import Defaults, Plan, PlanEntry, plan_manifest, plan_words
from arcli.bulk.identifiers import IdFrom
from arcli.bulk.manifest import open_manifest
from arcli.bulk.sync.channel_source import ChannelSource
from arcli.console.session import Session
from arcli.errors import PictureNotFound, UsageError
from arcli.models import valid_channel_name
from arcli.settings import Settings, resolve_other

if TYPE_CHECKING:
    from arcli.gallery import Gallery


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the command line says about the source."""

    source: str | None
    from_profile: str | None
    pictures: str | None
    id_from: IdFrom
    encoding: str | None
    trust_ratio: bool
    exclude: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The entries and their number; `channel` if they are another gallery's.

    `identifiers` yields those of all entries that can be loaded. `faults`: how many entries cannot be;
    `unread`: linked folders that were not entered.
    """

    name: str
    entries: Iterator[PlanEntry]
    total: int
    identifiers: Callable[[], Iterable[str]]
    notes: tuple[str, ...] = ()
    faults: int = 0
    unread: tuple[str, ...] = ()
    channel: ChannelSource | None = None


@contextmanager
def opened_source(session: Session, wanted: Wanted) -> Iterator[Source]:
    """Open what `wanted` names; another gallery stays open as long as the block runs."""
    if wanted.from_profile is None:
        yield _files(wanted)
        return
    if wanted.exclude:
        raise UsageError("--exclude is for folders, not for channels")
    with other_channel(session, wanted) as channel:
        yield Source(
            name=channel.channel,
            entries=channel.entries(),
            total=channel.total(),
            identifiers=channel.identifiers,
            channel=channel,
        )


def _files(wanted: Wanted) -> Source:
    if wanted.source is None:
        raise UsageError("nothing to sync with", hint="arcli sync FOLDER, MANIFEST, or --from-profile NAME")
    if wanted.pictures is not None or wanted.trust_ratio:
        raise UsageError("--pictures and --trust-matchratio belong to --from-profile")
    plan = _plan(Path(wanted.source), wanted)
    return Source(
        name=wanted.source,
        entries=plan.entries(),
        total=plan.total,
        identifiers=lambda: plan.identifiers,
        notes=plan.notes,
        faults=plan.faults,
        unread=plan.unread,
    )


def _plan(path: Path, wanted: Wanted) -> Plan:
    if path.is_dir():
        return plan_words([str(wanted.source)], wanted.id_from, Defaults(), exclude=wanted.exclude)
    if wanted.exclude:
        raise UsageError("--exclude is for folders: a manifest names its pictures itself")
    if not path.exists():
        raise PictureNotFound(f"{path}: no such folder or manifest", item=str(path))
    return plan_manifest(open_manifest(path, wanted.encoding), wanted.id_from, Defaults())


@contextmanager
def other_channel(session: Session, wanted: Wanted) -> Iterator[ChannelSource]:
    """Open the channel of another profile. Raises UsageError when it is the destination itself."""
    from arcli.connect import open_gallery

    assert wanted.from_profile is not None
    settings = resolve_other(wanted.from_profile, session.environ)
    name = valid_channel_name(wanted.source or settings.channel.value)
    if name == session.channel and _place(settings) == _place(session.settings):
        raise UsageError(f"channel {name} cannot be its own source")
    gallery: Gallery = open_gallery(settings)
    with gallery:
        yield ChannelSource(
            gallery,
            name,
            label=f"{wanted.from_profile}:{name}",
            pictures=_pictures(wanted),
            trust_ratio=wanted.trust_ratio,
        )


def _place(settings: Settings) -> dict[str, str]:
    places = ("data_dir", "url", "postgres")
    return {key: setting.value for key, setting in settings.values.items() if key in places}


def _pictures(wanted: Wanted) -> dict[str, Path]:
    if wanted.pictures is None:
        return {}
    plan = plan_words([wanted.pictures], wanted.id_from, Defaults())
    return {entry.identifier: entry.path for entry in plan.entries() if entry.path is not None}
