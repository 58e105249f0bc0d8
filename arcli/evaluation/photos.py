"""The ground truth: which photos show which targets (`photo, identifier`; none: shows nothing registered)."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from arcli.errors import ArcliError, InvalidManifest
from arcli.models import Picture, valid_identifier

_HEADER = ("photo", "identifier")
_LINE_LIMIT = 1 << 20  # characters; what is longer is no list of photos


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledPhoto:
    """A photo and the identifiers of the targets that it shows."""

    picture: Picture
    expected: frozenset[str]


def read_photos(path: Path) -> list[LabelledPhoto]:
    """Read PHOTOS.csv: UTF-8 with a header `photo,identifier`.

    Several identifiers are separated by `;`; a photo's path is relative to the file. Raises
    InvalidManifest with the line number.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return list(_rows(path, _lines(path, file)))
    except OSError as error:
        raise InvalidManifest(f"{path}: {error.strerror}", item=str(path)) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InvalidManifest(f"{path}: not CSV in UTF-8: {error}", item=str(path)) from error


def _lines(path: Path, file: IO[str]) -> Iterator[str]:
    while line := file.readline(_LINE_LIMIT):
        if len(line) == _LINE_LIMIT:
            raise InvalidManifest(f"{path}: a line of over {_LINE_LIMIT:,} characters", item=str(path))
        yield line


def _rows(path: Path, lines: Iterator[str]) -> Iterator[LabelledPhoto]:
    rows = csv.DictReader(lines, skipinitialspace=True)
    names = {(name or "").strip().lower(): name for name in rows.fieldnames or ()}
    if not set(_HEADER) <= names.keys():
        raise InvalidManifest(
            f"{path}: the first line names no columns photo and identifier",
            hint="begin the file with: photo,identifier",
            item=str(path),
        )
    for row in rows:
        fields = {key: (row[name] or "").strip() for key, name in names.items()}
        if any(fields.values()):
            yield _photo(path, rows.line_num, fields)


def _photo(path: Path, line: int, fields: dict[str, str]) -> LabelledPhoto:
    if not fields["photo"]:
        raise InvalidManifest(f"{path}, line {line}: no photo", item=str(path))
    expected = [part.strip() for part in fields["identifier"].split(";") if part.strip()]
    try:
        identifiers = frozenset(valid_identifier(identifier) for identifier in expected)
    except ArcliError as error:
        raise InvalidManifest(f"{path}, line {line}: {error.message}", item=str(path)) from error
    name = os.path.join(path.parent, fields["photo"])  # noqa: PTH118 (as the user wrote it)
    return LabelledPhoto(picture=Picture.from_path(name), expected=identifiers)
