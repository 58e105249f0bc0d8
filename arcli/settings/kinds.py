"""Which settings there are, by what a profile talks to."""

from __future__ import annotations

from enum import StrEnum


class Format(StrEnum):
    """How answers are printed."""

    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"
    IDS = "ids"


class Kind(StrEnum):
    """What a profile talks to."""

    LOCAL = "local"
    ARCLOUD = "arcloud"
    TUPU = "tupu"


# The settings of each kind beside `profile`, `kind`, `channel` and `format`, and what its secret is called.
KEYS = {
    Kind.LOCAL: ("data_dir",),
    Kind.ARCLOUD: ("url", "username"),
    Kind.TUPU: ("url", "secret_id", "public_key", "verify"),
}
SECRETS = {Kind.ARCLOUD: "secretkey", Kind.TUPU: "private_key"}
DEFAULTS = {"channel": "default", "format": Format.TABLE.value, "verify": "true"}
