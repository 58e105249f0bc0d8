"""Return codes of ARCloud and the errors that they mean, in both directions."""

from __future__ import annotations

from enum import IntEnum, StrEnum

from arcli.errors import (
    ArcliError,
    Busy,
    ChannelNotFound,
    Conflict,
    DataDamaged,
    InvalidIdentifier,
    LevelTooLow,
    LimitExceeded,
    NotAuthorized,
    NotFound,
    NotSupported,
    NotYourChannel,
    PictureRefused,
    PictureTooLarge,
    QuotaExceeded,
    RemoteError,
    StorageNotWritable,
    TargetExists,
    TargetNotFound,
    TooFewFeatures,
    UnreadablePicture,
    UsageError,
    WrongCredentials,
)


class Call(StrEnum):
    """The calls, by their names in URLs."""

    ADD_IMAGE = "AddImage"
    REMOVE_IMAGE = "RemoveImage"
    GET_IMAGES = "GetImages"
    GET_IMAGE = "GetImage"
    UPDATE_IMAGE_INFO = "UpdateImageInfo"
    STATISTICS = "Statistics"
    FIND_IMAGE = "FindImage"


class ReturnCode(IntEnum):
    """Documented codes; those from 29000 on are ours."""

    SUCCESS = 0
    WRONG_KEY = 20001
    NO_CHANNEL = 20003
    NOT_YOUR_CHANNEL = 20004
    NOT_MULTIPART = 20005
    TOO_LARGE = 20006
    BAD_FORMAT = 20007
    BAD_IDENTIFIER = 20010
    TOO_MANY_IMAGES = 20012
    TOO_FEW_FEATURES = 20013
    NO_IMAGE = 20014
    BUSY = 20015
    NAME_TAKEN = 20016
    INTERNAL = 29000
    BAD_PARAMETER = 29001


_EVERY_CALL = {0, 20001, 20003, 20004}
DOCUMENTED: dict[Call, frozenset[int]] = {
    Call.ADD_IMAGE: frozenset(_EVERY_CALL | {20005, 20006, 20007, 20010, 20012, 20013, 20016}),
    Call.REMOVE_IMAGE: frozenset(_EVERY_CALL),
    Call.GET_IMAGES: frozenset(_EVERY_CALL),
    Call.GET_IMAGE: frozenset({0, 20003, 20014}),
    Call.UPDATE_IMAGE_INFO: frozenset(_EVERY_CALL | {20014}),
    Call.STATISTICS: frozenset(_EVERY_CALL | {20014}),
    Call.FIND_IMAGE: frozenset(_EVERY_CALL | {20006, 20007, 20013}),
}
"""The codes that the vendor's document lists for each call."""

_ERRORS: dict[int, tuple[type[ArcliError], str]] = {
    20001: (WrongCredentials, "the service does not accept this username and secretkey"),
    20003: (ChannelNotFound, "no such channel"),
    20004: (NotYourChannel, "these credentials may not use this channel"),
    20006: (PictureTooLarge, "the picture is larger than the service accepts"),
    20007: (UnreadablePicture, "the service cannot read this picture (JPEG and PNG only)"),
    20010: (InvalidIdentifier, "the service does not accept this identifier"),
    20012: (QuotaExceeded, "the channel is full: its number of images is limited"),
    20013: (TooFewFeatures, "the picture has too few features to be recognized"),
    20014: (TargetNotFound, "no such target"),
    20015: (Busy, "the service is busy"),
    20016: (TargetExists, "this identifier is taken"),
    29001: (UsageError, "the service does not accept a parameter"),
}

# The first match wins, so a subclass comes before its base.
_CODES: tuple[tuple[type[ArcliError], ReturnCode], ...] = (
    (WrongCredentials, ReturnCode.WRONG_KEY),
    (ChannelNotFound, ReturnCode.NO_CHANNEL),
    (StorageNotWritable, ReturnCode.INTERNAL),
    (NotAuthorized, ReturnCode.NOT_YOUR_CHANNEL),
    (PictureTooLarge, ReturnCode.TOO_LARGE),
    (InvalidIdentifier, ReturnCode.BAD_IDENTIFIER),
    (TooFewFeatures, ReturnCode.TOO_FEW_FEATURES),
    (LevelTooLow, ReturnCode.TOO_FEW_FEATURES),
    (PictureRefused, ReturnCode.BAD_FORMAT),
    (QuotaExceeded, ReturnCode.TOO_MANY_IMAGES),
    (LimitExceeded, ReturnCode.BUSY),
    (NotFound, ReturnCode.NO_IMAGE),
    (Conflict, ReturnCode.NAME_TAKEN),
    (Busy, ReturnCode.BUSY),
    (DataDamaged, ReturnCode.BUSY),
    (UsageError, ReturnCode.BAD_PARAMETER),
    (NotSupported, ReturnCode.BAD_PARAMETER),
)


def error_for(returncode: int | str, *, item: str | None = None) -> ArcliError:
    """Return the error that a code other than 0 means; an undocumented one is a RemoteError."""
    kind, message = _ERRORS.get(int(returncode), (None, "")) if _is_code(returncode) else (None, "")
    if kind is None:
        return RemoteError(f"the service answered returncode {returncode}", returncode=returncode)
    return kind(f"{item}: {message}" if item else message, item=item)


def code_for(error: ArcliError, call: Call) -> int:
    """Return the code that answers `error` in `call`.

    If the document has no 20010 for a call, an invalid identifier is treated as one that does not exist; and
    removing what does not exist is a success (docs/reference/protocols.md, "Every ARCloud call").
    """
    if isinstance(error, RemoteError) and isinstance(error.returncode, int):
        return error.returncode
    code = next((code for kind, code in _CODES if isinstance(error, kind)), ReturnCode.INTERNAL)
    if code is ReturnCode.BAD_IDENTIFIER and code not in DOCUMENTED[call]:
        code = ReturnCode.NO_IMAGE
    if code is ReturnCode.NO_IMAGE and call is Call.REMOVE_IMAGE:
        code = ReturnCode.SUCCESS
    return int(code)


def _is_code(value: int | str) -> bool:
    return isinstance(value, int) or (value.isascii() and value.isdigit() and len(value) < 10)
