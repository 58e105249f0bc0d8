"""How profiles and settings are shown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from arcli.console.items import ItemView, Record
from arcli.settings import Profile, Setting, Settings, without_password


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
    """Yield the settings; of the secret, only where it is kept."""
    for key, setting in settings.shown().items():
        yield Shown(key, setting)


_KEPT = ("kind", "channel", "format", "data_dir", "url", "username", "secret_id", "postgres", "milvus")


def _record(listed: Listed) -> Record:
    texts = {key: value for key, value in listed.profile.values.items() if isinstance(value, str)}
    values = {key: without_password(value) for key, value in texts.items()}
    kept = {key: values.get(key) for key in _KEPT}
    return {"name": listed.profile.name, "current": listed.current, **kept}


PROFILES: ItemView[Listed] = ItemView(
    key="profiles",
    record=_record,
    columns=("name", "current", *_KEPT),
    names=lambda listed: [listed.profile.name],
    headings=("", "name", "kind", "channel", "place"),
    lines=lambda listed: [
        (
            "*" if listed.current else "",
            listed.profile.name,
            _record(listed)["kind"],
            _record(listed)["channel"],
            _record(listed)["url"] or _record(listed)["data_dir"] or _record(listed)["postgres"],
        )
    ],
)

SETTINGS: ItemView[Shown] = ItemView(
    key="settings",
    record=lambda item: {"key": item.key, "value": item.setting.value, "source": item.setting.source},
    columns=("key", "value", "source"),
    names=lambda item: [item.setting.value] if item.key == "profile" else [],
    headings=("setting", "value", "from"),
)
