"""The settings of each kind of profile, and those of one run, each with its origin."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from arcli.errors import ShellHint, UsageError, WrongCredentials
from arcli.settings.profiles import NO_HOME, expanded
from arcli.settings.secrets import HIDDEN, Secret


class Format(StrEnum):
    """How answers are printed."""

    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"
    EXCEL = "excel"
    IDS = "ids"


class Kind(StrEnum):
    """What a profile talks to."""

    LOCAL = "local"
    ARCLOUD = "arcloud"
    TUPU = "tupu"
    CLUSTER = "cluster"


# The settings of each kind besides `profile`, `kind`, `channel` and `format`, and the name of its secret.
KEYS = {
    Kind.LOCAL: ("data_dir",),
    Kind.ARCLOUD: ("url", "username", "timeout", "jobs"),
    Kind.TUPU: (
        "url",
        "secret_id",
        "public_key",
        "verify",
        "form",
        "tags",
        "tasks",
        "uid",
        "timeout",
        "jobs",
    ),
    Kind.CLUSTER: ("postgres", "milvus"),
}
SECRETS = {Kind.ARCLOUD: "secretkey", Kind.TUPU: "private_key"}
DEFAULTS = {"channel": "default", "format": Format.TABLE.value, "verify": "true"}

# What `profile add --set` accepts: settings that have no option of their own.
OTHERS = {
    "timeout": "seconds to wait for an answer (60)",
    "jobs": "requests sent at the same time in a batch (4)",
    "form": "multipart or json: how pictures are sent (tupu; multipart)",
    "tags": "tags for the pictures of a request, separated by spaces (tupu)",
    "tasks": "task identifiers, separated by spaces (tupu)",
    "uid": "user identifier sent along (tupu)",
}


@dataclass(frozen=True, slots=True)
class ClusterPlace:
    """Where a cluster keeps its data: the DSN of its PostgreSQL and the URI of its Milvus."""

    postgres: str
    milvus: str

    def __str__(self) -> str:
        return f"{without_password(self.postgres)} and {without_password(self.milvus)}"


DataPlace = Path | ClusterPlace
"""Where galleries are kept: in a data folder, or in a cluster."""


def without_password(address: str) -> str:
    """Return a DSN or URI as it may be shown."""
    address = re.sub(r"(://[^:/@\s]*):[^@/]*@", rf"\1:{HIDDEN}@", address)
    return re.sub(r"(?i)\b(password|token|sslpassword)\s*=\s*('[^']*'|[^\s&]+)", rf"\1={HIDDEN}", address)


@dataclass(frozen=True, slots=True)
class Setting:
    """A value and where it came from: "flag", "environment NAME", "profile NAME" or "default"."""

    value: str
    source: str


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of one run. `values` holds the KEYS that are set; `secret` says where the secret is."""

    profile: Setting
    kind: Setting
    channel: Setting
    format: Setting
    values: Mapping[str, Setting]
    secret: Secret | None = None
    kept_by: str = "default"
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def data_path(self) -> Path:
        """The data folder of the embedded engine."""
        value = self.get("data_dir")
        if value is None:
            raise UsageError("there is no folder for data", hint=NO_HOME)
        return expanded(value)

    @property
    def own(self) -> bool:
        """Whether arcli's own engine answers: on a data folder or a cluster, not a remote service."""
        return self.kind.value in (Kind.LOCAL, Kind.CLUSTER)

    @property
    def place(self) -> DataPlace:
        """Where the galleries of a local or cluster profile are kept. Raises UsageError."""
        if self.kind.value == Kind.CLUSTER:
            return ClusterPlace(self.need("postgres"), self.need("milvus"))
        return self.data_path

    def get(self, key: str) -> str | None:
        """Return a setting of the profile's kind, None if it is not set."""
        setting = self.values.get(key)
        return None if setting is None else setting.value

    def need(self, key: str) -> str:
        """Return a setting of the profile's kind. Raises UsageError if it is not set."""
        value = self.get(key)
        if value is None:
            option = f"--{key.replace('_', '-')}"
            raise UsageError(
                f"profile {self.profile.value} has no {key}",
                hint=ShellHint(f"arcli profile add {self.profile.value} --replace … {option} …"),
            )
        return value

    def read_secret(self) -> str:
        """Return the secret. Raises WrongCredentials if there is none, or it cannot be read."""
        if self.secret is None:
            raise WrongCredentials(
                f"profile {self.profile.value} has no secret",
                hint=ShellHint("set ARCLI_SECRETKEY, or see: arcli profile add --help"),
            )
        return self.secret.read(self.environ)

    def shown(self) -> dict[str, Setting]:
        """Return the settings that `profile show` displays, in order."""
        shown = {"profile": self.profile, "kind": self.kind, "channel": self.channel, "format": self.format}
        for key, setting in self.values.items():
            shown[key] = Setting(without_password(setting.value), setting.source)
        if self.secret is not None:
            name = SECRETS[Kind(self.kind.value)]
            shown[name] = Setting(HIDDEN, f"{self.kept_by}: {self.secret}")
        return shown
