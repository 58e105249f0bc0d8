"""`arcli restore`: a data folder from a backup."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from arcli.console.items import ItemView
from arcli.console.session import Session
from arcli.console.text import human_bytes, plural

if TYPE_CHECKING:
    from arcli.store.repair.backup_folder import BackedUp

CHANNELS: ItemView[BackedUp] = ItemView(
    key="channels",
    record=lambda item: {"name": item.channel, "targets": item.targets, "bytes": item.bytes},
    columns=("name", "targets", "bytes"),
    names=lambda item: [item.channel],
    headings=("channel", "targets", "size"),
    lines=lambda item: [(item.channel, f"{item.targets:,}", human_bytes(item.bytes))],
)


def restore(
    ctx: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="What `arcli backup` wrote.")],
    verify: Annotated[
        bool, typer.Option("--verify", help="Only check the backup, all of it; write nothing.")
    ] = False,
) -> None:
    """Make an empty data folder from what `backup` wrote: all of it, or nothing.

    The data folder must be empty or not there yet; --data-dir names another. All files are checked first, and
    indexes are built at the end.

    Example: arcli restore /mnt/backups/arcli --data-dir /srv/arcli
    """
    session = Session.of(ctx)
    backups = session.backups
    answer = session.answer(CHANNELS, changes=True)
    names = []
    for item in backups.verify(folder) if verify else backups.restore(folder):
        names.append(item.channel)
        answer.item(item)
    if not verify:
        session.index(names)
    session.end(answer, {"folder": str(folder)})
    session.say(f"{plural(len(names), 'channel')} {'are sound' if verify else 'restored'}")
