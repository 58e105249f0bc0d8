"""Work on a stream of items in threads or worker processes: in order, reading only a little ahead.

Processes are spawned, never forked: a forked child would close the parent's SQLite files and so drop its
POSIX locks.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import chain, islice
from multiprocessing import resource_tracker
from multiprocessing.context import SpawnContext, SpawnProcess
from time import monotonic
from typing import Generic, TypeVar

from arcli import system
from arcli.errors import UnreadablePicture

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerOptions:
    """When worker processes are used.

    inline_tasks (0 to 32): up to so many tasks run without workers; starting a worker costs as much as
    extracting eight pictures (measured). ahead (2 to 16): tasks in flight for each worker. niceness (0 to
    19): of bulk loads and of work on indexes; at 10 a lookup beside them gets nine tenths of a processor.
    """

    inline_tasks: int = 8
    ahead: int = 4
    niceness: int = 10


WORKERS = WorkerOptions()
_logger = logging.getLogger(__name__)
_warned = threading.Event()  # logged once per process, however many loads it does


def default_jobs() -> int:
    """Return the number of processors that this process may use."""
    return system.processors()


def machine_memory() -> int:
    """Return the bytes of memory that the machine has; 8 GiB if it does not say."""
    return system.pages("SC_PHYS_PAGES") or 8 * 2**30


def in_order(
    work: Callable[[T], R],
    items: Iterable[T],
    *,
    threads: int,
    hurry: threading.Event | None = None,
) -> Iterator[R]:
    """Yield `work(item)` for each item, in order, in up to `threads` threads.

    `items` is read at most 2 x `threads` ahead. The first exception of `work` is raised in its place; what
    has not begun by then is dropped. Where that happens, or the caller stops reading (Ctrl-C), `hurry` is set
    until the running calls have ended, so that they do not retry.
    """
    waiting: deque[Future[R]] = deque()
    pool = ThreadPoolExecutor(threads, thread_name_prefix="arcli-ahead")
    try:
        for item in items:
            waiting.append(pool.submit(work, item))
            while waiting and (len(waiting) >= 2 * threads or waiting[0].done()):
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        if waiting and hurry is not None:
            hurry.set()
        pool.shutdown(wait=True, cancel_futures=True)
        if hurry is not None:
            hurry.clear()


def multiply_in_one_thread() -> None:
    """Keep BLAS from using threads: on matrices as small as arcli's they cost ten times what they save.

    The variable is read when numpy is first imported. Where that was before arcli, its OpenBLAS is set
    directly; a variable that is set already stays as it is.
    """
    if "OPENBLAS_NUM_THREADS" in os.environ:
        return
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    if "numpy" not in sys.modules:
        return
    import ctypes
    from pathlib import Path

    shipped = Path(str(sys.modules["numpy"].__file__)).parents[1] / "numpy.libs"
    for library in shipped.glob("*openblas*"):
        loaded = ctypes.CDLL(str(library))
        for name in ("scipy_openblas_set_num_threads64_", "openblas_set_num_threads64_"):
            if hasattr(loaded, name):
                getattr(loaded, name)(1)


class InlineExecutor(Executor):
    """Runs each task immediately, in the caller's thread."""

    def submit(self, fn: Callable[..., R], /, *args: object, **kwargs: object) -> Future[R]:
        future: Future[R] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


