"""Which failures are one item's own, and which end a batch."""

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
