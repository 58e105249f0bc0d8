"""Threads that do what would block the event loop, in numbers that are fixed in advance.

OpenCV and hnswlib let go of the interpreter lock while they compute, so threads use all cores. Photos have
their own threads: short questions to the database never wait behind them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from arcli.errors import Busy

P = ParamSpec("P")
Result = TypeVar("Result")


class Workers:
    """`threads` at work and at most `queue` jobs waiting; one more raises Busy at once."""

    def __init__(self, name: str, *, threads: int, queue: int) -> None:
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._places = threads + queue
        self.threads = threads
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
        """Free a place: when its job has ended, not when its client gives up waiting."""
        self.jobs -= 1

    def close(self) -> None:
        """Wait for the jobs that run."""
        self._executor.shutdown(wait=True, cancel_futures=True)
