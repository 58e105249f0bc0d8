"""Upkeep of a channel's index."""

from __future__ import annotations

from arcli.store.channel import ChannelStore


def maybe_fold(store: ChannelStore) -> None:
    """Bring the index up to date if its delta has grown."""
    with store.read() as snapshot:
        snapshot.info()


def compact(store: ChannelStore) -> None:
    """Fold the delta, merge segments and drop what is dead."""
    maybe_fold(store)
