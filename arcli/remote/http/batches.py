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


def requests_at_once(jobs: int | None) -> int:
    """Return how many requests to send at once where the user asked for `jobs` (None: did not say)."""
    return min(max(jobs or CONNECTIONS, 1), MOST_CONNECTIONS)


def ends_batch(error: ArcliError) -> bool:
    """Return whether the next item would fail too: the service, the channel or the credentials are wrong.

    A return code that is not documented (RemoteError) may well be one picture's.
    """
    return isinstance(error, _ENDING) and not isinstance(error, RemoteError)


def about(error: ArcliError, name: str) -> ArcliError:
    """Return the error as one of the user's picture `name`; our server knows it as "image" only."""
    if error.message.startswith("image: "):
        error = error.reworded(name + error.message.removeprefix("image"))
    return error.about(name)
