"""`arcli eval` at the shell."""

import datetime as dt
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from arcli import __version__

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
    for text, code in (
        (None, "invalid_manifest"),
        ("", "empty_input"),
        ("photo,identifier\n", "empty_input"),
    ):
        if text is not None:
            listing.write_text(text)
        done = run("eval", str(listing), "--json", data_dir=tmp_path / "data")
        assert (done.returncode, json.loads(done.stdout)["errors"][0]["code"]) == (2, code)
    listing.write_text("photo\na.jpg\n")
    assert "no column is named identifier" in run("eval", str(listing), data_dir=tmp_path / "data").stderr


def test_the_report_says_what_was_measured_and_shows_what_was_wanted(measured: Path, tmp_path: Path) -> None:
    data_dir, html = tmp_path / "data", tmp_path / "report.html"
    run("add", str(measured / "targets"), "-c", "shop", data_dir=data_dir)
    run("channel", "set", "shop", "--threshold", "0.37", data_dir=data_dir)
    words = ["eval", str(measured / "photos.csv"), "-c", "shop", "--html", str(html)]
    done = run(*words, "--json", data_dir=data_dir)
    data = json.loads(done.stdout)["data"]
    assert (data["channel"], data["version"], data["threshold"]) == ("shop", __version__, 0.37)
    assert dt.datetime.fromisoformat(data["date"]).tzinfo is not None
    page = html.read_text()
    for shown in ("<td>shop</td>", f"<td>{__version__}</td>", "<td>0.37</td>", f"<td>{data['date']}</td>"):
        assert shown in page
    (missed,) = [row for row in page.split("<tr>") if "missed poster0" in row]
    assert re.search(
        r'<figure><img alt="" src="data:image/jpeg[^>]*><figcaption>poster0</figcaption>', missed
    )
    people = run(*words, "--threshold", "0.5", data_dir=data_dir).stdout
    assert re.search(r"channel +shop\n", people)
    assert re.search(r"threshold +0.50\n", people)


def test_labels_that_cannot_be_answered_are_named(measured: Path, tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    run("add", str(measured / "targets"), "-c", "shop", data_dir=data_dir)
    run("add", str(measured / "targets" / "poster3.png"), data_dir=data_dir)
    forgotten = run("eval", str(measured / "photos.csv"), "--json", data_dir=data_dir)
    answer = json.loads(forgotten.stdout)
    assert forgotten.returncode == 3
    assert [error["code"] for error in answer["errors"]] == ["target_not_found"]
    assert "poster0, poster1, poster2" in forgotten.stderr
    assert "-c" in answer["errors"][0]["hint"]
    reasons = {miss["identifier"]: miss["reason"] for miss in answer["data"]["misses"]}
    assert set(reasons) >= {"poster0", "poster1", "poster2"}
    assert set(reasons.values()) == {"no_such_target"}
    run("update", "poster1", "--inactive", "-c", "shop", data_dir=data_dir)
    inactive = run("eval", str(measured / "photos.csv"), "-c", "shop", "--json", data_dir=data_dir)
    answer = json.loads(inactive.stdout)
    assert (inactive.returncode, answer["errors"][0]["code"]) == (3, "target_inactive")
    assert {m["identifier"]: m["reason"] for m in answer["data"]["misses"]}["poster1"] == "inactive"
    everywhere = run("eval", str(measured / "photos.csv"), "--all-channels", "--json", data_dir=data_dir)
    assert [error["code"] for error in json.loads(everywhere.stdout)["errors"]] == ["target_inactive"]
