"""Local features of one picture, and their stored form in bytes.

Keypoints are ordered by response, strongest first. Coordinates are pixels at extraction size, with the
centre of the first pixel at (0, 0) as OpenCV has it.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from arcli.errors import DataDamaged, DataTooNew

Floats = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]

CODE_DIM = 64
INDEX_DIM = 32  # the PCA is nested: the index holds the first half of a stored code
_HEADER = struct.Struct("<2sBBHHH")  # magic, format, preset, width, height, keypoints
_MAGIC = b"aF"
_FORMATS = {1: 1, 2: 2}
"""The format of each preset: 1 holds everything, 2 is packed into half the bytes. Either is always read."""
_POINT = np.dtype([("x", "<u2"), ("y", "<u2"), ("size", "<u2"), ("angle", "<u2")])
_FIXED = 64.0  # x, y and size in 1/64 px
_TURN = 65536 / 360.0

# Format 2: a keypoint has 5 bytes, a code 31, with 4 bits for each of its first 62 dimensions.
_POINT_BYTES, _CODE_BYTES = 5, 31
_EIGHTH = 8.0  # x and y in 1/8 px, 12 bits each
_OCTAVE = 24.0  # sizes in steps of 3 %: 24 to a factor of two
_SPREADS = (
    *(46, 44, 38, 34, 32, 29, 28, 27, 26, 23, 22, 21, 20, 20, 19, 19, 18, 16, 16, 16),
    *(15, 15, 15, 14, 14, 13, 13, 12, 11, 11, 11, 10, 10, 10, 10, 10, 10, 10, 10),
    *(9, 9, 9, 9, 9, 8, 8, 8, 8, 8, 8, 7, 7, 7, 7, 7, 7, 7, 6, 6, 6, 6, 6),
)
"""Standard deviations of the dimensions of a code, over the 3,000 distractors of ../shared/data."""
_LEVELS = (0.1284, 0.3881, 0.6568, 0.9424, 1.2562, 1.6180, 2.0690, 2.7326)
"""Max, "Quantizing for minimum distortion" (1960): 16 levels of a normal variable, half of them."""


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """N keypoints and their codes.

    keypoints: (N, 4) float32: x, y, size (diameter) in pixels at extraction size, angle in degrees [0, 360).
    codes: (N, 64) int8. image_size: (width, height) at extraction. preset: the number of the feature
    preset (arcli.vision.features.presets) that made the codes, and says how they are stored.
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

    def only(self, kept: npt.NDArray[np.bool_]) -> Features:
        """Return the keypoints that (N,) `kept` marks."""
        return Features(self.keypoints[kept], self.codes[kept], self.image_size, self.preset)

    def to_bytes(self) -> bytes:
        """Encode in the format of the preset, with a 10-byte header.

        8 bytes a keypoint and 64 a code (extraction size up to 1023 px), or 5 and 31 (up to 511 px).
        """
        number = _FORMATS[self.preset]
        header = _HEADER.pack(_MAGIC, number, self.preset, *self.image_size, len(self))
        if number == 1:
            return header + _points(self.keypoints) + np.ascontiguousarray(self.codes).tobytes()
        return header + _packed_points(self.keypoints) + _packed_codes(self.codes)

    @classmethod
    def from_bytes(cls, data: bytes) -> Features:
        """Decode `to_bytes`. Raises DataDamaged, or DataTooNew for the format of a later arcli."""
        if len(data) < _HEADER.size:
            raise DataDamaged("stored features are cut short")
        magic, version, preset, width, height, count = _HEADER.unpack_from(data)
        if magic != _MAGIC:
            raise DataDamaged("stored features have the wrong first bytes")
        if version not in _FORMATS.values():
            latest = max(_FORMATS.values())
            raise DataTooNew(f"stored features have format {version}, this arcli reads {latest}")
        point, code = (_POINT.itemsize, CODE_DIM) if version == 1 else (_POINT_BYTES, _CODE_BYTES)
        codes_at = _HEADER.size + count * point
        if len(data) != codes_at + count * code:
            raise DataDamaged(f"stored features have {len(data)} bytes, not those of {count} keypoints")
        points = np.frombuffer(data, np.uint8, count * point, _HEADER.size).reshape(count, point)
        codes = np.frombuffer(data, np.uint8, count * code, codes_at).reshape(count, code)
        if version == 1:
            return cls(_points_of(points), codes.view(np.int8), (width, height), preset)
        return cls(_unpacked_points(points), _unpacked_codes(codes), (width, height), preset)


