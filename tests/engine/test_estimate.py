"""`channel estimate`: what a channel of some size will cost, from shipped measurements; and why a kind."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from arcli.engine import LocalGallery
from arcli.engine.admin import estimated
from arcli.errors import UsageError
from arcli.index import segment
from arcli.index.codebook import installed
from arcli.index.costs import costs
from arcli.index.hnsw import graph_memory
from arcli.models import AddItem, ChannelEstimate, ChannelSettings, FeaturePreset, IndexKind, Picture

SAMPLES = Path(__file__).parents[2] / "samples" / "gallery"
SIZES = (10, 1000, 10_000, 100_000, 1_000_000)
GROWING = ("store_bytes", "picture_bytes", "index_bytes", "add_seconds")
Run = Callable[..., Any]


@pytest.mark.parametrize("kind", [kind for kind in IndexKind if kind is not IndexKind.AUTO])
def test_more_targets_never_cost_less(kind: IndexKind) -> None:
    found = [asdict(estimated(size, kind)) for size in SIZES]
    for smaller, larger in pairwise(found):
        assert all(0 < smaller[name] < larger[name] for name in GROWING)
        assert smaller["index_seconds"] <= larger["index_seconds"]
        assert smaller["lookup_ms"] <= larger["lookup_ms"]
        assert smaller["command_ms"] <= larger["command_ms"]
        assert 0 < smaller["memory_bytes"] <= larger["memory_bytes"]


def test_compact_takes_less_of_the_store_and_nothing_else() -> None:
    usual, compact = (asdict(estimated(5000, IndexKind.AUTO, preset)) for preset in FeaturePreset)
    assert 0.3 < compact["store_bytes"] / usual["store_bytes"] < 0.8
    assert {name for name in usual if usual[name] != compact[name]} == {"preset", "store_bytes"}


def test_an_estimate_says_from_which_measurement_it_is() -> None:
    found, origin = estimated(5000, IndexKind.AUTO), costs().origin
    assert found.measured_to == origin["targets"] >= 1000
    assert (found.commit, found.machine) == (origin["commit"], origin["machine"])
    assert len(found.commit.split()[0]) == 40
    assert found.measured_on[:2] == "20"


@pytest.mark.parametrize("number", [0, -1, 10**9 + 1])
def test_a_number_that_makes_no_sense_is_refused(number: int) -> None:
    with pytest.raises(UsageError):
        estimated(number, IndexKind.AUTO)


def test_a_small_channel_takes_what_is_estimated_give_or_take_half(tmp_path: Path) -> None:
    """The pictures are others than those measured: 10 of some 350 keypoints."""
    with LocalGallery(tmp_path) as gallery:
        gallery.create_channel(name="shop", settings=ChannelSettings(index=IndexKind.IVF))
        items = [
            AddItem(picture=Picture.from_path(path), identifier=path.stem.ljust(3, "_"))
            for path in sorted(SAMPLES.iterdir())
            if path.suffix in (".png", ".jpg")
        ]
        assert all(result.error is None for result in gallery.add_many(channel="shop", items=items))
        info = gallery.compact(channel="shop")
    expected: ChannelEstimate = estimated(len(items), IndexKind.IVF)
    assert 0.5 < info.index_bytes / expected.index_bytes < 1.5


def test_a_graph_over_the_limit_is_not_chosen_and_the_reason_is_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(segment.codebook, "installed", lambda: False)
    monkeypatch.setattr(segment, "memory_limit", lambda: graph_memory(200 * 50_000, 32))
    smaller, larger = estimated(40_000, IndexKind.AUTO), estimated(60_000, IndexKind.AUTO)
    assert (smaller.index, larger.index) == ("hnsw", "ivf")
    assert "GiB of memory" in larger.why
    assert larger.hint is not None
    assert "[large]" in larger.hint
    monkeypatch.setattr(segment.codebook, "installed", lambda: True)
    assert estimated(60_000, IndexKind.AUTO).hint is None


@pytest.mark.skipif(not installed(), reason="faiss is not installed")
def test_auto_takes_the_kind_that_was_measured_to_be_cheapest() -> None:
    assert estimated(100, IndexKind.AUTO).index == "flat"
    for size in SIZES[1:]:
        chosen = estimated(size, IndexKind.AUTO)
        spent = {
            kind: costs().kinds[kind].search.at(200 * size) + costs().kinds[kind].open.at(200 * size) / 100
            for kind in ("flat", "ivf")
        }
        assert spent[chosen.index] == min(spent.values())
        assert f"{chosen.index} {spent[chosen.index]:,.0f}" in chosen.why


def test_channel_show_says_which_kind_and_why(tmp_path: Path) -> None:
    with LocalGallery(tmp_path) as gallery:
        made = gallery.create_channel(name="shop")
        assert made.index_kind == "flat"
        assert "one by one" in made.index_why
        fixed = gallery.set_channel(name="shop", changes={"index": IndexKind.HNSW})
        assert (fixed.index_kind, fixed.index_why) == ("hnsw", "set for this channel")


def test_the_shipped_costs_are_those_of_the_committed_results() -> None:
    results = Path(__file__).parents[2] / "docs" / "results"
    size = json.loads((results / "size.json").read_text(encoding="utf-8"))
    assert costs().origin["commit"] == size["commit"]
    assert costs().origin["targets"] == max(row["targets"] for row in size["sizes"])
