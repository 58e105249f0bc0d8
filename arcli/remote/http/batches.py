"""Many requests at once, results in order, input read only a little ahead; which failures end a batch."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from arcli.errors import (
    ArcliError,
    BadAnswer,
    Busy,
    ChannelNotFound,
    DiskFull,
    InvalidChannelName,
    NotAuthorized,
    NotSupported,
    RateLimited,
    RemoteError,
    Unreachable,
)

Item = TypeVar("Item")
Result = TypeVar("Result")

CONNECTIONS = 4  # requests at once when the user does not say; a phone's network and a shared service bear it
MOST_CONNECTIONS = 64

_ENDING = (
    BadAnswer,
    Busy,
    ChannelNotFound,
    DiskFull,
    InvalidChannelName,
    NotAuthorized,
    NotSupported,
    RateLimited,
    Unreachable,
)


def in_order(
    work: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    jobs: int | None,
    hurry: threading.Event | None = None,
) -> Iterator[Result]:
    """Yield `work(item)` for each item, in order, up to `jobs` at once.

    `items` is read at most twice that far ahead. The first exception of `work` is raised in its place; what
    has not begun by then is dropped. Where that happens, or nobody reads on (Ctrl-C), `hurry` is set until
    what is under way has ended: it should not try again.
    """
    workers = min(max(jobs or CONNECTIONS, 1), MOST_CONNECTIONS)
    waiting: deque[Future[Result]] = deque()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="arcli-request")
    try:
        for item in items:
            waiting.append(pool.submit(work, item))
            while waiting and (len(waiting) >= 2 * workers or waiting[0].done()):
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        if waiting and hurry is not None:
            hurry.set()
        pool.shutdown(wait=True, cancel_futures=True)
        if hurry is not None:
            hurry.clear()


def ends_batch(error: ArcliError) -> bool:
    """Return whether the next item would fail alike: the service, the channel or the credentials are wrong.

    A return code that nobody documents (RemoteError) may well be one picture's.
    """
    return isinstance(error, _ENDING) and not isinstance(error, RemoteError)


def about(error: ArcliError, name: str) -> ArcliError:
    """Return the error as one of the user's picture `name`; our server knows it as "image" only."""
    if error.message.startswith("image: "):
        error = error.reworded(name + error.message.removeprefix("image"))
    return error.about(name)