def _points(keypoints: Floats) -> bytes:
    points = np.zeros(len(keypoints), _POINT)
    scaled = np.rint(keypoints[:, :3] * _FIXED).clip(0, 65535).astype(np.uint16)
    points["x"], points["y"], points["size"] = scaled.T
    points["angle"] = np.rint(keypoints[:, 3] * _TURN).astype(np.int64) % 65536
    return points.tobytes()


def _points_of(data: Bytes) -> Floats:
    return np.asarray(data.view("<u2") / (_FIXED, _FIXED, _FIXED, _TURN), np.float32)


def _packed_points(keypoints: Floats) -> bytes:
    x, y = np.rint(keypoints[:, :2].T * _EIGHTH).clip(0, 4095).astype(np.uint16)
    size = np.rint(np.log2(np.maximum(keypoints[:, 2], 1)) * _OCTAVE).clip(0, 255)
    angle = np.rint(keypoints[:, 3] * (256 / 360)) % 256
    columns = (x & 255, x >> 8 | (y & 15) << 4, y >> 4, size, angle)
    return np.stack([column.astype(np.uint8) for column in columns], axis=1).tobytes()


def _unpacked_points(data: Bytes) -> Floats:
    low, both, high, size, angle = data.T.astype(np.uint16)
    columns = ((low | (both & 15) << 8) / _EIGHTH, (both >> 4 | high << 4) / _EIGHTH)
    return np.stack([*columns, np.exp2(size / _OCTAVE), angle * (360 / 256)], axis=1).astype(np.float32)


@cache
def _levels() -> npt.NDArray[np.int8]:
    """Return (62, 16) int8: what each number of 4 bits means in each dimension, ascending."""
    half = np.array(_LEVELS)
    levels = np.concatenate([-half[::-1], half])
    return np.asarray(np.rint(np.outer(_SPREADS, levels)).clip(-127, 127), np.int8)


@cache
def _nearest() -> Bytes:
    """Return (62, 256) uint8: the number of the nearest level, by the value of a code + 128."""
    values = np.arange(256)[None, :, None] - 128
    return np.asarray(np.abs(values - _levels()[:, None, :].astype(int)).argmin(2), np.uint8)


@cache
def _pairs() -> npt.NDArray[np.int16]:
    """Return (31 * 256,) int16: the two values that each byte of a code stands for, side by side."""
    levels, byte = _levels().reshape(_CODE_BYTES, 2, 16), np.arange(256)
    pairs = np.stack([levels[:, 0, byte & 15], levels[:, 1, byte >> 4]], axis=2)
    return np.ascontiguousarray(pairs).view(np.int16).ravel()


def _packed_codes(codes: npt.NDArray[np.int8]) -> bytes:
    stored = 2 * _CODE_BYTES
    numbers = _nearest()[np.arange(stored), codes[:, :stored].astype(np.int16) + 128]
    return np.asarray(numbers[:, ::2] | numbers[:, 1::2] << 4, np.uint8).tobytes()


def _unpacked_codes(data: Bytes) -> npt.NDArray[np.int8]:
    codes = np.zeros((len(data), CODE_DIM), np.int8)
    places = data + np.arange(_CODE_BYTES, dtype=np.uint16) * 256
    codes[:, : 2 * _CODE_BYTES] = _pairs()[places].view(np.int8)
    return codes
