"""Tupu's codes and the errors that they mean, in both directions."""

from __future__ import annotations

from enum import IntEnum

from arcli.errors import (
    ArcliError,
    Busy,
    ChannelNotFound,
    DataDamaged,
    LimitExceeded,
    NotAuthorized,
    NotSupported,
    PictureNotFound,
    PictureRefused,
    PictureTooLarge,
    RemoteError,
    UnreadablePicture,
    UsageError,
    WrongCredentials,
)


class TupuCode(IntEnum):
    """Public status codes of Tupu's services."""

    SUCCESS = 0
    NOT_AUTHORIZED = 1
    WRONG_MODEL = 2
    NO_FILE = 3
    WRONG_VERSION = 4
    RETIRED_VERSION = 5
    WRONG_SECRET_ID = 6
    WRONG_TASK = 7
    SECRET_ID_STATE = 8
    NO_CERTIFICATE = 9
    WRONG_PIPE = 10
    NO_CALLBACK = 11
    WRONG_TIME = 12
    NO_TASK = 13
    IMAGE_ERROR = 14
    SERVER_ERROR = 100
    UNKNOWN = 101
    DOWNLOAD_TOO_BIG = 400
    DOWNLOAD_FAILED = 404


MESSAGES: dict[int, str] = {
    0: "success",
    1: "authorization failed",
    2: "model id wrong",
    3: "no file",
    4: "API version wrong",
    5: "API version retired",
    6: "secretId wrong",
    7: "task id wrong or not allowed",
    8: "secretId state abnormal",
    9: "certificate not uploaded",
    10: "pipeId wrong",
    11: "callback missing",
    12: "time parameter wrong",
    13: "no task configured",
    14: "image error",
    100: "server error",
    101: "unknown error",
    400: "picture too big",
    404: "picture could not be downloaded",
}

_KINDS: dict[int, type[ArcliError]] = {
    1: WrongCredentials,
    3: UsageError,
    4: NotSupported,
    5: NotSupported,
    6: WrongCredentials,
    7: NotAuthorized,
    8: NotAuthorized,
    9: WrongCredentials,
    10: UsageError,
    11: UsageError,
    12: NotAuthorized,
    13: ChannelNotFound,
    14: UnreadablePicture,
    100: Busy,
    400: PictureTooLarge,
    404: PictureNotFound,
}
_HINTS: dict[int, str] = {
    1: "is the private key the one whose public half was uploaded for this secretId?",
    6: "check the profile's secretId",
    9: "upload your public key to the service first",
    12: "is this machine's clock right?",
}

# The first match wins, so a subclass comes before its base.
_CODES: tuple[tuple[type[ArcliError], TupuCode], ...] = (
    (WrongCredentials, TupuCode.NOT_AUTHORIZED),
    (NotAuthorized, TupuCode.WRONG_TASK),
    (ChannelNotFound, TupuCode.NO_TASK),
    (PictureTooLarge, TupuCode.DOWNLOAD_TOO_BIG),
    (PictureNotFound, TupuCode.DOWNLOAD_FAILED),
    (PictureRefused, TupuCode.IMAGE_ERROR),
    (UsageError, TupuCode.NO_FILE),
    (Busy, TupuCode.SERVER_ERROR),
    (LimitExceeded, TupuCode.SERVER_ERROR),
    (DataDamaged, TupuCode.SERVER_ERROR),
)


def error_for(code: int | str, message: str | None = None) -> ArcliError:
    """Return the error that a code other than 0 means; an undocumented one is a RemoteError."""
    number = code if isinstance(code, int) else -1
    said = f"{code}: {message or MESSAGES.get(number, 'unknown')}"
    kind = _KINDS.get(number)
    if kind is None:
        return RemoteError(f"the service answered code {said}", returncode=code)
    return kind(f"the service answered code {said}", hint=_HINTS.get(number))


def code_for(error: ArcliError) -> TupuCode:
    """Return the code that answers `error`; 101 if none is documented for it."""
    return next((code for kind, code in _CODES if isinstance(error, kind)), TupuCode.UNKNOWN)
