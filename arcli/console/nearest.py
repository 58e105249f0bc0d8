"""A name close to one that was not found: "did you mean"."""

from __future__ import annotations

from difflib import get_close_matches

from arcli.errors import ArcliError, ChannelNotFound, NotFound, TargetNotFound
from arcli.gallery import ChannelAdmin, Gallery
from arcli.models import ListQuery

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
    if isinstance(error, TargetNotFound) and error.item:
        query = ListQuery(prefix=error.item[:_SAME_START], limit=_MOST)
        return [target.identifier for target in gallery.list(channel=channel, query=query).targets]
    if isinstance(error, ChannelNotFound) and isinstance(gallery, ChannelAdmin):
        return [info.name for info in gallery.channels()]
    return []
