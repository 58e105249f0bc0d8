"""What stdout would show, as bytes for a file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from arcli.console.sinks import Ending, make_sink
from arcli.console.streams import Streams
from arcli.console.view import Item, ItemView
from arcli.settings import Format


class _Collected(Streams):
    """Streams that keep what is written, and no terminal."""

    def __init__(self) -> None:
        super().__init__({"NO_COLOR": "1"})
        self.parts: list[bytes] = []

    def write_bytes(self, data: bytes) -> None:
        self.parts.append(data)

    def terminal(self, stream: str) -> bool:  # noqa: ARG002 - none of them is one
        return False


def rendered(
    format: Format,  # noqa: A002 - as everywhere
    view: ItemView[Item],
    items: Iterable[Item],
    command: str,
    data: Mapping[str, Any],
) -> bytes:
    """Return a whole answer without errors in a format."""
    streams = _Collected()
    sink = make_sink(format, view, streams)
    for item in items:
        sink.item(item)
    sink.close(Ending(command, "ok", data, []))
    return b"".join(streams.parts)
