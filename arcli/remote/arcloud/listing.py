"""Listing an ARCloud channel: by GetImages, or by our server's listing where it is worth asking for."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from arcli.errors import NotSupported
from arcli.models import ListQuery, TargetPage
from arcli.protocols.extensions import Feature
from arcli.remote.arcloud.calls import ArcloudClient
from arcli.remote.arcloud.extensions import Extended
from arcli.remote.paging import collected, pages, selected


class Listing:
    """Reads listings page by page."""

    def __init__(self, calls: ArcloudClient, extended: Extended) -> None:
        self._calls, self._extended = calls, extended

    def list(self, channel: str, query: ListQuery) -> TargetPage:
        """Return what `query` selects. Raises NotSupported for levels on the vendor's service."""
        if query == ListQuery(position=query.position, limit=query.limit):
            return collected(self.pages(channel, query.position), query.limit)
        if self._extended.offers(Feature.LIST):
            return collected(self._extended.pages(channel, query), query.limit)
        if query.level is not None:
            raise NotSupported(
                "this service's listing does not tell levels", hint="a local profile and arcli serve do"
            )
        return selected(pages(partial(self._calls.page, channel)), query)

    def pages(self, channel: str, position: int = 0) -> Iterator[TargetPage]:
        """Yield everything from `position` on; an arcli server has larger pages after the first."""
        first = self._calls.page(channel, position)
        yield first
        read = position + len(first.targets)
        if not first.targets or read >= first.totalcount:
            return
        if self._extended.offers(Feature.LIST):
            yield from self._extended.pages(channel, ListQuery(position=read))
        else:
            rest = pages(partial(self._calls.page, channel), position, first)
            next(rest)
            yield from rest
