"""What every header reader returns."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PictureHeader:
    """size: (w, h) as stored. channels and depth (bytes a channel): what the decoder allocates at most.

    orientation: EXIF, 1 to 8. coefficients: a progressive JPEG is held whole before it is scaled.
    payload: bytes for the decoder where they differ from the file's.
    """

    format: str
    size: tuple[int, int]
    channels: int = 3
    depth: int = 1
    orientation: int = 1
    coefficients: bool = False
    payload: bytes | None = None

    def memory(self, reduction: int) -> int:
        """Estimate the bytes that decoding takes, with one copy as BGR."""
        area = self.size[0] * self.size[1]
        scaled = area // reduction**2
        held = 2 * self.channels * area if self.coefficients else 0
        return held + scaled * (self.channels * self.depth + 3)
