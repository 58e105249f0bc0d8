"""A load of 2,000 pictures through the command line, with 5 % of all requests failing in some way."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from arcli.app import main
from tests.fakes.arcloud import CREDENTIALS, FakeVendor
from tests.remote.conftest import picture

COUNT = 2000


@pytest.mark.bench
def test_a_load_with_failures_ends_complete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, vendor: FakeVendor
) -> None:
    settings = {"URL": vendor.url, **{key.upper(): value for key, value in CREDENTIALS.items()}}
    for name, value in settings.items():
        monkeypatch.setenv(f"ARCLI_{name}", value)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setattr("arcli.remote.http.retry.Retry.wait", lambda retry, seconds: None)
    for seed in range(20):
        (tmp_path / f"{seed}.jpg").write_bytes(picture(seed).read())
    manifest, report = tmp_path / "cards.jsonl", tmp_path / "report.jsonl"
    rows = [
        {"image": f"{number % 20}.jpg", "identifier": f"card{number:05}", "metadata": {"n": number}}
        for number in range(COUNT)
    ]
    manifest.write_text("".join(json.dumps(row) + "\n" for row in rows))
    vendor.page, vendor.rate = 100, 0.05
    assert main(["add", "--manifest", str(manifest), "--report", str(report), "--jobs", "8", "--quiet"]) == 0
    lines = [json.loads(line) for line in report.read_text().splitlines()]
    assert Counter(line["status"] for line in lines) == {"added": COUNT}
    stored = vendor.channels["default"].images
    assert {name: json.loads(image.metadata or "null") for name, image in stored.items()} == {
        row["identifier"]: row["metadata"] for row in rows
    }
