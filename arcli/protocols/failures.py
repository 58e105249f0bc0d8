"""Errors as JSON objects and back: the `error` key of our server's answers, also beside a `returncode`."""

from __future__ import annotations

from typing import Any

from arcli.errors import ArcliError
from arcli.protocols.reading import JsonObject, text, without_none


def error_json(error: ArcliError) -> JsonObject:
    """Write an error as the `error` key of our server's answers. Errors that are bugs say nothing of it."""
    if error.code == ArcliError.code:
        return {"code": error.code, "message": "the server failed; its log says why"}
    return without_none(
        {"code": error.code, "message": error.message, "hint": error.hint, "item": error.item}
    )


def read_error(value: object) -> ArcliError | None:
    """Return the error that our server describes, of its own class; None where it describes none."""
    if not isinstance(value, dict):
        return None
    kind = _error_classes().get(text(value.get("code")) or "")
    message = text(value.get("message"))
    if kind is None or message is None:
        return None
    return kind(message, hint=text(value.get("hint")), item=text(value.get("item")))


def _error_classes() -> dict[str, type[ArcliError]]:
    """Return the classes that may be rebuilt from their code: all whose constructor is the base's."""
    found: dict[str, type[ArcliError]] = {}
    waiting: list[type[Any]] = [ArcliError]
    while waiting:
        kind = waiting.pop()
        waiting.extend(kind.__subclasses__())
        if kind.__init__ is ArcliError.__init__:
            found[kind.code] = kind
    return found
