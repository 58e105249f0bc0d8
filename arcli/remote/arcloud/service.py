"""One ARCloud service: its seven calls, and what it offers beyond them if it is an arcli server.

A service is asked once (`/arcli/v1/capabilities`) what it is.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from arcli.errors import BadAnswer, NotSupported, ShellHint
from arcli.models import (
    Capabilities,
    ChannelInfo,
    ChannelSettings,
    CheckResult,
    ListQuery,
    Picture,
    SettingsChanges,
    TargetPage,
)
from arcli.protocols import extensions
from arcli.protocols.arcloud.requests import LARGEST_PAGE
from arcli.protocols.channels import read_channel, settings_json
from arcli.protocols.extensions import Feature
from arcli.protocols.reading import JsonObject, json_object, objects, read_error
from arcli.protocols.targets import read_check
from arcli.remote.arcloud.calls import ArcloudClient
from arcli.remote.http.retry import Failed
from arcli.remote.http.transport import HttpAnswer, http_failure
from arcli.remote.paging import refuse_early_end
from arcli.remote.pictures import image_part, upload

_VENDOR = Capabilities(backend="ARCloud")
_PASSING = (429, 502, 503, 504)  # statuses that do not tell what the service is


class ArcloudService:
    """`calls`: the vendor's seven. All other methods raise NotSupported on services other than ours."""

    def __init__(self, calls: ArcloudClient) -> None:
        self.calls = calls
        self._transport, self._credentials, self._retry = calls.transport, calls.credentials, calls.retry
        self._lock = threading.Lock()
        self._known: Capabilities | None = None

    def capabilities(self) -> Capabilities:
        """Return what the service can do; it is asked once. Raises Unreachable."""
        with self._lock:
            if self._known is None:
                self._known = self._retry.run(self._ask)
            return self._known

    def offers(self, feature: Feature) -> bool:
        return feature in self.capabilities().features

    def require(self, feature: Feature, what: str) -> None:
        """Raise NotSupported, naming a backend that can, unless the service offers `feature`."""
        if not self.offers(feature):
            raise NotSupported(
                f"this service cannot {what}", hint=ShellHint("a local profile and arcli serve can")
            )

    def pages(self, channel: str, query: ListQuery) -> Iterator[TargetPage]:
        """Yield what `query` selects, in pages as large as the server allows."""
        self.require(Feature.LIST, "select targets")
        position, left = query.position, query.limit
        while True:
            page = self._page(
                channel, query, position, LARGEST_PAGE if left is None else min(left, LARGEST_PAGE)
            )
            refuse_early_end(page, position)
            yield page
            position += len(page.targets)
            left = None if left is None else left - len(page.targets)
            if not page.targets or position >= page.totalcount or left == 0:
                return

    def _page(self, channel: str, query: ListQuery, position: int, limit: int) -> TargetPage:
        parameters = extensions.list_parameters(query, position=position, limit=limit)
        body = self._json("GET", extensions.targets_path(channel), query=parameters)
        return extensions.read_targets(body, channel=channel)

    def picture(self, channel: str, identifier: str) -> bytes:
        self.require(Feature.PICTURES, "return pictures: it offers none for download")
        answer = self._answered("GET", extensions.picture_path(channel, identifier))
        if not answer.content_type.startswith("image/"):
            raise BadAnswer(f"the service answered {answer.content_type or 'nothing'} in place of a picture")
        return answer.content

    def check(self, picture: Picture, channel: str | None) -> CheckResult:
        self.require(Feature.CHECK, "check a picture without adding it")
        fields = [] if channel is None else [("channel", channel)]
        body = self._json("POST", extensions.CHECK, fields=fields, parts=[image_part(upload(picture).data)])
        return read_check(body, image=picture.name)

    def channels(self) -> Sequence[ChannelInfo]:
        self.require(Feature.CHANNELS, "list its channels")
        body = self._json("GET", extensions.CHANNELS)
        return [read_channel(item) for item in objects(body.get("channels"))]

    def channel(self, name: str) -> ChannelInfo:
        self.require(Feature.CHANNELS, "describe a channel")
        return read_channel(self._json("GET", extensions.channel_path(name)))

    def create_channel(self, name: str, settings: ChannelSettings) -> ChannelInfo:
        self.require(Feature.CHANNELS, "create a channel")
        body = {"name": name, "settings": settings_json(settings)}
        return read_channel(self._json("POST", extensions.CHANNELS, repeatable=False, body=body))

    def set_channel(self, name: str, changes: SettingsChanges) -> ChannelInfo:
        self.require(Feature.CHANNELS, "change a channel")
        body = {"settings": dict(changes)}
        return read_channel(self._json("PATCH", extensions.channel_path(name), body=body))

    def rename_channel(self, name: str, new: str) -> ChannelInfo:
        return self._named(name, extensions.RENAME, new)

    def copy_channel(self, name: str, new: str) -> ChannelInfo:
        return self._named(name, extensions.COPY, new)

    def _named(self, name: str, act: str, new: str) -> ChannelInfo:
        self.require(Feature.CHANNEL_NAMES, f"{act} a channel")
        path = f"{extensions.channel_path(name)}/{act}"
        return read_channel(self._json("POST", path, repeatable=False, body={"name": new}))

    def remove_channel(self, name: str) -> None:
        self.require(Feature.CHANNELS, "remove a channel")
        self._json("DELETE", extensions.channel_path(name), repeatable=False)

    def _ask(self) -> Capabilities:
        """Ask for capabilities; a service that does not know the path is the vendor's."""
        try:
            answer = self._transport.request("GET", extensions.CAPABILITIES)
            return extensions.read_capabilities(json_object(answer.content)) or _VENDOR
        except BadAnswer:
            return _VENDOR
        except Failed as failed:
            if failed.status is None or failed.status in _PASSING:
                raise
            return _VENDOR

    def _json(self, method: str, path: str, *, repeatable: bool = True, **content: Any) -> JsonObject:
        return json_object(self._answered(method, path, repeatable=repeatable, **content).content)

    def _answered(self, method: str, path: str, *, repeatable: bool = True, **content: Any) -> HttpAnswer:
        authorization = extensions.basic(self._credentials)

        def once() -> HttpAnswer:
            answer = self._transport.request(method, path, authorization=authorization, **content)
            if answer.status >= 300:
                raise _failure(answer, f"{self._transport.url}/{path}")
            return answer

        return self._retry.run(once, repeatable=repeatable)


def _failure(answer: HttpAnswer, url: str) -> Failed:
    """Return the error that the server names, to be retried like its HTTP status."""
    plain = http_failure(answer.status, url)
    body: Mapping[str, Any] = json_object(answer.content)
    named = read_error(body.get("error"))
    if named is None:
        return plain
    return Failed(named, again=answer.status in _PASSING, status=answer.status)
