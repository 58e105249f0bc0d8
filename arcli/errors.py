"""The error tree: every failure that a user can meet, its code and its exit status.

A backend translates what went wrong into one of these classes; ``arcli.app`` turns the class into an
exit status and the JSON envelope. ``code`` is a stable API, listed in docs/reference/exit-codes.md.

ArcliError (70)
├── UsageError (2): InvalidChannelName, InvalidMetadata, InvalidDate, InvalidManifest, ConfirmationRequired,
│                   EmptyInput, TooManyRemovals
├── NotFound (4): TargetNotFound, ChannelNotFound, ProfileNotFound, AccountNotFound, PictureNotKept
├── NotAuthorized (5): WrongCredentials, NotYourChannel, StorageNotWritable
├── Conflict (6): TargetExists, ChannelExists, ProfileExists, AccountExists, FileExists, RemovalHeld,
│                   TargetInactive
├── PictureRefused (7): PictureNotFound, UnreadablePicture, PictureTooLarge, TooFewFeatures,
│                       InvalidIdentifier, LevelTooLow, DuplicatePicture
├── Busy (8): Locked, Deadlock
├── DataDamaged (9): DataTooNew
├── Unreachable (10): TimedOut
├── LimitExceeded (11): QuotaExceeded, RateLimited, DiskFull, MemoryLimit,
│                       ResourceLimit
├── BadAnswer (12): BadSignature, RemoteError
├── NotSupported (13)
└── Interrupted (130): Declined
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import ClassVar, Self, TypeVar

Record = dict[str, str | None]


class ShellHint(str):
    """A hint for whoever runs arcli: it names commands, options or what else is done at a shell.

    Who calls over a network gets the class's `caller_hint` instead.
    """

    __slots__ = ()


class ArcliError(Exception):
    """A failure with a sentence for people, a code for scripts and a hint at what to do next.

    ``item`` names the picture, identifier or channel that failed, where there is one. An error is not changed
    once it is made: `about`, `reworded` and `hinting` return copies that keep class, cause and traceback.
    """

    code: ClassVar[str] = "internal"
    exit_status: ClassVar[int] = 70
    default_hint: ClassVar[str | None] = None
    caller_hint: ClassVar[str | None] = None

    def __init__(self, message: str, *, hint: str | None = None, item: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint if hint is not None else self.default_hint
        self.item = item

    def about(self, item: str | None) -> Self:
        """Return this error with `item` as what it is about."""
        return self._copy(self.message, self.hint, item)

    def reworded(self, message: str) -> Self:
        """Return this error with another message."""
        return self._copy(message, self.hint, self.item)

    def hinting(self, hint: str | None) -> Self:
        """Return this error with another hint."""
        return self._copy(self.message, hint, self.item)

    @property
    def hint_for_callers(self) -> str | None:
        """The hint for whoever calls over a network, who has no shell."""
        return self.caller_hint if isinstance(self.hint, ShellHint) else self.hint

    def as_record(self) -> Record:
        """Return the error as it appears in the envelope, reports, plans and our server's answers."""
        return {"code": self.code, "message": self.message, "hint": self.hint, "item": self.item}

    @staticmethod
    def from_record(record: Mapping[str, object]) -> ArcliError:
        """Rebuild the error from a record; one with an unknown code becomes a plain ArcliError.

        Raises KeyError, TypeError for an object that is not such a record.
        """
        kind = error_class(record["code"]) or ArcliError
        message, hint, item = record["message"], record.get("hint"), record.get("item")
        if not isinstance(message, str):
            raise TypeError("an error's message is text")
        return _rebuild(kind, message, _text_or_none(hint), _text_or_none(item), {})

    def _copy(self, message: str, hint: str | None, item: str | None) -> Self:
        state = {**self.__dict__, "message": message, "hint": hint, "item": item}
        copy = _rebuild(type(self), message, hint, item, state)
        copy.__cause__, copy.__suppress_context__ = self.__cause__, self.__suppress_context__
        return copy.with_traceback(self.__traceback__)

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.message, self.hint, self.item, self.__dict__.copy())


Kind = TypeVar("Kind", bound=ArcliError)


def _rebuild(
    kind: type[Kind], message: str, hint: str | None, item: str | None, state: dict[str, object]
) -> Kind:
    """Make an error (copied, read, sent by a worker process) without running a subclass's constructor."""
    error = kind.__new__(kind)
    ArcliError.__init__(error, message, hint=hint, item=item)
    error.__dict__.update(state)
    return error


