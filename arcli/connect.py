"""Settings → Gallery: the only file that names the backends."""

from __future__ import annotations

from arcli.errors import NotSupported
from arcli.gallery import ChannelAdmin, Gallery, Maintenance
from arcli.settings import Kind, Settings


def connect(settings: Settings) -> Gallery:
    """Open the gallery that the profile names; the caller closes it."""
    if settings.kind.value != Kind.LOCAL:
        raise NotSupported(f"profiles of kind {settings.kind.value} are not known to this arcli")
    from arcli.engine import LocalGallery

    gallery: Gallery = LocalGallery(data_dir=settings.data_path)
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
