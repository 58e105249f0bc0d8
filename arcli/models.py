"""What goes into and comes out of a ``Gallery``: frozen dataclasses, the same for every backend.

Conventions: an identifier matches ``[A-Za-z0-9@_.]{3,50}``; metadata is JSON *text*, never parsed here;
dates are UTC days; points are x, y in pixels of the photo as displayed (EXIF orientation applied).
"""

from __future__ import annotations

import datetime as dt
import json
import re
import unicodedata
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from arcli.errors import (
    ArcliError,
    InvalidChannelName,
    InvalidIdentifier,
    InvalidMetadata,
    PictureNotFound,
    PictureTooLarge,
    UnreadablePicture,
    UsageError,
)

DEFAULT_CHANNEL = "default"
METADATA_LIMIT = 64 * 1024  # bytes of UTF-8; protocols.md, decision 11
PICTURE_BYTES_LIMIT = 64 * 1024 * 1024  # a file at the command line; `serve` has a lower limit of its own

MatchRatio = int | float | str
"""A target's own threshold: a number in [0, 1] is used, anything else is kept verbatim and ignored."""

Quad = tuple[tuple[float, float], tuple[float, float], tuple[float, float], tuple[float, float]]
"""Four corners x, y in pixels of the displayed photo, clockwise from the target's top-left."""


class OnExists(StrEnum):
    """What `add` does with an identifier that is taken."""

    FAIL = "fail"
    SKIP = "skip"
    REPLACE = "replace"


class Effort(StrEnum):
    """How far up the cascade of query resolutions a lookup may go."""

    FAST = "fast"
    NORMAL = "normal"
    THOROUGH = "thorough"


class AddStatus(StrEnum):
    """What became of one item of an `add`."""

    ADDED = "added"
    REPLACED = "replaced"
    SKIPPED = "skipped"
    FAILED = "failed"
    WOULD_ADD = "would-add"
    WOULD_REPLACE = "would-replace"
    WOULD_SKIP = "would-skip"
    WOULD_FAIL = "would-fail"


WOULD = {
    AddStatus.ADDED: AddStatus.WOULD_ADD,
    AddStatus.REPLACED: AddStatus.WOULD_REPLACE,
    AddStatus.SKIPPED: AddStatus.WOULD_SKIP,
    AddStatus.FAILED: AddStatus.WOULD_FAIL,
}
"""What a dry run says in place of each."""


class ListKind(StrEnum):
    """What being found in a channel means (Tupu's black and white lists)."""

    PLAIN = "plain"
    BLACK = "black"
    WHITE = "white"


class Scope(StrEnum):
    """What a key or a grant allows: everything, or only looking photos up."""

    ALL = "all"
    FIND = "find"


