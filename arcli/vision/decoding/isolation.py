"""Decoding in separate processes of limited time and memory: a bad picture costs its process, no more.

A process gets one picture after the other over a pipe and returns rows of pixels. It loads neither OpenCV nor
numpy (0.1 s to start), has no secrets in its environment, and cannot write files. Its answers are checked
like those of a stranger: a JSON header, and as many bytes as the size in it implies.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import signal
import subprocess
import sys
import threading
from dataclasses import asdict, replace
from pathlib import Path
from time import monotonic

from arcli.errors import ArcliError, Busy, PictureRefused, PictureTooLarge, UnreadablePicture
from arcli.filetypes import PictureFormat
from arcli.system import processors
from arcli.vision.decoding.limits import DECODING, DecodeLimits
from arcli.vision.decoding.raster import Raster
from arcli.vision.decoding.worker import LENGTH

_PROGRAM = "from arcli.vision.decoding.worker import work; work()"
_ENVIRONMENT = ("PATH", "PYTHONHOME", "PYTHONPATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "TMPDIR")
_MOST_HEADER = 1 << 20
_MOST_BYTES = 1 << 30
_STOPPING = "arcli is stopping"


class DecodingPool:
    """Processes that decode, started as they are needed, at most `most`; threads share them.

    kills: how many were ended because a picture took too much time or memory, or crashed them.
    """

    def __init__(self, most: int, *, most_seconds: float | None = None) -> None:
        """`most_seconds`: processor time per picture, even where its limits allow more."""
        self.kills = 0
        self._most_seconds = most_seconds
        self._free = threading.BoundedSemaphore(most)
        self._guard = threading.Lock()
        self._idle: list[_Process] = []
        self._busy: set[_Process] = set()
        self._closed = False

    def warm(self, count: int = 1) -> None:
        """Start processes ahead of the first picture, without waiting for them."""
        with self._guard:
            while len(self._idle) + len(self._busy) < count:
                self._idle.append(_Process())

    def raster(self, data: bytes, *, name: str, limits: DecodeLimits, max_side: int | None = None) -> Raster:
        """Decode one picture.

        Raises UnreadablePicture, PictureTooLarge (with `ended_worker` if its process had to be ended), and
        Busy if no process was free in time, or the machine was too busy to finish in time.
        """
        if self._most_seconds is not None:
            least = min(self._most_seconds, limits.processor_seconds(len(data)))
            limits = replace(limits, seconds=least, seconds_per_megabyte=0.0)
        deadline = monotonic() + limits.patience
        if not self._free.acquire(timeout=limits.patience):
            raise Busy(f"{name}: no process was free to decode it", item=name)
        try:
            process = self._take()
            try:
                answer, bgr = process.ask(_request(data, name, limits, max_side), data, deadline)
                outcome, seconds = _outcome(answer, bgr)
            except (OSError, EOFError, ValueError, TimeoutError) as error:
                spent.seconds += limits.processor_seconds(len(data))
                raise self._lost(process, error, name, limits, len(data)) from error
            spent.seconds += seconds
            self._give_back(process)
        finally:
            self._free.release()
        if isinstance(outcome, PictureRefused):
            raise outcome
        return outcome

    def close(self) -> None:
        """End all processes at once, even those that are decoding: their callers get Busy."""
        with self._guard:
            self._closed = True
            idle, self._idle = self._idle, []
            for process in self._busy:
                process.kill()
        for process in idle:
            process.end()

    def _take(self) -> _Process:
        with self._guard:
            if self._closed:
                raise Busy(_STOPPING)
            while self._idle:
                process = self._idle.pop()
                if process.alive():
                    break
                process.end()
            else:
                process = _Process()
            self._busy.add(process)
            return process

    def _give_back(self, process: _Process) -> None:
        with self._guard:
            self._busy.discard(process)
            if not self._closed and process.jobs < DECODING.jobs:
                self._idle.append(process)
                return
        process.end()

    def _lost(
        self, process: _Process, error: Exception, name: str, limits: DecodeLimits, length: int
    ) -> ArcliError:
        """Replace a process that gave no answer, and return the error that says why."""
        with self._guard:
            self._busy.discard(process)
        status = process.end()
        if self._closed:
            return Busy(_STOPPING, item=name)
        self.kills += 1
        if isinstance(error, TimeoutError):
            return Busy(f"{name}: it was not decoded in {limits.patience:.0f} s", item=name)
        refusal: PictureRefused
        if status == -signal.SIGPROF:
            seconds = limits.processor_seconds(length)
            message = f"{name}: decoding it takes over {seconds:.0f} s of processor time"
            refusal = PictureTooLarge(
                message, hint="save it again as JPEG, 800 px on its long side", item=name
            )
        else:
            refusal = UnreadablePicture(
                f"{name}: the process that was reading it crashed", hint="save it again as JPEG", item=name
            )
        refusal.ended_worker = True
        return refusal


class Spent(threading.local):
    """Processor seconds that this thread's pictures took in the processes of a pool."""

    seconds = 0.0


