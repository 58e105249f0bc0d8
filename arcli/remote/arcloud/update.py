"""Changing a target of an ARCloud service."""

from __future__ import annotations

from collections.abc import Callable

from arcli.errors import NotSupported, TargetNotFound
from arcli.models import AddItem, AddResult, Picture, Target, TargetChanges, valid_identifier, valid_metadata
from arcli.protocols.arcloud import requests
from arcli.protocols.extensions import Feature
from arcli.remote.arcloud.calls import ArcloudClient
from arcli.remote.arcloud.extensions import Extended
from arcli.remote.uploads import upload


class Updating:
    """`replace` adds an item over the one that is there, for services that cannot change a picture."""

    def __init__(
        self, calls: ArcloudClient, extended: Extended, replace: Callable[[str, AddItem], AddResult]
    ) -> None:
        self._calls, self._extended, self._replace = calls, extended, replace

    def update(self, channel: str, identifier: str, changes: TargetChanges) -> Target:
        """Change a target and return it as it is now.

        On the vendor's service a new picture means remove and add, which is not atomic; renaming and
        activating raise NotSupported.
        """
        _validated(identifier, changes)
        now: Target | None = None
        if changes.picture is None and changes.active is None and changes.rename is None:
            now = self._calls.update(channel, identifier, requests.update_fields(changes))
        elif self._extended.offers(Feature.UPDATE_FIELDS):
            now = self._at_once(channel, identifier, changes)
        elif changes.picture is not None and changes.active is None and changes.rename is None:
            self._new_picture(channel, identifier, changes, changes.picture)
        else:
            raise NotSupported(
                "this service can neither rename a target nor set it active or inactive",
                hint="a local profile and arcli serve can",
            )
        return now or self._calls.get(channel, changes.rename or identifier)

    def _at_once(self, channel: str, identifier: str, changes: TargetChanges) -> Target | None:
        """Send everything in one request. A rename whose answer was lost is one all the same."""
        fields = requests.update_fields(changes) | requests.update_extension_fields(changes)
        data = None if changes.picture is None else upload(changes.picture)
        lost: list[bool] = []
        try:
            return self._calls.update(channel, identifier, fields, data, told=lost.append)
        except TargetNotFound:
            if not any(lost) or changes.rename is None:
                raise
            return None

    def _new_picture(self, channel: str, identifier: str, changes: TargetChanges, picture: Picture) -> None:
        there = self._calls.get(channel, identifier)
        item = AddItem(
            picture=picture,
            identifier=identifier,
            metadata=there.metadata if changes.metadata is None else changes.metadata,
            matchratio=there.matchratio if changes.matchratio is None else changes.matchratio,
        )
        self._replace(channel, item)


def _validated(identifier: str, changes: TargetChanges) -> None:
    valid_identifier(identifier)
    if changes.rename is not None:
        valid_identifier(changes.rename)
    if changes.metadata is not None:
        valid_metadata(changes.metadata)
