"""`arcli backup`: all channels, accounts and keys in a folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from arcli.console.faults import interruptible
from arcli.console.items import ItemView
from arcli.console.session import Session
from arcli.console.text import human_bytes, plural

if TYPE_CHECKING:
    from arcli.store.repair.backup_folder import BackedUp


def _status(item: BackedUp) -> str:
    if item.error is not None:
        return "failed"
    return "written" if item.written else "unchanged"


CHANNELS: ItemView[BackedUp] = ItemView(
    key="channels",
    record=lambda item: {
        "name": item.channel,
        "status": _status(item),
        "targets": item.targets,
        "bytes": item.bytes,
    },
    columns=("name", "status", "targets", "bytes"),
    names=lambda item: [] if item.error else [item.channel],
    headings=("channel", "status", "targets", "size"),
    lines=lambda item: [(item.channel, _status(item), f"{item.targets:,}", human_bytes(item.bytes))],
)


def backup(
    ctx: typer.Context,
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="A new folder, or one with an earlier backup.")
    ],
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a backup that was interrupted.")
    ] = False,
) -> None:
    """Write all channels, accounts and keys into a folder, checked; what has not changed, once.

    Others may add and find meanwhile: each channel is written as it was at one moment. Only its owner can
    read the folder. A backup that is interrupted leaves the one before it as it was; `restore` reads it.

    Example: arcli backup /mnt/backups/arcli
    """
    session = Session.of(ctx)
    backups = session.backups
    answer = session.answer(CHANNELS, changes=True)
    done = 0
    again = f"arcli backup {folder} --resume goes on"
    with interruptible(lambda: f"{plural(done, 'channel')} written to {folder}", again):
        for item in backups.write(folder, resume=resume):
            done += item.error is None
            answer.item(item, item.error)
    session.end(answer, {"folder": str(folder)})
    session.say(f"{plural(done, 'channel')}, accounts and keys are in {folder}")
