"""Index files on disk: written aside, made durable, never changed, checked before they are used."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
import shutil
import stat
import zlib
from collections.abc import Callable, Collection
from pathlib import Path

from arcli import system
from arcli.errors import DataDamaged
from arcli.files import ASIDE, FaultPoint, built_aside, reached
from arcli.models import IndexKind, SegmentFile

_KINDS = "|".join(kind for kind in IndexKind if kind is not IndexKind.AUTO)
_NAME = re.compile(rf"[0-9]{{1,19}}-[0-9]{{1,19}}-[0-9a-f]{{16}}\.({_KINDS})")
_BLOCK = 1 << 20
_OWN_FOLDERS = 2  # above an index's own folder: the channel's, and the folder of all channels


class FileGone(Exception):
    """A published file is missing: collected since it was published, or lost."""


def new_name(first_row: int, last_row: int, kind: str) -> str:
    """Return a name that no file ever had: the rows it covers and 64 random bits."""
    return f"{first_row}-{last_row}-{secrets.token_hex(8)}.{kind}"


def write_durably(folder: Path, name: str, save: Callable[[Path], int]) -> None:
    """Let `save` write a file and return its size; the file gets its name once it is complete and on disk.

    Raises OSError when it cannot be written completely; then nothing is left behind.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    with built_aside(folder / name) as aside:
        size = save(aside)
        if aside.stat().st_size != size:
            raise OSError(errno.ENOSPC, f"{aside.stat().st_size} of {size} bytes written", str(aside))


def is_trusted(folder: Path) -> bool:
    """Say whether the files in `folder` may be loaded: hnswlib's loader is unsafe on crafted files.

    It and the two folders above, which arcli makes too, belong to this user or to root, and nobody else may
    write to them.
    """
    try:
        return all(_only_ours(place.stat()) for place in (folder, *folder.absolute().parents[:_OWN_FOLDERS]))
    except OSError:
        return False


def _only_ours(status: os.stat_result) -> bool:
    others_write = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return system.trusted_owner(status) and not others_write


def reclaim(folder: Path) -> bool:
    """Make `folder` trusted, emptied if it was not trusted before; return whether anything had to be done.

    Folders of this user are no longer writable by others. Raises OSError.
    """
    if not folder.exists() or is_trusted(folder):
        return False
    for place in folder.absolute().parents[:_OWN_FOLDERS]:
        status = place.stat()
        if system.owned_by_us(status) and not _only_ours(status):
            place.chmod(stat.S_IMODE(status.st_mode) & ~(stat.S_IWGRP | stat.S_IWOTH))
    aside = folder.with_name(f"{folder.name}{ASIDE}")
    shutil.rmtree(aside, ignore_errors=True)
    folder.rename(aside)
    shutil.rmtree(aside, ignore_errors=True)
    return True


def hand_over(folder: Path) -> None:
    """Give a file that root built to the owner of its folder, who could not read it otherwise."""
    owner = folder.parent.stat()
    if system.running_as_root() and owner.st_uid != 0 and folder.is_dir():
        for place in (folder, *folder.iterdir()):
            system.give(place, owner)


def checked_path(folder: Path, file: SegmentFile) -> Path:
    """Return the path of a published file, whose size is checked. Raises FileGone, DataDamaged."""
    if not _NAME.fullmatch(file.name):
        raise DataDamaged(f"not the name of an index file: {file.name!r}")
    path = folder / file.name
    try:
        status = path.lstat()
    except OSError as error:
        raise FileGone(file.name) from error
    if not stat.S_ISREG(status.st_mode) or status.st_size != file.bytes:
        raise DataDamaged(f"{file.name}: {status.st_size:,} bytes, {file.bytes:,} were published")
    if not _only_ours(status):
        raise DataDamaged(f"{file.name}: others own or may write to it")
    return path


def verify_content(folder: Path, file: SegmentFile) -> Path:
    """Compare every byte with the CRC-32 of the record. Raises FileGone, DataDamaged.

    Done before a file is searched, because hnswlib's loader trusts every number in it: 100 MB take 25 ms, and
    loading them 400. SHA-256 (`verify_digest`) would take 160.
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
    """Remove the index files that are not named in `kept`, and what a killed writer left behind."""
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if path.name not in kept and (_NAME.fullmatch(path.name) or path.name.endswith(ASIDE)):
            reached(FaultPoint.COLLECTING)
            path.unlink(missing_ok=True)
            reached(FaultPoint.COLLECTED)
