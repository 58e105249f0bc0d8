"""`arcli channel …`: make, show, change and remove channels."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer

from arcli.commands.channel.channel_views import (
    CHANNELS,
    LEFT,
    channel_lines,
    channel_record,
    estimate_lines,
)
from arcli.commands.channel.settings_options import IndexOption, with_settings
from arcli.console.faults import interruptible
from arcli.console.names import channels
from arcli.console.options import JobsOption, YesOption
from arcli.console.session import Session
from arcli.console.text import human_bytes, plural
from arcli.console.typer_classes import ArcliCommand, ArcliGroup, new_app
from arcli.errors import ChannelNotFound, DataDamaged, LimitExceeded, UsageError
from arcli.models import (
    ChannelInfo,
    ChannelSettings,
    FeaturePreset,
    IndexKind,
    SettingsChanges,
    UpgradeStatus,
    valid_channel_name,
)

app = new_app(cls=ArcliGroup, no_args_is_help=True)

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Channel.", autocompletion=channels)]

PresetOption = Annotated[
    FeaturePreset,
    typer.Option(
        "--preset",
        help="How much is kept of the features by which targets are found: all (standard), or half the bytes,"
        " for slightly fewer finds (compact).",
    ),
]

NewNameArgument = Annotated[str, typer.Argument(metavar="NEW", help="The new name.")]


@app.callback()
def channel() -> None:
    """Make, show, change and remove channels."""


@app.command(cls=ArcliCommand)
@with_settings
def create(
    ctx: typer.Context,
    name: NameArgument,
    changes: SettingsChanges,
    preset: PresetOption = FeaturePreset.STANDARD,
) -> None:
    """Create a channel.

    Example: arcli channel create posters --quota 5000
    """
    session = Session.of(ctx)
    settings = replace(ChannelSettings(), **changes)
    upgrades = session.upgrades if preset is not FeaturePreset.STANDARD else None
    info = session.channels.create_channel(name=valid_channel_name(name), settings=settings)
    if upgrades is not None:
        list(upgrades.upgrade(channel=info.name, preset=preset))
        info = session.channels.channel(name=info.name)
    _show(session, info)


@app.command(cls=ArcliCommand)
def upgrade(
    ctx: typer.Context,
    name: NameArgument,
    preset: PresetOption = FeaturePreset.STANDARD,
    jobs: JobsOption = None,
) -> None:
    """Change how much a channel keeps of the features of its targets.

    Others may search and add meanwhile; after an interruption the same command continues. From compact to
    standard the kept pictures are extracted again; targets without one are named and stay as they are, and
    are found as before.

    Example: arcli channel upgrade posters --preset compact
    """
    session = Session.of(ctx)
    name, upgrades = valid_channel_name(name), session.upgrades
    total = session.channels.channel(name=name).targets
    counts = dict.fromkeys((status.value for status in UpgradeStatus), 0)
    answer = session.answer(LEFT, changes=True)
    with (
        interruptible(
            lambda: f"{plural(sum(counts.values()), 'target')} moved", "the same command continues"
        ),
        session.progress("targets", total) as advance,
    ):
        for item in upgrades.upgrade(channel=name, preset=preset, jobs=jobs):
            counts[item.status] += 1
            if item.error is not None:
                answer.item(item, item.error)
            advance()
    info = session.channels.channel(name=name)
    data = {"name": name, "preset": info.preset, "counts": counts, "store_bytes": info.store_bytes}
    session.end(answer, data)
    stay = f", {counts['kept']:,} stay as they are" if counts["kept"] else ""
    session.say(f"channel {name} has preset {preset}: {human_bytes(info.store_bytes)}{stay}")


@app.command(cls=ArcliCommand)
def show(ctx: typer.Context, name: NameArgument) -> None:
    """Show a channel: settings, counts, index, sizes.

    The preset decides how much is kept of the features of targets; `channel upgrade` changes it.
    Segments are the files of the index; the delta is the targets that are not yet in a segment, which are
    searched one by one.

    Example: arcli channel show posters --json
    """
    session = Session.of(ctx)
    _show(session, session.channels.channel(name=valid_channel_name(name)))


@app.command("set", cls=ArcliCommand)
@with_settings
def set_(ctx: typer.Context, name: NameArgument, changes: SettingsChanges) -> None:
    """Change settings of a channel; what is not given stays as it is.

    Example: arcli channel set posters --threshold 0.6 --private
    """
    session = Session.of(ctx)
    channel_name = valid_channel_name(name)
    if not changes:
        raise UsageError("nothing to set", hint="run: arcli channel set --help")
    _show(session, session.channels.set_channel(name=channel_name, changes=changes))


@app.command(cls=ArcliCommand)
def rm(ctx: typer.Context, name: NameArgument, yes: YesOption = False) -> None:
    """Remove a channel with all its targets; asks first.

    Example: arcli channel rm posters --yes
    """
    session = Session.of(ctx)
    name = valid_channel_name(name)
    targets = _count(session, name)
    content = "what it holds, which cannot be read" if targets is None else plural(targets, "target")
    session.confirm(f"Remove channel {name} with {content}?", yes=yes)
    session.channels.remove_channel(name=name)
    session.record({"name": name, "removed": True, "targets": targets}, name=name, lines=())
    session.say(f"channel {name} removed, with {content}")


def _count(session: Session, name: str) -> int | None:
    """Return how many targets a channel has; None for one whose store cannot be read."""
    session.channels.settings_of(name=name)
    try:
        return session.channels.channel(name=name).targets
    except (DataDamaged, ChannelNotFound, LimitExceeded):
        return None


@app.command(cls=ArcliCommand)
def rename(ctx: typer.Context, name: NameArgument, new: NewNameArgument) -> None:
    """Rename a channel; its targets, counts, keys and grants go with it.

    Example: arcli channel rename posters films
    """
    session = Session.of(ctx)
    info = session.channels.rename_channel(name=valid_channel_name(name), new=valid_channel_name(new))
    _show(session, info)


@app.command(cls=ArcliCommand)
def copy(ctx: typer.Context, name: NameArgument, new: NewNameArgument) -> None:
    """Copy a channel's settings and targets to a new channel; its counts start at zero.

    Example: arcli channel copy posters posters_2027
    """
    session = Session.of(ctx)
    info = session.channels.copy_channel(name=valid_channel_name(name), new=valid_channel_name(new))
    _show(session, info)


@app.command(cls=ArcliCommand)
def compact(ctx: typer.Context, name: NameArgument) -> None:
    """Put all targets of a channel into one index file, without removed ones.

    Example: arcli channel compact posters
    """
    session = Session.of(ctx)
    _show(session, session.maintenance.compact(channel=valid_channel_name(name)))


@app.command(cls=ArcliCommand)
def estimate(
    ctx: typer.Context,
    targets: Annotated[int, typer.Option("--targets", metavar="N", min=1, help="How many targets.")],
    index: IndexOption = None,
    preset: PresetOption = FeaturePreset.STANDARD,
) -> None:
    """Estimate what a channel of so many targets costs: disk, memory, time to build, time of a lookup.

    It adds up costs that were measured at several sizes, shipped with arcli, and says when and on which
    machine; no channel is read. Your machine, pictures and photos will differ.

    Example: arcli channel estimate --targets 100000
    """
    session = Session.of(ctx)
    found = session.maintenance.estimate(targets=targets, index=index or IndexKind.AUTO, preset=preset)
    session.record(asdict(found), name=found.index, lines=estimate_lines(found))


@app.command(cls=ArcliCommand)
def backup(
    ctx: typer.Context,
    name: NameArgument,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file that is not there yet.")],
) -> None:
    """Write a channel to one file: targets, pictures, features, settings and counts, checked.

    Others may add and find meanwhile: the file holds the channel as it was at one moment. Only its owner can
    read it. `channel restore` makes a channel of it.

    Example: arcli channel backup posters posters.arcli
    """
    session = Session.of(ctx)
    done = session.backups.write_channel(valid_channel_name(name), file)
    record = {"name": done.channel, "file": str(file), "targets": done.targets, "bytes": done.bytes}
    session.record(record, name=done.channel, lines=())
    session.say(f"channel {done.channel} with {plural(done.targets, 'target')} written to {file}")


@app.command(cls=ArcliCommand)
def restore(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `channel backup` wrote.")],
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="The channel's new name; its own by default.")
    ] = None,
) -> None:
    """Make a channel from a file that `channel backup` wrote, once all of the file was checked.

    Example: arcli channel restore posters.arcli posters_yesterday
    """
    session = Session.of(ctx)
    made = session.backups.restore_channel(file, None if name is None else valid_channel_name(name))
    session.index([made.channel])
    record = {"name": made.channel, "file": str(file), "targets": made.targets, "bytes": made.bytes}
    session.record(record, name=made.channel, lines=())
    session.say(f"channel {made.channel} with {plural(made.targets, 'target')} restored from {file}")


@app.command(cls=ArcliCommand)
def ls(ctx: typer.Context) -> None:
    """List the channels.

    The kind of a channel says what a match in it means to a Tupu client: nothing (plain), refuse (black),
    let pass (white).

    Example: arcli channel ls
    """
    session = Session.of(ctx)
    channels = session.channels.channels()
    answer = session.answer(CHANNELS)
    for info in channels:
        answer.item(info, info.error and info.error.about(info.name))
    session.end(answer, {"totalcount": len(channels)}, single=len(channels) == 1)
    session.say(plural(len(channels), "channel"))


def _show(session: Session, info: ChannelInfo) -> None:
    session.record(channel_record(info), name=info.name, lines=channel_lines(info))
