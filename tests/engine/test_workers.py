"""Work in processes: in order, in batches, and a task that kills its worker affects no other."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from arcli.errors import PictureRefused, TargetNotFound, UnreadablePicture
from arcli.parallel import WORKERS, OrderedWork, aside


def double(number: int) -> int:
    if number < 0:
        raise TargetNotFound("a negative number", item=str(number))
    return 2 * number


def double_or_die(number: int) -> int:
    if number == 13:
        os.kill(os.getpid(), signal.SIGKILL)
    return double(number)


def interruptible(_number: int) -> bool:
    return signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


def priority(_number: int = 0) -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


def test_bulk_work_lets_lookups_go_first() -> None:
    before = priority()
    lowered = max(before, WORKERS.niceness)
    assert set(flat(OrderedWork(priority, jobs=2).run(range(WORKERS.inline_tasks + 4)))) == {
        (number, lowered) for number in range(WORKERS.inline_tasks + 4)
    }
    assert aside(priority) == lowered
    assert priority() == before, "what one call had done does not slow this thread down"


R = TypeVar("R")


def flat(batches: Iterator[list[tuple[int, R | Exception]]]) -> list[tuple[int, R | Exception]]:
    return [pair for batch in batches for pair in batch]


@pytest.mark.parametrize("count", [0, 1, WORKERS.inline_tasks, WORKERS.inline_tasks + 1, 200])
def test_outcomes_come_in_order_whether_inline_or_in_processes(count: int) -> None:
    work = OrderedWork(double, jobs=2, batch_size=7)
    batches = list(work.run(range(count)))
    assert flat(iter(batches)) == [(number, 2 * number) for number in range(count)]
    assert all(1 <= len(batch) <= 7 for batch in batches)


def test_an_exception_is_an_outcome_and_keeps_its_fields() -> None:
    outcomes = flat(OrderedWork(double, jobs=2).run([1, -5, *range(20)]))
    error = outcomes[1][1]
    assert isinstance(error, TargetNotFound)
    assert (error.message, error.item, error.code) == ("a negative number", "-5", "target_not_found")
    assert outcomes[2:] == [(number, 2 * number) for number in range(20)]


def test_a_task_that_kills_its_worker_fails_alone() -> None:
    outcomes = flat(OrderedWork(double_or_die, jobs=2).run(range(30)))
    assert [task for task, _ in outcomes] == list(range(30))
    assert isinstance(outcomes[13][1], UnreadablePicture)
    assert isinstance(outcomes[13][1], PictureRefused)
    assert all(outcome == 2 * task for task, outcome in outcomes if task != 13)


def test_the_stream_of_tasks_is_read_ahead_by_a_bounded_number() -> None:
    taken = 0

    def tasks() -> Iterator[int]:
        nonlocal taken
        for number in range(10_000):
            taken += 1
            yield number

    work = OrderedWork(double, jobs=2, batch_size=10)
    batches = work.run(tasks())
    next(batches)
    assert taken < 100
    batches.close()  # type: ignore[attr-defined]


PARENT = """
import sys, time
from arcli.parallel import OrderedWork
import test_workers
if __name__ == "__main__":
    for batch in OrderedWork(test_workers.pid_then_wait, jobs=2, batch_size=1).run(range(100)):
        print(batch[0][1], flush=True)
"""


def pid_then_wait(number: int) -> int:
    if number >= 2:
        time.sleep(600)
    return os.getpid()


def test_workers_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    here = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    with subprocess.Popen(
        [sys.executable, script], stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": here}
    ) as parent:
        assert parent.stdout is not None
        workers = {int(parent.stdout.readline()) for _ in range(2)}
        parent.kill()
    deadline = time.monotonic() + 30
    while any(alive(pid) for pid in workers) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(alive(pid) for pid in workers)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_interrupts_reach_the_parent_alone() -> None:
    outcomes = flat(OrderedWork(interruptible, jobs=2).run(range(WORKERS.inline_tasks + 4)))
    assert not any(outcome for _, outcome in outcomes)
    assert interruptible(0)


def test_workers_are_not_forked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A forked child would close the parent's SQLite files and so drop its locks."""

    def forbidden() -> int:
        raise AssertionError("a process was forked")

    monkeypatch.setattr(os, "fork", forbidden)
    assert (
        len(flat(OrderedWork(double, jobs=2).run(range(WORKERS.inline_tasks + 1))))
        == WORKERS.inline_tasks + 1
    )
