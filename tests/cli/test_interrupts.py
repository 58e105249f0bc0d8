"""Ctrl-C, once, twice, thrice, from the first import to the last flush: one sentence, 130, at once.

The signals come at counted calls of functions, so that the same places are hit on every machine.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.cli.processes import arcli, environment

# Runs arcli; sends this process SIGINT when so many Python functions have been called, says how many
# were: all, or those of one name. Not where a function of C is called: no signal arrives there, and a lock
# whose `__exit__` is never called stays locked.
STRUCK = """
import os, signal, sys
words, counter, only, strikes = sys.argv[1].split("|"), *sys.argv[2:4], set(map(int, sys.argv[4:]))
calls = 0
def count(frame, event, argument):
    global calls
    if event != "call" or only not in ("", frame.f_code.co_name):
        return
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        return  # not yet ours: the first import comes after that
    calls += 1
    if calls in strikes:
        os.kill(os.getpid(), signal.SIGINT)
sys.argv[1:] = words
from arcli.__main__ import main
sys.setprofile(count)
status = main()
sys.setprofile(None)
open(counter, "w").write(str(calls))
sys.exit(status)
"""
PLACES = 6  # of a command, in even distances


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ten pictures in `pictures` and a channel that has one of them."""
    folder = tmp_path_factory.mktemp("arcli")
    (folder / "pictures").mkdir()
    for number in range(10):
        noise = np.random.default_rng(number).integers(0, 256, (30, 40, 3), np.uint8)
        big = cv2.resize(noise, (400, 300), interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(folder / "pictures" / f"carpet_{number}.png"), big)
    assert arcli(folder, "add", folder / "pictures" / "carpet_0.png").returncode == 0
    return folder


def struck(home: Path, words: str, strikes: list[int], only: str = "") -> Any:
    """Run words, "|" between them, struck at these calls; only: of functions of that name."""
    command = [sys.executable, "-c", STRUCK, words, str(home / "calls"), only, *map(str, strikes)]
    return subprocess.run(
        command, cwd=home, env=environment(home), capture_output=True, text=True, timeout=300, check=False
    )


COMMANDS = ["ls", "find|pictures/carpet_0.png|--json", "add|pictures|-c|CHANNEL|-f|csv"]


@pytest.mark.parametrize("words", COMMANDS)
def test_ctrl_c_again_and_again(words: str, home: Path) -> None:
    assert struck(home, words.replace("CHANNEL", "whole"), []).returncode == 0
    calls = int((home / "calls").read_text())
    for place in range(PLACES):
        first = 1 + place * (calls - 1) // PLACES
        strikes = [first, first + 1 + 97 * place, first + 2 + 98 * place][: 1 + place % 3]
        ran = struck(home, words.replace("CHANNEL", f"c{place}"), strikes)
        assert ran.returncode == 130, (strikes, ran)
        assert ran.stderr.count("error: ") == 1, (strikes, ran)
        assert "error: interrupted" in ran.stderr, (strikes, ran)
        assert "Traceback" not in ran.stderr, (strikes, ran)
        assert "Exception ignored" not in ran.stderr, (strikes, ran)
    assert arcli(home, "ls", "-f", "ids").stdout == "carpet_0\n"


@pytest.mark.parametrize("words", COMMANDS)
def test_ctrl_c_in_a_function_that_sqlite_calls(words: str, home: Path) -> None:
    """SQLite passes on no exception: what was interrupted was said to be damaged."""
    assert struck(home, words.replace("CHANNEL", "sealed"), [], "checksum").returncode == 0
    calls = int((home / "calls").read_text())
    assert calls > 0
    # In the first half: how many calls there are depends on the pictures that `add` writes at a time, which
    # is a matter of who is faster (175 to 245 for these ten).
    for strike in {1, (calls + 3) // 4, (calls + 1) // 2}:
        ran = struck(home, words.replace("CHANNEL", f"sealed{strike}"), [strike], "checksum")
        assert (ran.returncode, ran.stderr.count("error: ")) == (130, 1), (strike, ran)
        assert "error: interrupted" in ran.stderr, (strike, ran)


def test_who_started_it_without_ctrl_c_is_obeyed(home: Path) -> None:
    """A job of a shell script, or one under nohup."""
    command = f'trap "" INT; exec "{sys.executable}" -c "$0" ls "{home}/calls" "" 50 500'
    ran = subprocess.run(
        ["sh", "-c", command, STRUCK], env=environment(home), capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stderr.splitlines()[-1]) == (0, "1 target in channel default")
