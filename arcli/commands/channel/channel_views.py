"""How channels are shown."""

from __future__ import annotations

from dataclasses import asdict

from arcli.console.items import ItemView, Record, minute
from arcli.console.text import human_bytes
from arcli.models import ChannelInfo


def channel_record(info: ChannelInfo) -> Record:
    """Return a channel's JSON object: settings, counts, index and sizes on one level, without the error."""
    record = asdict(info)
    del record["error"]
    settings = record.pop("settings")
    return {"name": record.pop("name"), **settings, **record}


def channel_lines(info: ChannelInfo) -> list[tuple[str, object]]:
    """Return a channel's labels and values for people."""
    settings = info.settings
    threshold = "default" if settings.threshold is None else settings.threshold
    segments = ", ".join(f"{s.kind} of {s.rows:,}" for s in info.segments) or "none"
    return [
        ("name", info.name),
        ("targets", f"{info.targets:,}"),
        ("list kind", f"{settings.kind}: what a match means to a Tupu client"),
        ("threshold", f"{threshold}: the lowest score that counts as found"),
        ("quota", "none" if settings.quota is None else f"{settings.quota:,}"),
        ("keeps pictures", settings.keep_pictures),
        ("private", settings.private),
        ("formats", "any" if settings.any_format else "JPEG and PNG over `serve`"),
        ("owner", settings.owner),
        ("index", settings.index),
        ("segments", segments),
        ("delta", f"{info.delta_rows:,} targets that are not yet in a segment, searched one by one"),
        ("removed rows", f"{info.tombstones:,} still in segments"),
        ("store", human_bytes(info.store_bytes)),
        ("index files", human_bytes(info.index_bytes)),
        ("preset", f"{info.preset}: how details of pictures are turned into features"),
        ("created", info.created),
    ]


CHANNELS: ItemView[ChannelInfo] = ItemView(
    key="channels",
    record=channel_record,
    columns=(
        *("name", "kind", "targets", "threshold", "index", "quota", "keep_pictures"),
        *("private", "any_format", "owner"),
        *("preset", "created", "delta_rows", "tombstones", "store_bytes", "index_bytes"),
    ),
    names=lambda info: [info.name],
    headings=("name", "targets", "kind", "private", "store", "index", "created"),
    lines=lambda info: [
        (
            info.name,
            f"{info.targets:,}",
            info.settings.kind,
            "yes" if info.settings.private else "no",
            human_bytes(info.store_bytes),
            human_bytes(info.index_bytes),
            minute(info.created),
        )
    ],
)
