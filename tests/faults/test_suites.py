"""The suites in faults/ would notice: their model, their medium, and the page that they write."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from faults import table
from faults.harness import Call, Event
from faults.model import Expected, expected
from faults.power import Medium
from faults.sabotage import ROOT, SABOTAGES
from faults.site import MARKS
from faults.wire import Ask, answer_problems

THERE, NEW = {"target:c:a": ["1", None, True]}, {"target:c:b": ["2", None, True]}


@pytest.mark.parametrize(
    ("lines", "found", "sound"),
    [
        ([], THERE, True),
        ([], {}, False),
        ([{"begun": NEW}], THERE, True),
        ([{"begun": NEW}], THERE | NEW, True),
        ([{"begun": NEW}, {"done": NEW}], THERE | NEW, True),
        ([{"begun": NEW}, {"done": NEW}], THERE, False),
        ([{"begun": {"target:c:a": None}}], {}, True),
        ([{"begun": {"target:c:a": None}}, {"done": {"target:c:a": None}}], THERE, False),
        ([{"begun": {**NEW, "target:c:a": None}}], NEW, True),
        ([{"begun": {**NEW, "target:c:a": None}}], THERE | NEW, False),
        ([], THERE | NEW, False),
    ],
)
def test_the_model_tells_what_is_lost_or_half_done(
    lines: list[dict[str, object]], found: dict[str, object], sound: bool
) -> None:
    wanted = expected(dict(THERE), [json.dumps(line) for line in lines])
    assert (wanted.contradictions(dict(found)) == []) is sound


def test_a_torn_last_line_of_a_diary_says_nothing() -> None:
    assert expected({}, ['{"begun": {"x": tr']) == Expected({})


@pytest.fixture
def medium(tmp_path: Path) -> Medium:
    (tmp_path / "start").mkdir()
    (tmp_path / "start" / "old").write_bytes(b"old")
    return Medium(Path("/data"), tmp_path / "start")


def event(call: Call, name: str, other: str = "", offset: int = 0, data: bytes = b"") -> Event:
    return Event(call, f"/data/{name}".rstrip("/"), f"/data/{other}" if other else "", offset, data)


def left(medium: Medium, folder: Path, *, kept: bool) -> dict[str, bytes]:
    medium.write(folder, lambda: kept)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


WRITTEN = [event(Call.CREATE, "new"), event(Call.WRITE, "new", data=b"content")]
RENAMED = [event(Call.RENAME, "new", "old")]


@pytest.mark.parametrize(
    ("events", "lost", "whole"),
    [
        (WRITTEN, {"old": b"old"}, {"old": b"old", "new": b"content"}),
        ([*WRITTEN, event(Call.SYNC, "new")], {"old": b"old"}, {"old": b"old", "new": b"content"}),
        ([*WRITTEN, event(Call.SYNC, "")], {"old": b"old", "new": b""}, {"old": b"old", "new": b"content"}),
        ([*WRITTEN, *RENAMED, event(Call.SYNC, "")], {"old": b""}, {"old": b"content"}),
        ([*WRITTEN, event(Call.SYNC, "new"), *RENAMED], {"old": b"old"}, {"old": b"content"}),
        (
            [*WRITTEN, event(Call.SYNC, "new"), *RENAMED, event(Call.SYNC, "")],
            {"old": b"content"},
            {"old": b"content"},
        ),
        ([event(Call.TRUNCATE, "old", offset=1)], {"old": b"old"}, {"old": b"o"}),
        ([event(Call.UNLINK, "old")], {"old": b"old"}, {}),
    ],
)
def test_what_a_loss_of_power_leaves(
    medium: Medium, tmp_path: Path, events: list[Event], lost: dict[str, bytes], whole: dict[str, bytes]
) -> None:
    for one in events:
        medium.follow(one)
    assert left(medium, tmp_path / "lost", kept=False) == lost
    assert left(medium, tmp_path / "whole", kept=True) == whole


def test_bugs_and_secrets_in_answers_are_noticed() -> None:
    rival = Ask("rival", "POST", "/GetImages", b"")
    kind = "application/json"
    assert answer_problems(rival, 200, kind, b'{"returncode": 20003}') == []
    assert answer_problems(rival, 200, kind, b'{"returncode": 29000}') != []
    assert answer_problems(rival, 404, "text/plain", b"Not Found") != []
    mark = json.dumps({"metadata": MARKS["shop"]}).encode()
    assert answer_problems(rival, 200, kind, mark) != []
    assert answer_problems(Ask("shop", "POST", "/GetImages", b""), 200, kind, mark) == []
    assert answer_problems(Ask("rival", "POST", "/AddImage", mark), 200, kind, mark) == []


@pytest.mark.parametrize("name", SABOTAGES)
def test_what_a_sabotage_changes_is_there(name: str) -> None:
    for file, there, instead in SABOTAGES[name].changes:
        assert (ROOT / file).read_text(encoding="utf-8").count(there) == 1
        assert there != instead


def test_the_page_is_what_the_results_say() -> None:
    results = json.loads(table.RESULTS.read_text(encoding="utf-8"))
    assert table.PAGE.read_text(encoding="utf-8") == table.page(results)
