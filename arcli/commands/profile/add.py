"""`arcli profile add`: settings under a name, without editing a file."""

from __future__ import annotations

from typing import Annotated

import typer

from arcli.connect import refuse_profile
from arcli.console.inputs import ask_secret
from arcli.console.session import Session
from arcli.errors import ArcliError, UsageError
from arcli.models import valid_channel_name
from arcli.settings import (
    KEYS,
    OTHERS,
    SECRETS,
    Format,
    Kind,
    Profile,
    ProfileFile,
    expanded,
    without_password,
)

_PATHS = ("data_dir", "secretkey_file", "private_key_file")


def add(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Profile.")],
    kind: Annotated[
        Kind,
        typer.Option(
            "--kind",
            help="What it talks to: a folder here, a service, by its protocol, or a cluster.",
        ),
    ] = Kind.LOCAL,
    url: Annotated[str | None, typer.Option("--url", metavar="URL", help="Address of the service.")] = None,
    postgres: Annotated[
        str | None,
        typer.Option(
            "--postgres",
            metavar="DSN",
            help="Database of a cluster: postgresql://user@host/name; its password is best in ~/.pgpass.",
        ),
    ] = None,
    milvus: Annotated[
        str | None,
        typer.Option("--milvus", metavar="URI", help="Index of a cluster: http://host:19530."),
    ] = None,
    username: Annotated[
        str | None, typer.Option("--username", metavar="NAME", help="Account (arcloud).")
    ] = None,
    secret_id: Annotated[
        str | None, typer.Option("--secret-id", metavar="ID", help="Account (tupu).")
    ] = None,
    secret_file: Annotated[
        str | None,
        typer.Option("--secretkey-file", "--private-key-file", metavar="FILE", help="File with the secret."),
    ] = None,
    secret_command: Annotated[
        str | None,
        typer.Option(
            "--secretkey-command",
            "--private-key-command",
            metavar="COMMAND",
            help="Command that prints the secret.",
        ),
    ] = None,
    secret_env: Annotated[
        str | None,
        typer.Option(
            "--secretkey-env",
            "--private-key-env",
            metavar="NAME",
            help="Environment variable that holds the secret.",
        ),
    ] = None,
    keyring: Annotated[
        bool, typer.Option("--keyring", help="Ask for the secret (or read stdin) and keep it in the keyring.")
    ] = False,
    public_key: Annotated[
        str | None,
        typer.Option("--public-key", metavar="FILE|BASE64", help="Key that answers are signed with (tupu)."),
    ] = None,
    no_verify: Annotated[
        bool, typer.Option("--no-verify", help="Accept answers without checking their signature (tupu).")
    ] = False,
    others: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Another setting of a remote profile: "
            + "; ".join(f"{key}, {what}" for key, what in OTHERS.items())
            + ".",
        ),
    ] = None,
    default_format: Annotated[
        Format | None, typer.Option("--default-format", help="How to print answers.")
    ] = None,
    use: Annotated[bool, typer.Option("--use", help="Use it from now on.")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Overwrite a profile of this name.")] = False,
) -> None:
    """Add a profile; it keeps the --channel and --data-dir given here.

    Example: arcli profile add shop --kind arcloud --url https://ar.example --username shop --keyring
    """
    session = Session.of(ctx)
    secret = SECRETS.get(kind, "secretkey")
    given = {
        "data_dir": session.flags.get("data_dir"),
        "url": url,
        "postgres": postgres,
        "milvus": milvus,
        "username": username,
        "secret_id": secret_id,
        "public_key": public_key,
        "verify": "false" if no_verify else None,
        f"{secret}_file": secret_file,
        f"{secret}_command": secret_command,
        f"{secret}_env": secret_env,
        f"{secret}_keyring": name if keyring else None,
        **_others(others or []),
        "channel": session.flags.get("channel"),
        "format": None if default_format is None else default_format.value,
    }
    values = _values(kind, {key: value for key, value in given.items() if value is not None})
    _ = session.format  # an impossible format is refused before anything is written
    _write(Profile(name, values), replace=replace, use=use, keyring=keyring)
    shown = {key: without_password(value) for key, value in values.items()}
    session.record({"name": name, **shown}, name=name)


def _others(given: list[str]) -> dict[str, str]:
    """Read --set KEY=VALUE. Raises UsageError."""
    pairs = [text.partition("=") for text in given]
    for key, _, value in pairs:
        if key not in OTHERS or not value:
            raise UsageError(f"not KEY=VALUE: {key!r}", hint="keys: " + ", ".join(OTHERS))
    return {key: value for key, _, value in pairs}


def _values(kind: Kind, given: dict[str, str]) -> dict[str, str]:
    """Return the profile's table. Raises UsageError for settings that its kind does not have, or lacks."""
    places = [key for key in given if key.startswith(("secretkey_", "private_key_"))]
    known = {*KEYS[kind], "channel", "format", *(places if kind in SECRETS else ())}
    if foreign := [key for key in given if key not in known]:
        raise UsageError(f"a profile of kind {kind} has no {foreign[0].replace('_', '-')}")
    if len(places) > 1:
        raise UsageError(
            "the secret can be kept in only one place", hint="name one of file, command, env, keyring"
        )
    needed = {Kind.LOCAL: (), Kind.CLUSTER: ("postgres", "milvus")}.get(kind, ("url",))
    if missing := [key for key in needed if key not in given]:
        raise UsageError(f"a profile of kind {kind} needs --{missing[0]}")
    refuse_profile(kind, given)
    if "channel" in given:
        given["channel"] = valid_channel_name(given["channel"])
    if "-" in (given.get("secretkey_file"), given.get("private_key_file")):
        hint = "--keyring reads the secret from stdin and keeps it; --secretkey-file names a permanent file"
        raise UsageError("a profile records where its secret is, and stdin is gone afterwards", hint=hint)
    for key in _PATHS:
        if key in given:
            given[key] = str(expanded(given[key]).absolute())
    return {"kind": kind.value, **given}


def _write(profile: Profile, *, replace: bool, use: bool, keyring: bool) -> None:
    """Write the profile, and its secret into the keyring, or neither."""
    profiles = ProfileFile.of_user()
    profiles.refuse(profile, replace=replace)
    if not keyring:
        profiles.add(profile, replace=replace, use=use)
        return
    from arcli.settings.secrets import forget_in_keyring, keep_in_keyring

    keep_in_keyring(profile.name, ask_secret("secret: "))
    try:
        profiles.add(profile, replace=replace, use=use)
    except ArcliError:
        forget_in_keyring(profile.name)
        raise
