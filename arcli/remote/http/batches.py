"""Batches of requests: how many are sent at once, and which failures end one."""

from __future__ import annotations

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
from arcli.remote.http.transport import HTTP

Item = TypeVar("Item")
Result = TypeVar("Result")


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


def requests_at_once(jobs: int | None) -> int:
    """Return how many requests to send at once; `jobs`: what the user asked for, if anything."""
    return min(max(jobs or HTTP.connections, 1), HTTP.most_connections)


def ends_batch(error: ArcliError) -> bool:
    """Return whether the next item would fail too: the service, the channel or the credentials are wrong.

    An undocumented return code (RemoteError) may concern one picture only.
    """
    return isinstance(error, _ENDING) and not isinstance(error, RemoteError)


def about(error: ArcliError, name: str) -> ArcliError:
    """Return the error as about the user's picture `name`, which our server knows only as "image"."""
    if error.message.startswith("image: "):
        error = error.reworded(name + error.message.removeprefix("image"))
    return error.about(name)
