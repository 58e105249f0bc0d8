"""Index files on disk: written aside, made durable, named once, and checked before anybody trusts them."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
import stat
import zlib
from collections.abc import Callable, Collection
from pathlib import Path

from arcli.errors import DataDamaged
from arcli.files import ASIDE, FaultPoint, built_aside, reached
from arcli.models import SegmentFile

_NAME = re.compile(r"[0-9]{1,19}-[0-9]{1,19}-[0-9a-f]{16}\.(flat|hnsw)")
_BLOCK = 1 << 20


class FileGone(Exception):
    """A published file is not there: collected since, or lost."""


def new_name(first_row: int, last_row: int, kind: str) -> str:
    """Return a name that no file ever had: the rows it covers and 64 random bits."""
    return f"{first_row}-{last_row}-{secrets.token_hex(8)}.{kind}"


def write_durably(folder: Path, name: str, save: Callable[[Path], int]) -> None:
    """Let `save` write a file and say its size; give it its name when it is complete and on the medium.

    Raises OSError when it cannot be written whole; then nothing is left.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    with built_aside(folder / name) as aside:
        size = save(aside)
        if aside.stat().st_size != size:
            raise OSError(errno.ENOSPC, f"{aside.stat().st_size} of {size} bytes written", str(aside))


def is_ours(folder: Path) -> bool:
    """Say whether the files in `folder` may be loaded: it belongs to this user and no other may write to it.

    hnswlib's loader is unsafe on crafted files.
    """
    try:
        status = folder.stat()
    except OSError:
        return False
    return status.st_uid == os.geteuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def checked_path(folder: Path, file: SegmentFile) -> Path:
    """Return the path of a published file that has its size. Raises FileGone, DataDamaged."""
    if not _NAME.fullmatch(file.name):
        raise DataDamaged(f"not the name of an index file: {file.name!r}")
    path = folder / file.name
    try:
        status = path.lstat()
    except OSError as error:
        raise FileGone(file.name) from error
    if not stat.S_ISREG(status.st_mode) or status.st_size != file.bytes or status.st_uid != os.geteuid():
        raise DataDamaged(f"{file.name}: {status.st_size:,} bytes, {file.bytes:,} were published")
    return path


def verify_content(folder: Path, file: SegmentFile) -> Path:
    """Compare every byte with the CRC-32 of the record. Raises FileGone, DataDamaged.

    Done before a file is searched: 100 MB take 25 ms where hnswlib then needs 400 to load them, and its
    loader trusts every number in the file. SHA-256 (`verify_digest`) would take 160.
    """
    path = checked_path(folder, file)
    value = 0
    try:
        with path.open("rb") as stream:
            while block := stream.read(_BLOCK):
                value = zlib.crc32(block, value)
    except FileNotFoundError as error:
        raise FileGone(file.name) from error
    if value != file.crc32:
        raise DataDamaged(f"{file.name}: its content is not what was published")
    return path


def verify_digest(folder: Path, file: SegmentFile) -> None:
    """Compare every byte with the SHA-256 of the record. Raises FileGone, DataDamaged."""
    path = checked_path(folder, file)
    if checksums(path)[1] != file.sha256:
        raise DataDamaged(f"{file.name}: its content is not what was published")


def checksums(path: Path) -> tuple[int, str]:
    """Return CRC-32 and SHA-256 (hex) of a file."""
    crc, digest = 0, hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            crc = zlib.crc32(block, crc)
            digest.update(block)
    return crc, digest.hexdigest()


def collect(folder: Path, kept: Collection[str]) -> None:
    """Remove the index files that are not named in `kept`, and what a killed writer left."""
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if path.name not in kept and (_NAME.fullmatch(path.name) or path.name.endswith(ASIDE)):
            reached(FaultPoint.COLLECTING)
            path.unlink(missing_ok=True)
            reached(FaultPoint.COLLECTED)
