"""Files have either the old or the new content."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from arcli.files import replacing, write_atomically


def test_what_fails_leaves_the_file_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(TypeError), replacing(path) as file:
        file.write(None)  # type: ignore[call-overload]
    assert [(found.name, found.read_text()) for found in tmp_path.iterdir()] == [("file", "old")]


def test_exclusively_nothing_that_appeared_meanwhile_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with pytest.raises(FileExistsError), replacing(path, exclusive=True):
        path.write_text("somebody else's")
    with replacing(tmp_path / "free", exclusive=True) as file:
        file.write(b"new")
    contents = {found.name: found.read_text() for found in tmp_path.iterdir()}
    assert contents == {"file": "somebody else's", "free": "new"}


def test_a_full_disk_is_told_with_the_name_of_the_file(tmp_path: Path) -> None:
    """A write that fails for want of space names no file by itself."""
    path = tmp_path / "file"
    with pytest.raises(OSError, match=r"No space left on device: .*file"), replacing(path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert list(tmp_path.iterdir()) == []


def test_a_file_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    path.chmod(0o640)
    with replacing(path) as file:
        file.write(b"new")
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_private_file_is_nobody_else_s_also_where_it_was(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    path.chmod(0o644)
    write_atomically(path, b"secret", private=True)
    assert (path.stat().st_mode & 0o777, path.read_text()) == (0o600, "secret")
