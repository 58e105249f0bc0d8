"""`ls` as its users see it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.cli.conftest import Run
from tests.cli.fake import FakeGallery


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
    row, data = filled.targets["default"]["alpha"]
    filled.targets["default"]["alpha"] = (replace(row, metadata='"\x1b[31m\u202e"'), data)
    ran = run("ls")
    assert "\x1b" not in ran.out
    assert "\\x1b[31m\\u202e" in ran.out
