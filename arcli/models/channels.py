"""Channels: their settings and present state, what `doctor` finds, and what a backend can do."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypedDict

from arcli.errors import ArcliError


class ListKind(StrEnum):
    """What being found in a channel means (Tupu's black and white lists)."""

    PLAIN = "plain"
    BLACK = "black"
    WHITE = "white"


class IndexKind(StrEnum):
    """How a channel's segments are searched."""

    AUTO = "auto"
    FLAT = "flat"
    HNSW = "hnsw"
    IVF = "ivf"


class FeaturePreset(StrEnum):
    """How much is kept of a target's features: all of it, or half the bytes."""

    STANDARD = "standard"
    COMPACT = "compact"

    @property
    def number(self) -> int:
        """The number under which stores know it."""
        return 1 + [*FeaturePreset].index(self)


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


class SettingsChanges(TypedDict, total=False):
    """Settings to change on a channel; those that are left out stay as they are."""

    kind: ListKind
    threshold: float | None
    index: IndexKind
    quota: int | None
    keep_pictures: bool
    private: bool
    any_format: bool
    owner: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentFile:
    """An index file as it was published: the store keeps this record, the index refuses a file that differs.

    dim: numbers per descriptor; ef: how many candidates an hnsw search keeps. bytes, crc32 and sha256 (hex)
    are those of the whole file.
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
class ChannelEstimate:
    """What a channel of `targets` is expected to cost, by a measurement on another day and machine.

    preset: how much is kept of the features. index, why: the kind of index and the reason; hint: what could
    be installed for a better one. store_bytes: without kept pictures. memory_bytes: of a process that looks
    photos up, not counting mapped files. add_seconds, index_seconds: CPU, on one core. extract_ms, lookup_ms:
    a lookup in a process that goes on, without keypoints of the photo and those alone. command_ms: one `arcli
    find`. measured_to: targets of the largest channel that was measured.
    """

    targets: int
    preset: str
    index: str
    why: str
    hint: str | None
    store_bytes: int
    picture_bytes: int
    index_bytes: int
    memory_bytes: int
    add_seconds: float
    index_seconds: float
    extract_ms: float
    lookup_ms: float
    command_ms: float
    measured_to: int
    measured_on: str
    commit: str
    machine: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelInfo:
    """A channel at present. `error`: why its store cannot be read; the figures are then not known.

    index_kind, index_why: how all of it would be indexed now, and the reason.
    """

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
    index_kind: str = ""
    index_why: str = ""
    error: ArcliError | None = None


@dataclass(frozen=True, slots=True)
class ClusterState:
    """pending: targets that the index does not have yet; removed: those that it may still have; connections:
    of all arcli processes to the database.
    """

    pending: int = 0
    removed: int = 0
    connections: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Migrated:
    """A channel that was moved. targets: all it has now; written: in this run; counts: days and identifiers
    whose number of matches was carried over.
    """

    channel: str
    targets: int = 0
    written: int = 0
    removed: int = 0
    counts: int = 0
    error: ArcliError | None = None


class UpgradeStatus(StrEnum):
    """What became of a target: its features were converted, extracted again, or stay as they are."""

    CONVERTED = "converted"
    EXTRACTED = "extracted"
    UNCHANGED = "unchanged"
    KEPT = "kept"


@dataclass(frozen=True, slots=True, kw_only=True)
class Upgraded:
    """A target of a channel that is moved to another preset. `error`: why its features stay as they are."""

    identifier: str
    status: UpgradeStatus
    error: ArcliError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that `doctor` looked at. `ok` False: `message` says what is wrong, `hint` what to do.

    `error`: the exception that was caught, if any; it tells a full disk from damage.
    """

    subject: str
    ok: bool
    message: str
    hint: str | None = None
    repaired: bool = False
    error: ArcliError | None = None

    @classmethod
    def of(cls, subject: str, error: ArcliError, *, hint: str | None = None) -> Finding:
        """Return the finding for a caught `error`; `hint`, if given, replaces the error's own."""
        return cls(subject=subject, ok=False, message=error.message, hint=hint or error.hint, error=error)


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a backend can do beyond the protocol that every backend shares."""

    backend: str
    version: str | None = None
    features: frozenset[str] = field(default_factory=frozenset)
