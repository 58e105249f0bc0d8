"""Opening the segments of a channel: at once, or by a thread while what they replace is still searched."""

from __future__ import annotations

import logging
from collections.abc import Collection
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from arcli.errors import DataDamaged
from arcli.index.files import FileGone
from arcli.index.seam import DescriptorIndex
from arcli.index.segment import open_segment
from arcli.models import SegmentFile

_log = logging.getLogger(__name__)


class SegmentOpener:
    """Opens index files of one folder and remembers the damaged ones. One thread at a time may use it.

    background: `begin` loads files in a thread, one after the other (hnswlib releases the interpreter lock).
    """

    def __init__(self, folder: Path, *, background: bool) -> None:
        self._folder = folder
        self._bad: set[str] = set()
        self._pool = ThreadPoolExecutor(1, "segment") if background else None
        self._loads: dict[str, Future[DescriptorIndex]] = {}

    def begin(self, file: SegmentFile) -> bool:
        """Have a thread load `file`; return whether one is loading it.

        If not, `open` does not wait for one.
        """
        if self._pool is None or file.name in self._bad:
            return False
        if file.name not in self._loads:
            self._loads[file.name] = self._pool.submit(open_segment, self._folder, file)
        return not self._loads[file.name].done()

    def arrived(self) -> bool:
        """Say whether a file that a thread began to load can be opened without waiting."""
        return any(load.done() for load in self._loads.values())

    def forget_all_but(self, names: Collection[str]) -> None:
        """Give up loads that are no longer needed."""
        for name in self._loads.keys() - names:
            self._loads.pop(name).cancel()

    def open(self, file: SegmentFile, *, last_try: bool) -> DescriptorIndex | None:
        """Return a file's index; None when it is damaged. Raises FileGone unless it is the `last_try`."""
        if file.name in self._bad:
            return None
        load = self._loads.pop(file.name, None)
        try:
            return load.result() if load else open_segment(self._folder, file)
        except FileGone:
            if not last_try:
                raise
            _log.warning("index file %s is missing: arcli doctor --repair rebuilds it", file.name)
        except DataDamaged as error:
            _log.warning("an index file is damaged (%s): arcli doctor --repair rebuilds it", error)
            self._bad.add(file.name)
        except OSError as error:  # it may succeed another time: too many open files, say
            _log.warning("an index file cannot be read (%s): searching without it", error)
        return None

    def close(self) -> None:
        """Begin no more loads."""
        self.forget_all_but(())
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=False)
