"""Names for the shell's completion: quick, local, and silent whatever happens."""

from __future__ import annotations

import typer

_MOST = 200  # names; more would be of no use to anybody


def identifiers(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return identifiers of the channel that begin like `incomplete`; none where it costs a request."""
    from arcli.console.session import Session
    from arcli.models import ListQuery
    from arcli.settings import Kind

    try:
        session = Session.of(ctx)
        if session.settings.kind.value != Kind.LOCAL:
            return []
        query = ListQuery(prefix=incomplete or None, limit=_MOST)
        page = session.gallery.list(channel=session.channel, query=query)
        return [target.identifier for target in page.targets]
    except Exception:
        return []  # a completion has nobody to tell


def channels(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return channels that begin like `incomplete`; none where it costs a request."""
    from arcli.console.session import Session
    from arcli.settings import Kind

    try:
        session = Session.of(ctx)
        if session.settings.kind.value != Kind.LOCAL:
            return []
        return [info.name for info in session.channels.channels() if info.name.startswith(incomplete)]
    except Exception:
        return []  # a completion has nobody to tell


def profiles(incomplete: str) -> list[str]:
    """Return profiles that begin like `incomplete`."""
    from arcli.settings import ProfileFile

    try:
        return [name for name in ProfileFile.of_user().names() if name.startswith(incomplete)]
    except Exception:
        return []  # a completion has nobody to tell
