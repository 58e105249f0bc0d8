"""Finds each setting's value (flag > environment > profile > default), and what `doctor` says about them."""

from __future__ import annotations

import stat
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from arcli.errors import ShellHint, UsageError
from arcli.settings.profiles import BUILT_IN, Profile, ProfileFile, expanded, user_folder
from arcli.settings.secrets import Place, Secret
from arcli.settings.values import DEFAULTS, KEYS, SECRETS, Format, Kind, Setting, Settings

if TYPE_CHECKING:
    from arcli.models import Finding

_OWN = ("PROFILE", "CHANNEL", "URL", "USERNAME", "SECRETKEY")  # variables that are about the destination


def resolve(
    *, flags: Mapping[str, str], environ: Mapping[str, str], profiles: ProfileFile | None = None
) -> Settings:
    """Apply flag > environment > profile > default. An empty environment variable counts as unset.

    Raises ProfileNotFound, and UsageError for a value that is not allowed.
    """
    profiles = profiles or ProfileFile.of_user()
    name = _profile_name(flags, environ, profiles)
    profile = profiles.get(name.value)
    _refuse_unknown(profile, profiles.path)
    kind = _checked("kind", _kind(name, profile, flags, environ), Kind)
    found = {
        key: setting
        for key in ("channel", "format", *KEYS[Kind(kind.value)])
        if (setting := _setting(key, profile, flags, environ)) is not None
    }
    secret, source = _secret(Kind(kind.value), profile, environ)
    return Settings(
        profile=name,
        kind=kind,
        channel=found.pop("channel"),
        format=_checked("format", found.pop("format"), Format),
        values=found,
        secret=secret,
        kept_by=source,
        environ=environ,
    )


def resolve_other(profile: str, environ: Mapping[str, str]) -> Settings:
    """Resolve a profile that data come from: variables about the destination do not count here.

    Raises ProfileNotFound, UsageError.
    """
    known = ProfileFile.of_user().get(profile)
    names = {f"ARCLI_{name}" for name in _OWN} | {f"ARCLI_{key.upper()}" for key in known.values}
    kept = {name: value for name, value in environ.items() if name not in names}
    return resolve(flags={"profile": profile}, environ=kept)


def _refuse_unknown(profile: Profile, path: Path | None) -> None:
    """Raise UsageError for a key that the profile's kind does not have: probably a typing error."""
    kind = profile.text("kind") or Kind.LOCAL.value
    if kind not in list(Kind):
        return
    places = [f"{SECRETS[Kind(kind)]}_{place}" for place in Place] if kind in SECRETS else []
    known = ["kind", "channel", "format", *KEYS[Kind(kind)], *places]
    for key in profile.values:
        if key not in known:
            hint = f"correct {path}; the settings are: {', '.join(known)}"
            raise UsageError(f"profile {profile.name}: no such setting: {key}", hint=hint, item=key)


def _profile_name(flags: Mapping[str, str], environ: Mapping[str, str], profiles: ProfileFile) -> Setting:
    if "profile" in flags:
        return Setting(flags["profile"], "flag")
    if environ.get("ARCLI_PROFILE"):
        return Setting(environ["ARCLI_PROFILE"], "environment ARCLI_PROFILE")
    if profiles.current:
        return Setting(profiles.current, "profile use")
    return Setting(BUILT_IN, "default")


def _kind(name: Setting, profile: Profile, flags: Mapping[str, str], environ: Mapping[str, str]) -> Setting:
    """Return the profile's kind; where no profile was chosen, ARCLI_URL alone makes it arcloud."""
    if name.source == "default" and environ.get("ARCLI_URL") and "data_dir" not in flags:
        return Setting(Kind.ARCLOUD, "environment ARCLI_URL")
    kind = profile.text("kind")
    return Setting(kind, f"profile {profile.name}") if kind else Setting(Kind.LOCAL, "default")


def _setting(
    key: str, profile: Profile, flags: Mapping[str, str], environ: Mapping[str, str]
) -> Setting | None:
    variable = f"ARCLI_{key.upper()}"
    if key in flags:
        return Setting(flags[key], "flag")
    if environ.get(variable):
        return Setting(environ[variable], f"environment {variable}")
    if (text := profile.text(key)) is not None:
        return Setting(text, f"profile {profile.name}")
    default = _default_data_dir() if key == "data_dir" else DEFAULTS.get(key)
    return None if default is None else Setting(default, "default")


def _secret(kind: Kind, profile: Profile, environ: Mapping[str, str]) -> tuple[Secret | None, str]:
    """Return where the secret is kept, and which setting says so. Raises UsageError for two places."""
    if kind not in SECRETS:
        return None, "default"
    if environ.get("ARCLI_SECRETKEY"):
        return Secret(Place.ENV, "ARCLI_SECRETKEY"), "environment ARCLI_SECRETKEY"
    named = [
        Secret(place, text)
        for place in Place
        if (text := profile.text(f"{SECRETS[kind]}_{place}")) is not None
    ]
    if len(named) > 1:
        raise UsageError(f"profile {profile.name} names several places for its secret")
    return (named[0] if named else None), f"profile {profile.name}"


def _default_data_dir() -> str | None:
    folder = user_folder("data")
    return None if folder is None else str(folder)


def _checked(what: str, setting: Setting, allowed: type[StrEnum]) -> Setting:
    if setting.value not in [member.value for member in allowed]:
        raise UsageError(
            f"{what} {setting.value!r} (from {setting.source}) is not known",
            hint="one of: " + ", ".join(member.value for member in allowed),
        )
    return setting


def examine_settings(settings: Settings) -> Iterator[Finding]:
    """Yield warnings about the profile, and about a secret's file that others can read."""
    from arcli.models import Finding

    subject = f"profile {settings.profile.value}"
    yield Finding(subject=subject, ok=True, message=f"kind {settings.kind.value} ({settings.kind.source})")
    if settings.secret is None or settings.secret.place is not Place.FILE:
        return
    path = expanded(settings.secret.where)
    if path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o077:
        yield Finding(
            subject=subject,
            ok=False,
            message=f"others can read the secret in {path}",
            hint=ShellHint(f"run: chmod 600 {path}"),
        )
