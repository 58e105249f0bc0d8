"""`ls` as its users see it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from arcli.models import ListQuery, TargetPage
from tests.cli.conftest import Run
from tests.fakes.gallery import FakeGallery


def test_table_shows_targets_and_says_how_many(run: Run, filled: FakeGallery) -> None:
    ran = run("ls")
    assert ran.status == 0
    assert [line.split()[0] for line in ran.out.splitlines()] == ["IDENTIFIER", "alpha", "beta_1", "beta_2"]
    assert "3 targets in channel default" in ran.err


def test_json_is_one_object_with_the_stored_metadata(run: Run, filled: FakeGallery) -> None:
    ran = run("ls", "--json", "--limit", "1")
    assert ran.json["status"] == "ok"
    assert ran.data["totalcount"] == 3
    assert ran.data["targets"] == [
        {
            "identifier": "alpha",
            "channel": "default",
            "metadata": '{"lang": "en"}',
            "matchratio": None,
            "level": 4,
            "active": True,
            "created": "2026-01-02T03:04:05Z",
            "updated": "2026-01-02T03:04:05Z",
        }
    ]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--prefix", "beta"], ["beta_1", "beta_2"]),
        (["--where", "lang=de"], ["beta_2"]),
        (["--position", "1", "--limit", "1"], ["beta_1"]),
        (["--inactive"], []),
        (["--level", "4", "--active"], ["alpha", "beta_1", "beta_2"]),
    ],
)
def test_filters(run: Run, filled: FakeGallery, words: list[str], expected: list[str]) -> None:
    assert run("ls", "-f", "ids", *words).out.split() == expected


def test_unknown_channel(run: Run, filled: FakeGallery) -> None:
    ran = run("ls", "-c", "nowhere", "--json")
    assert ran.status == 4
    assert ran.json["status"] == "error"
    assert ran.json["errors"][0]["code"] == "channel_not_found"
    assert "error: no such channel: nowhere" in ran.err


def test_terminal_escapes_in_metadata_are_shown_not_sent(run: Run, filled: FakeGallery) -> None:
    rows = filled.targets["default"]
    rows["alpha"] = replace(rows["alpha"], metadata='"\x1b[31m\u202e"')
    ran = run("ls")
    assert "\x1b" not in ran.out
    assert "\\x1b[31m\\u202e" in ran.out


def test_a_long_listing_is_read_in_parts_that_nobody_disturbs(
    run: Run, filled: FakeGallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it is listed, others remove what was shown and add before and behind it."""
    monkeypatch.setattr("arcli.commands.ls._PAGE", 4)
    target, rows = filled.targets["default"]["alpha"], filled.targets["default"]
    rows.clear()
    for number in range(25):
        rows[f"n{number:02}"] = replace(target, identifier=f"n{number:02}")
    whole, listed = sorted(rows), filled.list
    calls: list[int] = []

    def disturbed(*, channel: str, query: ListQuery) -> TargetPage:
        page = listed(channel=channel, query=query)
        calls.append(query.position)
        if len(calls) == 2:
            for name in ("n00", "n01", "n02", "n03", "n04"):
                del rows[name]
        if len(calls) == 4:
            rows["m00"] = replace(target, identifier="m00")
        return page

    monkeypatch.setattr(filled, "list", disturbed)
    ran = run("ls", "--json")
    assert [target["identifier"] for target in ran.data["targets"]] == whole
    assert ran.data["totalcount"] == 25
    assert len(calls) > 7


def test_a_channel_that_is_not_there_has_no_data(run: Run, gallery: FakeGallery) -> None:
    assert run("ls", "-c", "nowhere", "--json").data is None
