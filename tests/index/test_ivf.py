"""Inverted lists on the shipped codebook: what they find, how they are joined, what damage costs."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from arcli.errors import DataDamaged
from arcli.index import codebook as codebooks
from arcli.index import ivf
from arcli.index.codebook import FaissScanner, ListTable, NumpyScanner, codebook
from arcli.index.ivf import IvfBuilder, IvfIndex, IvfSettings, list_bytes
from arcli.index.seam import NO_ROW
from tests.index.index_samples import PER_TARGET, Codes

SCANNERS: dict[str, type[FaissScanner] | type[NumpyScanner]] = {"faiss": FaissScanner, "numpy": NumpyScanner}


@pytest.fixture(params=list(SCANNERS), autouse=True)
def scanner(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test runs with faiss and without."""
    if request.param == "faiss":
        pytest.importorskip("faiss", reason="extra large is not installed")
    chosen = SCANNERS[request.param](codebook())
    monkeypatch.setattr(ivf, "scanner", lambda number=1: chosen)


def built(sample: Codes, path: Path, **options: Any) -> IvfIndex:
    builder = IvfBuilder(path.parent, (int(sample.rows[0]), int(sample.rows[-1])), **options)
    half = len(sample.codes) // 2 // PER_TARGET * PER_TARGET
    builder.add(sample.codes[:half], sample.rows[:half])
    builder.add(sample.codes[half:], sample.rows[half:])
    assert builder.save(path) == path.stat().st_size
    return load(path, builder.descriptors)


def load(path: Path, descriptors: int = 6000) -> IvfIndex:
    return IvfIndex.load(path, dim=32, descriptors=descriptors)


def part(sample: Codes, first: int, last: int) -> Codes:
    return Codes(sample.codes[first:last], sample.rows[first:last], sample.queries)


def test_the_owner_of_a_descriptor_is_the_nearest(sample: Codes, tmp_path: Path) -> None:
    index = built(sample, tmp_path / "lists")
    found = index.search(sample.codes[::71], 10)
    owner = sample.rows[::71]
    # a code of 16 bytes tells a descriptor from nearly all others, and lists are probed, not all read
    assert (found.rows[:, 0] == owner).mean() > 0.9
    assert (found.rows == owner[:, None]).any(axis=1).mean() > 0.98
    assert (np.diff(np.where(np.isinf(found.distances), 1e9, found.distances), axis=1) >= 0).all()


def test_distances_are_those_of_the_descriptors_but_for_the_coding(sample: Codes, tmp_path: Path) -> None:
    found = built(sample, tmp_path / "lists").search(sample.queries, 1)
    exact = sample.nearest(1)[:, 0]
    assert np.median(np.abs(found.distances[:, 0] - exact)) < 0.25 * np.median(sample.nearest(10)[:, 9])


def test_fewer_lists_are_probed_where_they_are_long(sample: Codes, tmp_path: Path) -> None:
    long = IvfSettings(cells=8, compared=36_000, least=3)
    lengths = (0, 0.4, 4500, 6000, 12_200, 120_000)
    assert [long.probed(length) for length in lengths] == [8, 8, 8, 6, 3, 3]
    index = built(sample, tmp_path / "ivf")
    fewer = index.search(sample.queries, 5, IvfSettings(cells=8, compared=5, least=2))
    same = index.search(sample.queries, 5, IvfSettings(cells=5))
    more = index.search(sample.queries, 5)
    assert np.array_equal(fewer.rows, same.rows)
    assert np.isfinite(more.distances).sum() > np.isfinite(fewer.distances).sum()


def test_k_beyond_what_the_lists_hold_is_padded(sample: Codes, tmp_path: Path) -> None:
    found = built(part(sample, 0, PER_TARGET), tmp_path / "few").search(sample.queries, 200)
    assert found.rows.shape == (len(sample.queries), 200)
    assert (found.rows[:, PER_TARGET:] == NO_ROW).all()
    assert np.isinf(found.distances[found.rows == NO_ROW]).all()


def test_no_query_finds_nothing(sample: Codes, tmp_path: Path) -> None:
    assert built(sample, tmp_path / "lists").search(sample.queries[:0], 5).rows.shape == (0, 5)


def test_joined_files_are_what_one_build_would_be(sample: Codes, tmp_path: Path) -> None:
    whole = built(sample, tmp_path / "whole")
    one, two = (
        built(part(sample, a, b), tmp_path / name) for name, a, b in (("a", 0, 2000), ("b", 2000, 4500))
    )
    builder = IvfBuilder(tmp_path, (int(sample.rows[0]), int(sample.rows[-1])), bases=[one, two])
    builder.add(sample.codes[4500:], sample.rows[4500:])
    builder.save(tmp_path / "joined")
    assert (tmp_path / "joined").read_bytes() == (tmp_path / "whole").read_bytes()
    assert whole.descriptors == builder.descriptors == 6000


