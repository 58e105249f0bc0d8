"""ARCloud's seven calls, one method each: fields out, checked answer in, retried where that helps."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from arcli.models import AddItem, AddResult, FindResult, StatisticsQuery, StatRecord, Target, TargetPage
from arcli.protocols.arcloud import answers, requests
from arcli.protocols.arcloud.codes import Call
from arcli.protocols.arcloud.requests import Credentials, Fields
from arcli.protocols.reading import JsonObject
from arcli.protocols.targets import read_target
from arcli.remote.http.retry import Retry
from arcli.remote.http.transport import HttpTransport, UploadPart
from arcli.remote.pictures import image_part

Retried = Callable[[bool], object]
"""Called before each retry with whether the last try may have been carried out without an answer."""


class ArcloudClient:
    """The protocol as Python methods. Each raises the error of its returncode, Unreachable and BadAnswer."""

    def __init__(self, transport: HttpTransport, credentials: Credentials, retry: Retry) -> None:
        self.transport, self.credentials, self.retry = transport, credentials, retry

    def add(
        self, channel: str, item: AddItem, data: bytes, extra: Fields, retried: Retried = bool
    ) -> AddResult:
        fields = requests.add_fields(channel, item) | extra
        return answers.read_added(self._send(Call.ADD_IMAGE, fields, item.identifier, data, retried), item)

    def remove(self, channel: str, identifier: str, retried: Retried = bool) -> bool:
        """Return whether something was removed; also True if the service does not tell."""
        fields = {"channel": channel, "identifier": identifier}
        return answers.read_removed(self._send(Call.REMOVE_IMAGE, fields, identifier, retried=retried))

    def page(self, channel: str, position: int) -> TargetPage:
        fields = {"channel": channel, "position": str(position)}
        body = self._send(Call.GET_IMAGES, fields, channel)
        return answers.read_listed(body, channel=channel, position=position)

    def get(self, channel: str, identifier: str) -> Target:
        """Return a target.

        Credentials are sent for private channels of our server (docs/reference/protocols.md, "ARCloud").
        """
        fields = {"channel": channel, "identifier": identifier}
        body = self._send(Call.GET_IMAGE, fields, identifier)
        return read_target(body, channel=channel, identifier=identifier)

    def update(
        self,
        channel: str,
        identifier: str,
        changes: Mapping[str, str],
        data: bytes | None = None,
        retried: Retried = bool,
    ) -> Target | None:
        """Change a target; return it as it is now if the service does, as ours."""
        fields = {"channel": channel, "identifier": identifier, **changes}
        body = self._send(Call.UPDATE_IMAGE_INFO, fields, identifier, data, retried)
        return read_target(body, channel=channel) if "identifier" in body else None

    def statistics(self, query: StatisticsQuery) -> tuple[StatRecord, ...]:
        body = self._send(
            Call.STATISTICS, requests.statistics_fields(query), query.identifier or query.channel
        )
        return answers.read_statistics(body, channel=query.channel)

    def find(self, name: str, data: bytes, fields: Fields) -> FindResult:
        """Look a photo up. `fields`: the channels, and options of our server beyond the document."""
        started = time.perf_counter()
        body = self._send(Call.FIND_IMAGE, fields, name, data)
        elapsed = (time.perf_counter() - started) * 1000
        return answers.read_found(body, image=name, channel=fields.get("channel"), elapsed_ms=elapsed)

    def _send(
        self,
        call: Call,
        fields: Mapping[str, str],
        item: str | None = None,
        data: bytes | None = None,
        retried: Retried = bool,
    ) -> JsonObject:
        parts: list[UploadPart] = [] if data is None else [image_part(data)]

        def once() -> JsonObject:
            everything = {**self.credentials.fields(), **fields}
            answer = self.transport.post_form(call.value, list(everything.items()), parts)
            return answers.read_answer(answer.content, item=item)

        return self.retry.run(once, retried=retried)
