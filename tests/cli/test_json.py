"""The JSON of docs/reference/json.md: keys that scripts rely on, frozen here."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Run
from tests.fakes.gallery import FakeGallery

PAGE = (Path(__file__).parent.parent.parent / "docs" / "reference" / "json.md").read_text(encoding="utf-8")
TARGET = ["identifier", "channel", "metadata", "matchratio", "level", "active", "created", "updated"]
MATCH = ["identifier", "channel", "score", "inliers", "quad", "level", "metadata", "label", "ambiguous"]
CANDIDATE = ["identifier", "channel", "reason", "why", "score", "inliers", "votes", "quad"]
RESULT = ["image", "matched", "matches", "candidates", "elapsed_ms", "timings_ms"]
CHANNEL = [
    *(
        "name",
        "kind",
        "threshold",
        "index",
        "quota",
        "keep_pictures",
        "private",
        "any_format",
        "owner",
        "preset",
    ),
    *("targets", "created", "segments", "delta_rows", "tombstones", "store_bytes", "index_bytes"),
    *("index_kind", "index_why"),
]


def documented(keys: list[str]) -> bool:
    """Say whether the page lists `keys` in this order, as {a, b[], c}."""
    return "{" + ", ".join(keys) + "}" in PAGE.replace("[]", "").replace("\n", " ")


def photo(folder: Path, content: bytes) -> str:
    path = folder / f"{content.decode()}.jpg"
    path.write_bytes(content)
    return str(path)


def test_target(run: Run, filled: FakeGallery) -> None:
    assert list(run("get", "alpha", "--json").data) == TARGET
    assert list(run("ls", "--json").data["targets"][0]) == TARGET
    assert list(run("update", "alpha", "--active", "--json").data) == TARGET
    assert documented(TARGET)


def test_find(run: Run, filled: FakeGallery, tmp_path: Path) -> None:
    results = run("find", photo(tmp_path, b"alpha"), "--candidates", "1", "--json").data["results"]
    assert list(results[0]) == RESULT
    assert list(results[0]["matches"][0]) == MATCH
    assert list(results[0]["candidates"][0]) == CANDIDATE
    assert results[0]["matches"][0]["quad"] == [[1.0, 2.0], [101.0, 2.0], [101.0, 82.0], [1.0, 82.0]]
    assert documented(RESULT)
    assert documented(MATCH)
    assert documented(CANDIDATE)


def test_add(run: Run, filled: FakeGallery, tmp_path: Path) -> None:
    path = tmp_path / "gamma.jpg"
    path.write_bytes(b"picture 1 gamma")
    data = run("add", path, "--json").data
    assert list(data["items"][0]) == ["image", "identifier", "status", "level", "hints"]
    assert data["items"][0]["hints"] == [
        {"code": "small", "message": "small picture", "advice": "use 480 px or more"}
    ]
    assert data["counts"] == {"added": 1, "replaced": 0, "skipped": 0, "failed": 0}


def test_check(run: Run, filled: FakeGallery, tmp_path: Path) -> None:
    item = run("check", photo(tmp_path, b"alpha"), "--id-from", "name", "--json").data["items"][0]
    assert list(item) == ["image", "level", "hints", "duplicates"]
    keys = ["identifier", "channel", "kind", "score", "inliers", "image"]
    assert list(item["duplicates"][0]) == keys
    assert documented(keys)


def test_stats(run: Run, filled: FakeGallery, tmp_path: Path) -> None:
    run("find", photo(tmp_path, b"alpha"))
    ((day, _, _),) = filled.counts
    assert run("stats", "--json").data["records"] == [
        {"date": day, "channel": "default", "identifier": "alpha", "count": 1}
    ]


def test_channel(run: Run, filled: FakeGallery) -> None:
    assert list(run("channel", "show", "default", "--json").data) == CHANNEL
    assert documented(CHANNEL)


def test_doctor(run: Run, filled: FakeGallery) -> None:
    ran = run("doctor", "--json")
    assert ran.status == 9
    assert list(ran.data["findings"][0]) == ["subject", "ok", "message", "hint", "repaired"]
    assert ran.json["status"] == "error"
    assert ran.json["errors"][0]["hint"] == "arcli doctor --repair"
    assert run("doctor", "--repair").status == 0
