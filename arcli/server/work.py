"""Threads, fixed in number, for work that would block the event loop.

OpenCV and hnswlib release the interpreter lock while they compute, so threads use all cores. Photos have
their own threads: short database queries never wait behind them.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ParamSpec, TypeVar

from arcli.errors import Busy
from arcli.vision.decoding.isolation import DecodingPool, spent, use_pool

P = ParamSpec("P")
Result = TypeVar("Result")


class Workers:
    """`threads` threads and at most `queue` waiting jobs; one more raises Busy at once."""

    def __init__(self, name: str, *, threads: int, queue: int) -> None:
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._places = threads + queue
        self.jobs = 0

    async def run(self, function: Callable[P, Result], *args: P.args, **kwargs: P.kwargs) -> Result:
        """Run `function` in a thread and return what it returns. Raises Busy when the queue is full."""
        if self.jobs >= self._places:
            raise Busy("the server is busy: its queue is full")
        self.jobs += 1
        loop = asyncio.get_running_loop()
        future = self._executor.submit(function, *args, **kwargs)
        future.add_done_callback(lambda _: loop.call_soon_threadsafe(self._free))
        return await asyncio.wrap_future(future)

    def _free(self) -> None:
        """Free a place in the queue: when the job has ended, not when its client gives up waiting."""
        self.jobs -= 1

    def close(self) -> None:
        """Wait for the running jobs."""
        self._executor.shutdown(wait=True, cancel_futures=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class FairnessTuning:
    """How the photos of many callers share the threads.

    light_seconds (0.2 to 2): processor time; a caller whose photos cost less on average is served by the fast
    threads. A lookup of the photos in samples/ takes 0.05 to 0.31 s, one of noise, tried at every resolution
    and from every side, 0.46, a thorough one of it 1.1. fast_decoding (0.5 to 2): seconds that a fast thread
    decodes; what takes longer is passed to a slow one. A photo of 12 megapixels takes 0.15. half_life (10 to
    120 s): after this time half of what a caller used is forgotten. weight_dearer, weight_cheaper (0.02 to
    1): of the newest photo in a caller's average; an expensive photo among cheap ones is remembered for some
    of them (with 0.5, a caller who mixes noise with photos that are refused at once would stay below
    light_seconds, before honest photos). niceness (5 to 19): of the slow threads; 10 gives them a tenth of a
    core next to busy fast ones. kill_seconds: charged for a picture that crashed its process. patience (5 to
    25 s): how long a photo may wait; no request takes over 30 s. most_callers (1,000 to 100,000): that are
    remembered. least_seconds (0.01 to 0.1): the least that a photo is charged.
    """

    light_seconds: float = 0.4
    fast_decoding: float = 1.0
    half_life: float = 30.0
    weight_dearer: float = 1.0
    weight_cheaper: float = 0.03
    niceness: int = 10
    kill_seconds: float = 10.0
    patience: float = 20.0
    most_callers: int = 10_000
    least_seconds: float = 0.05


@dataclass(slots=True)
class _Caller:
    """What a caller's photos cost on average (seconds), and which of them are running and waiting.

    tried: one of its photos was looked up, so that its average is meaningful. due: by lane, the position of
    its next photo on the lane's clock, as of the time `at`.
    """

    average: float = 0.0
    tried: bool = False
    at: float = 0.0
    due: dict[bool, float] = field(default_factory=lambda: {False: 0.0, True: 0.0})
    running: int = 0
    waiting: deque[_Job] = field(default_factory=deque)


@dataclass(slots=True, eq=False)
class _Job:
    caller: _Caller
    function: Callable[[], Any]
    slow: bool
    answer: asyncio.Future[Any]
    late: asyncio.TimerHandle | None = None
    trial: bool = False
    expected: float = 0.0
    begun: float = 0.0


class PhotoQueue:
    """Photos to look up: the caller that has recently used least is next; costly ones never delay cheap ones.

    A lane's clock shows the position of the photo that was started last. Each photo moves its caller's next
    one back by its cost, expensive ones by more; a caller that comes after a pause begins at the clock, not
    behind all that it ever used (start-time fair queueing, Goyal, Vin and Cheng 1996).

    There are two lanes of `threads` each. The fast one serves callers whose photos are cheap on average;
    other callers' photos, and costly lookups (`slow`), run in the slow one, at a lower priority of the
    operating system. Unknown callers leave one fast thread to those whose photos are known to be cheap, so
    that a crowd of new addresses does not delay them. A full queue drops the last photo of the caller that
    has most waiting.
    """

    def __init__(self, *, threads: int, queue: int, tuning: FairnessTuning = FairnessTuning()) -> None:
        self._tuning, self._queue = tuning, queue
        self._free = {False: threads, True: threads}
        self._clock = {False: 0.0, True: 0.0}
        self._trials = max(1, threads - 1)  # fast threads that may work for new callers
        self._pools = {
            slow: ThreadPoolExecutor(threads, name, initializer=partial(self._prepare, slow))
            for slow, name in ((False, "photo"), (True, "slow-photo"))
        }
        self._decoding: list[DecodingPool] = []
        self._callers: OrderedDict[str, _Caller] = OrderedDict()
        self._waiting = 0
        self._running = 0

    @property
    def jobs(self) -> int:
        """Return how many photos are running or waiting."""
        return self._waiting + self._running

    async def run(self, caller: str, function: Callable[[], Result], *, slow: bool = False) -> Result:
        """Run `function` in a thread when its turn comes. Raises Busy when the queue is full or too slow."""
        known = self._known(caller)
        loop = asyncio.get_running_loop()
        heavy = slow or known.average > self._tuning.light_seconds
        job = _Job(known, function, heavy, loop.create_future())
        if not self._free[heavy] and self._waiting >= self._queue:
            self._make_room(known)
        job.late = loop.call_later(self._tuning.patience, self._give_up, job)
        known.waiting.append(job)
        self._waiting += 1
        self._start()
        result: Result = await job.answer
        return result

    def end_decoding(self) -> None:
        """End the decoding processes, whatever they are doing; their callers get a Busy error."""
        for decoding in list(self._decoding):
            decoding.close()

    def close(self) -> None:
        """Wait for running jobs, but for no picture that is being decoded; waiting photos are refused."""
        self.end_decoding()
        for pool in self._pools.values():
            pool.shutdown(wait=True, cancel_futures=True)

    def _prepare(self, slow: bool) -> None:
        """Give a thread its priority, and a decoding process of the same priority for it alone."""
        if slow and hasattr(os, "setpriority"):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), self._tuning.niceness)
        pool = DecodingPool(1, most_seconds=None if slow else self._tuning.fast_decoding)
        self._decoding.append(pool)
        use_pool(pool)

    def _known(self, name: str) -> _Caller:
        known = self._callers.setdefault(name, _Caller())
        self._callers.move_to_end(name)
        if len(self._callers) > self._tuning.most_callers:
            oldest = next(iter(self._callers))
            if not self._callers[oldest].waiting and not self._callers[oldest].running:
                del self._callers[oldest]
        return known

    def _make_room(self, caller: _Caller) -> None:
        """Raise Busy unless another caller has more photos waiting; then refuse the last of those."""
        fullest = max(self._callers.values(), key=lambda one: len(one.waiting))
        if len(fullest.waiting) <= len(caller.waiting) + 1:
            raise Busy("the server is busy: its queue is full")
        self._refuse(fullest.waiting.pop())

    def _give_up(self, job: _Job) -> None:
        job.caller.waiting.remove(job)
        self._refuse(job)
        self._start()

    def _refuse(self, job: _Job) -> None:
        self._waiting -= 1
        self._unwatch(job)
        if not job.answer.done():
            job.answer.set_exception(Busy("the server is busy: other callers' photos went first"))

    def _unwatch(self, job: _Job) -> None:
        if job.late is not None:
            job.late.cancel()

    def _start(self) -> None:
        """Give free threads the first waiting photo of the caller that is next."""
        for slow in (False, True):
            while self._free[slow] and (caller := self._next(slow)) is not None:
                self._submit(caller.waiting.popleft(), slow)

    def _next(self, slow: bool) -> _Caller | None:
        ready = [
            one
            for one in self._callers.values()
            if one.waiting and one.waiting[0].slow is slow and (slow or one.tried or self._trials)
        ]
        return min(ready, key=lambda one: self._place(one, slow), default=None)

    def _place(self, caller: _Caller, slow: bool) -> float:
        """Return the position of a caller's next photo on the lane's clock; use long ago counts less."""
        ahead = max(0.0, caller.due[slow] - self._clock[slow])
        return self._clock[slow] + ahead * self._left(caller.at)

    def _left(self, then: float) -> float:
        """Return which part of a cost of some time ago still counts."""
        return float(0.5 ** ((time.monotonic() - then) / self._tuning.half_life))

    def _charge(self, caller: _Caller, slow: bool, seconds: float) -> None:
        """Move a caller's next photo back by a cost (forward if negative); expensive photos count more."""
        place = self._place(caller, slow)
        caller.due[slow], caller.at = (
            place + seconds * max(caller.average, self._tuning.least_seconds),
            time.monotonic(),
        )

    def _submit(self, job: _Job, slow: bool) -> None:
        self._waiting -= 1
        self._running += 1
        self._free[slow] -= 1
        job.caller.running += 1
        job.trial = not slow and not job.caller.tried
        self._trials -= job.trial
        self._clock[slow] = self._place(job.caller, slow)
        job.expected = max(job.caller.average, self._tuning.least_seconds)
        job.begun = time.monotonic()
        self._charge(job.caller, slow, job.expected)
        self._unwatch(job)
        loop = asyncio.get_running_loop()

        def work() -> None:
            spent = Cost()
            try:
                outcome, error = spent.of(job.function), None
            except BaseException as raised:
                outcome, error = None, raised
            loop.call_soon_threadsafe(self._ended, job, slow, spent.seconds, outcome, error)

        self._pools[slow].submit(work)

    def _ended(
        self, job: _Job, slow: bool, seconds: float, outcome: Any, error: BaseException | None
    ) -> None:
        self._running -= 1
        self._free[slow] += 1
        self._trials += job.trial
        caller = job.caller
        caller.running -= 1
        caller.tried = caller.tried or error is None
        if getattr(error, "ended_worker", False) and slow:
            seconds += self._tuning.kill_seconds
        self._charge(caller, slow, seconds - job.expected * self._left(job.begun))
        dearer = seconds > caller.average
        weight = self._tuning.weight_dearer if dearer else self._tuning.weight_cheaper
        caller.average += (seconds - caller.average) * weight
        if getattr(error, "ended_worker", False) and not slow and not job.answer.done():
            self._again(job)
            return
        if not job.answer.done():
            if error is None:
                job.answer.set_result(outcome)
            else:
                job.answer.set_exception(error)
        self._start()

    def _again(self, job: _Job) -> None:
        """Have a slow thread try a picture that takes long to decode."""
        job.slow = True
        job.caller.waiting.append(job)
        self._waiting += 1
        job.late = asyncio.get_running_loop().call_later(self._tuning.patience, self._give_up, job)
        self._start()


class Cost:
    """Processor seconds that a function took, here and in decoding processes."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def of(self, function: Callable[[], Result]) -> Result:
        here, there = time.thread_time(), spent.seconds
        try:
            return function()
        finally:
            self.seconds = time.thread_time() - here + spent.seconds - there
