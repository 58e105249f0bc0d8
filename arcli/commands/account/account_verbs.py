"""`arcli account …`: who may use `serve`, and what."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from arcli.commands.account.account_inputs import end_of, named_channels, read_binding, read_secret, scan_link
from arcli.commands.account.account_views import ACCOUNTS, CHANGES, account_lines, account_record
from arcli.console.names import accounts, channels
from arcli.console.options import YesOption, real_number
from arcli.console.qr import qr_format, save_qr, show_qr
from arcli.console.session import Session
from arcli.console.text import plural
from arcli.console.typer_classes import ArcliCommand, ArcliGroup, new_app
from arcli.errors import AccountExists, FileExists, NotFound, UsageError
from arcli.models import MESSAGES, Grant, KeyRequest, NewKey, Scope, TupuBinding, some_of
from arcli.settings import Format

if TYPE_CHECKING:
    from arcli.gallery import AccountAdmin

app = new_app(cls=ArcliGroup, no_args_is_help=True)

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Account.", autocompletion=accounts)]
ScanOnlyOption = Annotated[
    bool, typer.Option("--scan-only", help="Allow only looking photos up: safe to publish in an app.")
]
InOption = Annotated[
    list[str] | None,
    typer.Option(
        "--in",
        metavar="CHANNEL",
        help="Another channel besides --channel. Repeatable.",
        autocompletion=channels,
    ),
]
TupuKeyOption = Annotated[
    Path | None,
    typer.Option("--tupu-public-key", metavar="FILE", help="Public key of a Tupu client, for a secretId."),
]
SecretIdOption = Annotated[
    str | None, typer.Option("--secret-id", metavar="ID", help="Tupu secretId. Default: a new one.")
]
KeyOption = Annotated[str | None, typer.Option("--key", metavar="ID", help="Which key; see account show.")]


@app.callback()
def account() -> None:
    """Administer who may use `serve`: accounts, keys, grants."""


@app.command(cls=ArcliCommand)
def add(
    ctx: typer.Context,
    name: NameArgument,
    scan_only: ScanOnlyOption = False,
    more: InOption = None,
    new_key: Annotated[bool, typer.Option("--new-key", help="Give an existing account another key.")] = False,
    secretkey_file: Annotated[
        str | None,
        typer.Option(
            "--secretkey-file",
            metavar="FILE|-",
            help="Import a secret instead of making one; - reads stdin, or asks at a terminal.",
        ),
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="DATE", help="Last day (UTC) on which the key works.")
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option(
            "--rate",
            min=0.01,
            max=1e6,
            metavar="N",
            help="How many requests a second the key may make.",
            callback=real_number,
        ),
    ] = None,
    tupu_public_key: TupuKeyOption = None,
    secret_id: SecretIdOption = None,
    link: Annotated[
        str,
        typer.Option(
            "--link",
            metavar="URL",
            help="Where the server is, for the link of a --scan-only key.",
        ),
    ] = "http://127.0.0.1:8080",
    qr: Annotated[
        Path | None,
        typer.Option(
            "--qr", metavar="FILE", help="Write the link of a --scan-only key as a QR code: .png or .svg."
        ),
    ] = None,
) -> None:
    """Make an account and show its secret key, only this once.

    With --channel it may use that channel. With --scan-only its key can only look photos up, in the channels
    named, or else in all that the account may search; an existing account gets one more such key, and the
    link that scans with it is drawn as a QR code too at a terminal.

    Example: arcli account add shop
    """
    session = Session.of(ctx)
    _refuse_qr(qr, scan_only, secretkey_file, link)
    channels = named_channels(session, more)
    scope = Scope.FIND if scan_only else Scope.ALL
    limited = tuple(channels) if scan_only and channels else None
    request = KeyRequest(
        scope=scope,
        channels=limited,
        secretkey=read_secret(secretkey_file),
        expires=None if until is None else end_of(until),
        rate=rate,
    )
    binding = read_binding(name, channels, tupu_public_key, secret_id)
    grants = [Grant(channel=channel, scope=scope) for channel in channels]
    with _accounts(session) as accounts:
        try:
            key = accounts.add_account(username=name, key=request, grants=grants, binding=binding)
        except AccountExists:
            if not (new_key or scan_only):
                raise
            key = accounts.add_key(username=name, key=request, grants=grants, binding=binding)
    shown = _show_key(session, key, secretkey_file is not None, binding, link if scan_only else None)
    if shown is not None and qr is not None:
        save_qr(qr, shown)
    elif shown is not None:
        show_qr(session, shown)


@app.command("ls", cls=ArcliCommand)
def list_accounts(ctx: typer.Context) -> None:
    """List the accounts.

    Example: arcli account ls
    """
    session = Session.of(ctx)
    with _accounts(session) as accounts:
        session.show(ACCOUNTS, accounts.accounts())


@app.command(cls=ArcliCommand)
def show(ctx: typer.Context, name: NameArgument) -> None:
    """Show an account: its keys (never a secret), channels, grants and Tupu secretIds.

    Example: arcli account show shop
    """
    session = Session.of(ctx)
    with _accounts(session) as accounts:
        found = accounts.account(username=name)
    session.record(account_record(found), name=name, lines=account_lines(found))


@app.command(cls=ArcliCommand)
def log(
    ctx: typer.Context,
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Account or channel. Default: all.")
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", min=1, metavar="N", help="Only the latest N changes.")
    ] = 100,
) -> None:
    """Show who changed accounts and channels, and when: on this machine, or with a key.

    Example: arcli account log shop
    """
    session = Session.of(ctx)
    with _accounts(session) as accounts:
        session.show(CHANGES, accounts.audit(subject=name, limit=limit))


@app.command(cls=ArcliCommand)
def rotate(ctx: typer.Context, name: NameArgument, key: KeyOption = None) -> None:
    """Replace a key with a new one, shown only this once; the old one stops working now.

    Example: arcli account rotate shop
    """
    session = Session.of(ctx)
    with _accounts(session) as accounts:
        new = accounts.rotate_key(username=name, key_id=key)
    _show_key(session, new, False, None)


@app.command(cls=ArcliCommand)
def rm(ctx: typer.Context, name: NameArgument, yes: YesOption = False) -> None:
    """Remove an account and its keys; asks first. Its channels stay, without an owner.

    Example: arcli account rm shop --yes
    """
    session = Session.of(ctx)
    with _accounts(session) as accounts:
        owned = accounts.account(username=name).owns
        left = f", which owns {plural(len(owned), 'channel')}" if owned else ""
        session.confirm(f"Remove account {name}{left}?", yes=yes)
        orphans = accounts.remove_account(username=name)
    answer = {"username": name, "removed": True, "channels_without_owner": list(orphans)}
    session.record(answer, name=name, lines=())
    without = f"; without an owner now: {some_of(orphans, MESSAGES.in_sentence)}" if orphans else ""
    session.say(f"account {name} removed{without}")


@app.command(cls=ArcliCommand)
def grant(
    ctx: typer.Context,
    name: NameArgument,
    scan_only: ScanOnlyOption = False,
    more: InOption = None,
    tupu_public_key: TupuKeyOption = None,
    secret_id: SecretIdOption = None,
) -> None:
    """Let an account use the channel (and those of --in); with a public key also over the Tupu protocol.

    Example: arcli account grant app --channel posters --scan-only
    """
    session = Session.of(ctx)
    channels = named_channels(session, more) or [session.channel]
    scope = Scope.FIND if scan_only or tupu_public_key else Scope.ALL
    binding = read_binding(name, channels, tupu_public_key, secret_id)
    with _accounts(session) as accounts:
        found = accounts.account(username=name)
        usable = {*found.owns, *(held.channel for held in found.grants)}
        for channel in channels:
            if binding is None or channel not in usable:
                accounts.grant(username=name, channel=channel, scope=scope)
        if binding is not None:
            accounts.bind(binding)
        found = accounts.account(username=name)
    secret = {"secret_id": None if binding is None else binding.secret_id}
    session.record(account_record(found) | secret, name=name, lines=account_lines(found))


@app.command(cls=ArcliCommand)
def revoke(
    ctx: typer.Context, name: NameArgument, key: KeyOption = None, secret_id: SecretIdOption = None
) -> None:
    """Revoke a key, a Tupu secretId, or else the grant for --channel.

    Example: arcli account revoke shop --key 1f2e3d4c
    """
    session = Session.of(ctx)
    if key and secret_id:
        raise UsageError("give --key or --secret-id, not both")
    with _accounts(session) as accounts:
        if key:
            accounts.revoke_key(username=name, key_id=key)
        elif secret_id:
            if not accounts.unbind(username=name, secret_id=secret_id):
                raise NotFound(f"account {name} has no secretId {secret_id}", item=secret_id)
        elif not accounts.revoke_grant(username=name, channel=session.channel):
            raise NotFound(f"account {name} has no grant for channel {session.channel}", item=session.channel)
        found = accounts.account(username=name)
    session.record(account_record(found), name=name, lines=account_lines(found))


@app.command("server-key", cls=ArcliCommand)
def server_key(ctx: typer.Context) -> None:
    """Print the public key with which Tupu clients verify this server's answers.

    Example: arcli account server-key
    """
    session = Session.of(ctx)
    from arcli.connect import own_place, server_signing_key
    from arcli.protocols.tupu.keys import load_private_key, public_pem

    with _accounts(session) as accounts:
        accounts.make()
    pem = public_pem(load_private_key(server_signing_key(own_place(session.settings))))
    if session.format is Format.TABLE:
        session.streams.write(pem)
    else:
        session.record({"public_key": pem}, name="".join(pem.splitlines()[1:-1]))


def _accounts(session: Session) -> AccountAdmin:
    from arcli.connect import account_admin

    return account_admin(session.settings)


def _show_key(
    session: Session, key: NewKey, imported: bool, binding: TupuBinding | None, server: str | None = None
) -> str | None:
    """Show a new secret, and return the link that scans with it; an imported one is already known."""
    secret = None if imported else key.secretkey
    secret_id = None if binding is None else binding.secret_id
    record = {"username": key.username, "secretkey": secret, "key": key.key_id, "secret_id": secret_id}
    link = scan_link(server, key.username, secret) if secret and server is not None else None
    if link is not None:
        record["link"] = link
    session.record(record, name=key.username)
    if secret:
        session.say("the secret key is shown only this once")
    return link


def _refuse_qr(qr: Path | None, scan_only: bool, secretkey_file: str | None, server: str) -> None:
    """Raise UsageError or FileExists, before there is a key, for a picture that could not be written."""
    if scan_only:
        scan_link(server, "", "")
    if qr is None:
        return
    qr_format(qr)
    if not scan_only or secretkey_file is not None:
        raise UsageError("--qr is for the new key of --scan-only: no other may be published")
    if os.path.lexists(qr):
        raise FileExists(f"{qr} exists already", item=str(qr))
    if not qr.parent.is_dir():
        raise UsageError(f"no such folder: {qr.parent}", item=str(qr))
