"""Manifests: tables of pictures and their data, each row checked and typed."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from arcli.bulk.table import TableRow, TextTable, open_table
from arcli.errors import ArcliError, InvalidManifest
from arcli.models import MatchRatio, valid_identifier, valid_metadata

_NAMES = {
    "image": ("image", "picture", "photo", "file", "filename", "path", "imagepath", "imagefile"),
    "identifier": ("identifier", "id", "imageid", "targetid"),
    "metadata": ("metadata", "meta"),
    "matchratio": ("matchratio",),
    "active": ("active",),
    "original_name": ("originalname",),
}
_CHANGES = {
    "identifier": _NAMES["identifier"],
    **{name: aliases for name, aliases in _NAMES.items() if name not in ("identifier", "original_name")},
    "rename": ("rename", "newidentifier", "newid"),
}
_DECIMAL_COMMA = re.compile(r"-?\d+,\d+")
_BOOLEANS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of a manifest; `error`: why it cannot be loaded (the other fields are what could be read)."""

    line: int
    image: str | None = None
    identifier: str | None = None
    metadata: str | None = None
    matchratio: MatchRatio | None = None
    active: bool | None = None
    name: str | None = None
    rename: str | None = None
    error: ArcliError | None = None


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest whose head has been read."""

    table: TextTable

    @property
    def path(self) -> Path:
        return self.table.path

    @property
    def notes(self) -> tuple[str, ...]:
        return self.table.notes

    def rows(self) -> Iterator[Row]:
        """Read all rows. Raises as TextTable.rows does."""
        spreadsheet, needed = self.table.header is not None, next(iter(self.table.names))
        return (_row(found, needed, spreadsheet=spreadsheet) for found in self.table.rows())


def open_manifest(path: Path, encoding: str | None = None) -> Manifest:
    """Read the head of a manifest. Raises as open_table does."""
    return Manifest(open_table(path, _NAMES, encoding))


def open_changes(path: Path, encoding: str | None = None) -> Manifest:
    """Read the head of a manifest of identifiers and their changes. Raises as open_table does."""
    return Manifest(open_table(path, _CHANGES, encoding))


def _row(found: TableRow, needed: str, *, spreadsheet: bool) -> Row:
    """Convert a row to its types.

    Cells hold only text; in JSON, metadata may be text, an object or an array.
    """
    values = dict(found.values)
    if found.error is not None:
        image = values.get("image")
        return Row(line=found.line, image=image if isinstance(image, str) else None, error=found.error)
    ratio = values.get("matchratio")
    if spreadsheet and ratio is not None:
        text = ratio.replace(",", ".") if _DECIMAL_COMMA.fullmatch(ratio) else ratio
        values["matchratio"] = _as_number(text)
    if isinstance(values.get("metadata"), dict | list):
        values["metadata"] = json.dumps(values["metadata"], ensure_ascii=False, separators=(",", ":"))
    return _checked(found.line, values, needed)


def _checked(line: int, values: dict[str, Any], needed: str) -> Row:
    try:
        if needed not in values:
            raise InvalidManifest(f"no {needed}")
        return Row(
            line=line,
            image=_text(values, "image"),
            identifier=_identifier(values, "identifier"),
            metadata=valid_metadata(text) if (text := _text(values, "metadata")) is not None else None,
            matchratio=_matchratio(values.get("matchratio")),
            active=_active(values.get("active")),
            name=_text(values, "original_name"),
            rename=_identifier(values, "rename"),
        )
    except ArcliError as error:
        image, identifier = values.get("image"), values.get("identifier")
        return Row(
            line=line,
            image=image if isinstance(image, str) else None,
            identifier=identifier if isinstance(identifier, str) else None,
            error=error,
        )


def _text(values: dict[str, Any], name: str) -> str | None:
    value = values.get(name)
    if value is not None and not isinstance(value, str):
        raise InvalidManifest(f"{name} is not text: {value!r}")
    if value is not None and "\0" in value:
        raise InvalidManifest(f"{name} contains a zero character")
    return value


def _identifier(values: dict[str, Any], name: str) -> str | None:
    """Return an identifier as text; spreadsheets and JSON writers turn those such as 1001 into numbers."""
    value = values.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if value is not None and not isinstance(value, str):
        raise InvalidManifest(f"{name} is not text: {value!r}")
    return None if value is None else valid_identifier(value)


def _matchratio(value: Any) -> MatchRatio | None:
    """Return a finite number as it was written: as a number, or as text."""
    if value is None:
        return None
    try:
        finite = not isinstance(value, bool | dict | list) and math.isfinite(float(value))
    except (ValueError, OverflowError):
        finite = False
    if not finite:
        raise InvalidManifest(f"matchratio is not a number: {value!r}")
    assert isinstance(value, int | float | str)
    return value


def _as_number(text: str) -> MatchRatio:
    """Return `text` as a number, or unchanged if that number would be written differently (0.50)."""
    for kind in (int, float):
        try:
            if str(kind(text)) == text:
                return kind(text)
        except (ValueError, OverflowError):
            continue
    return text


def _active(value: Any) -> bool | None:
    if value is None or isinstance(value, bool):
        return value
    known = _BOOLEANS.get(str(value).strip().casefold())
    if known is None:
        raise InvalidManifest(f"active is neither true nor false: {value!r}")
    return known
