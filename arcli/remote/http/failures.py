"""Which failures are one item's own, which end a batch, and what they are called here."""

from __future__ import annotations

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
