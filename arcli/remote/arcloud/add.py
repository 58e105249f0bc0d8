"""Adding to an ARCloud service: gates, lost answers, replacing, and what AddImage has no field for."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable

from arcli.errors import ArcliError, DuplicatePicture, NotSupported, ShellHint, TargetExists, TargetNotFound
from arcli.models import (
    AddItem,
    AddOptions,
    AddResult,
    AddStatus,
    Hint,
    OnExists,
    Picture,
    Target,
    TargetChanges,
    valid_identifier,
    valid_metadata,
)
from arcli.protocols.arcloud import requests
from arcli.remote.arcloud.calls import ArcloudClient
from arcli.remote.arcloud.presence import Presence
from arcli.remote.http.batches import about
from arcli.remote.pictures import rated, refuse_low_level, upload

_SAY_WHAT = ShellHint("use --on-exists replace or skip")


class Adding:
    """Adds items to one channel. `extended`: the service understands our additional fields of AddImage.

    `hints` requests again the hints of an answer that was lost.
    """

    def __init__(
        self,
        calls: ArcloudClient,
        channel: str,
        options: AddOptions,
        presence: Presence,
        *,
        extended: bool,
        hints: Callable[[Picture], tuple[Hint, ...]],
    ) -> None:
        self._hints = hints
        self._calls, self._channel, self._options = calls, channel, options
        self._presence, self._extended = presence, extended
        if options.no_duplicates and not extended:
            raise NotSupported(
                "this service cannot look for duplicates before it adds",
                hint=ShellHint("a local profile and arcli serve can"),
            )

    def add(self, item: AddItem) -> AddResult:
        """Add one item. Raises the error that refuses it, with the picture's name as `item`."""
        try:
            valid_identifier(item.identifier)
            if item.metadata is not None:
                valid_metadata(item.metadata)
            with self._presence.alone(item.identifier):
                return self._add(item)
        except ArcliError as error:
            raise about(error, item.picture.name) from error.__cause__

    def _add(self, item: AddItem) -> AddResult:
        there = self._presence.before(item.identifier)
        if there and self._options.on_exists is not OnExists.REPLACE:
            return self._taken(item)
        if self._extended:
            extra = requests.add_extension_fields(item, self._options)
            return self._send(item, upload(item.picture).data, extra, absent=not there)
        return self._plain_add(item, there)

    def _plain_add(self, item: AddItem, there: bool) -> AddResult:
        """Add to a service that supports only what the vendor documents."""
        refuse_low_level(item.picture, self._options.min_level)
        if self._options.dry_run:
            status = AddStatus.WOULD_REPLACE if there else AddStatus.WOULD_ADD
            return _result(item, status, rated(item.picture).level)
        data = upload(item.picture).data
        if there:
            return self._replace(item, data)
        return self._with_matchratio(item, self._send(item, data, {}, absent=True))

    def _replace(self, item: AddItem, data: bytes) -> AddResult:
        """Remove, then add: not atomic, and a failure in between says that the old picture is gone."""
        self._calls.remove(self._channel, item.identifier)
        try:
            added = self._with_matchratio(item, self._send(item, data, {}, absent=True))
        except ArcliError as error:
            raise _but(error, "the old picture was removed, and the new one was not added") from None
        return dataclasses.replace(added, status=AddStatus.REPLACED)

    def _send(self, item: AddItem, data: bytes, extra: requests.Fields, *, absent: bool) -> AddResult:
        """Send AddImage and recover a lost answer (docs/reference/protocols.md, "What goes wrong on the
        way")."""
        lost: list[bool] = []
        try:
            result = self._calls.add(self._channel, item, data, extra, retried=lost.append)
        except TargetExists as error:
            if any(lost):
                return self._after_lost_answer(item, error, absent=absent)
            return self._overtaken(item, data, error.hinting(_SAY_WHAT))
        except DuplicatePicture as error:
            raise error.hinting(ShellHint("leave it out, or add it without --no-duplicates")) from None
        self._presence.note(item.identifier)
        if any(lost) and absent and result.status in (AddStatus.REPLACED, AddStatus.SKIPPED):
            return dataclasses.replace(result, status=AddStatus.ADDED)
        return result

    def _after_lost_answer(self, item: AddItem, error: TargetExists, *, absent: bool) -> AddResult:
        """Return what the lost answer must have been if the target is ours; else raise, saying so."""
        try:
            there = self._calls.get(self._channel, item.identifier)
        except TargetNotFound:
            raise error from None
        if absent and _same_metadata(there, item):
            self._presence.note(item.identifier)
            added = _result(item, AddStatus.ADDED, there.level)
            return dataclasses.replace(added, hints=self._hints(item.picture)) if self._extended else added
        raise TargetExists(
            f"{item.identifier} is taken; an answer was lost before that, so it may have been added just now",
            hint=ShellHint("compare it with arcli get"),
        )

    def _overtaken(self, item: AddItem, data: bytes, error: TargetExists) -> AddResult:
        """Handle an identifier that somebody added since we looked."""
        self._presence.note(item.identifier)
        if self._options.on_exists is OnExists.SKIP:
            return self._taken(item)
        if self._options.on_exists is OnExists.REPLACE and not self._extended:
            self._calls.remove(self._channel, item.identifier)
            sent = self._calls.add(self._channel, item, data, {})
            return dataclasses.replace(self._with_matchratio(item, sent), status=AddStatus.REPLACED)
        raise error

    def _taken(self, item: AddItem) -> AddResult:
        if self._options.on_exists is OnExists.FAIL:
            raise TargetExists(f"{item.identifier} exists already", hint=_SAY_WHAT)
        level = self._calls.get(self._channel, item.identifier).level
        return _result(item, AddStatus.WOULD_SKIP if self._options.dry_run else AddStatus.SKIPPED, level)

    def _with_matchratio(self, item: AddItem, result: AddResult) -> AddResult:
        """Set what AddImage has no field for."""
        if item.matchratio is not None:
            changes = requests.update_fields(TargetChanges(matchratio=item.matchratio))
            try:
                self._calls.update(self._channel, item.identifier, changes)
            except ArcliError as error:
                raise _but(error, "the picture was added, but its matchratio was not set") from None
        return result


def _but(error: ArcliError, what: str) -> ArcliError:
    return error.reworded(f"{what}: {error.message}")


def _result(item: AddItem, status: AddStatus, level: int | None = None) -> AddResult:
    return AddResult(image=item.picture.name, identifier=item.identifier, status=status, level=level)


def _same_metadata(target: Target, item: AddItem) -> bool:
    """Compare metadata as text, and as JSON in case the service rewrote it."""
    if target.metadata == item.metadata:
        return True
    if target.metadata is None or item.metadata is None:
        return False
    try:
        return bool(json.loads(target.metadata) == json.loads(item.metadata))
    except (ValueError, RecursionError):
        return False
