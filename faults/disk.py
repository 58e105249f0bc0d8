"""Full disks and I/O errors: a call fails, and all after it where the disk is full."""

from __future__ import annotations

import errno
import random
from collections.abc import Iterator, Sequence
from functools import partial

from faults.crash import judged, rehearse, spread
from faults.harness import Harness
from faults.operations import chosen
from faults.report import Progress, Trial
from faults.worker import Arms


def trials(harness: Harness, progress: Progress) -> Iterator[tuple[int, Trial]]:
    return enumerate(_trials(harness, progress.share, progress.seed, chosen(progress.only)))


def _trials(harness: Harness, share: float, seed: int, names: Sequence[str]) -> Iterator[Trial]:
    """Yield a full disk from a call on, and an error of the medium at it, for a share of the calls."""
    chance = random.Random(seed)
    for name in names:
        known = rehearse(harness, name)
        for number, phase in spread(known.calls, share, chance):
            full = Arms(fail_at=number, errno=errno.ENOSPC, sticky=True)
            yield Trial(f"{name}: disk full from {phase}", partial(fail, harness, name, full))
            broken = Arms(fail_at=number, errno=errno.EIO)
            yield Trial(f"{name}: I/O error at {phase}", partial(fail, harness, name, broken))


def fail(harness: Harness, name: str, arms: Arms) -> list[str]:
    """Return what is wrong when the disk is well again. What failed must have said so by an ArcliError."""
    return judged(harness, name, harness.operate(name, arms))
