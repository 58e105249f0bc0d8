"""A process that does operations in forked children, which may die: python -m faults.worker < ORDERS

An order is a JSON object a line, its answer another. Forking costs no new interpreter; so the libraries are
loaded here, and nothing is opened.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from arcli import files
from arcli.errors import ArcliError
from faults.model import Diary, ask, examine, picture_hash
from faults.operations import OPERATIONS, Place, prepared


@dataclass(frozen=True, kw_only=True)
class Arms:
    """How a child is injured: the number of a call, counted from 1, or the N-th visit of a fault point.

    trace: where its calls are written down, `data` with what they wrote.
    """

    trace: str = ""
    data: bool = False
    kill_at: int = 0
    fail_at: int = 0
    errno: int = 0
    sticky: bool = False
    point: str = ""
    visit: int = 1


def recorder() -> Any:
    """Return the recorder that was preloaded; None in a process without one."""
    loaded = ctypes.CDLL(None)
    return loaded if hasattr(loaded, "recorder_arm") else None


def arm(place: Path, arms: Arms) -> Callable[[str], None]:
    """Arm this process, and return how to mark something in the trace."""
    library = recorder()
    assert library is not None, "started with LD_PRELOAD"
    numbers = [ctypes.c_long(arms.kill_at), ctypes.c_long(arms.fail_at), arms.errno, int(arms.sticky)]
    library.recorder_arm(f"{place}/disk/".encode(), arms.trace.encode(), int(arms.data), *numbers)
    if arms.point:
        _die_at(arms.point, arms.visit, lambda text: library.recorder_mark(text.encode()))
    return lambda text: library.recorder_mark(text.encode())


def _die_at(point: str, visit: int, mark: Callable[[str], None]) -> None:
    visits: Counter[str] = Counter()

    def reached(at: files.FaultPoint) -> None:
        visits[at] += 1
        mark(f"point {at}")
        if at == point and visits[at] == visit:
            os.kill(os.getpid(), signal.SIGKILL)

    files.watch(reached)


def operate(order: dict[str, Any]) -> None:
    """Do an operation. What stops it is the last line of the diary."""
    folder = Path(order["folder"])
    mark = arm(folder, Arms(**order["arms"]))
    diary = Diary(folder / "diary.jsonl", mark)
    try:
        OPERATIONS[order["name"]].run(Place(folder, diary))
        diary.write(ended="well")
    except ArcliError as error:
        diary.write(ended=type(error).__name__, message=error.message)
    except BaseException:
        diary.write(ended="crash", message=traceback.format_exc()[-2000:])


def check(order: dict[str, Any]) -> None:
    found = examine(Path(order["folder"]) / "disk" / "data")
    Path(order["answer"]).write_text(json.dumps(found))


def answers(order: dict[str, Any]) -> None:
    found = ask(Path(order["folder"]) / "disk" / "data")
    Path(order["answer"]).write_text(json.dumps(found))


def prepare(order: dict[str, Any]) -> None:
    state = prepared(order["name"], Path(order["folder"]))
    Path(order["answer"]).write_text(json.dumps(state))


ORDERS: dict[str, Callable[[dict[str, Any]], None]] = {
    "operate": operate,
    "check": check,
    "ask": answers,
    "prepare": prepare,
}


def in_child(order: dict[str, Any]) -> int:
    """Carry an order out in a child; return its wait status. `seconds`: killed then."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)  # ends a process as SIGKILL does: nothing is run
            signal.setitimer(signal.ITIMER_REAL, order.get("seconds") or 0)
            ORDERS[order["do"]](order)
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(status)
    return os.waitpid(child, 0)[1]


def main() -> None:
    for seed in (*range(50), 99):
        picture_hash(seed)
    import hnswlib  # noqa: F401

    import arcli.vision.rating.enrolment  # noqa: F401

    for line in sys.stdin:
        print(json.dumps({"status": in_child(json.loads(line))}), flush=True)


if __name__ == "__main__":
    main()
