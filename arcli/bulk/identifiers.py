"""Identifiers made from file names, by the rules in docs/how-to/bulk.md."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from enum import StrEnum
from pathlib import PurePath

from arcli.errors import NotSupported, extra_hint

LONGEST = 50
SHORTEST = 3
_DIGEST = 8  # hex digits of SHA-256: 32 bits, and a collision is refused before anything is sent
_OTHER = re.compile(r"[^A-Za-z0-9@_.]")


class IdFrom(StrEnum):
    """The part of a picture's path that its identifier is made from; LATIN: the stem in Latin letters."""

    STEM = "stem"
    NAME = "name"
    PATH = "path"
    LATIN = "latin"


def identifier_for(relative: PurePath, rule: IdFrom = IdFrom.STEM) -> str:
    """Return the identifier of a picture at `relative` (to the folder or manifest that was given)."""
    if rule is IdFrom.STEM:
        return made_valid(relative.stem)
    if rule is IdFrom.NAME:
        return made_valid(relative.name)
    if rule is IdFrom.LATIN:
        return made_valid(_in_latin(relative.stem))
    return made_valid("/".join(_parts(relative)))


def original_name(relative: PurePath, rule: IdFrom, identifier: str) -> str | None:
    """Return the name of a picture's file (with PATH its path), None if `identifier` is the same."""
    if rule is IdFrom.PATH:
        text = shown = "/".join(_parts(relative))
    else:
        text, shown = (relative.name if rule is IdFrom.NAME else relative.stem), relative.name
    if text == identifier:
        return None
    return unicodedata.normalize("NFC", shown).encode("utf-8", "backslashreplace").decode()


def _parts(relative: PurePath) -> list[str]:
    return [part for part in relative.parts if part not in (relative.anchor, "..", ".")]


def _in_latin(text: str) -> str:
    """Return `text` in Latin letters. Raises NotSupported if the package for this is not installed."""
    try:
        from anyascii import anyascii
    except ImportError as error:
        raise NotSupported("--id-from latin needs the package anyascii", hint=extra_hint("latin")) from error
    latin: str = anyascii(unicodedata.normalize("NFC", text))
    return latin


def made_valid(text: str) -> str:
    """Return a valid identifier for `text`, always the same one.

    Accents are removed (é → e), every other character outside `A-Z a-z 0-9 @ _ .` becomes `_`. If letters of
    another script were lost, or more than 50 characters remain, the identifier ends with `_` and 8 hex digits
    of the SHA-256 of the text (NFC, UTF-8). Fewer than 3 characters are padded with `_`.
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
