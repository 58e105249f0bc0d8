"""Listing the targets of an ARCloud channel and changing one: as the vendor documents, or as ours can."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from arcli.errors import NotSupported, ShellHint, TargetNotFound
from arcli.models import (
    AddItem,
    AddResult,
    ListQuery,
    Picture,
    Target,
    TargetChanges,
    TargetPage,
    valid_changes,
    valid_identifier,
)
from arcli.protocols.arcloud import requests
from arcli.protocols.extensions import Feature
from arcli.remote.arcloud.service import ArcloudService
from arcli.remote.paging import collected, pages, refuse_early_end, selected
from arcli.remote.pictures import upload

Replace = Callable[[str, AddItem], AddResult]
"""Replaces a target of a channel by an item, for services that cannot change a picture."""


def list_targets(service: ArcloudService, channel: str, query: ListQuery) -> TargetPage:
    """Return what `query` selects. Raises NotSupported for levels on the vendor's service."""
    if query == ListQuery(position=query.position, limit=query.limit):
        return collected(all_pages(service, channel, query.position), query.limit)
    if service.offers(Feature.LIST):
        return collected(service.pages(channel, query), query.limit)
    if query.level is not None:
        raise NotSupported(
            "this service's listing does not give levels",
            hint=ShellHint("a local profile and arcli serve do"),
        )
    return selected(pages(partial(service.calls.page, channel)), query)


def all_pages(service: ArcloudService, channel: str, position: int = 0) -> Iterator[TargetPage]:
    """Yield everything from `position` on; an arcli server has larger pages after the first."""
    first = service.calls.page(channel, position)
    refuse_early_end(first, position)
    yield first
    read = position + len(first.targets)
    if not first.targets or read >= first.totalcount:
        return
    if service.offers(Feature.LIST):
        yield from service.pages(channel, ListQuery(position=read))
    else:
        rest = pages(partial(service.calls.page, channel), position, first)
        next(rest)
        yield from rest


def update_target(
    service: ArcloudService, channel: str, identifier: str, changes: TargetChanges, replace: Replace
) -> Target:
    """Change a target and return it as it is now.

    On the vendor's service a new picture means removing and adding, which is not atomic; renaming and
    activating raise NotSupported.
    """
    valid_identifier(identifier)
    valid_changes(changes)
    if changes.clear and changes.picture is None:
        service.require(Feature.CLEAR, "clear the metadata or the match ratio of a target")
    now: Target | None = None
    simple = changes.active is None and changes.rename is None
    if changes.picture is None and not changes.clear and simple:
        now = service.calls.update(channel, identifier, requests.update_fields(changes))
    elif service.offers(Feature.UPDATE_FIELDS):
        now = _at_once(service, channel, identifier, changes)
    elif changes.picture is not None and simple:
        replace(channel, _with_new_picture(service, channel, identifier, changes, changes.picture))
    else:
        raise NotSupported(
            "this service can neither rename a target nor set it active or inactive",
            hint=ShellHint("a local profile and arcli serve can"),
        )
    return now or service.calls.get(channel, changes.rename or identifier)


def _at_once(service: ArcloudService, channel: str, identifier: str, changes: TargetChanges) -> Target | None:
    """Send everything in one request. A rename whose answer was lost still counts."""
    fields = requests.update_fields(changes) | requests.update_extension_fields(changes)
    data = None if changes.picture is None else upload(changes.picture).data
    lost: list[bool] = []
    try:
        return service.calls.update(channel, identifier, fields, data, retried=lost.append)
    except TargetNotFound:
        if not any(lost) or changes.rename is None:
            raise
        return None


def _with_new_picture(
    service: ArcloudService, channel: str, identifier: str, changes: TargetChanges, picture: Picture
) -> AddItem:
    metadata, matchratio = changes.of(service.calls.get(channel, identifier))
    return AddItem(
        picture=picture,
        identifier=identifier,
        metadata=metadata,
        matchratio=matchratio,
    )
