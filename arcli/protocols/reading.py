"""Tolerant reading of JSON that somebody else wrote: numbers may be strings, missing values are None.

Also the `error` key of our server's answers, both ways.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from arcli.errors import ArcliError, BadAnswer, error_class
from arcli.models import MESSAGES

JsonObject = dict[str, Any]


def json_object(content: bytes | str) -> JsonObject:
    """Return the JSON object in `content`. Raises BadAnswer when it is anything else."""
    try:
        value = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise BadAnswer(f"the service did not answer JSON: {shown(content)}") from error
    if not isinstance(value, dict):
        raise BadAnswer(f"the service answered JSON that is not an object: {shown(content)}")
    return value


def shown(content: bytes | str) -> str:
    """Return the beginning of an answer, printable, for an error message."""
    begun = content[: MESSAGES.characters]
    text = begun.decode(errors="replace") if isinstance(begun, bytes) else begun
    return repr(text) if text else "nothing at all"


def whole(value: object) -> int | None:
    """Return `value` as an integer if it is one, also as text or as 3.0; else None."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, str) and len(value) > 20:
        return None
    number = real(value)
    return int(number) if number is not None and number.is_integer() else None


def real(value: object) -> float | None:
    """Return `value` as a finite number if it is one, also as text; else None."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def flag(value: object, default: bool = False) -> bool:
    """Return `value` as a boolean: true, 1, "1", "true" are True; a missing value is `default`."""
    if value is None or value == "":
        return default
    return str(value).strip().lower() in ("1", "true", "yes")


def text(value: object) -> str | None:
    """Return `value` as text; None and the empty text are None, numbers are written out."""
    if value is None or value == "" or isinstance(value, dict | list):
        return None
    return value if isinstance(value, str) else json.dumps(value)


def json_text(value: object) -> str | None:
    """Return metadata as text, even if a service sends them parsed; None if there are none."""
    if value is None or value == "":
        return None
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def objects(value: object) -> Sequence[JsonObject]:
    """Return the objects in a JSON list; nothing if it is not a list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def without_none(values: Mapping[str, Any]) -> JsonObject:
    """Return `values` without the keys whose value is None: an optional key is left out, never null."""
    return {key: value for key, value in values.items() if value is not None}


def error_json(error: ArcliError) -> JsonObject:
    """Write an error as the `error` key of our server's answers. Bugs are reported without details."""
    if error.code == ArcliError.code:
        return {"code": error.code, "message": "the server failed; its log says why"}
    return without_none({**error.as_record(), "hint": error.hint_for_callers})


def read_error(value: object) -> ArcliError | None:
    """Return the error that our server describes, as an instance of its class; None if it describes none."""
    if not isinstance(value, dict) or error_class(value.get("code")) is None:
        return None
    try:
        return ArcliError.from_record(value)
    except (KeyError, TypeError):
        return None
