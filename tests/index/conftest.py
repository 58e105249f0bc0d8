from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.index.index_samples import Codes, Shop, sample_codes


@pytest.fixture(scope="session")
def sample() -> Codes:
    return sample_codes()


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    made = Shop.create(tmp_path / "channel")
    yield made
    made.store.close()
