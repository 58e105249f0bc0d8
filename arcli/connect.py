"""Settings → Gallery: the only file that names the backends."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from arcli.errors import NotSupported
from arcli.gallery import ChannelAdmin, Gallery, Maintenance, Service
from arcli.models import Finding
from arcli.settings import Kind, Settings


def connect(settings: Settings) -> Gallery:
    """Open the gallery that the profile names; the caller closes it."""
    return _OPENERS[Kind(settings.kind.value)](settings)


def _local(settings: Settings) -> Gallery:
    from arcli.engine import LocalGallery

    gallery: Gallery = LocalGallery(data_dir=settings.data_path)
    return gallery


def _arcloud(settings: Settings) -> Gallery:
    from arcli.protocols.arcloud.requests import Credentials
    from arcli.remote.arcloud import ArcloudGallery
    from arcli.remote.transport import HttpTransport

    credentials = Credentials(username=settings.need("username"), secretkey=settings.read_secret())
    gallery: Gallery = ArcloudGallery(HttpTransport(settings.need("url")), credentials)
    return gallery


_OPENERS = {Kind.LOCAL: _local, Kind.ARCLOUD: _arcloud}


def scratch(folder: Path) -> Gallery:
    """Open an embedded gallery in a folder of its own, to be thrown away; the caller closes it."""
    from arcli.engine import LocalGallery

    gallery: Gallery = LocalGallery(data_dir=folder)
    return gallery


def channel_admin(gallery: Gallery) -> ChannelAdmin:
    """Return the gallery's channel administration. Raises NotSupported where it has none."""
    if not isinstance(gallery, ChannelAdmin):
        raise NotSupported(f"{gallery.capabilities().backend} does not administer channels")
    return gallery


def maintenance(gallery: Gallery) -> Maintenance:
    """Return the gallery's maintenance. Raises NotSupported where it has none."""
    if not isinstance(gallery, Maintenance):
        raise NotSupported(f"{gallery.capabilities().backend} keeps no index that could be looked after")
    return gallery


def examine(gallery: Gallery, *, channel: str | None, repair: bool) -> Iterator[Finding]:
    """Look after a backend: its stores and indexes, or whether a service answers and takes the credentials.

    Raises NotSupported for repairing what somebody else keeps, and what stops a service from answering.
    """
    if not isinstance(gallery, Service):
        kept = maintenance(gallery)
        return kept.repair(channel=channel) if repair else kept.verify(channel=channel)
    if repair:
        raise NotSupported("what a service keeps can be repaired only where it is kept")
    return gallery.probe(channel=channel)
