"""Photos that matched nothing are kept, up to a limit, and their folder is hardly ever listed."""

from __future__ import annotations

from pathlib import Path

import pytest

from arcli.server.requests.log import MissFolder, MissLimits


class Folder:
    """A folder whose listings are counted."""

    def __init__(self, path: Path) -> None:
        self.path, self.listings, self.now = path, 0, 0.0

    def count(self, path: Path) -> int:
        self.listings += 1
        return len(list(path.iterdir()))

    def misses(self, workers: int = 1, **limits: int) -> MissFolder:
        made = MissLimits(**limits)  # type: ignore[arg-type]
        return MissFolder(self.path, workers=workers, limits=made, count=self.count, clock=lambda: self.now)

    def held(self) -> int:
        return len(list(self.path.iterdir()))


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "misses")


def photo(number: int) -> bytes:
    return b"\xff\xd8\xff" + number.to_bytes(4, "little")


def test_a_folder_is_listed_once_for_many_misses(folder: Folder) -> None:
    misses = folder.misses(most=500)
    for number in range(400):
        misses.save(photo(number))
    assert (folder.held(), folder.listings) == (400, 1)
    assert {file.suffix for file in folder.path.iterdir()} == {".jpg"}


def test_a_full_folder_is_looked_at_once_a_minute_and_used_when_it_was_emptied(folder: Folder) -> None:
    misses = folder.misses(most=10)
    for number in range(100):
        misses.save(photo(number))
    assert (folder.held(), folder.listings) == (10, 2)
    for file in folder.path.iterdir():
        file.unlink()
    misses.save(photo(200))
    assert folder.held() == 0
    folder.now += 60
    misses.save(photo(201))
    assert (folder.held(), folder.listings) == (1, 3)


@pytest.mark.parametrize("order", ["in turn", "one after another"])
def test_several_processes_keep_the_limit_together(folder: Folder, order: str) -> None:
    processes = [folder.misses(workers=4, most=1000, batch=50) for _ in range(4)]
    for number in range(4000):
        which = number % 4 if order == "in turn" else number // 1000
        processes[which].save(photo(number))
    assert 800 <= folder.held() <= 1000
    assert folder.listings <= 60


def test_a_folder_that_cannot_be_made_fails_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_bytes(b"")
    MissFolder(tmp_path / "file").save(photo(1))
    assert "could not be saved" in caplog.text
