"""The steps of writing a segment at which a process may die, enumerated so that tests can visit each."""

from __future__ import annotations

import os
import signal
from enum import StrEnum

VARIABLE = "ARCLI_FAULT"
"""Set to the name of a step, or NAME:N: the process kills itself when it reaches that step the N-th time."""


class FaultPoint(StrEnum):
    """In the order in which a fold or merge reaches them."""

    PLANNED = "planned"
    READ = "read"
    BUILT = "built"
    WRITTEN_ASIDE = "written-aside"
    SIZE_CHECKED = "size-checked"
    FILE_SYNCED = "file-synced"
    RENAMED = "renamed"
    FOLDER_SYNCED = "folder-synced"
    PUBLISHING = "publishing"
    PUBLISHED = "published"
    COLLECTING = "collecting"
    COLLECTED = "collected"


_visits: dict[str, int] = {}


def reached(point: FaultPoint) -> None:
    """Die here by SIGKILL if the environment says so; else do nothing."""
    wanted = os.environ.get(VARIABLE)
    if wanted is None:
        return
    name, _, number = wanted.partition(":")
    _visits[point] = _visits.get(point, 0) + 1
    if name == point and _visits[point] == int(number or 1):
        os.kill(os.getpid(), signal.SIGKILL)