class OrderedWork(Generic[T, R]):
    """Runs `function(task)` over a stream of tasks and yields the outcomes in order, in batches.

    A batch is yielded when it has `batch_size` outcomes or when its first is `max_wait` seconds old: what is
    stored together costs one fsync. A task that kills its worker gets UnreadablePicture and the others go on.
    """

    def __init__(
        self,
        function: Callable[[T], R],
        *,
        jobs: int | None = None,
        batch_size: int = 64,
        max_wait: float = 0.25,
    ) -> None:
        self._function = function
        self._jobs = jobs or default_jobs()
        self._batch_size = batch_size
        self._max_wait = max_wait
        self._window = self._jobs * WORKERS.ahead

    def run(self, tasks: Iterable[T]) -> Iterator[list[tuple[T, R | Exception]]]:
        """Yield batches of (task, result or the exception it raised)."""
        stream = iter(tasks)
        head = list(islice(stream, WORKERS.inline_tasks + 1))
        inline = len(head) <= WORKERS.inline_tasks or self._jobs == 1
        with ExitStack() as stack:
            executor = InlineExecutor() if inline else self._workers(stack)
            self._window = 1 if isinstance(executor, InlineExecutor) else self._jobs * WORKERS.ahead
            yield from self._batches(executor, chain(head, stream), stack)

    def _workers(self, stack: ExitStack) -> Executor:
        """Return worker processes, or this process where the machine has no semaphores (no /dev/shm)."""
        try:
            return self._pool(stack)
        except (OSError, ImportError) as error:
            if not _warned.is_set():
                _warned.set()
                _logger.warning("worker processes cannot be used here (%s): one does all the work", error)
            return InlineExecutor()

    def _pool(self, stack: ExitStack) -> Executor:
        pool = ProcessPoolExecutor(self._jobs, mp_context=SPAWNED, initializer=prepare_worker)
        stack.callback(pool.shutdown, wait=True, cancel_futures=True)
        return pool

    def _batches(
        self, executor: Executor, stream: Iterator[T], stack: ExitStack
    ) -> Iterator[list[tuple[T, R | Exception]]]:
        pending: deque[tuple[T, Future[R]]] = deque()
        batch: list[tuple[T, R | Exception]] = []
        begun = monotonic()
        while self._fill(pending, executor, stream) or batch:
            if batch and (not pending or self._full(batch, begun, pending[0][1])):
                yield batch
                batch = []
                continue
            if not batch:
                begun = monotonic()
            task, future = pending.popleft()
            try:
                outcome: R | Exception = _outcome(future)
                batch.append((task, outcome))
            except BrokenProcessPool:
                batch.extend(self._one_by_one([task, *(task for task, _ in pending)]))
                pending.clear()
                executor = self._pool(stack)

    def _fill(self, pending: deque[tuple[T, Future[R]]], executor: Executor, stream: Iterator[T]) -> bool:
        for task in islice(stream, self._window - len(pending)):
            pending.append((task, _submit(executor, self._function, task)))
        return bool(pending)

    def _full(self, batch: list[tuple[T, R | Exception]], begun: float, following: Future[R]) -> bool:
        left = self._max_wait - (monotonic() - begun)
        if len(batch) >= self._batch_size or left <= 0:
            return True
        return not wait([following], timeout=left).done

    def _one_by_one(self, tasks: list[T]) -> Iterator[tuple[T, R | Exception]]:
        """Run each task in a process of its own, so that only a task that kills its process fails."""
        for task in tasks:
            with ExitStack() as stack:
                pool = ProcessPoolExecutor(1, mp_context=SPAWNED, initializer=prepare_worker)
                stack.enter_context(pool)
                try:
                    yield task, _outcome(_submit(pool, self._function, task))
                except BrokenProcessPool:
                    yield task, UnreadablePicture("reading this picture ended its worker process")


class OwnProcess(SpawnProcess):
    """A process that runs arcli's code alone: it does not import the program that started it.

    So a program that uses arcli as a library needs no `if __name__ == "__main__"`.
    """

    _starting = threading.Lock()

    def start(self) -> None:
        main = sys.modules["__main__"]
        with self._starting:
            names: dict[str, object] = {
                name: vars(main)[name] for name in ("__spec__", "__file__") if name in vars(main)
            }
            vars(main).update(dict.fromkeys(names))
            try:
                super().start()
            finally:
                vars(main).update(names)


class OwnProcesses(SpawnContext):
    """Starts `OwnProcess`."""

    Process = OwnProcess


SPAWNED = OwnProcesses()


@contextmanager
def deaf_children() -> Iterator[None]:
    """Have processes that are started inside this block ignore Ctrl-C, from their first instruction on."""
    resource_tracker.ensure_running()  # it would lift the mask if it started later
    with system.ctrl_c_held_back():
        yield


def prepare_worker() -> None:
    """End this process when its parent ends, for whatever reason; let others have the processor first."""
    step_aside()
    threading.Thread(target=_end_with_parent, daemon=True).start()


def step_aside() -> None:
    """Lower the priority of this thread and those that it starts, so that lookups come first."""
    with suppress(OSError, AttributeError):  # a system without it, or none of its own
        thread = threading.get_native_id()
        lowest = max(os.getpriority(os.PRIO_PROCESS, thread), WORKERS.niceness)
        os.setpriority(os.PRIO_PROCESS, thread, lowest)


def aside(work: Callable[[], T]) -> T:
    """Return what `work` returns, done by a thread that steps aside: no thread could step back."""
    with ThreadPoolExecutor(1, "aside", initializer=step_aside) as thread:
        return thread.submit(work).result()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _submit(executor: Executor, function: Callable[[T], R], task: T) -> Future[R]:
    if isinstance(executor, InlineExecutor):
        return executor.submit(function, task)
    try:
        with deaf_children():  # the first task starts the processes
            return executor.submit(function, task)
    except BrokenProcessPool as error:
        broken: Future[R] = Future()
        broken.set_exception(error)
        return broken


def _outcome(future: Future[R]) -> R | Exception:
    """Return the result or the exception. Raises BrokenProcessPool when the worker died."""
    error = future.exception()
    if isinstance(error, BrokenProcessPool):
        raise error
    if isinstance(error, Exception):
        return error
    if error is not None:
        raise error
    return future.result()
