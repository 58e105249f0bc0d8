"""Starts the worker, gives it orders, and reads what its children left: traces, diaries, states."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Any

from arcli.store.snapshot import home_of
from faults.model import State, expected
from faults.worker import Arms

ROOT = Path(__file__).parents[1]
COPIED = "of the store that this one was copied from"  # what doctor says where an index is not yet taken over
_HEAD = struct.Struct("<BIIQQ")


class Call(IntEnum):
    """As in recorder.cpp."""

    WRITE = 1
    TRUNCATE = 2
    SYNC = 3
    CREATE = 4
    RENAME = 5
    UNLINK = 6
    LINK = 7
    MKDIR = 8
    RMDIR = 9
    MARK = 10


@dataclass(frozen=True)
class Event:
    """One call of a trace. `other`: the new name. `data`: what was written, or a mark's text."""

    call: Call
    path: str
    other: str
    offset: int
    data: bytes

    @property
    def phase(self) -> str:
        """Say in a few words what is done to what kind of file."""
        return f"{self.call.name.lower()} {kind_of(self.other or self.path)}"


def kind_of(path: str) -> str:
    name, folder = Path(path).name, Path(path).parent.name
    for ending, kind in ((".aside", ""), ("-wal", " log"), ("-shm", " shared"), (".lock", " lock")):
        if name.endswith(ending):
            plain = name.removesuffix(ending).lstrip(".").split(".")[0]
            return "segment" if folder == "index" else f"{plain}{kind or ' aside'}"
    if folder == "index":
        return "segment"
    if "." not in name or folder == "channels":
        return "folder"
    return name.split(".")[0]


def read_trace(path: Path) -> list[Event]:
    """Read a trace; a record that its process died in is left out."""
    data, at, events = path.read_bytes() if path.exists() else b"", 0, []
    while at + _HEAD.size <= len(data):
        call, first, second, offset, size = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        end = at + first + second + size
        if end > len(data):
            break
        names = data[at : at + first + second]
        events.append(
            Event(Call(call), names[:first].decode(), names[first:].decode(), offset, data[end - size : end])
        )
        at = end
    return events


def build_recorder(folder: Path) -> Path:
    """Compile the recorder. Raises CalledProcessError."""
    library = folder / "recorder.so"
    source = Path(__file__).with_name("recorder.cpp")
    command = ["g++", "-O1", "-shared", "-fPIC", "-D_GNU_SOURCE", "-o", str(library), str(source), "-ldl"]
    subprocess.run(command, check=True)
    return library


@dataclass
class Outcome:
    """What one injured operation left: its wait status, its trace, its diary, what a check found."""

    status: int
    events: list[Event]
    diary: list[str]
    problems: list[str] = field(default_factory=list)

    @property
    def killed(self) -> bool:
        return os.WIFSIGNALED(self.status)

    @property
    def ended(self) -> str:
        """Return "well", the class of an error, "crash", or "" where it was killed."""
        last = json.loads(self.diary[-1]) if self.diary and not self.killed else {}
        return str(last.get("ended", ""))


def settle(data: Path) -> None:
    """Let copied stores be at home where they are now: otherwise each first write would adopt their index."""
    for store in data.glob("channels/*/store.sqlite"):
        with closing(sqlite3.connect(store, isolation_level=None)) as connection:
            connection.execute("UPDATE meta SET value = ? WHERE key = 'home'", (home_of(store),))


class Harness:
    """A worker and a scratch folder: prepare once an operation, then injure it as often as wanted."""

    def __init__(self, scratch: Path) -> None:
        self.scratch = scratch
        scratch.mkdir(parents=True, exist_ok=True)
        library = build_recorder(scratch)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "faults.worker"],
            cwd=ROOT,
            env={**os.environ, "LD_PRELOAD": str(library), "OPENBLAS_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=(scratch / "worker.log").open("w"),  # warnings of what is injured
            text=True,
        )
        self._first: dict[str, State] = {}

    def close(self) -> None:
        self._process.communicate()

    def order(self, **order: Any) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(order), file=self._process.stdin, flush=True)
        return int(json.loads(self._process.stdout.readline())["status"])

    def base(self, name: str) -> tuple[Path, State]:
        """Return the folder that an operation begins with, and what is in it."""
        folder = self.scratch / "bases" / name
        if name not in self._first:
            answer = self.scratch / "state.json"
            assert self.order(do="prepare", name=name, folder=str(folder), answer=str(answer)) == 0
            self._first[name] = json.loads(answer.read_text())
        return folder, self._first[name]

    def operate(self, name: str, arms: Arms, *, seconds: float | None = None) -> Outcome:
        """Do an operation in a fresh copy of its base; the copy is `self.place` afterwards."""
        shutil.rmtree(self.place, ignore_errors=True)
        shutil.copytree(self.base(name)[0], self.place)
        settle(self.place / "disk" / "data")
        if arms.data:
            shutil.rmtree(self.start, ignore_errors=True)
            shutil.copytree(self.place, self.start)
        status = self.order(
            do="operate", name=name, folder=str(self.place), arms=asdict(arms), seconds=seconds
        )
        diary = self.place / "diary.jsonl"
        lines = diary.read_text().splitlines() if diary.exists() else []
        return Outcome(status, read_trace(Path(arms.trace)) if arms.trace else [], lines)

    @property
    def place(self) -> Path:
        return self.scratch / "place"

    @property
    def start(self) -> Path:
        """Where the last operation whose data were traced began."""
        return self.scratch / "start"

    @property
    def trace(self) -> Path:
        path = self.scratch / "trace"
        path.unlink(missing_ok=True)
        return path

    def problems(self, name: str, diary: list[str], copy: Path | None = None) -> list[str]:
        """Reopen a folder and return what is lost, half done, unsound or astray; `copy`: another one."""
        answer = self.scratch / "answer.json"
        answer.unlink(missing_ok=True)
        status = self.order(do="check", folder=str(copy or self.place), answer=str(answer))
        if status != 0:
            return [f"the check ended with {status}"]
        found = json.loads(answer.read_text())
        wanted = expected(self.base(name)[1], diary)
        problems = [*found["unsound"], *found["astray"]]
        problems = [text for text in problems if not (copy and text.endswith(COPIED))]
        return problems or wanted.contradictions(found["state"])


@contextmanager
def harness(scratch: Path) -> Iterator[Harness]:
    made = Harness(scratch)
    try:
        yield made
    finally:
        made.close()
