"""The `flat` kind: the codes as they are, searched exactly; for some 20,000 descriptors.

Read, not memory-mapped: a mapped file that is cut under a running server ends it by SIGBUS.
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

from arcli.errors import DataDamaged
from arcli.index.exact import ExactIndex
from arcli.index.seam import Codes, Rows

_HEADER = struct.Struct("<4sHHQ")  # magic, format, dim, descriptors
_MAGIC = b"aFlt"
_FORMAT = 1


def save(path: Path, codes: Codes, rows: Rows) -> int:
    """Write a header, the row id of each descriptor (int64), and the codes (int8); return the size."""
    with path.open("wb") as file:
        file.write(_HEADER.pack(_MAGIC, _FORMAT, codes.shape[1], len(codes)))
        file.write(np.ascontiguousarray(rows, "<i8").tobytes())
        file.write(np.ascontiguousarray(codes, np.int8).tobytes())
    return _size(len(codes), codes.shape[1])


def load(path: Path, *, dim: int, descriptors: int) -> ExactIndex:
    """Read a file that `save` wrote. Raises DataDamaged when it is not that of its record."""
    expected = _size(descriptors, dim)
    if path.stat().st_size != expected or not descriptors:
        raise DataDamaged(f"{path.name}: {path.stat().st_size} bytes, not {expected}")
    data = path.read_bytes()
    if len(data) != expected or _HEADER.unpack_from(data) != (_MAGIC, _FORMAT, dim, descriptors):
        raise DataDamaged(f"{path.name}: not the codes that its record describes")
    rows = np.frombuffer(data, "<i8", descriptors, _HEADER.size)
    codes = np.frombuffer(data, np.int8, descriptors * dim, _HEADER.size + rows.nbytes)
    return ExactIndex(codes.reshape(descriptors, dim), rows)


def _size(descriptors: int, dim: int) -> int:
    return _HEADER.size + descriptors * (8 + dim)
