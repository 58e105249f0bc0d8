"""Bad input through the command line and the embedded engine: a status, a message, nothing half done."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from arcli.app import main
from tests.cli.processes import arcli


def png_header(width: int, height: int) -> bytes:
    """Return a PNG that claims a size; its one short line of pixels is all there is."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(b"\0" * 99))
        + chunk(b"IEND", b"")
    )


def carpet(seed: int = 1) -> np.ndarray:
    noise = np.random.default_rng(seed).integers(0, 256, (40, 50, 3), np.uint8)
    return cv2.resize(noise, (500, 400), interpolation=cv2.INTER_CUBIC)


def encoded(pixels: np.ndarray, suffix: str = ".jpg") -> bytes:
    return cv2.imencode(suffix, pixels)[1].tobytes()


BAD: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", "unreadable_picture"),
    "text": (lambda: b"this is no picture\n" * 99, "unreadable_picture"),
    "truncated": (lambda: encoded(carpet())[:5000], "unreadable_picture"),
    "one_pixel": (lambda: encoded(np.zeros((1, 1, 3), np.uint8), ".png"), "too_few_features"),
    "blank": (lambda: encoded(np.full((400, 400, 3), 255, np.uint8)), "too_few_features"),
    "huge": (lambda: png_header(30_000, 30_000), "picture_too_large"),
    "bomb": (lambda: png_header(2**31 - 1, 2**31 - 1), "picture_too_large"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with one target, carpet, in channel default."""
    path = tmp_path_factory.mktemp("arcli")
    (path / "carpet.jpg").write_bytes(encoded(carpet()))
    assert arcli(path, "add", path / "carpet.jpg").returncode == 0
    return path


@pytest.fixture
def refused(folder: Path) -> Callable[..., tuple[int, str]]:
    """Return a function that runs a command, checks that it failed cleanly, and gives status and code."""

    def call(*words: str | Path) -> tuple[int, str]:
        ran = arcli(folder, *words, "--json")
        answer = json.loads(ran.stdout)
        assert answer["status"] == "error"
        assert "Traceback" not in ran.stderr
        assert ran.stderr.startswith("error: ")
        assert arcli(folder, "ls", "-f", "ids").stdout == "carpet\n"
        return ran.returncode, answer["errors"][0]["code"]

    return call


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_picture(kind: str, tmp_path: Path, refused: Callable[..., tuple[int, str]]) -> None:
    make, code = BAD[kind]
    picture = tmp_path / f"{kind}.jpg"
    picture.write_bytes(make())
    assert refused("add", picture) == (7, code)
    assert refused("find", picture) == (7, code)
    assert refused("check", picture)[0] == 7


def test_no_such_file(tmp_path: Path, refused: Callable[..., tuple[int, str]]) -> None:
    assert refused("add", tmp_path / "nowhere.jpg") == (7, "picture_not_found")
    assert refused("find", tmp_path / "nowhere.jpg") == (7, "picture_not_found")


@pytest.mark.parametrize("identifier", ["ab", "a b c", "x" * 51, "abc\n", "äöü", "a/b", ""])
def test_an_identifier_that_is_not_valid(
    identifier: str, folder: Path, tmp_path: Path, refused: Callable[..., tuple[int, str]]
) -> None:
    picture = tmp_path / "other.jpg"
    picture.write_bytes(encoded(carpet(2)))
    assert refused("add", picture, "--id", identifier) == (7, "invalid_identifier")
    assert refused("update", "carpet", "--rename", identifier) == (7, "invalid_identifier")
    assert refused("get", identifier) == (7, "invalid_identifier")


def test_an_identifier_that_is_taken(folder: Path, refused: Callable[..., tuple[int, str]]) -> None:
    assert refused("add", folder / "carpet.jpg") == (6, "target_exists")


@pytest.mark.parametrize("name", ["../x", "a/b", "a\\b", "..", "", " x", "x" * 65, "a\nb"])
def test_a_channel_name_that_is_not_valid(
    name: str, folder: Path, refused: Callable[..., tuple[int, str]]
) -> None:
    assert refused("add", folder / "carpet.jpg", f"--channel={name}")[0] == 2
    assert refused("channel", "create", name) == (2, "invalid_channel_name")


def test_an_unknown_channel(folder: Path, refused: Callable[..., tuple[int, str]]) -> None:
    assert refused("find", folder / "carpet.jpg", "-c", "nowhere") == (4, "channel_not_found")
    assert refused("add", folder / "carpet.jpg", "-c", "nowhere", "--no-create") == (4, "channel_not_found")


def test_several_pictures_go_on_after_a_bad_one(tmp_path: Path) -> None:
    for name, data in {"a_bad": b"", "b_good": encoded(carpet(3)), "c_bad": b"x"}.items():
        (tmp_path / f"{name}.jpg").write_bytes(data)
    ran = arcli(tmp_path, "add", tmp_path, "--json")
    assert ran.returncode == 3
    answer = json.loads(ran.stdout)
    assert answer["status"] == "partial"
    assert [item["status"] for item in answer["data"]["items"]] == ["failed", "added", "failed"]
    assert len(answer["errors"]) == 2


ODD = "\udcff"  # how Python reads a byte that is no UTF-8
LONG = "x" * 5000


@pytest.mark.parametrize(
    "words",
    [
        f"ls --limit {10**20}",
        f"ls --position {10**20}",
        f"account log --limit {10**20}",
        f"find carpet.jpg --limit {'9' * 5000}",
        f"channel create more --quota {'9' * 5000}",
        f"sync . --max-delete {'9' * 5000}",
        f"sync . --max-delete {'9' * 5000}%",
        "channel set default --threshold 1_0e-2",
        "channel set default --threshold ٠.٥",
        "account add shop --rate nan",
        "account add shop --rate inf",
        f"account show {ODD}",
        f"account rm {ODD} --yes",
        f"account log {ODD}",
        f"account grant {ODD} --channel default",
        f"channel create more --owner {ODD}",
        f"channel set default --owner {ODD}",
        f"rm {ODD} --yes",
        f"get {ODD}",
        f"serve --host {ODD}",
        f"find carpet.jpg --draw {LONG}",
        f"get carpet --image {LONG}",
        f"sync . --plan {LONG}",
        f"sync {LONG}",
        f"add {LONG}",
        f"export {LONG}",
        f"channel backup default {LONG}",
        f"find carpet.jpg --report {LONG}",
        "export carpet.jpg/x",
    ],
)
def test_words_that_nobody_means_are_no_bug(
    folder: Path, words: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Numbers in other forms and beyond every range, bytes that are no text, names beyond every limit."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("ARCLI_DATA_DIR", str(folder / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder / "config"))
    status = main(words.split())
    errors = capfd.readouterr().err
    if words.startswith(("ls", "account log --limit")):
        assert (status, errors.count("error")) == (0, 0)
    else:
        assert status in (2, 3, 4, 5, 7, 11), errors
        assert "bug" not in errors
        assert len(errors) < 1000


def test_other_targets_are_removed_beside_one_whose_name_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "carpet.jpg").write_bytes(encoded(carpet()))
    arcli(tmp_path, "add", tmp_path / "carpet.jpg")
    assert arcli(tmp_path, "rm", ODD, "carpet", "--yes").returncode == 3
    assert '"totalcount": 0' in arcli(tmp_path, "ls", "--json").stdout
