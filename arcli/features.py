"""Local features of one picture, and their stored form in bytes.

Keypoints are ordered by response, strongest first. Coordinates are pixels at extraction size, with the
centre of the first pixel at (0, 0) as OpenCV has it.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from arcli.errors import DataDamaged, DataTooNew

CODE_DIM = 64
INDEX_DIM = 32  # the PCA is nested: the index holds the first half of a stored code
_HEADER = struct.Struct("<2sBBHHH")  # magic, format, preset, width, height, keypoints
_MAGIC = b"aF"
_FORMAT = 1
_POINT = np.dtype([("x", "<u2"), ("y", "<u2"), ("size", "<u2"), ("angle", "<u2")])
_FIXED = 64.0  # x, y and size in 1/64 px
_TURN = 65536 / 360.0


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """N keypoints and their codes.

    keypoints: (N, 4) float32: x, y, size (diameter) in pixels at extraction size, angle in degrees [0, 360).
    codes: (N, 64) int8. image_size: (width, height) at extraction. preset: the number of the feature
    preset (arcli.vision.features.presets) that made the codes; only equal presets can be compared.
    """

    keypoints: npt.NDArray[np.float32]
    codes: npt.NDArray[np.int8]
    image_size: tuple[int, int]
    preset: int

    def __len__(self) -> int:
        return len(self.codes)

    def head(self, count: int) -> Features:
        """Return the strongest `count` keypoints."""
        return Features(self.keypoints[:count], self.codes[:count], self.image_size, self.preset)

    def to_bytes(self) -> bytes:
        """Encode: a 10-byte header, 8 bytes a keypoint, 64 bytes a code (extraction size up to 1023 px)."""
        points = np.zeros(len(self), _POINT)
        scaled = np.rint(self.keypoints[:, :3] * _FIXED).clip(0, 65535).astype(np.uint16)
        points["x"], points["y"], points["size"] = scaled.T
        points["angle"] = np.rint(self.keypoints[:, 3] * _TURN).astype(np.int64) % 65536
        header = _HEADER.pack(_MAGIC, _FORMAT, self.preset, *self.image_size, len(self))
        return header + points.tobytes() + np.ascontiguousarray(self.codes).tobytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> Features:
        """Decode `to_bytes`. Raises DataDamaged, or DataTooNew for the format of a later arcli."""
        if len(data) < _HEADER.size:
            raise DataDamaged("stored features are cut short")
        magic, version, preset, width, height, count = _HEADER.unpack_from(data)
        if magic != _MAGIC:
            raise DataDamaged("stored features have the wrong first bytes")
        if version != _FORMAT:
            raise DataTooNew(f"stored features have format {version}, this arcli reads {_FORMAT}")
        codes_at = _HEADER.size + count * _POINT.itemsize
        if len(data) != codes_at + count * CODE_DIM:
            raise DataDamaged(f"stored features have {len(data)} bytes, not those of {count} keypoints")
        points = np.frombuffer(data, _POINT, count, _HEADER.size)
        keypoints = np.empty((count, 4), np.float32)
        for column, name in enumerate(("x", "y", "size")):
            keypoints[:, column] = points[name] / _FIXED
        keypoints[:, 3] = points["angle"] / _TURN
        codes = np.frombuffer(data, np.int8, count * CODE_DIM, codes_at).reshape(count, CODE_DIM)
        return cls(keypoints, codes, (width, height), preset)
