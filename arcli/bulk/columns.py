"""What the cells of a manifest mean: header names, and rows of CSV or JSON made into `Row`."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from arcli.bulk.encoding import unguarded
from arcli.errors import ArcliError, InvalidManifest
from arcli.models import MatchRatio, valid_identifier, valid_metadata

_NAMES = {
    "image": ("image", "picture", "photo", "file", "filename", "path", "imagepath", "imagefile"),
    "identifier": ("identifier", "id", "imageid", "targetid"),
    "metadata": ("metadata", "meta"),
    "matchratio": ("matchratio",),
    "active": ("active",),
}
_COLUMN = {alias: name for name, aliases in _NAMES.items() for alias in aliases}
_DECIMAL_COMMA = re.compile(r"-?\d+,\d+")
_BOOLEANS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


@dataclass(frozen=True, slots=True)
class ManifestHeader:
    """`columns`: field → cell number; `records`: how many records come before the first row."""

    delimiter: str
    columns: dict[str, int]
    width: int
    records: int
    ignored: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of a manifest; `error` says why it cannot be loaded (then the rest is what could be read)."""

    line: int
    image: str | None = None
    identifier: str | None = None
    metadata: str | None = None
    matchratio: MatchRatio | None = None
    active: bool | None = None
    error: ArcliError | None = None


def header_of(cells: list[str], delimiter: str, records: int, path: Path) -> ManifestHeader | None:
    """Return what a header's cells name, or None without an image column.

    Case, spaces, `_` and `-` do not matter. Raises InvalidManifest for a field named twice.
    """
    columns: dict[str, int] = {}
    ignored = []
    for number, cell in enumerate(cells):
        name = _field(cell)
        if name is None:
            ignored += [cell.strip()] * bool(cell.strip())
        elif name in columns:
            first = cells[columns[name]].strip()
            raise InvalidManifest(f"{path}: the columns {first} and {cell.strip()} both mean {name}")
        else:
            columns[name] = number
    return (
        ManifestHeader(delimiter, columns, len(cells), records, tuple(ignored))
        if "image" in columns
        else None
    )


def _field(name: str) -> str | None:
    return _COLUMN.get(re.sub(r"[\s_-]+", "", name.lstrip("\ufeff")).casefold())


def row_from_cells(line: int, cells: list[str] | InvalidManifest, header: ManifestHeader) -> Row:
    """Make a row of CSV cells; empty cells are absent."""
    if isinstance(cells, InvalidManifest):
        return Row(line=line, error=cells)
    cells = [unguarded(cell) for cell in cells]
    values: dict[str, Any] = {
        name: cell.strip() if name != "metadata" else cell  # metadata stay byte for byte
        for name, at in header.columns.items()
        if at < len(cells) and (cell := cells[at]).strip()
    }
    if any(cell.strip() for cell in cells[header.width :]):
        why = f"{len(cells)} cells where the header has {header.width}"
        hint = f'put a cell that contains {header.delimiter!r} in quotes: "…", a quote in it as ""'
        return Row(line=line, image=values.get("image"), error=InvalidManifest(why, hint=hint))
    ratio = values.get("matchratio")
    if ratio is not None:
        values["matchratio"] = _as_number(
            ratio.replace(",", ".") if _DECIMAL_COMMA.fullmatch(ratio) else ratio
        )
    return _checked(line, values)


def row_from_object(line: int, text: str) -> Row:
    """Make a row of a line of JSON. Metadata may be JSON text in a string, or an object or array."""
    try:
        found = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        return Row(line=line, error=InvalidManifest(f"not JSON: {error}"))
    if not isinstance(found, dict):
        return Row(line=line, error=InvalidManifest("not a JSON object"))
    values: dict[str, Any] = {}
    for key, value in found.items():
        if (name := _field(key)) and value is not None and value != "":
            values[name] = value
    if isinstance(values.get("metadata"), dict | list):
        values["metadata"] = json.dumps(values["metadata"], ensure_ascii=False, separators=(",", ":"))
    return _checked(line, values)


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON value")


def _checked(line: int, values: dict[str, Any]) -> Row:
    try:
        return Row(
            line=line,
            image=_text(values, "image"),
            identifier=_identifier(values),
            metadata=valid_metadata(text) if (text := _text(values, "metadata", False)) is not None else None,
            matchratio=_matchratio(values.get("matchratio")),
            active=_active(values.get("active")),
        )
    except ArcliError as error:
        image, identifier = values.get("image"), values.get("identifier")
        return Row(
            line=line,
            image=image if isinstance(image, str) else None,
            identifier=identifier if isinstance(identifier, str) else None,
            error=error,
        )


def _text(values: dict[str, Any], name: str, needed: bool = True) -> str | None:
    value = values.get(name)
    if value is None and needed:
        raise InvalidManifest(f"no {name}")
    if value is not None and not isinstance(value, str):
        raise InvalidManifest(f"{name} is no text: {value!r}")
    if value is not None and "\0" in value:
        raise InvalidManifest(f"{name} contains a zero character")
    return value


def _identifier(values: dict[str, Any]) -> str | None:
    """Spreadsheets and JSON writers make numbers of identifiers such as 1001: those are taken as text."""
    value = values.get("identifier")
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if value is not None and not isinstance(value, str):
        raise InvalidManifest(f"identifier is no text: {value!r}")
    return None if value is None else valid_identifier(value)


def _matchratio(value: Any) -> MatchRatio | None:
    """Return a finite number as it was written: a number, or its text."""
    if value is None:
        return None
    try:
        finite = not isinstance(value, bool | dict | list) and math.isfinite(float(value))
    except (ValueError, OverflowError):
        finite = False
    if not finite:
        raise InvalidManifest(f"matchratio is no number: {value!r}")
    assert isinstance(value, int | float | str)
    return value


def _as_number(text: str) -> MatchRatio:
    """Return the number that `text` writes, or `text` where that number would be written otherwise (0.50)."""
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
