"""A fake vendor, a gallery that talks to it over real HTTP without ever sleeping, and small pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
import pytest

from arcli.models import AddItem, Picture
from arcli.protocols.arcloud.requests import Credentials
from arcli.remote.arcloud.gallery import ArcloudGallery
from arcli.remote.http.retry import Retry
from arcli.remote.http.transport import HttpTransport, Timeouts
from tests.fakes.arcloud import CREDENTIALS, FakeVendor


@dataclass
class Clock:
    """Sleeps that take no time."""

    slept: list[float] = field(default_factory=list)

    def retry(self, **more: Any) -> Retry:
        return Retry(sleep=self.slept.append, jitter=lambda: 0.0, **more)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def vendor() -> Iterator[FakeVendor]:
    service = FakeVendor()
    yield service
    service.stop()


Connect = Callable[..., ArcloudGallery]


@pytest.fixture
def connect(clock: Clock) -> Iterator[Connect]:
    """Open galleries; closes them."""
    opened: list[ArcloudGallery] = []

    def open_gallery(url: str, credentials: dict[str, str] = CREDENTIALS, **more: Any) -> ArcloudGallery:
        timeouts = more.pop("timeouts", Timeouts(connect=2, idle=5, call=5))
        retry = more.pop("retry", None) or clock.retry()
        transport = HttpTransport(url, timeouts=timeouts)
        opened.append(ArcloudGallery(transport, Credentials(**credentials), retry=retry, **more))
        return opened[-1]

    yield open_gallery
    for gallery in opened:
        gallery.close()


@pytest.fixture
def gallery(vendor: FakeVendor, connect: Connect) -> ArcloudGallery:
    return connect(vendor.url)


def picture(seed: int, *, name: str | None = None, kind: str = ".jpg") -> Picture:
    """Return a picture with many features, another one for each seed."""
    noise = np.random.default_rng(seed).integers(0, 255, (24, 24, 3), np.uint8)
    pixels = cv2.resize(noise, (240, 240), interpolation=cv2.INTER_CUBIC)
    return Picture(name=name or f"{seed}{kind}", data=cv2.imencode(kind, pixels)[1].tobytes())


def item(seed: int, identifier: str | None = None, **more: Any) -> AddItem:
    return AddItem(picture=picture(seed), identifier=identifier or f"card{seed:03}", **more)


def decoded(data: bytes) -> np.ndarray[Any, np.dtype[np.uint8]]:
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert pixels is not None, "what is sent can be decoded"
    return np.asarray(pixels, np.uint8)
