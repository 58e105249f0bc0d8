"""`subject`: each gallery in turn, empty.

`loaded`: each with some targets, shared by the tests of a module.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.galleries import HARNESSES
from tests.contract.subject import Subject, sample

LOADED = ("drive_case.jpg", "graffiti.jpg", "peanuts.png", "webcam.jpg")
METADATA = '{"of": "%s"}'


@pytest.fixture(params=HARNESSES)
def subject(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Subject]:
    harness = HARNESSES[request.param]
    with harness.open(tmp_path) as gallery:
        yield Subject(gallery, harness.differences)


@pytest.fixture(scope="module", params=HARNESSES)
def loaded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Subject]:
    """`LOADED` in the channel default, the note in the channel posters. Tests must not change it."""
    harness = HARNESSES[request.param]
    with harness.open(tmp_path_factory.mktemp(request.param)) as gallery:
        items = [sample(name, metadata=METADATA % name) for name in LOADED]
        assert [r.error for r in gallery.add_many(channel="default", items=items)] == [None] * len(LOADED)
        gallery.add(channel="posters", item=sample("note_20000.jpg"))
        yield Subject(gallery, harness.differences)
