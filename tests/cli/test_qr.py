"""The QR code of a find-only key's link: another program reads what is drawn or written."""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import zxingcpp
from numpy.typing import NDArray

from arcli.app import main
from arcli.console.qr import qr_lines
from tests.cli.processes import at_terminal

HALVES = {" ": (255, 255), "▀": (0, 255), "▄": (255, 0), "█": (0, 0)}
DARK, LIGHT = 0, 255


def picture(lines: list[str], background: int = DARK) -> NDArray[np.uint8]:
    """Return what a terminal of that background shows, a module 6 pixels wide."""
    rows: list[list[int]] = []
    for line in lines:
        assert re.fullmatch("\x1b\\[38;5;16;48;5;231m[ ▀▄█]+\x1b\\[0m", line), line
        cells = [HALVES[char] for char in re.sub("\x1b\\[[0-9;]*m", "", line)]
        rows += [[top for top, _ in cells], [bottom for _, bottom in cells]]
    modules = np.kron(np.array(rows, np.uint8), np.ones((6, 6), np.uint8))
    return cv2.copyMakeBorder(modules, 60, 60, 60, 60, cv2.BORDER_CONSTANT, value=background)


def read(image: NDArray[np.uint8]) -> list[str]:
    return [code.text for code in zxingcpp.read_barcodes(image)]


@pytest.mark.parametrize("background", [DARK, LIGHT])
@pytest.mark.parametrize("length", [20, 60, 90, 130, 200, 400])
def test_what_a_terminal_shows_is_the_link(length: int, background: int) -> None:
    link = ("https://192.168.1.20:8443/scan#u=shop&k=" + "Zk3_-9aQ" * 60)[:length]
    assert read(picture(qr_lines(link), background)) == [link]


class Terminal(io.TextIOWrapper):
    """A terminal as arcli sees one; what is written to it stays in `shown`."""

    def __init__(self, encoding: str = "utf-8") -> None:
        self.shown = io.BytesIO()
        super().__init__(self.shown, encoding=encoding)

    def isatty(self) -> bool:
        return True


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Return a function that runs `arcli account` at a terminal, and returns what that shows."""

    def run_(*words: object, status: int = 0, encoding: str = "utf-8", **more: str) -> str:
        for name, value in {"TERM": "xterm", "COLUMNS": "80", "NO_COLOR": "", **more}.items():
            monkeypatch.setenv(name, value)
        screen = Terminal(encoding)
        monkeypatch.setattr(sys, "stdout", screen)
        assert main(["--data-dir", str(tmp_path / "data"), "account", *map(str, words)]) == status
        return screen.shown.getvalue().decode(encoding)

    return run_


def test_a_terminal_shows_the_code_and_the_link(tmp_path: Path) -> None:
    words = ("account", "add", "shop", "--scan-only", "--link", "https://192.168.1.20:8080")
    status, screen = at_terminal(tmp_path, *words, answers={}, COLUMNS="80", PYTHONUTF8="1")
    assert status == 0, screen
    (link,) = read(picture([line for line in screen.splitlines() if "38;5;16" in line]))
    assert link.startswith("https://192.168.1.20:8080/scan#u=shop&k=")
    assert link in re.sub(r"\s", "", screen)


@pytest.mark.parametrize(
    "more",
    [{"COLUMNS": "30"}, {"encoding": "latin-1"}, {"NO_COLOR": "1"}, {"TERM": "dumb"}],
    ids=lambda more: next(iter(more)),
)
def test_where_it_cannot_be_drawn_the_link_is_enough(run: Callable[..., str], more: dict[str, str]) -> None:
    shown = run("add", "shop", "--scan-only", **more)
    assert "/scan#u=shop" in re.sub(r"\s", "", shown)
    assert not {"▀", "▄", "█"} & {*shown}
    assert "38;5;16" not in shown


def test_a_pipe_gets_the_link_alone(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["--data-dir", str(tmp_path / "data"), "account", "add", "shop", "--scan-only"]) == 0
    shown = "".join(capfd.readouterr())
    assert "/scan#u=shop" in shown
    assert "▀" not in shown


@pytest.mark.parametrize("name", ["key.png", "key.svg"])
def test_the_code_is_written_as_a_picture(tmp_path: Path, run: Callable[..., str], name: str) -> None:
    file = tmp_path / name
    link = json.loads(run("add", "shop", "--scan-only", "--qr", file, "--json"))["data"]["link"]
    if name.endswith(".png"):
        image = cv2.imread(str(file), cv2.IMREAD_GRAYSCALE)
        assert image is not None
        assert read(image.astype(np.uint8)) == [link]
    else:
        assert file.read_text(encoding="utf-8").lstrip().startswith(("<?xml", "<svg"))
    run("add", "shop", "--scan-only", "--qr", file, status=6)
    keys = json.loads(run("show", "shop", "--json"))["data"]["keys"]
    assert len(keys) == 1, "a file that is in the way is told before a key is made"


@pytest.mark.parametrize(
    "words", [("--qr", "key.gif", "--scan-only"), ("--qr", "key.png"), ("--scan-only", "--link", "ftp://x")]
)
def test_what_cannot_be_a_code_is_refused_before_a_key_is_made(
    run: Callable[..., str], words: tuple[str, ...]
) -> None:
    run("add", "shop", *words, status=2)
    run("show", "shop", status=4)
