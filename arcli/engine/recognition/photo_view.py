"""A photo as one attempt uses it: straight at one resolution, or squeezed as if seen from one side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from arcli.features import Features
from arcli.models import Quad
from arcli.timings import phase
from arcli.vision.decoding.decode import Decoded
from arcli.vision.features.extract import extract, in_gray, shrink
from arcli.vision.features.options import ExtractOptions, TiltOptions
from arcli.vision.features.tilt import squeezed
from arcli.vision.geometry import pixel_size, project, scale_points, scaling


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewOptions:
    """fine_side (512 to 2048): px of the photo in which look-alikes are compared; a place that takes a
    quarter of it is then twice the size of a thumbnail.
    """

    fine_side: int = 1024


FINE = ViewOptions()


Points = npt.NDArray[np.float64]
Pixels = npt.NDArray[np.uint8]


class PhotoView:
    """A view of a photo and its features.

    query: all features; voters: the strongest of them, which search the index. photo: (H, W, 3) BGR as
    decoded. to_photo: (3, 3), from pixels of the view to those of `photo`.
    """

    def __init__(
        self,
        decoded: Decoded,
        query: Features,
        gray: Callable[[], Pixels],
        to_photo: Points,
        voters: int | None = None,
    ) -> None:
        """gray: returns the (h, w) pixels of the view, called when they are needed. voters: None for all."""
        self.query, self.voters = query, query if voters is None else query.head(voters)
        self.photo, self.to_photo = decoded.pixels, to_photo
        self._displayed_size, self._lazy_gray = decoded.size, gray

    @cached_property
    def gray(self) -> Pixels:
        """(h, w) gray of the view."""
        return self._lazy_gray()

    @cached_property
    def fine(self) -> Pixels:
        """(h, w, 3) BGR of the photo, at a size that shows what differs between look-alikes."""
        return shrink(self.photo, FINE.fine_side)

    @cached_property
    def fine_gray(self) -> Pixels:
        """(h, w) gray of `fine`."""
        return in_gray(self.fine)

    @property
    def to_fine(self) -> Points:
        """(3, 3), from pixels of the view to those of `fine`."""
        return np.asarray(scaling(pixel_size(self.photo), pixel_size(self.fine)) @ self.to_photo)

    def displayed(self, place: Points | None) -> Quad | None:
        """Move a quad from pixels of the view to pixels of the displayed photo."""
        if place is None:
            return None
        in_photo, _ = project(self.to_photo, place)
        moved = scale_points(in_photo, pixel_size(self.photo), self._displayed_size)
        a, b, c, d = ((float(x), float(y)) for x, y in moved)
        return a, b, c, d


def straight_view(photo: Decoded, stage: ExtractOptions) -> PhotoView:
    """Return the photo at one resolution of the cascade."""
    with phase("extract"):
        gray = shrink(in_gray(photo.pixels), stage.max_side)
        query = extract(
            gray, max_side=stage.max_side, max_keypoints=stage.max_keypoints, contrast=stage.contrast
        )
    to_photo = scaling(query.image_size, pixel_size(photo.pixels))
    return PhotoView(photo, query, lambda: gray, to_photo, stage.voters)


def negative_view(photo: Decoded, stage: ExtractOptions) -> PhotoView:
    """Return the photo's negative: light and dark exchanged."""
    return straight_view(replace(photo, pixels=np.bitwise_not(photo.pixels)), stage)


def side_view(photo: Decoded, options: TiltOptions) -> PhotoView:
    """Return the photo as if the camera stood further to one side."""
    with phase("extract"):
        small = shrink(in_gray(photo.pixels), options.max_side)
        gray, back = squeezed(small, options)
        query = extract(gray, max_side=max(gray.shape), max_keypoints=options.max_keypoints)
    to_photo = scaling(pixel_size(small), pixel_size(photo.pixels)) @ back
    return PhotoView(photo, query, lambda: gray, to_photo, options.voters)
