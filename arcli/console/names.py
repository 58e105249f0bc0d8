"""Names of what there is: for the shell's completion, and "did you mean"."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

import typer

from arcli.errors import ArcliError, ChannelNotFound, NotFound, TargetNotFound

if TYPE_CHECKING:
    from arcli.gallery import Gallery


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
        return [name for name in session.channels.settings() if name.startswith(incomplete)]
    except Exception:
        return []  # a completion has nobody to tell


def profiles(incomplete: str) -> list[str]:
    """Return profiles that begin like `incomplete`."""
    from arcli.settings import ProfileFile

    try:
        return [name for name in ProfileFile.of_user().names() if name.startswith(incomplete)]
    except Exception:
        return []  # a completion has nobody to tell


_SAME_START = 2  # letters; a typing error comes later in a word more often than not
_MOST = 1000  # names to compare with: some ms


def nearest(gallery: Gallery, channel: str, error: NotFound) -> str | None:
    """Return a hint that names a target or channel like `error.item`, None where there is none."""
    try:
        names = _names(gallery, channel, error)
    except ArcliError:
        return None
    near = get_close_matches(error.item or "", names, n=1, cutoff=0.75)
    if near:
        return f"did you mean {near[0]}?"
    if isinstance(error, ChannelNotFound):
        return "`arcli add` or `arcli channel create` makes a channel; `arcli channel ls` lists them"
    return None


def _names(gallery: Gallery, channel: str, error: NotFound) -> list[str]:
    from arcli.gallery import ChannelAdmin
    from arcli.models import ListQuery

    if isinstance(error, TargetNotFound) and error.item:
        query = ListQuery(prefix=error.item[:_SAME_START], limit=_MOST)
        return [target.identifier for target in gallery.list(channel=channel, query=query).targets]
    if isinstance(error, ChannelNotFound) and isinstance(gallery, ChannelAdmin):
        return list(gallery.settings())
    return []
