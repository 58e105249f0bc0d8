"""Lets the process that imports this die at a step of writing an index (`arcli.files.FaultPoint`)."""

from __future__ import annotations

import os
import signal
from collections import Counter

from arcli import files

VARIABLE = "ARCLI_TEST_FAULT"
"""The name of a step, or NAME:N: the process kills itself when it reaches that step the N-th time."""

_visits: Counter[str] = Counter()


def die(point: files.FaultPoint) -> None:
    name, _, number = os.environ.get(VARIABLE, "").partition(":")
    _visits[point] += 1
    if name == point and _visits[point] == int(number or 1):
        os.kill(os.getpid(), signal.SIGKILL)


files.watch(die)
