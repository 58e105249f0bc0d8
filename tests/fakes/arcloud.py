"""The vendor's ARCloud service, written by hand from its document alone: nothing here comes from arcli.

What the document leaves open is as different from our own server as possible: small pages, no extra keys,
metadata left out where there are none.
"""

from __future__ import annotations

import datetime as dt
import re
import ssl
import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.http import FakeService, Reply, Request
from tests.fakes.recognition import Sketch, agreeing, keypoints, level_of, sketch

CREDENTIALS = {"username": "vendor-user", "secretkey": "vendor-secret-5f2c"}
OTHER_CREDENTIALS = {"username": "other-user", "secretkey": "other-secret-77aa"}


@dataclass
class Image:
    sketch: Sketch
    metadata: str | None = None
    matchratio: str | None = None


@dataclass
class Channel:
    owner: str
    most: int = 1_000_000
    images: dict[str, Image] = field(default_factory=dict)


class Refused(Exception):
    def __init__(self, code: int) -> None:
        self.code = code


class FakeVendor(FakeService):
    """Channels exist beforehand, as the vendor makes them: `default` and whatever a test adds.

    `numbers_as_text`: every number of an answer is a string. `channel_in_level`: FindImage without a channel
    answers the channel's name as `level`, as the document literally says. `tells_total`: GetImages has its
    optional totalcount. `most_records`: how many Statistics answers; an arcli server refuses more.
    """

    def __init__(
        self,
        channels: tuple[str, ...] = ("default",),
        page: int = 4,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(tls)
        self.page, self.largest = page, 4_000_000
        self.channels = {name: Channel(CREDENTIALS["username"]) for name in channels}
        self.channels["theirs"] = Channel(OTHER_CREDENTIALS["username"])
        self.counts: Counter[tuple[str, str, str]] = Counter()
        self.numbers_as_text = self.channel_in_level = False
        self.tells_total = True
        self.most_records = 1_000_000
        self.truth = threading.Lock()

    @property
    def calls(self) -> list[str]:
        """Which calls arrived, in order."""
        return [request.path.rsplit("/", 1)[1] for request in self.requests]

    def answer(self, request: Request) -> Reply:
        method = getattr(self, "call_" + request.path.lstrip("/"), None)
        if method is None or request.method != "POST":
            return Reply(404, b"<html>not found</html>", {"Content-Type": "text/html"})
        if not request.headers.get("content-type", "").startswith("multipart/form-data"):
            return Reply.of({"returncode": 20005})
        try:
            with self.truth:
                body = {"returncode": 0, **method(request)}
        except Refused as refused:
            body = {"returncode": refused.code}
        return Reply.of(_texts(body) if self.numbers_as_text else body)

    def call_AddImage(self, request: Request) -> dict[str, Any]:  # noqa: N802 - the calls' own names
        channel, values = self._own_channel(request), request.values
        if not re.fullmatch(r"[A-Za-z0-9@_.]{3,50}", values.get("identifier", "")):
            raise Refused(20010)
        if values["identifier"] in channel.images:
            raise Refused(20016)
        seen = self._picture(request)
        if len(channel.images) >= channel.most:
            raise Refused(20012)
        channel.images[values["identifier"]] = Image(seen, values.get("metadata"))
        return {"level": level_of(seen)}

    def call_RemoveImage(self, request: Request) -> dict[str, Any]:  # noqa: N802
        self._own_channel(request).images.pop(request.values["identifier"], None)
        return {}

    def call_GetImages(self, request: Request) -> dict[str, Any]:  # noqa: N802
        images = self._own_channel(request).images
        start = int(request.values.get("position", "0"))
        names = sorted(images)[start : start + self.page]
        total = {"totalcount": len(images)} if self.tells_total else {}
        return {**total, "images": [{"identifier": name, **_info(images[name])} for name in names]}

    def call_GetImage(self, request: Request) -> dict[str, Any]:  # noqa: N802
        image = self._image(self._channel(request), request)
        return {**_info(image), "level": level_of(image.sketch)}

    def call_UpdateImageInfo(self, request: Request) -> dict[str, Any]:  # noqa: N802
        image = self._image(self._own_channel(request), request)
        image.metadata = request.values.get("metadata", image.metadata)
        image.matchratio = request.values.get("matchratio", image.matchratio)
        return {}

    def call_Statistics(self, request: Request) -> dict[str, Any]:  # noqa: N802
        values = request.values
        self._authenticate(values)
        if "channel" in values:
            images = self._own_channel(request).images
            known = {identifier for _, channel, identifier in self.counts if channel == values["channel"]}
            if "identifier" in values and values["identifier"] not in known | set(images):
                raise Refused(20014)
        first, last = values["startdate"].ljust(8, "0"), values["enddate"].ljust(8, "9")
        sums: Counter[tuple[str, str]] = Counter()
        for (date, channel, identifier), count in self.counts.items():
            wanted = values.get("channel", channel) == channel
            if first <= date <= last and wanted and values.get("identifier", identifier) == identifier:
                sums[date, identifier if "channel" in values else channel] += count
        what = "identifier" if "channel" in values else "channel"
        records = [{"date": date, what: name, "count": count} for (date, name), count in sums.items()]
        if len(records) > self.most_records:
            raise Refused(29001)
        head: dict[str, Any] = {key: values[key] for key in ("username", "channel") if key in values}
        return {**head, "records": records}

    def call_FindImage(self, request: Request) -> dict[str, Any]:  # noqa: N802
        values = request.values
        user = self._authenticate(values)
        if "channel" in values:
            searched = {values["channel"]: self._own_channel(request)}
        else:
            searched = {name: channel for name, channel in self.channels.items() if channel.owner == user}
        seen = self._picture(request)
        agree = {
            (name, identifier): agreeing(seen, image.sketch)
            for name, channel in searched.items()
            for identifier, image in channel.images.items()
        }
        if not any(agree.values()):
            return {}
        name, identifier = max(agree, key=agree.__getitem__)
        self.counts[f"{dt.datetime.now(dt.UTC):%Y%m%d}", name, identifier] += 1
        tells = {} if "channel" in values else {"level" if self.channel_in_level else "channel": name}
        return {"identifier": identifier, **tells}

    def _picture(self, request: Request) -> Sketch:
        named = [(name, data) for part, name, data in request.files if part == "image"]
        if not named or not named[0][0].lower().endswith((".jpg", ".jpeg", ".png")):
            raise Refused(20007)
        data = named[0][1]
        if len(data) > self.largest:
            raise Refused(20006)
        seen = sketch(data) if data.startswith((b"\xff\xd8", b"\x89PNG")) else None
        if seen is None:
            raise Refused(20007)
        if keypoints(seen) < 20:
            raise Refused(20013)
        return seen

    def _authenticate(self, values: dict[str, str]) -> str:
        given = {key: values.get(key) for key in ("username", "secretkey")}
        if given not in (CREDENTIALS, OTHER_CREDENTIALS):
            raise Refused(20001)
        return values["username"]

    def _channel(self, request: Request) -> Channel:
        if request.values.get("channel") not in self.channels:
            raise Refused(20003)
        return self.channels[request.values["channel"]]

    def _own_channel(self, request: Request) -> Channel:
        user = self._authenticate(request.values)
        channel = self._channel(request)
        if channel.owner != user:
            raise Refused(20004)
        return channel

    def _image(self, channel: Channel, request: Request) -> Image:
        image = channel.images.get(request.values.get("identifier", ""))
        if image is None:
            raise Refused(20014)
        return image


def _info(image: Image) -> dict[str, str]:
    info = {"metadata": image.metadata, "matchratio": image.matchratio}
    return {key: value for key, value in info.items() if value is not None}


def _texts(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _texts(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_texts(item) for item in value]
    return str(value)
