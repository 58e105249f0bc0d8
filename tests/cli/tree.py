"""The command tree, walked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from arcli.app import build


def walk() -> Iterator[tuple[str, Any]]:
    """Yield (name, command) of each verb: "find", "channel create"."""
    yield from _walk("", build())


def _walk(prefix: str, command: Any) -> Iterator[tuple[str, Any]]:
    for name in command.commands:
        child = command.get_command(None, name)
        path = f"{prefix} {name}".strip()
        if hasattr(child, "commands"):
            yield from _walk(path, child)
        else:
            yield path, child