class IndexKind(StrEnum):
    """How a channel's segments are searched."""

    AUTO = "auto"
    FLAT = "flat"
    HNSW = "hnsw"


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A picture as the user named it: a path that is read only when needed, or bytes already at hand."""

    name: str
    path: Path | None = None
    data: bytes | None = None

    @classmethod
    def from_path(cls, path: str | Path) -> Picture:
        return cls(name=str(path), path=Path(path))

    def read(self, limit: int = PICTURE_BYTES_LIMIT) -> bytes:
        """Return the encoded bytes.

        Raises PictureNotFound (no such file, a folder, no permission), PictureTooLarge (over `limit`
        bytes), UnreadablePicture (the medium fails).
        """
        data = self.data if self.data is not None else self._read_file(limit)
        if len(data) > limit:
            raise PictureTooLarge(f"{self.name}: over {limit:,} bytes", item=self.name)
        return data

    def _read_file(self, limit: int) -> bytes:
        assert self.path is not None, "a Picture has a path or data"
        try:
            if not self.path.is_file():
                what = "is no regular file" if self.path.exists() else "no such file"
                raise PictureNotFound(f"{self.name}: {what}", item=self.name)
            with self.path.open("rb") as file:
                return file.read(limit + 1)
        except PermissionError as error:
            raise PictureNotFound(f"{self.name}: permission denied", item=self.name) from error
        except (OSError, ValueError) as error:
            raise UnreadablePicture(f"{self.name}: {error}", item=self.name) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Hint:
    """One reason why a picture is hard to find (`message`) and what would help (`advice`)."""

    code: str
    message: str
    advice: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A registered picture. `picture_hash` is the SHA-256 (hex) of the bytes that were added, where known."""

    identifier: str
    channel: str
    metadata: str | None = None
    matchratio: MatchRatio | None = None
    level: int | None = None
    active: bool = True
    created: str | None = None
    updated: str | None = None
    picture_hash: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetPage:
    """A page of a listing; `totalcount` counts everything that the query selects."""

    totalcount: int
    targets: tuple[Target, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListQuery:
    """Which targets to list, ordered by identifier (code points). `where`: metadata key = value, as text."""

    position: int = 0
    limit: int | None = None
    prefix: str | None = None
    active: bool | None = None
    level: int | None = None
    where: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetChanges:
    """What `update` changes; None leaves a field as it is."""

    metadata: str | None = None
    matchratio: MatchRatio | None = None
    active: bool | None = None
    picture: Picture | None = None
    rename: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AddItem:
    """One picture to register."""

    picture: Picture
    identifier: str
    metadata: str | None = None
    matchratio: MatchRatio | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AddOptions:
    """How to register. `jobs` None: as many as the backend finds best. `dry_run`: everything but writing."""

    on_exists: OnExists = OnExists.FAIL
    create_channel: bool = True
    min_level: int | None = None
    no_duplicates: bool = False
    jobs: int | None = None
    dry_run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AddResult:
    """What became of one item; `error` only with a failed status."""

    image: str
    identifier: str
    status: AddStatus
    level: int | None = None
    hints: tuple[Hint, ...] = ()
    error: ArcliError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FindOptions:
    """How to look up. `limit` targets a photo (None: all); `candidates`: how many others to report."""

    limit: int | None = 1
    candidates: int = 0
    threshold: float | None = None
    effort: Effort = Effort.NORMAL
    count: bool = True
    metadata: bool = True
    jobs: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A target found in a photo. `score` in [0, 1]; `inliers`: keypoints that agree with one homography.

    A remote service may know neither inliers nor quad: then they are None.
    """

    identifier: str
    channel: str | None
    score: float | None = None
    inliers: int | None = None
    quad: Quad | None = None
    level: int | None = None
    metadata: str | None = None
    label: str | None = None
    ambiguous: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A target that was considered and not accepted. `reason` is a stable code, `why` a sentence."""

    identifier: str
    channel: str | None
    reason: str
    why: str
    score: float | None = None
    inliers: int | None = None
    votes: float | None = None
    quad: Quad | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FindResult:
    """What one photo shows. `error`: this photo could not be looked up (only from `find_many`)."""

    image: str
    matches: tuple[Match, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    elapsed_ms: float = 0.0
    error: ArcliError | None = None

    @property
    def matched(self) -> bool:
        return bool(self.matches)


@dataclass(frozen=True, slots=True, kw_only=True)
class Duplicate:
    """A target of the channel (or `image` of the same batch) that shows the same or nearly the same content.

    `kind`: "duplicate" (the same picture) or "look-alike" (shares much of its content).
    """

    identifier: str | None
    channel: str | None
    kind: str
    score: float
    inliers: int
    image: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """How well a picture will be found, before it is added."""

    image: str
    level: int | None = None
    hints: tuple[Hint, ...] = ()
    duplicates: tuple[Duplicate, ...] = ()
    error: ArcliError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StatisticsQuery:
    """Which match counts to read, both days included.

    `channel` None: all channels, one record a channel and day.
    `misses`: also the
    photos that matched nothing (records with `missed` set).
    """

    start: dt.date
    end: dt.date
    channel: str | None = None
    identifier: str | None = None
    misses: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StatRecord:
    """How often a channel or one of its targets was found on one UTC day (`date`: yyyyMMdd)."""

    date: str
    channel: str | None
    identifier: str | None
    count: int
    missed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelSettings:
    """What can be set on a channel. `threshold` None: the preset's default.

    `any_format`: `serve` takes every picture format that arcli reads, not only JPEG and PNG.
    """

    kind: ListKind = ListKind.PLAIN
    threshold: float | None = None
    index: IndexKind = IndexKind.AUTO
    quota: int | None = None
    keep_pictures: bool = True
    private: bool = False
    any_format: bool = False
    owner: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentFile:
    """A file of an index as it was published: the store keeps this, the index opens nothing else by it.

    dim: numbers a descriptor; ef: candidates while searching (hnsw). bytes, crc32 and sha256 (hex) are the
    whole file's.
    """

    name: str
    kind: str
    dim: int
    ef: int
    descriptors: int
    bytes: int
    crc32: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentInfo:
    """One published segment of a channel's index."""

    name: str
    kind: str
    first_row: int
    last_row: int
    rows: int
    descriptors: int
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelInfo:
    """A channel as it stands."""

    name: str
    settings: ChannelSettings
    preset: str
    targets: int
    created: str
    segments: tuple[SegmentInfo, ...] = ()
    delta_rows: int = 0
    tombstones: int = 0
    store_bytes: int = 0
    index_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that `doctor` looked at. `ok` False: `message` says what is wrong, `hint` what to do."""

    subject: str
    ok: bool
    message: str
    hint: str | None = None
    repaired: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountKey:
    """One secret of an account, without the secret. `channels`: the only ones it works in (None: no limit).

    `imported`: its secret was made elsewhere. `last_used` lags by up to a minute.
    """

    key_id: str
    scope: Scope
    channels: tuple[str, ...] | None = None
    imported: bool = False
    created: str
    last_used: str | None = None
    revoked: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What an account may do in a channel that it does not own."""

    channel: str
    scope: Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class TupuBinding:
    """A Tupu secretId: its account, the channels it searches, the customer's public key (PEM)."""

    secret_id: str
    username: str
    channels: tuple[str, ...]
    public_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Who may use `serve`, and what."""

    username: str
    created: str
    keys: tuple[AccountKey, ...] = ()
    owns: tuple[str, ...] = ()
    grants: tuple[Grant, ...] = ()
    bindings: tuple[TupuBinding, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRequest:
    """A key to make. `secretkey` None: a new secret is drawn, else this one (from the vendor) is imported."""

    scope: Scope = Scope.ALL
    channels: tuple[str, ...] | None = None
    secretkey: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """A key that was just made: the only time that its secret is at hand."""

    username: str
    key_id: str
    secretkey: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who asks a server: an account by one of its keys."""

    username: str
    key_id: str
    scope: Scope
    channels: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a backend can do beyond the protocol that every backend shares."""

    backend: str
    version: str | None = None
    features: frozenset[str] = field(default_factory=frozenset)


_IDENTIFIER = re.compile(r"[A-Za-z0-9@_.]{3,50}")
_USERNAME = re.compile(r"[A-Za-z0-9@_.+-]{1,64}")
_USERNAME_HINT = "an account name has 1 to 64 characters out of A-Z a-z 0-9 @ _ . + -"
_NOT_IN_NAMES = re.compile(r"[/\\\x00-\x1f\x7f-\x9f\u2028\u2029]")


def valid_identifier(text: str) -> str:
    """Return `text`, or raise InvalidIdentifier unless all of it is `[A-Za-z0-9@_.]{3,50}`."""
    if not _IDENTIFIER.fullmatch(text):
        raise InvalidIdentifier(f"not a valid identifier: {text!r}", item=text)
    return text


def valid_username(text: str) -> str:
    """Return `text`, or raise UsageError unless all of it is `[A-Za-z0-9@_.+-]{1,64}`."""
    if not _USERNAME.fullmatch(text):
        raise UsageError(f"not a valid account name: {text!r}", hint=_USERNAME_HINT, item=text)
    return text


def valid_channel_name(text: str) -> str:
    """Return `text` in NFC, or raise InvalidChannelName.

    1 to 64 characters of any script; no control, surrogate or separator characters, no leading or
    trailing space, not "." or "..".
    """
    name = unicodedata.normalize("NFC", text)
    printable = not _NOT_IN_NAMES.search(name) and all(
        unicodedata.category(c) not in ("Cc", "Cs", "Cn", "Cf", "Zl", "Zp") for c in name
    )
    if not 1 <= len(name) <= 64 or not printable or name != name.strip() or name in (".", ".."):
        raise InvalidChannelName(f"not a valid channel name: {text!r}", item=text)
    return name


def valid_metadata(text: str) -> str:
    """Return `text` unchanged, or raise InvalidMetadata unless it is JSON of at most 64 KiB."""
    try:
        size = len(text.encode())
        json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidMetadata(f"metadata is not JSON: {error}") from error
    if size > METADATA_LIMIT:
        raise InvalidMetadata(f"metadata has {size:,} bytes")
    return text


def usable_matchratio(value: MatchRatio | None) -> float | None:
    """Return `value` as a number if it is one in [0, 1] (a number in text counts), else None."""
    if value is None or isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if 0.0 <= number <= 1.0 else None
