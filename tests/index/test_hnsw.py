"""The hnswlib wrapper: what it finds, and each trap of recognition.md."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from arcli.errors import DataDamaged, MemoryLimit
from arcli.index import hnsw
from arcli.index.hnsw import HnswBuilder, HnswIndex, HnswSettings, graph_bytes
from arcli.index.seam import NO_ROW
from tests.index.index_samples import PER_TARGET, Codes


def built(sample: Codes, path: Path) -> Path:
    builder = HnswBuilder(len(sample.codes), 32)
    half = len(sample.codes) // 2 // PER_TARGET * PER_TARGET
    builder.add(sample.codes[:half], sample.rows[:half])
    builder.add(sample.codes[half:], sample.rows[half:])
    builder.save(path)
    return path


@pytest.fixture(scope="module")
def graph(sample: Codes, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(sample, tmp_path_factory.mktemp("hnsw") / "graph")


def load(path: Path, descriptors: int = 6000, dim: int = 32) -> HnswIndex:
    return HnswIndex.load(path, dim=dim, descriptors=descriptors, ef=12)


def test_most_of_the_ten_nearest_are_found_and_belong_to_their_rows(sample: Codes, graph: Path) -> None:
    found = load(graph).search(sample.queries, 10)
    hits = np.mean(
        [np.isin(a, b).sum() / 10 for a, b in zip(found.distances, sample.nearest(10), strict=True)]
    )
    assert hits > 0.8
    own = load(graph).search(sample.codes[::71], 1)
    near = own.distances[:, 0] == 0
    assert near.mean() > 0.9
    np.testing.assert_array_equal(own.rows[near, 0], sample.rows[::71][near])


def test_k_beyond_what_is_held_is_padded(sample: Codes, tmp_path: Path) -> None:
    few = Codes(sample.codes[:PER_TARGET], sample.rows[:PER_TARGET], sample.queries)
    found = load(built(few, tmp_path / "few"), PER_TARGET).search(few.queries, 200)
    assert (found.rows[:, PER_TARGET:] == NO_ROW).all()
    np.testing.assert_array_equal(found.distances[:, :10], few.nearest(10))


def test_descriptors_that_a_query_cannot_reach_do_not_fail_the_search(tmp_path: Path) -> None:
    codes = np.repeat(np.arange(-120, 120, 60, dtype=np.int8)[:, None], 32, axis=1)
    many = Codes(np.repeat(codes, 250, axis=0), np.repeat(np.arange(4), 250), codes)
    found = load(built(many, tmp_path / "islands"), 1000).search(many.queries, 300)
    np.testing.assert_array_equal(found.rows[:, 0], np.arange(4))


def test_the_same_descriptors_give_the_same_file(sample: Codes, graph: Path, tmp_path: Path) -> None:
    assert built(sample, tmp_path / "again").read_bytes() == graph.read_bytes()


def test_the_announced_size_is_kept_within_a_tenth(sample: Codes, graph: Path) -> None:
    assert graph.stat().st_size == pytest.approx(graph_bytes(len(sample.codes), 32), rel=0.1)


def test_a_graph_is_added_to_as_if_it_had_not_been_saved(sample: Codes, tmp_path: Path) -> None:
    half = len(sample.codes) // 2
    built(Codes(sample.codes[:half], sample.rows[:half], sample.queries), tmp_path / "half")
    builder = HnswBuilder(len(sample.codes), 32, base=(tmp_path / "half", half))
    builder.add(sample.codes[half:], sample.rows[half:])
    builder.save(tmp_path / "all")
    found = load(tmp_path / "all").search(sample.queries, 10)
    assert np.mean(np.isin(found.distances, sample.nearest(10))) > 0.8
    with pytest.raises(OverflowError):
        HnswBuilder(half - 1, 32, base=(tmp_path / "half", half))


def test_more_than_the_announced_capacity_is_refused(sample: Codes) -> None:
    builder = HnswBuilder(10, 32)
    with pytest.raises(OverflowError):
        builder.add(sample.codes[:11], sample.rows[:11])


def test_an_index_too_large_for_the_machine_is_refused_with_a_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hnsw, "memory_limit", lambda: 2**20)
    with pytest.raises(MemoryLimit, match="100,000 descriptors") as refused:
        HnswBuilder(100_000, 32)
    assert refused.value.hint


@pytest.mark.parametrize(("dim", "descriptors"), [(16, 6000), (64, 6000), (32, 5999)])
def test_a_file_that_its_record_does_not_describe_is_not_loaded(
    graph: Path, dim: int, descriptors: int
) -> None:
    with pytest.raises(DataDamaged):
        load(graph, descriptors, dim)


def test_a_cut_or_empty_file_is_not_loaded(graph: Path, tmp_path: Path) -> None:
    for size in (0, 50, 20_000):
        cut = tmp_path / f"cut{size}"
        cut.write_bytes(graph.read_bytes()[:size])
        with pytest.raises(DataDamaged):
            load(cut)


def test_settings_of_the_record_are_those_of_the_graph(sample: Codes, tmp_path: Path) -> None:
    builder = HnswBuilder(100, 32, HnswSettings(m=5))
    builder.add(sample.codes[:100], sample.rows[:100])
    builder.save(tmp_path / "thin")
    assert load(tmp_path / "thin", 100).descriptors == 100


def test_a_target_given_in_two_parts_is_noticed(sample: Codes) -> None:
    builder = HnswBuilder(PER_TARGET, 32)
    builder.add(sample.codes[:20], sample.rows[:20])
    with pytest.raises(ValueError, match="at once"):
        builder.add(sample.codes[20:PER_TARGET], sample.rows[20:PER_TARGET])


def test_threads_may_add_at_once(sample: Codes) -> None:
    builder = HnswBuilder(len(sample.codes), 32)

    def add(start: int) -> None:
        builder.add(sample.codes[start : start + PER_TARGET], sample.rows[start : start + PER_TARGET])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(0, len(sample.codes), PER_TARGET)))
    assert builder.descriptors == len(sample.codes)


def test_the_effort_of_a_search_is_that_of_the_record(sample: Codes, graph: Path) -> None:
    """hnswlib does not save it."""
    nearest = sample.nearest(10)
    hits = [
        np.isin(
            HnswIndex.load(graph, dim=32, descriptors=6000, ef=ef).search(sample.queries, 10).distances,
            nearest,
        )
        for ef in (10, 200)
    ]
    assert hits[0].mean() < hits[1].mean() > 0.99


def test_a_large_graph_is_searched_with_more_effort() -> None:
    settings = HnswSettings()
    assert settings.ef_for(settings.large) < settings.ef_for(settings.large + 1)


def test_hnswlib_says_nothing_to_the_user(
    sample: Codes, graph: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    builder = HnswBuilder(7000, 32, base=(graph, 6000))
    builder.add(sample.codes[:PER_TARGET], sample.rows[:PER_TARGET] + 10_000)
    builder.save(tmp_path / "more")
    load(tmp_path / "more", 6000 + PER_TARGET).search(sample.queries, 10)
    (tmp_path / "cut").write_bytes(graph.read_bytes()[:20_000])
    with pytest.raises(DataDamaged):
        load(tmp_path / "cut")
    assert capfd.readouterr() == ("", "")
