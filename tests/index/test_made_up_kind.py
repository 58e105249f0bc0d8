"""A kind of index is one file of arcli/index and one line of KINDS: nothing else knows how it is searched."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from arcli.engine.indexing.upkeep import compact
from arcli.errors import NotSupported
from arcli.index.costs import costs
from arcli.index.flat import ExactIndex
from arcli.index.seam import Codes, Rows
from arcli.index.segment import KINDS, NewSegment, SegmentKind, choice, costs_of
from arcli.models import ChannelSettings, IndexKind, SegmentFile
from arcli.store import segments
from tests.index.index_samples import Shop


@dataclass
class Archive:
    """Writes codes and rows as numpy's own archive."""

    parts: list[tuple[Codes, Rows]] = field(default_factory=list)

    @property
    def descriptors(self) -> int:
        return sum(len(codes) for codes, _ in self.parts)

    def add(self, codes: Codes, rows: Rows) -> None:
        self.parts.append((codes, rows))

    def save(self, path: Path) -> int:
        codes, rows = (np.concatenate(column) for column in zip(*self.parts, strict=True))
        with path.open("wb") as file:
            np.savez(file, codes=codes, rows=rows)
        return path.stat().st_size


def archived(path: Path, file: SegmentFile) -> ExactIndex:
    with np.load(path) as arrays:
        return ExactIndex(arrays["codes"], arrays["rows"])


def builder(new: NewSegment) -> Archive:
    assert not new.bases, "it neither joins nor grows"
    return Archive()


def test_a_made_up_kind_needs_its_line_and_nothing_else(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KINDS, IndexKind.FLAT, SegmentKind(load=archived, builder=builder))
    with shop.store.write() as txn:
        txn.set_settings(ChannelSettings(index=IndexKind.FLAT))
    shop.add(*range(12))
    compact(shop.store)
    shop.remove("pic3")
    shop.add(*range(12, 24))
    shop.check()
    compact(shop.store)
    with shop.store.read() as snapshot:
        (record,) = segments.live(snapshot)
    content = (shop.store.folder / "index" / record.file.name).read_bytes()
    assert (record.rows, content[:2]) == (23, b"PK")
    shop.check()


def test_each_kind_of_index_has_its_line() -> None:
    assert set(KINDS) == set(IndexKind) - {IndexKind.AUTO}


def test_auto_takes_no_kind_whose_costs_were_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    known = costs()
    others = {name: cost for name, cost in known.kinds.items() if not name.startswith(IndexKind.FLAT)}
    monkeypatch.setattr("arcli.index.segment.costs", lambda: replace(known, kinds=others))
    assert choice(IndexKind.AUTO, 50_000).kind is not IndexKind.FLAT
    with pytest.raises(NotSupported, match="was not measured"):
        costs_of(IndexKind.FLAT)
