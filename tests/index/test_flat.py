"""The flat kind: what was saved is what is searched, and nothing else is opened."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from arcli.errors import DataDamaged
from arcli.index import flat
from tests.index.index_samples import Codes


def test_a_saved_index_answers_like_brute_force(sample: Codes, tmp_path: Path) -> None:
    flat.save(tmp_path / "flat", sample.codes, sample.rows)
    index = flat.load(tmp_path / "flat", dim=32, descriptors=6000)
    np.testing.assert_array_equal(index.search(sample.queries, 10).distances, sample.nearest(10))


@pytest.mark.parametrize(("dim", "descriptors"), [(32, 5999), (16, 10000), (64, 0)])
def test_a_file_that_its_record_does_not_describe_is_not_opened(
    sample: Codes, tmp_path: Path, dim: int, descriptors: int
) -> None:
    flat.save(tmp_path / "flat", sample.codes, sample.rows)
    with pytest.raises(DataDamaged):
        flat.load(tmp_path / "flat", dim=dim, descriptors=descriptors)


def test_a_file_of_the_right_size_with_another_header_is_not_opened(sample: Codes, tmp_path: Path) -> None:
    flat.save(tmp_path / "flat", sample.codes, sample.rows)
    data = bytearray((tmp_path / "flat").read_bytes())
    data[0] ^= 1
    (tmp_path / "flat").write_bytes(data)
    with pytest.raises(DataDamaged):
        flat.load(tmp_path / "flat", dim=32, descriptors=6000)
