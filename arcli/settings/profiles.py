"""The profiles file: TOML under the user's configuration folder, readable by its owner only."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from arcli.errors import ProfileExists, ProfileNotFound, ShellHint, StorageNotWritable, UsageError
from arcli.files import make_folder, write_atomically

BUILT_IN = "local"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_HEAD = "# Written by `arcli profile`; comments are not kept.\n"


NO_HOME = ShellHint(
    "this user has no home folder: set HOME, or name folders with --data-dir and XDG_CONFIG_HOME"
)


def user_folder(what: Literal["config", "data"]) -> Path | None:
    """Return this user's folder on this platform, None for a user without a home folder."""
    import platformdirs

    try:
        ours = {"config": platformdirs.user_config_dir, "data": platformdirs.user_data_dir}
        return expanded(ours[what]("arcli"))
    except (RuntimeError, KeyError, UsageError):
        return None


def expanded(text: str) -> Path:
    """Return a path whose `~` is the home folder. Raises UsageError if there is none."""
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise UsageError(f"{text}: no such home folder", hint=NO_HOME) from error


@dataclass(frozen=True, slots=True)
class Profile:
    """A named set of settings. `values` are the keys of its table in the file."""

    name: str
    values: Mapping[str, Any] = field(default_factory=dict)

    def text(self, key: str) -> str | None:
        """Return a value as text. Raises UsageError when the file has no text there."""
        value = self.values.get(key)
        if value is not None and not isinstance(value, str):
            raise UsageError(f"profile {self.name}: {key} must be text, not {type(value).__name__}")
        return value


class ProfileFile:
    """Reads and writes the profiles; each change is one atomic replacement of the file."""

    def __init__(self, path: Path | None) -> None:
        """`path` None: there is no place for the file, so there are no profiles and none can be written."""
        self.path = path
        self._data = {} if path is None else self._read(path)

    @classmethod
    def of_user(cls) -> ProfileFile:
        """Open the file in the platform's configuration folder (neither need exist)."""
        folder = user_folder("config")
        return cls(None if folder is None else folder / "profiles.toml")

    @property
    def current(self) -> str | None:
        """The name chosen by `arcli profile use`."""
        name = self._data.get("current")
        return name if isinstance(name, str) else None

    def names(self) -> list[str]:
        """Return the names in the file, sorted, and the built-in profile."""
        return sorted({BUILT_IN, *self._profiles()})

    def get(self, name: str) -> Profile:
        """Return a profile. Raises ProfileNotFound, with similar names as a hint."""
        table = self._profiles().get(name)
        if table is None and name == BUILT_IN:
            return Profile(BUILT_IN, {"kind": "local"})
        if not isinstance(table, dict):
            raise ProfileNotFound(f"no such profile: {name}", hint=self._nearest(name), item=name)
        return Profile(name, table)

    def refuse(self, profile: Profile, *, replace: bool = False) -> None:
        """Raise what `add` would: ProfileExists unless `replace`, UsageError for an invalid name."""
        if not _NAME.fullmatch(profile.name):
            raise UsageError(
                f"not a valid profile name: {profile.name!r}",
                hint="1 to 64 letters, digits, _ . -, beginning with a letter or digit",
            )
        if profile.name in self._profiles() and not replace:
            raise ProfileExists(
                f"profile {profile.name} exists already",
                hint=ShellHint("--replace overwrites it"),
                item=profile.name,
            )

    def add(self, profile: Profile, *, replace: bool = False, use: bool = False) -> None:
        """Add a profile, with `use` as the current one, in one change or none. Raises as `refuse`."""
        self.refuse(profile, replace=replace)
        chosen = {"current": profile.name} if use else {}
        profiles = {**self._profiles(), profile.name: dict(profile.values)}
        self._write({**self._data, **chosen, "profiles": profiles})

    def use(self, name: str) -> None:
        """Make `name` the profile that is used where none is named. Raises ProfileNotFound."""
        self.get(name)
        self._write({**self._data, "current": name})

    def remove(self, name: str) -> None:
        """Forget a profile. Raises ProfileNotFound, also for the built-in one unless it was redefined."""
        if name not in self._profiles():
            raise ProfileNotFound(f"no such profile: {name}", hint=self._nearest(name), item=name)
        data = {**self._data, "profiles": {k: v for k, v in self._profiles().items() if k != name}}
        if data.get("current") == name:
            del data["current"]
        self._write(data)

    def _profiles(self) -> dict[str, Any]:
        profiles = self._data.get("profiles", {})
        if not isinstance(profiles, dict):
            raise UsageError(f"{self.path}: [profiles] must be a table")
        return profiles

    def _nearest(self, name: str) -> str:
        from difflib import get_close_matches

        near = get_close_matches(name, self.names(), n=1)
        return f"did you mean {near[0]}?" if near else "profiles: " + ", ".join(self.names())

    def _read(self, path: Path) -> dict[str, Any]:
        try:
            data = tomllib.loads(path.read_text(encoding="utf-8-sig"))
        except FileNotFoundError:
            return {}
        except (ValueError, RecursionError) as error:  # of the decoding, a number of 5,000 digits
            raise UsageError(f"{self.path}: {error}", hint="repair the file, or move it away") from error
        except OSError as error:
            raise UsageError(f"{self.path}: {error.strerror}") from error
        if foreign := sorted(data.keys() - {"current", "profiles"}):
            raise UsageError(
                f"{self.path}: no such key: {foreign[0]}", hint="the keys are: current, profiles"
            )
        return data

    def _write(self, data: dict[str, Any]) -> None:
        if self.path is None:
            raise StorageNotWritable("there is no folder for profiles", hint=NO_HOME)
        try:
            make_folder(self.path.parent)
            write_atomically(self.path, (_HEAD + _to_toml(data)).encode(), private=True)
        except OSError as error:
            raise StorageNotWritable(f"cannot write {self.path}: {error.strerror}") from error
        self._data = data


def _to_toml(data: Mapping[str, Any]) -> str:
    """Write scalars, then one table per profile. JSON quotes text as TOML may, except for DEL."""
    lines = [f"{key} = {_scalar(value)}" for key, value in data.items() if not isinstance(value, dict)]
    for name, table in data.get("profiles", {}).items():
        lines += ["", f"[profiles.{_scalar(name)}]"]
        lines += [f"{_key(key)} = {_scalar(value)}" for key, value in table.items()]
    return "\n".join(lines) + "\n"


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _scalar(key)


def _scalar(value: object) -> str:
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")
