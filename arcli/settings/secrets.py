"""Where a profile's secret is kept: an environment variable, a file, a command's output, the keyring.

A `Secret` knows the place; the secret itself is read when it is needed and never shown.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from arcli.errors import NotSupported, ShellHint, WrongCredentials, extra_hint
from arcli.settings.profiles import expanded


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretLimits:
    """bytes (4 KiB to 1 MiB): of a secret; a private key has some 3 kB. seconds (10 to 600): for a command
    that prints one; it may ask a person to unlock something.
    """

    bytes: int = 64 << 10
    seconds: float = 120.0


SECRETS = SecretLimits()


HIDDEN = "(not shown)"
_SERVICE = "arcli"


class Place(StrEnum):
    """How a secret is kept; also the suffix of its key in a profile, as in `secretkey_file`."""

    ENV = "env"
    FILE = "file"
    COMMAND = "command"
    KEYRING = "keyring"


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret's place. `where`: the variable, the file, the command line, or the keyring's entry."""

    place: Place
    where: str

    def __str__(self) -> str:
        return f"{self.place} {self.where}"

    def read(self, environ: Mapping[str, str]) -> str:
        """Return the secret without surrounding line breaks. Raises WrongCredentials, NotSupported."""
        text = {
            Place.ENV: lambda: environ.get(self.where, ""),
            Place.FILE: lambda: _from_file(expanded(self.where)),
            Place.COMMAND: lambda: _from_command(self.where),
            Place.KEYRING: lambda: _from_keyring(self.where),
        }[self.place]().strip("\r\n")
        if not text:
            raise WrongCredentials(f"the secret is empty: {self}")
        return text


def forget_in_keyring(entry: str) -> None:
    """Remove a secret from the system's keyring, if it is there."""
    keyring, errors = _keyring()
    with suppress(errors.KeyringError):
        keyring.delete_password(_SERVICE, entry)


def keep_in_keyring(entry: str, secret: str) -> None:
    """Store a secret in the system's keyring. Raises NotSupported without the extra or a keyring."""
    keyring, errors = _keyring()
    try:
        keyring.set_password(_SERVICE, entry, secret)
    except errors.KeyringError as error:
        raise NotSupported(f"the keyring did not take the secret: {type(error).__name__}") from error


def _from_file(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(SECRETS.bytes).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise WrongCredentials(f"the secret in {path} is not text") from error
    except OSError as error:
        raise WrongCredentials(f"cannot read the secret in {path}: {error.strerror}") from error
    except ValueError as error:  # a name that no file can have
        raise WrongCredentials(f"cannot read the secret in {path}: {error}") from error


def _from_command(command: str) -> str:
    """Run a command (no shell) that shares our stdin, stderr and terminal, so that it can prompt."""
    import subprocess

    program = command.split(" ", maxsplit=1)[0]
    try:
        done = subprocess.run(  # noqa: S603 - the user's own command
            shlex.split(command), stdout=subprocess.PIPE, timeout=SECRETS.seconds, check=False
        )
        text = done.stdout[: SECRETS.bytes].decode("utf-8-sig")
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        raise WrongCredentials(f"{program} gave no secret: {type(error).__name__}") from None
    if done.returncode:
        raise WrongCredentials(f"{program} gave no secret: it ended with status {done.returncode}")
    return text


def _from_keyring(entry: str) -> str:
    keyring, errors = _keyring()
    try:
        secret: str | None = keyring.get_password(_SERVICE, entry)
    except errors.KeyringError as error:
        raise WrongCredentials(f"the keyring gave no secret: {type(error).__name__}") from error
    if secret is None:
        raise WrongCredentials(
            f"the keyring has no entry {entry}", hint=ShellHint("run: arcli profile add --replace")
        )
    return secret


def _keyring() -> tuple[Any, Any]:
    try:
        import keyring
        import keyring.errors
    except ImportError as error:
        raise NotSupported(
            "the system keyring needs an extra of arcli", hint=extra_hint("keyring")
        ) from error
    return keyring, keyring.errors
