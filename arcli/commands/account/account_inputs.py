"""The arguments of the `account` commands: channels, a secret to import, a Tupu client's key."""

from __future__ import annotations

import secrets
import sys
from pathlib import Path
from urllib.parse import urlencode

from arcli.console.inputs import ask_secret, stdin_bytes
from arcli.console.session import Session
from arcli.errors import UsageError
from arcli.models import TupuBinding, valid_channel_name
from arcli.models.statistics import days_of
from arcli.settings.secrets import SECRETS


def named_channels(session: Session, more: list[str] | None) -> list[str]:
    """Return the channels named on the command line, if any."""
    first = [session.channel] if session.named("channel") else []
    return list(dict.fromkeys([*first, *(valid_channel_name(name) for name in more or [])]))


def end_of(text: str) -> str:
    """Return the moment (UTC) at which a day, month or year ends. Raises InvalidDate."""
    return f"{days_of(text, iso=True)[1].isoformat()}T23:59:59Z"


def scan_link(server: str, username: str, secretkey: str) -> str:
    """Return the address of the page that scans with a find-only key, which no server sees: its fragment.

    Raises UsageError.
    """
    if not server.startswith(("http://", "https://")) or "#" in server:
        raise UsageError("the server's address begins with http:// or https://", item=server)
    return f"{server.rstrip('/')}/scan#{urlencode({'u': username, 'k': secretkey})}"


def read_secret(source: str | None) -> str | None:
    """Read the secret to import, without its line break, from a file, from stdin (`-`), or from a person.

    At a terminal the user is asked, and what is typed is not shown. Raises UsageError, Interrupted.
    """
    if source is None:
        return None
    if source == "-" and sys.stdin is not None and sys.stdin.isatty():
        return ask_secret("secret key: ")
    try:
        if source == "-":
            data = stdin_bytes().read(SECRETS.bytes)
        else:
            with Path(source).open("rb") as file:
                data = file.read(SECRETS.bytes)
        return data.decode("utf-8-sig").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{source}: the secret cannot be read", item=source) from error


def read_binding(
    username: str, channels: list[str], public_key: Path | None, secret_id: str | None
) -> TupuBinding | None:
    """Return the Tupu client to register; None without a public key. Raises UsageError."""
    if public_key is None:
        if secret_id is not None:
            raise UsageError("a secretId comes with --tupu-public-key")
        return None
    if not channels:
        raise UsageError("a secretId needs the channels it searches", hint="add --channel NAME")
    from arcli.protocols.tupu.keys import load_public_key, public_pem

    try:
        text = public_key.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{public_key}: the key cannot be read", item=str(public_key)) from error
    return TupuBinding(
        secret_id=secret_id or secrets.token_hex(12),
        username=username,
        channels=tuple(channels),
        public_key=public_pem(load_public_key(text)),
    )
