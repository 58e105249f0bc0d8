"""Synthetic codes that cluster as descriptors do, and channels filled with them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from arcli.engine.indexing.shortlist import Shortlister
from arcli.features import Features
from arcli.index.costs import Costs, KindCosts, Line, costs
from arcli.models import ChannelSettings
from arcli.store import segments
from arcli.store.channel import ChannelStore
from arcli.store.connections import PATIENCE, Patience
from arcli.store.rows import NewTarget

PER_TARGET = 50
ALIKE = 2000.0  # squared distance within which keypoints are one, as for preset 1


@dataclass(frozen=True)
class Codes:
    """`codes` (N, 32) int8 of targets with the row ids `rows` (N,), and queries near some of them."""

    codes: npt.NDArray[np.int8]
    rows: npt.NDArray[np.int64]
    queries: npt.NDArray[np.int8]

    def nearest(self, k: int) -> npt.NDArray[np.float32]:
        """Squared distances to the k nearest, by brute force in integers."""
        apart = self.queries[:, None, :].astype(np.int64) - self.codes[None].astype(np.int64)
        return np.sort((apart**2).sum(axis=2), axis=1)[:, :k].astype(np.float32)


def clustered(count: int, dim: int, seed: int) -> npt.NDArray[np.int8]:
    """Return (count, dim) codes around 300 centres, the same for every seed."""
    centres = np.random.default_rng(7).normal(0, 25, (300, dim))
    rng = np.random.default_rng(seed)
    codes = centres[rng.integers(0, 300, count)] + rng.normal(0, 12, (count, dim))
    return codes.clip(-127, 127).astype(np.int8)


def blurred(codes: npt.NDArray[np.int8], seed: int = 1) -> npt.NDArray[np.int8]:
    """Return the codes as a photo would have them: near, not equal."""
    noise = np.random.default_rng(seed).normal(0, 4, codes.shape)
    return (codes + noise).clip(-127, 127).astype(np.int8)


def costs_with(flat_limit: int) -> Costs:
    """Return costs by which `auto` takes flat to so many descriptors, then lists, or without faiss graphs."""
    search = {"flat": Line(0, 1), "ivf": Line(flat_limit, 0), "hnsw": Line(2 * flat_limit, 0)}
    search["ivf without faiss"] = Line(10 * flat_limit, 0)
    free = Line(0, 0)
    kinds = {
        name: KindCosts(file=free, memory=free, build=free, open=free, search=each)
        for name, each in search.items()
    }
    return replace(costs(), kinds=kinds)


def sample_codes() -> Codes:
    codes = clustered(6000, 32, seed=3)
    rows = np.repeat(np.arange(6000 // PER_TARGET) * 3 + 5, PER_TARGET)
    return Codes(codes, rows, blurred(codes[:: 6000 // 120]))


def features(seed: int, count: int = PER_TARGET) -> Features:
    """Return the features of a made-up picture."""
    rng = np.random.default_rng(seed)
    keypoints = np.zeros((count, 4), np.float32)
    keypoints[:, :2] = rng.uniform(0, 399, (count, 2))
    return Features(keypoints, clustered(count, 64, seed), (400, 400), 1)


class Shop:
    """A channel and its content: identifier → seed of the picture by which it should be found."""

    @classmethod
    def create(cls, folder: Path) -> Shop:
        folder.mkdir()
        ChannelStore.create(folder, name="shop", settings=ChannelSettings(), preset=1, created="")
        return cls(folder)

    def __init__(self, folder: Path, patience: Patience = PATIENCE) -> None:
        self.store = ChannelStore.open(folder, patience=patience)
        self.folder = folder
        self.told: dict[str, int] = {}
        self.shortlister = Shortlister(self.store)

    def at(self, folder: Path) -> Shop:
        """Open a copy of the channel with the same content."""
        copy = Shop(folder)
        copy.told = dict(self.told)
        return copy

    def add(self, *seeds: int) -> None:
        with self.store.write() as txn:
            for seed in seeds:
                txn.insert(NewTarget(identifier=f"pic{seed}", features=features(seed).to_bytes()))
        self.told |= {f"pic{seed}": seed for seed in seeds}

    def replace(self, identifier: str, seed: int) -> None:
        with self.store.write() as txn:
            txn.replace(NewTarget(identifier=identifier, features=features(seed).to_bytes()))
        self.told[identifier] = seed

    def remove(self, *identifiers: str) -> None:
        with self.store.write() as txn:
            for identifier in identifiers:
                txn.remove(identifier)
                del self.told[identifier]

    def votes(self, seed: int, shortlister: Shortlister | None = None) -> list[str]:
        """Return the identifiers that a photo of the picture `seed` votes for, most first."""
        with self.store.read() as snapshot:
            found = (shortlister or self.shortlister).search(
                snapshot, blurred(features(seed).codes), limit=30, alike=ALIKE
            )
            rows = snapshot.rows(entry.row_id for entry in found)
        assert {entry.row_id for entry in found} == {*rows}, "what is gone gets no vote"
        return [rows[entry.row_id].identifier for entry in found]

    def check(self, count: int = 24) -> None:
        """A fresh process finds `count` targets and the last by their pictures, and so does this one."""
        fresh = Shortlister(self.store)
        told = [*self.told.items()]
        for identifier, seed in {*told[:: max(1, len(told) // count)], told[-1]}:
            assert self.votes(seed, fresh)[0] == identifier
            assert self.votes(seed)[0] == identifier

    def segments(self) -> list[tuple[int, int]]:
        with self.store.read() as snapshot:
            return [(segment.first_row, segment.last_row) for segment in segments.live(snapshot)]

    def files(self) -> set[str]:
        return {path.name for path in (self.folder / "index").iterdir()}
