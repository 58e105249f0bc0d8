"""`arcli eval` at the shell."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ..engine.conftest import encoded, np, poster
from .listing import write_listing


def run(*arguments: str, data_dir: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "arcli", "--data-dir", str(data_dir), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with posters, photos of them and their listing."""
    folder = tmp_path_factory.mktemp("measured")
    (folder / "targets").mkdir()
    for seed in range(4):
        (folder / "targets" / f"poster{seed}.png").write_bytes(poster(seed))
    write_listing(folder, unlike="poster0")
    return folder


def test_a_folder_of_targets_is_measured_without_a_channel(measured: Path, tmp_path: Path) -> None:
    done = run(
        "eval",
        str(measured / "photos.csv"),
        "--targets",
        str(measured / "targets"),
        "--json",
        data_dir=tmp_path / "data",
    )
    assert done.returncode == 0, done.stderr
    data = json.loads(done.stdout)["data"]
    assert {"queries", "recall_at_1", "recall", "false_accept_rate", "thresholds", "latency_ms"} <= set(data)
    assert (data["queries"], data["right"], data["missed"], data["false_accepts"]) == (4, 2, 1, 0)
    assert data["recall"] == 3 / 4
    assert [miss["identifier"] for miss in data["misses"]] == ["poster0"]
    assert not (tmp_path / "data").exists()


def test_a_channel_is_measured_without_counting(measured: Path, tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    assert run("add", str(measured / "targets"), data_dir=data_dir).returncode == 0
    html = tmp_path / "report.html"
    done = run("eval", str(measured / "photos.csv"), "--html", str(html), data_dir=data_dir)
    assert done.returncode == 0, done.stderr
    assert "recall@1" in done.stdout
    page = html.read_text()
    assert "<svg" in page
    assert "data:image/jpeg;base64," in page
    assert "unlike.jpg" in page
    assert "Why targets were missed" in page
    assert "Other thresholds" in page
    assert "http" not in page.replace("http://www.w3.org", "").replace("http://purl.org", "").replace(
        "http://creativecommons.org", ""
    ).replace("https://matplotlib.org", "")
    records = json.loads(run("stats", "--json", data_dir=data_dir).stdout)["data"]["records"]
    assert records == []


def test_photos_that_cannot_be_read_are_told_of(measured: Path, tmp_path: Path) -> None:
    listing = measured / "broken.csv"
    (measured / "blank.png").write_bytes(encoded(np.zeros((200, 200, 3), np.uint8)))
    listing.write_text("photo,identifier\none.jpg,poster1\nnosuch.jpg,poster2\nblank.png,\n")
    done = run(
        "eval", str(listing), "--targets", str(measured / "targets"), "--json", data_dir=tmp_path / "data"
    )
    answer = json.loads(done.stdout)
    assert done.returncode == 3
    assert [error["code"] for error in answer["errors"]] == ["picture_not_found", "too_few_features"]
    assert answer["data"]["failed"] == 1


def test_an_empty_or_missing_listing_is_refused(tmp_path: Path) -> None:
    listing = tmp_path / "photos.csv"
    for text in (None, "", "photo,identifier\n"):
        if text is not None:
            listing.write_text(text)
        assert run("eval", str(listing), data_dir=tmp_path / "data").returncode == 2
