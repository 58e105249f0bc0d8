"""Identifiers made from file names, by the rule that docs/bulk.md states."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from enum import StrEnum
from pathlib import PurePath

LONGEST = 50
SHORTEST = 3
_DIGEST = 8  # hex digits of SHA-256: 32 bits, and a collision is refused before anything is sent
_OTHER = re.compile(r"[^A-Za-z0-9@_.]")


class IdFrom(StrEnum):
    """What of a picture's path its identifier is made from."""

    STEM = "stem"
    NAME = "name"
    PATH = "path"


def identifier_for(relative: PurePath, rule: IdFrom = IdFrom.STEM) -> str:
    """Return the identifier of a picture at `relative` (to the folder or manifest that was named)."""
    if rule is IdFrom.STEM:
        return made_valid(relative.stem)
    if rule is IdFrom.NAME:
        return made_valid(relative.name)
    parts = [part for part in relative.parts if part not in (relative.anchor, "..", ".")]
    return made_valid("/".join(parts))


def made_valid(text: str) -> str:
    """Return a valid identifier for `text`, always the same one.

    Accents go (é → e), every other character outside `A-Z a-z 0-9 @ _ .` becomes `_`. Where letters of
    another script were lost or more than 50 characters are left, the end is `_` and 8 hex digits of the
    SHA-256 of the text (NFC, UTF-8). Fewer than 3 characters are filled up with `_`.
    """
    name = unicodedata.normalize("NFC", text)
    plain = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))
    kept = _OTHER.sub("_", plain)
    lossy = not plain.isascii()
    if lossy:
        kept = re.sub("_+", "_", kept).strip("_") or "id"
    if lossy or len(kept) > LONGEST:
        digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
        kept = f"{kept[: LONGEST - _DIGEST - 1]}_{digest[:_DIGEST]}"
    return kept.ljust(SHORTEST, "_")
