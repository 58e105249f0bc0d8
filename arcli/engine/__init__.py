"""The embedded engine: `LocalGallery` over vision, index and store."""

from arcli.engine.local import LocalGallery

__all__ = ["LocalGallery"]