def _text_or_none(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise TypeError("an error's hint and item are text")


def error_class(code: object) -> type[ArcliError] | None:
    """Return the class that has `code`, None for an unknown code."""
    waiting: list[type[ArcliError]] = [ArcliError]
    while waiting:
        kind = waiting.pop()
        if kind.code == code:
            return kind
        waiting.extend(kind.__subclasses__())
    return None


@contextmanager
def naming(item: str) -> Iterator[None]:
    """Name `item` in whatever ArcliError is raised inside."""
    try:
        yield
    except ArcliError as error:
        raise error.about(item) from error.__cause__


class UsageError(ArcliError):
    """The command or request cannot be understood."""

    code = "usage"
    exit_status = 2


class InvalidChannelName(UsageError):
    code = "invalid_channel_name"
    default_hint = "a channel name has 1 to 64 characters, without control characters, / or \\"


class InvalidMetadata(UsageError):
    code = "invalid_metadata"
    default_hint = "metadata is JSON text of at most 64 KiB"


class InvalidDate(UsageError):
    code = "invalid_date"
    default_hint = "write yyyy, yyyyMM, yyyyMMdd or yyyy-MM-dd"


class InvalidManifest(UsageError):
    code = "invalid_manifest"


class EmptyInput(UsageError):
    """A list, a folder or a stream that should name pictures or targets is empty."""

    code = "empty_input"


class TooManyRemovals(UsageError):
    code = "too_many_removals"


class ConfirmationRequired(UsageError):
    code = "confirmation_required"
    default_hint = ShellHint("add --yes to go ahead without being asked")


class NotFound(ArcliError):
    """Something that was named is not there."""

    code = "not_found"
    exit_status = 4


class TargetNotFound(NotFound):
    code = "target_not_found"


class ChannelNotFound(NotFound):
    code = "channel_not_found"


class ProfileNotFound(NotFound):
    code = "profile_not_found"


class AccountNotFound(NotFound):
    code = "account_not_found"


class PictureNotKept(NotFound):
    code = "picture_not_kept"


class NotAuthorized(ArcliError):
    """The credentials or the file permissions do not allow it."""

    code = "not_authorized"
    exit_status = 5


class WrongCredentials(NotAuthorized):
    code = "wrong_credentials"


class NotYourChannel(NotAuthorized):
    code = "not_your_channel"


class StorageNotWritable(NotAuthorized):
    code = "storage_not_writable"


class Conflict(ArcliError):
    """Something that exists prevents what was asked."""

    code = "conflict"
    exit_status = 6


class TargetExists(Conflict):
    code = "target_exists"
    caller_hint = "the fields replace and skip say what to do with it"


class ChannelExists(Conflict):
    code = "channel_exists"


class ProfileExists(Conflict):
    code = "profile_exists"


class AccountExists(Conflict):
    code = "account_exists"


class FileExists(Conflict):
    code = "file_exists"


class TargetInactive(Conflict):
    code = "target_inactive"


class RemovalHeld(Conflict):
    """Targets that a source does not have were kept, because not all of the source could be read."""

    code = "removal_held"


class PictureRefused(ArcliError):
    """A picture, or the identifier it should get, cannot be accepted.

    ``ended_worker``: the process that decoded it had to be ended, which counts against the sender.
    """

    code = "picture_refused"
    exit_status = 7
    ended_worker: bool = False


class PictureNotFound(PictureRefused):
    code = "picture_not_found"


class UnreadablePicture(PictureRefused):
    code = "unreadable_picture"


class PictureTooLarge(PictureRefused):
    code = "picture_too_large"


class TooFewFeatures(PictureRefused):
    code = "too_few_features"


class InvalidIdentifier(PictureRefused):
    code = "invalid_identifier"
    default_hint = "an identifier has 3 to 50 characters from A-Z a-z 0-9 @ _ ."


class LevelTooLow(PictureRefused):
    code = "level_too_low"


class DuplicatePicture(PictureRefused):
    code = "duplicate_picture"
    caller_hint = "leave it out, or send it without noduplicates"


class Busy(ArcliError):
    """It cannot be done right now, but can be later."""

    code = "busy"
    exit_status = 8
    default_hint = "try again in a moment"


class Locked(Busy):
    code = "locked"


class Deadlock(Locked):
    """Two transactions waited for each other, and this one was given up: it can be tried again at once."""

    code = "deadlock"


class DataDamaged(ArcliError):
    """Stored data fail a check."""

    code = "data_damaged"
    exit_status = 9
    default_hint: ClassVar[str | None] = ShellHint("run: arcli doctor")


class DataTooNew(DataDamaged):
    code = "data_too_new"
    default_hint = "these data were written by a newer arcli: upgrade arcli"


class Unreachable(ArcliError):
    """The service cannot be reached."""

    code = "unreachable"
    exit_status = 10


class TimedOut(Unreachable):
    code = "timed_out"


class LimitExceeded(ArcliError):
    """A quota, a rate, or the machine's space is used up."""

    code = "limit_exceeded"
    exit_status = 11


class QuotaExceeded(LimitExceeded):
    code = "quota_exceeded"


class RateLimited(LimitExceeded):
    code = "rate_limited"


class DiskFull(LimitExceeded):
    code = "disk_full"
    default_hint = "free some space on that disk; what was acknowledged before is safe"


class MemoryLimit(LimitExceeded):
    code = "memory_limit"
    default_hint = ShellHint(
        "close other programs, use fewer --jobs, or raise the limit (ulimit -v, the container's)"
    )


MORE_FILES = ShellHint("raise the limit: ulimit -n 1024, or more")


class ResourceLimit(LimitExceeded):
    """This process may open no more files or threads."""

    code = "resource_limit"


class BadAnswer(ArcliError):
    """The service answered something that its protocol does not allow."""

    code = "bad_answer"
    exit_status = 12


class BadSignature(BadAnswer):
    code = "bad_signature"


class RemoteError(BadAnswer):
    """The service answered a return code that is not documented; ``returncode`` keeps it."""

    code = "remote_error"
    returncode: int | str = "unknown"

    def __init__(self, message: str, *, returncode: int | str, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.returncode = returncode


class NotSupported(ArcliError):
    """This backend cannot do it; the message names one that can."""

    code = "not_supported"
    exit_status = 13


class Interrupted(ArcliError):
    """The user stopped it."""

    code = "interrupted"
    exit_status = 130


class Declined(Interrupted):
    code = "declined"


UNREADABLE = (DataDamaged, ChannelNotFound, StorageNotWritable)
"""What is wrong with one channel, and leaves the others as they are."""


def extra_hint(extra: str) -> ShellHint:
    """Return how to install an extra of arcli, from a checkout or from a wheel."""
    return ShellHint(f"pip install '.[{extra}]' in arcli's checkout, or pip install 'WHEEL_FILE[{extra}]'")
