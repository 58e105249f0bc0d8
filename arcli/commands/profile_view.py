"""How profiles and settings are shown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

from arcli.console.view import Record, View
from arcli.settings import Profile, Setting, Settings


@dataclass(frozen=True, slots=True)
class Listed:
    """A profile and whether it is in use."""

    profile: Profile
    current: bool


@dataclass(frozen=True, slots=True)
class Shown:
    """A setting by its name."""

    key: str
    setting: Setting


def shown(settings: Settings) -> Iterator[Shown]:
    """Yield all settings in the order of their declaration."""
    for field in fields(settings):
        yield Shown(field.name, getattr(settings, field.name))


def _record(listed: Listed) -> Record:
    values = {key: value for key, value in listed.profile.values.items() if isinstance(value, str)}
    kept = {key: values.get(key) for key in ("kind", "data_dir", "channel", "format")}
    return {"name": listed.profile.name, "current": listed.current, **kept}


PROFILES: View[Listed] = View(
    key="profiles",
    record=_record,
    columns=("name", "current", "kind", "data_dir", "channel", "format"),
    names=lambda listed: [listed.profile.name],
    headings=("", "name", "kind", "channel", "data folder"),
    lines=lambda listed: [
        (
            "*" if listed.current else "",
            listed.profile.name,
            _record(listed)["kind"],
            _record(listed)["channel"],
            _record(listed)["data_dir"],
        )
    ],
)

SETTINGS: View[Shown] = View(
    key="settings",
    record=lambda item: {"key": item.key, "value": item.setting.value, "source": item.setting.source},
    columns=("key", "value", "source"),
    names=lambda item: [item.setting.value] if item.key == "profile" else [],
    headings=("setting", "value", "from"),
)
