"""Names of existing things: for the shell's completion, and "did you mean"."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

import typer

from arcli.errors import ArcliError, ChannelNotFound, NotFound, TargetNotFound

if TYPE_CHECKING:
    from arcli.console.session import Session
    from arcli.gallery import Gallery
    from arcli.models import ListQuery


@dataclass(frozen=True, slots=True, kw_only=True)
class NameOptions:
    """completed (50 to 1000): names offered to a shell; more would help nobody. same_start (1 to 4): letters
    in which a name that was meant agrees; typing errors usually come later. compared (100 to 10,000): names
    that one is compared with; 1,000 take some ms. alike (.6 to .9; difflib): a name that was meant has this
    ratio.
    """

    completed: int = 200
    same_start: int = 2
    compared: int = 1000
    alike: float = 0.75


NAMES = NameOptions()


def identifiers(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return identifiers of the channel that begin with `incomplete`; none if that costs a request."""
    from arcli.console.session import Session
    from arcli.models import ListQuery
    from arcli.settings import Kind

    try:
        session = Session.of(ctx)
        if session.settings.kind.value != Kind.LOCAL:
            return []
        query = ListQuery(prefix=incomplete or None, limit=NAMES.completed)
        page = session.gallery.list(channel=session.channel, query=query)
        return [target.identifier for target in page.targets]
    except Exception:
        return []  # a completion has nowhere to report it


def channels(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return channels that begin with `incomplete`; none if that costs a request."""
    from arcli.console.session import Session
    from arcli.settings import Kind

    try:
        session = Session.of(ctx)
        if session.settings.kind.value != Kind.LOCAL:
            return []
        begun = unicodedata.normalize("NFC", incomplete)
        return [name for name in session.channels.settings() if name.startswith(begun)]
    except Exception:
        return []  # a completion has nowhere to report it


def accounts(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return accounts of the data folder that begin with `incomplete`; none for a remote profile."""
    from arcli.connect import account_admin
    from arcli.console.session import Session

    try:
        with account_admin(Session.of(ctx).settings) as known:
            names = [account.username for account in known.accounts()]
        return [name for name in names if name.startswith(incomplete)]
    except Exception:
        return []  # a completion has nowhere to report it


def profiles(incomplete: str) -> list[str]:
    """Return profiles that begin with `incomplete`."""
    from arcli.settings import ProfileFile

    try:
        return [name for name in ProfileFile.of_user().names() if name.startswith(incomplete)]
    except Exception:
        return []  # a completion has nowhere to report it


def hint_for(session: Session, gallery: Gallery, error: NotFound) -> str | None:
    """Return a hint for a name that an embedded gallery does not have: a similar one, or what there is."""
    try:
        if isinstance(error, ChannelNotFound):
            return _channel_hint(session, gallery, error.item or "")
        if isinstance(error, TargetNotFound) and error.item:
            query = _query(prefix=error.item[: NAMES.same_start])
            page = gallery.list(channel=session.channel, query=query)
            return _near(error.item, [target.identifier for target in page.targets])
    except ArcliError:
        return None
    return None


def _query(prefix: str) -> ListQuery:
    from arcli.models import ListQuery

    return ListQuery(prefix=prefix, limit=NAMES.compared)


def _near(name: str, names: list[str]) -> str | None:
    near = get_close_matches(name, names, n=1, cutoff=NAMES.alike)
    return f"did you mean {near[0]}?" if near else None


def _channel_hint(session: Session, gallery: Gallery, name: str) -> str:
    """Return a hint for an unknown channel; if there is none at all, the data folder is probably wrong."""
    from arcli.gallery import ChannelAdmin
    from arcli.models import MESSAGES, some_of

    known = list(gallery.settings()) if isinstance(gallery, ChannelAdmin) else []
    folder = session.settings.data_path
    if not known:
        state = "is empty" if folder.is_dir() else "is new"
        return f"the data folder {folder} {state}, without a channel; --data-dir names another"
    return (
        _near(name, known)
        or f"the data folder {folder} has {some_of(known, MESSAGES.in_sentence)}; `arcli add` makes a channel"
    )


def elsewhere(session: Session) -> str:
    """Return "; there are also books, posters" if an embedded gallery has channels besides the one used."""
    from arcli.models import MESSAGES, some_of

    if session.settings.kind.value != "local":
        return ""
    try:
        others = [name for name in session.channels.settings() if name != session.channel]
    except ArcliError:
        return ""
    return f"; there are also {some_of(others, MESSAGES.in_sentence)}" if others else ""
