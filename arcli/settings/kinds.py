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
}
SECRETS = {Kind.ARCLOUD: "secretkey", Kind.TUPU: "private_key"}
DEFAULTS = {"channel": "default", "format": Format.TABLE.value, "verify": "true"}

# What `profile add --set` is told of: settings without an option of their own.
OTHERS = {
    "timeout": "seconds to wait for an answer (60)",
    "jobs": "requests at once in a batch (4)",
    "form": "multipart or json: how pictures travel (tupu; multipart)",
    "tags": "tags of the pictures of a request, with spaces between (tupu)",
    "tasks": "task identifiers, with spaces between (tupu)",
    "uid": "user identifier sent along (tupu)",
}
