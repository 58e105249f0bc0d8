"""How channels are shown."""

from __future__ import annotations

from dataclasses import asdict

from arcli.console.items import ItemView, Record, minute
from arcli.console.text import human_bytes
from arcli.models import ChannelEstimate, ChannelInfo, FeaturePreset, Upgraded


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
        ("index", f"{settings.index}: {info.index_kind}, {info.index_why}"),
        ("segments", segments),
        ("delta", f"{info.delta_rows:,} targets that are not yet in a segment, searched one by one"),
        ("removed rows", f"{info.tombstones:,} still in segments"),
        ("store", human_bytes(info.store_bytes)),
        ("index files", human_bytes(info.index_bytes)),
        ("preset", f"{info.preset}: {_preset(info)}"),
        ("created", info.created),
    ]


def _preset(info: ChannelInfo) -> str:
    names = {str(preset.number): preset for preset in FeaturePreset}
    known = names.get(info.preset)
    return f"{known}, how much is kept of features" if known else "how features are kept"


def estimate_lines(estimate: ChannelEstimate) -> list[tuple[str, object]]:
    """Return an estimate's labels and values for people."""
    disk = estimate.store_bytes + estimate.index_bytes
    return [
        ("targets", f"{estimate.targets:,}"),
        ("preset", estimate.preset),
        ("index", f"{estimate.index}: {estimate.why}"),
        *([("advice", estimate.hint)] if estimate.hint else []),
        ("disk", f"{human_bytes(disk + estimate.picture_bytes)}; {human_bytes(disk)} without kept pictures"),
        ("of that the index", human_bytes(estimate.index_bytes)),
        ("memory", f"{human_bytes(estimate.memory_bytes)} of a process that looks photos up"),
        ("adding", f"{_span(estimate.add_seconds)} of one core, shared by all that there are"),
        ("indexing", f"{_span(estimate.index_seconds)} of one core, beside it"),
        ("a lookup", f"{estimate.lookup_ms + estimate.extract_ms:.0f} ms in a server, of that"),
        ("", f"{estimate.extract_ms:.0f} ms for the photo's keypoints"),
        ("a command", f"{estimate.command_ms / 1000:.2f} s for one `arcli find`"),
        ("estimated from", f"a measurement of {estimate.measured_on[:10]} at commit {estimate.commit[:10]}"),
        ("", f"with up to {estimate.measured_to:,} targets on {estimate.machine}"),
    ]


def _span(seconds: float) -> str:
    """Return a time for people: seconds, minutes or hours."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


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


LEFT: ItemView[Upgraded] = ItemView(
    key="targets",
    record=lambda item: {"identifier": item.identifier, "status": item.status.value},
    columns=("identifier", "status"),
    names=lambda item: [item.identifier],
)
"""The targets that an upgrade leaves as they are."""
