"""Finds each setting's value and remembers where it came from, for `arcli profile show`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from arcli.errors import UsageError
from arcli.settings.profiles import BUILT_IN, Profile, ProfileFile

DEFAULT_CHANNEL = "default"


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


@dataclass(frozen=True, slots=True)
class Setting:
    """A value and where it came from: "flag", "environment NAME", "profile NAME" or "default"."""

    value: str
    source: str


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of one run."""

    profile: Setting
    kind: Setting
    data_dir: Setting
    channel: Setting
    format: Setting

    @property
    def data_path(self) -> Path:
        """The data folder of the embedded engine."""
        return Path(self.data_dir.value).expanduser()


def resolve(
    *, flags: Mapping[str, str], environ: Mapping[str, str], profiles: ProfileFile | None = None
) -> Settings:
    """Apply flag > environment > profile > default. An empty environment variable counts as unset.

    Raises ProfileNotFound, and UsageError for a value that is none of those allowed.
    """
    profiles = profiles or ProfileFile.of_user()
    name = _profile_name(flags, environ, profiles)
    profile = profiles.get(name.value)

    def setting(key: str, default: str) -> Setting:
        variable = f"ARCLI_{key.upper()}"
        if key in flags:
            return Setting(flags[key], "flag")
        if environ.get(variable):
            return Setting(environ[variable], f"environment {variable}")
        text = profile.text(key)
        return Setting(default, "default") if text is None else Setting(text, f"profile {profile.name}")

    return Settings(
        profile=name,
        kind=_checked("kind", _kind(profile), Kind),
        data_dir=setting("data_dir", _default_data_dir()),
        channel=setting("channel", DEFAULT_CHANNEL),
        format=_checked("format", setting("format", Format.TABLE), Format),
    )


def _profile_name(flags: Mapping[str, str], environ: Mapping[str, str], profiles: ProfileFile) -> Setting:
    if "profile" in flags:
        return Setting(flags["profile"], "flag")
    if environ.get("ARCLI_PROFILE"):
        return Setting(environ["ARCLI_PROFILE"], "environment ARCLI_PROFILE")
    if profiles.current:
        return Setting(profiles.current, "profile use")
    return Setting(BUILT_IN, "default")


def _kind(profile: Profile) -> Setting:
    kind = profile.text("kind")
    return Setting(kind, f"profile {profile.name}") if kind else Setting(Kind.LOCAL, "default")


def _default_data_dir() -> str:
    import platformdirs

    return platformdirs.user_data_dir("arcli")


def _checked(what: str, setting: Setting, allowed: type[StrEnum]) -> Setting:
    if setting.value not in [member.value for member in allowed]:
        raise UsageError(
            f"{what} {setting.value!r} (from {setting.source}) is not known",
            hint="one of: " + ", ".join(member.value for member in allowed),
        )
    return setting
