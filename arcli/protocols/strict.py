"""Strict reading of what strangers send to our server: any form but the documented one is refused.

The tolerant reading of services' answers to our client is in arcli.protocols.reading.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any, NoReturn

from arcli.errors import UsageError

_WHOLE = re.compile(r"[+-]?[0-9]{1,19}")
_DECIMAL = re.compile(r"[+-]?(?:[0-9]{1,310}(?:\.[0-9]{0,400})?|\.[0-9]{1,400})")
_ESCAPED_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_YES, _NO = ("1", "true", "yes"), ("0", "false", "no")


def untrusted_json(
    content: bytes,
    *,
    parse_int: Callable[[str], Any] | None = None,
    parse_float: Callable[[str], Any] | None = None,
) -> Any:
    """Return the JSON value in `content`, which is UTF-8.

    Raises ValueError for what is not JSON (NaN and Infinity are not), for text that is not Unicode (`\\ud800`
    alone), and for what is nested too deeply.
    """
    try:
        value = json.loads(
            content.decode(), parse_int=parse_int, parse_float=parse_float, parse_constant=_no_number
        )
        if _ESCAPED_SURROGATE.search(content):
            json.dumps(value, ensure_ascii=False).encode()
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    return value


def whole_number(value: str, name: str, *, least: int, most: int) -> int:
    """Return a whole number in decimal digits.

    Raises UsageError for any other form, and for one out of range.
    """
    if not _WHOLE.fullmatch(value) or not least <= int(value) <= most:
        raise UsageError(f"{name} is not a whole number from {least} to {most}: {value[:40]!r}", item=name)
    return int(value)


def decimal_number(value: str, name: str) -> int | float:
    """Return a number in decimal digits, with or without a point. Raises UsageError for any other form."""
    if not _DECIMAL.fullmatch(value) or not math.isfinite(float(value)):
        raise UsageError(f"{name} is not a number in decimal digits: {value[:40]!r}", item=name)
    return int(value) if _WHOLE.fullmatch(value) else float(value)


def ratio(value: str, name: str) -> float:
    """Return a number from 0 to 1. Raises UsageError."""
    number = decimal_number(value, name)
    if not 0 <= number <= 1:
        raise UsageError(f"{name} is not a number from 0 to 1: {value[:40]!r}", item=name)
    return float(number)


def yes_or_no(value: str | None, name: str, *, default: bool = False) -> bool:
    """Return a flag; absent or empty is `default`. Raises UsageError for what is neither yes nor no."""
    if not value:
        return default
    if value.lower() not in _YES + _NO:
        raise UsageError(f"{name} is neither 1 nor 0: {value[:40]!r}", item=name)
    return value.lower() in _YES


def written_number(number: float) -> str:
    """Write a number as `decimal_number` reads it: in decimal digits, never with an exponent."""
    return format(Decimal(repr(number)), "f")


def refuse_unknown(given: object, known: frozenset[str], what: str) -> dict[str, Any]:
    """Return `given`, a JSON object whose keys are all `known`. Raises UsageError."""
    if not isinstance(given, dict):
        raise UsageError(f"{what} is not a JSON object")
    for key in given:
        if key not in known:
            raise UsageError(
                f"{what} has the unknown key {key[:40]!r}",
                hint=f"known keys: {', '.join(sorted(known))}",
                item=key[:40],
            )
    return given


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON")
