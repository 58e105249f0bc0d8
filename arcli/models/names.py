"""The rules for identifiers, usernames, channel names, metadata and matchratio."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

from arcli.errors import (
    InvalidChannelName,
    InvalidIdentifier,
    InvalidMetadata,
    UsageError,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageOptions:
    """How much a message repeats, chosen by reading messages: in_sentence (3 to 8) names, in_paragraph (8 to
    15), in_list (10 to 40); characters (40 to 200) of an answer that was not expected.
    """

    in_sentence: int = 5
    in_paragraph: int = 10
    in_list: int = 20
    characters: int = 80


MESSAGES = MessageOptions()


DEFAULT_CHANNEL = "default"
METADATA_LIMIT = 64 * 1024  # bytes of UTF-8; docs/reference/exit-codes.md


NAME_LIMIT = 4096  # characters of a file's name or path kept beside an identifier; the limit of Linux paths
MatchRatio = int | float | str
"""A target's own threshold: a number in [0, 1] is used, anything else is kept verbatim and ignored."""


_IDENTIFIER = re.compile(r"[A-Za-z0-9@_.]{3,50}")
_USERNAME = re.compile(r"[A-Za-z0-9@_.+-]{1,64}")


_USERNAME_HINT = "an account name has 1 to 64 characters from A-Z a-z 0-9 @ _ . + -"
_ESCAPED_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")  # only a pair of surrogates is a character


_JOINER = re.compile("(?<=[^\x00-\x7f\u200c\u200d])[\u200c\u200d](?=[^\x00-\x7f\u200c\u200d])")
_NOT_IN_NAMES = re.compile(r"[/\\\x00-\x1f\x7f-\x9f\u2028\u2029]")


def valid_identifier(text: str) -> str:
    """Return `text`, or raise InvalidIdentifier unless all of it is `[A-Za-z0-9@_.]{3,50}`."""
    if not _IDENTIFIER.fullmatch(text):
        raise InvalidIdentifier(f"not a valid identifier: {text!r}", item=text)
    return text


def valid_username(text: str) -> str:
    """Return `text`, or raise UsageError unless all of it is `[A-Za-z0-9@_.+-]{1,64}`."""
    if not _USERNAME.fullmatch(text):
        raise UsageError(f"not a valid account name: {text!r}", hint=_USERNAME_HINT, item=text)
    return text


def valid_channel_name(text: str) -> str:
    """Return `text` in NFC, or raise InvalidChannelName.

    1 to 64 characters of any script; no control, surrogate or separator characters, no leading or
    trailing space, not "." or "..". Of invisible ones only the joiners of emoji, Persian and Indic scripts,
    between two characters that are neither ASCII nor joiners.
    """
    name = unicodedata.normalize("NFC", text)
    seen = _JOINER.sub("", name)
    printable = not _NOT_IN_NAMES.search(name) and all(
        unicodedata.category(c) not in ("Cc", "Cs", "Cn", "Cf", "Zl", "Zp") for c in seen
    )
    if not 1 <= len(name) <= 64 or not printable or name != name.strip() or name in (".", ".."):
        raise InvalidChannelName(f"not a valid channel name: {text!r}", item=text)
    return name


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON")


def valid_metadata(text: str) -> str:
    """Return `text` unchanged, or raise InvalidMetadata unless it is Unicode JSON of at most 64 KiB."""
    try:
        size = len(text.encode())
        value = json.loads(text, parse_constant=_no_number)
        if _ESCAPED_SURROGATE.search(text):
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise InvalidMetadata(f"metadata is not JSON: {error}") from error
    if size > METADATA_LIMIT:
        raise InvalidMetadata(f"metadata has {size:,} bytes")
    return text


def usable_matchratio(value: MatchRatio | None) -> float | None:
    """Return `value` as a number if it is one in [0, 1] (a number in text counts), else None."""
    if value is None or isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if 0.0 <= number <= 1.0 else None


def some_of(names: Sequence[str], most: int, separator: str = ", ") -> str:
    """Return the first `most` names, and how many more there are."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return f"{separator.join(names[:most])}{more}"