spent = Spent()
_own = threading.local()
_shared: dict[int, DecodingPool] = {}
_shared_guard = threading.Lock()


def shared_pool() -> DecodingPool:
    """Return this thread's pool, else this process's, which has one process for each processor."""
    own: DecodingPool | None = getattr(_own, "pool", None)
    if own is not None:
        return own
    with _shared_guard:
        pool = _shared.get(os.getpid())
        if pool is None or pool._closed:
            pool = _shared[os.getpid()] = DecodingPool(processors())
            atexit.register(pool.close)
        return pool


def use_pool(pool: DecodingPool) -> None:
    """Have the calling thread decode in processes of `pool`; those that it starts inherit its priority."""
    _own.pool = pool


def _request(data: bytes, name: str, limits: DecodeLimits, max_side: int | None) -> bytes:
    given = {
        "length": len(data),
        "name": name,
        "max_side": max_side,
        "limits": asdict(replace(limits, memory=limits.bytes_of_memory())),
    }
    return json.dumps(given).encode()


def _outcome(answer: object, bgr: bytearray) -> tuple[Raster | PictureRefused, float]:
    """Read an answer: the raster or refusal, and the seconds of processor time it took. Raises ValueError."""
    try:
        assert isinstance(answer, dict)
        seconds = float(answer["seconds"])
        if "error" in answer:
            error = ArcliError.from_record(answer["error"])
            assert isinstance(error, PictureRefused)
            return error, seconds
        given = answer["raster"]
        width, height, *size = (int(each) for each in (given["width"], given["height"], *given["size"]))
        assert min(width, height, *size) > 0
        assert len(bgr) == 3 * width * height
        ground = None if given["ground"] is None else int(given["ground"])
        kind = PictureFormat(given["format"]).value
        orientation = int(given["orientation"])
        whole = (size[0], size[1])
    except (AssertionError, KeyError, TypeError, IndexError, OverflowError) as error:
        raise ValueError("the decoding process gave an answer that cannot be read") from error
    raster = Raster(
        bgr=bgr, width=width, height=height, size=whole, format=kind, orientation=orientation, ground=ground
    )
    return raster, seconds


class _Process:
    """One process that decodes, and the two pipes to it."""

    def __init__(self) -> None:
        self.jobs = 0
        self._child = subprocess.Popen(  # noqa: S603 - our own program and nothing else
            [sys.executable, "-P", "-c", _PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_environment(),
            start_new_session=True,  # Ctrl-C is for the parent
        )
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._to, self._from = self._child.stdin.fileno(), self._child.stdout.fileno()
        os.set_blocking(self._to, False)
        os.set_blocking(self._from, False)

    def alive(self) -> bool:
        return self._child.poll() is None

    def ask(self, header: bytes, data: bytes, deadline: float) -> tuple[object, bytearray]:
        """Send a job and return its answer. Raises OSError, EOFError, ValueError, TimeoutError."""
        self.jobs += 1
        for part in (LENGTH.pack(len(header)), header, data):
            self._send(part, deadline)
        length = LENGTH.unpack(self._receive(LENGTH.size, deadline))[0]
        if length > _MOST_HEADER:
            raise ValueError("the answer's header is too long")
        answer = json.loads(self._receive(length, deadline))
        size = answer.get("length") if isinstance(answer, dict) else None
        if not isinstance(size, int) or not 0 <= size <= _MOST_BYTES:
            raise ValueError("the answer has no length")
        return answer, self._receive(size, deadline)

    def kill(self) -> None:
        """End the process now; a caller that waits for its answer gets EOFError and must `end` it."""
        self._child.kill()

    def end(self) -> int:
        """End the process now, close the pipes to it, and return its status."""
        self._child.kill()
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe is not None:
                pipe.close()
        return self._child.wait()

    def _send(self, data: bytes, deadline: float) -> None:
        left = memoryview(data)
        while left:
            self._wait(self._to, select.POLLOUT, deadline)
            left = left[os.write(self._to, left) :]

    def _receive(self, length: int, deadline: float) -> bytearray:
        received = bytearray(length)
        left = memoryview(received)
        while left:
            self._wait(self._from, select.POLLIN, deadline)
            count = os.readv(self._from, [left])
            if not count:
                raise EOFError("the process has ended")
            left = left[count:]
        return received

    def _wait(self, fd: int, event: int, deadline: float) -> None:
        poll = select.poll()
        poll.register(fd, event)
        if not poll.poll(max(0.0, deadline - monotonic()) * 1000):
            raise TimeoutError


def _environment() -> dict[str, str]:
    """Return the environment of a process that decodes strangers' pictures: it contains nobody's secrets."""
    given = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    root = str(Path(__file__).parents[3])
    paths = [root, *given.get("PYTHONPATH", "").split(os.pathsep)]
    return {**given, "PYTHONPATH": os.pathsep.join(filter(None, paths)), "MALLOC_ARENA_MAX": "1"}
