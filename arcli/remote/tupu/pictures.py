"""Pictures for Tupu: small enough one by one, and in requests that are small enough."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from arcli.errors import ArcliError
from arcli.models import Picture, is_url
from arcli.protocols.tupu.requests import (
    MOST_BODY_BYTES,
    MOST_PICTURE_BYTES,
    MOST_PICTURES,
    base64_size,
)
from arcli.remote.pictures import as_jpeg


@dataclass(frozen=True, slots=True, kw_only=True)
class ShrinkOptions:
    """side (256 to 512, as the vendor advises), quality (80 to 95): of a JPEG that is sent instead of a
    picture over the vendor's 1 MB. room (20,000 to 1 M): bytes of a body besides the pictures: tags,
    signature, part headers.
    """

    side: int = 512
    quality: int = 92
    room: int = 100_000


SHRUNK = ShrinkOptions()


_logger = logging.getLogger("arcli.remote")


@dataclass(frozen=True, slots=True)
class Ready:
    """A picture as it is sent: bytes, or a URL that the service fetches itself."""

    name: str
    content: bytes | str

    @property
    def size(self) -> int:
        """How many bytes it takes in a body; base64 is allowed for in either form."""
        return base64_size(len(self.content)) if isinstance(self.content, bytes) else len(self.content)


@dataclass(frozen=True, slots=True)
class Unready:
    """A picture that cannot be sent, and why."""

    name: str
    error: ArcliError


def ready(picture: Picture) -> Ready:
    """Read a picture; make it smaller, with a log line, if it is over 1 MB as base64.

    Raises PictureNotFound, UnreadablePicture, PictureTooLarge.
    """
    if picture.data is None and is_url(picture.name):
        return Ready(picture.name, picture.name)
    data = picture.read()
    if base64_size(len(data)) <= MOST_PICTURE_BYTES:
        return Ready(picture.name, data)
    smaller = as_jpeg(data, name=picture.name, side=SHRUNK.side, quality=SHRUNK.quality).data
    _logger.warning(
        "%s: sent at %d px, since the service accepts no picture over 1 MB", picture.name, SHRUNK.side
    )
    return Ready(picture.name, smaller)


def requests_of(pictures: Iterable[Picture]) -> Iterator[list[Ready | Unready]]:
    """Yield the pictures of each request: at most 10, at most 30 MB, and never files together with URLs."""
    chunk: list[Ready | Unready] = []
    for picture in pictures:
        following = _ready_or_not(picture)
        if not _fits(chunk, following):
            yield chunk
            chunk = []
        chunk.append(following)
    if chunk:
        yield chunk


def _ready_or_not(picture: Picture) -> Ready | Unready:
    try:
        return ready(picture)
    except ArcliError as error:
        return Unready(picture.name, error.about(error.item or picture.name))


def _fits(chunk: list[Ready | Unready], following: Ready | Unready) -> bool:
    if len(chunk) >= MOST_PICTURES:
        return False
    sent = [item for item in chunk if isinstance(item, Ready)]
    if not sent or isinstance(following, Unready):
        return True
    size = sum(item.size for item in sent) + following.size
    return size <= MOST_BODY_BYTES - SHRUNK.room and type(sent[0].content) is type(following.content)
