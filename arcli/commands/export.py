"""`arcli export`: write a channel into a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from arcli.bulk.export import MANIFEST, Exported
from arcli.bulk.export import export as export_channel
from arcli.console.faults import interruptible
from arcli.console.items import ItemView
from arcli.console.session import Session
from arcli.console.text import plural
from arcli.models import ListQuery

EXPORTED: ItemView[Exported] = ItemView(
    key="items",
    record=lambda item: {
        "identifier": item.identifier,
        "image": item.image,
        "status": "failed" if item.error else "exported",
    },
    columns=("identifier", "image", "status"),
    names=lambda item: [] if item.error else [item.identifier],
)


def export(
    ctx: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty folder.")],
) -> None:
    """Write a channel's targets and pictures into a folder.

    It holds manifest.jsonl, which add --manifest and sync read back, and the pictures as they were kept.

    Example: arcli export backup/ --channel posters
    """
    session = Session.of(ctx)
    gallery, channel = session.gallery, session.channel
    total = gallery.list(channel=channel, query=ListQuery(limit=1)).totalcount
    answer = session.answer(EXPORTED, changes=True)
    counts = {"exported": 0, "failed": 0}
    hint = f"remove {folder} and export again; a folder without {MANIFEST} is not a complete export"
    with (
        interruptible(lambda: f"{plural(counts['exported'], 'target')} written to {folder}", hint),
        session.progress("exporting", total) as advance,
    ):
        for item in export_channel(gallery, channel=channel, folder=folder):
            counts["failed" if item.error else "exported"] += 1
            answer.item(item, item.error)
            advance()
    session.end(answer, {"counts": counts, "manifest": str(folder / MANIFEST)})
    session.say(f"{plural(counts['exported'], 'target')} written to {folder}")
