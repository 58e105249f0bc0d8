"""Looking up a photo that came over the wire, in the channels that its sender may search."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Sequence
from pathlib import Path

from arcli.errors import Busy, ChannelNotFound
from arcli.models import FindOptions, FindResult, Principal, Scope
from arcli.server.service import Service

_log = logging.getLogger(__name__)
_TRIES = 3
_MOST_MISSES = 10_000  # files in the folder of --save-misses


async def find_photo(
    service: Service,
    principal: Principal,
    content: bytes,
    channels: Sequence[str] | None,
    options: FindOptions,
) -> FindResult:
    """Search `channels` (None: all that the key may search).

    Raises ChannelNotFound, NotYourChannel, a PictureRefused, Busy.
    """
    searched = await service.quick.run(_searched, service, principal, channels)
    for _ in range(_TRIES):
        try:
            result = await service.photos.run(_find, service, content, searched, options)
        except ChannelNotFound:
            if channels is not None:
                raise
            # One of all was removed meanwhile, which nobody asked for by name.
            searched = await service.quick.run(_searched, service, principal, None)
        else:
            service.metrics.looked_up(result)
            return result
    raise Busy("the channels change faster than they can be searched")


def _find(service: Service, content: bytes, channels: Sequence[str], options: FindOptions) -> FindResult:
    picture = service.picture(content, channels)
    result = service.gallery.find(picture=picture, channels=channels, options=options)
    if not result.matched and service.options.save_misses is not None:
        _save_miss(service.options.save_misses, content)
    return result


def _searched(service: Service, principal: Principal, channels: Sequence[str] | None) -> Sequence[str]:
    if channels is None:
        return service.channels_of(principal, Scope.FIND)
    for channel in channels:
        service.authorize(principal, channel, Scope.FIND)
    return channels


def _save_miss(folder: Path, content: bytes) -> None:
    """Keep a photo that matched nothing, until the folder is full; what fails here fails no request."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if sum(1 for _ in folder.iterdir()) < _MOST_MISSES:
            kind = "png" if content.startswith(b"\x89PNG") else "jpg"
            stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
            (folder / f"{stamp}-{hashlib.sha256(content).hexdigest()[:16]}.{kind}").write_bytes(content)
    except OSError as error:
        _log.warning("a photo that matched nothing could not be saved: %s", error)