def test_the_removed_leave_when_files_are_joined(sample: Codes, tmp_path: Path) -> None:
    whole = built(sample, tmp_path / "whole")
    dead = np.unique(sample.rows)[::3]
    builder = IvfBuilder(tmp_path, (int(sample.rows[0]), int(sample.rows[-1])), bases=[whole], dead=dead)
    builder.save(tmp_path / "joined")
    living = load(tmp_path / "joined", builder.descriptors)
    assert builder.descriptors == 6000 - len(dead) * PER_TARGET
    found = living.search(sample.queries, 40).rows
    assert not np.isin(found, dead).any()
    assert (found != NO_ROW).any()


def test_what_does_not_fit_into_memory_is_spilled_and_leaves_nothing(sample: Codes, tmp_path: Path) -> None:
    built(sample, tmp_path / "whole")
    built(sample, tmp_path / "spilled", settings=IvfSettings(run=1000))
    assert (tmp_path / "spilled").read_bytes() == (tmp_path / "whole").read_bytes()
    assert {path.name for path in tmp_path.iterdir()} == {"whole", "spilled"}


def test_a_target_takes_few_bytes(sample: Codes, tmp_path: Path) -> None:
    built(sample, tmp_path / "lists")
    rows = int(sample.rows[-1] - sample.rows[0]) + 1
    assert (tmp_path / "lists").stat().st_size == list_bytes(6000, rows)
    assert list_bytes(200 * 10_000, 10_000) / 10_000 < 3800  # 18 B a descriptor, and the table of lists
    assert list_bytes(200 * 100_000, 100_000) / 100_000 < 4100  # rows of 4 bytes


def test_opening_reads_the_table_only(sample: Codes, tmp_path: Path) -> None:
    built(sample, tmp_path / "lists")
    data = bytearray((tmp_path / "lists").read_bytes())
    data[list_bytes(0, 1) :] = bytes(len(data) - list_bytes(0, 1))  # no list is what it was
    (tmp_path / "lists").write_bytes(data)
    assert (load(tmp_path / "lists").search(sample.queries, 5).rows == NO_ROW).all()


def test_a_damaged_list_is_passed_over_and_named_once(
    sample: Codes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "lists"
    before = built(sample, path).search(sample.codes[:400], 1).rows
    data = bytearray(path.read_bytes())
    data[list_bytes(0, 1) + 5] ^= 1
    path.write_bytes(data)
    index = load(path)
    after = index.search(sample.codes[:400], 1).rows
    index.search(sample.codes, 1)
    index.search(sample.codes, 1)
    assert (after == before).mean() > 0.9
    assert len([record for record in caplog.records if "list" in record.message]) == 1
    with pytest.raises(DataDamaged):
        IvfBuilder(tmp_path, (0, 10_000), bases=[index]).save(tmp_path / "joined")


@pytest.mark.parametrize("place", [0, 5, 40, 70_000])
def test_a_damaged_table_is_refused(sample: Codes, tmp_path: Path, place: int) -> None:
    path = tmp_path / "lists"
    built(sample, path)
    data = bytearray(path.read_bytes())
    data[place] ^= 0x20
    path.write_bytes(data)
    with pytest.raises(DataDamaged):
        load(path)


@pytest.mark.parametrize("size", [0, 20, 1000, 140_000, -1])
def test_a_cut_file_is_refused(sample: Codes, tmp_path: Path, size: int) -> None:
    path = tmp_path / "lists"
    built(sample, path)
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(DataDamaged):
        load(path)


def test_a_crafted_table_is_refused(sample: Codes, tmp_path: Path) -> None:
    """Its check is right, its lists reach beyond the file."""
    path = tmp_path / "lists"
    built(sample, path)
    data = bytearray(path.read_bytes())
    table = ivf._HEADER.size
    data[table : table + 4] = (5_000_000).to_bytes(4, "little")
    end = table + 8 * codebook().lists
    data[end : end + 4] = zlib.crc32(data[:end]).to_bytes(4, "little")
    path.write_bytes(data)
    with pytest.raises(DataDamaged):
        load(path)


def test_both_scanners_read_the_same_from_the_same_lists(sample: Codes, tmp_path: Path) -> None:
    pytest.importorskip("faiss", reason="extra large is not installed")
    built(sample, tmp_path / "lists")
    counts = np.frombuffer((tmp_path / "lists").read_bytes(), "<u4", codebook().lists, ivf._HEADER.size)
    table = ListTable.of(counts.astype(np.int64), 18, list_bytes(0, 1))
    _, cells = NumpyScanner(codebook()).nearest(sample.queries, 8)
    cells[::2, 3:] = -1
    found = []
    for kind in SCANNERS.values():
        scan = kind(codebook())
        distances, places = scan.scan(scan.lists(tmp_path / "lists", table), sample.queries, 5, cells)
        assert np.isin(places[places >= 0] >> 32, cells).all()
        found.append(np.where(places >= 0, distances, -1))
    np.testing.assert_allclose(found[0], found[1], rtol=1e-4)
    one, other = (kind(codebook()).encode(sample.codes) for kind in SCANNERS.values())
    np.testing.assert_array_equal(one, other)


def test_a_codebook_of_a_later_arcli_is_named() -> None:
    with pytest.raises(codebooks.DataTooNew, match="codebook 99"):
        codebook(99)
