"""A load killed with SIGKILL and continued ends equal to one that ran through; here, and over a server.

`make bench-bulk` does the same with 3,000 pictures and 20 kills.
"""

import itertools
import json
import random
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.bulk.kills import KilledLoad, Strike, kill, starter, stored
from tests.bulk.servers import KillableServer
from tests.cli.processes import arcli, at_terminal, environment
from tests.engine.conftest import encoded, poster_pixels

PICTURES = 60


@pytest.fixture(scope="module")
def posters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty posters, one of them broken, and a manifest that gives each metadata."""
    folder = tmp_path_factory.mktemp("posters")
    rows = []
    for seed in range(PICTURES):
        (folder / f"p{seed:02}.png").write_bytes(encoded(poster_pixels(seed, side=160)))
        rows.append({"image": f"p{seed:02}.png", "metadata": {"n": seed}, "active": seed % 7 != 0})
    (folder / "p33.png").write_bytes(b"broken")
    (folder / "all.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


@pytest.fixture(scope="module")
def whole(posters: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, dict[str, object]]:
    """The report and the targets of a load that ran through."""
    home = tmp_path_factory.mktemp("whole")
    report = home / "report.jsonl"
    ran = arcli(home, "add", "--manifest", posters / "all.jsonl", "--report", report)
    assert ran.returncode == 3, ran.stderr
    with stored(home / "data", "default") as targets:
        return report.read_bytes(), dict(targets)


def interrupt_or_kill() -> Strike:
    """Press Ctrl-C and kill -9 by turns."""
    turns = itertools.count()

    def strike(process: subprocess.Popen[bytes]) -> None:
        if next(turns) % 2:
            kill(process)
            return
        process.send_signal(signal.SIGINT)
        # -SIGINT: Python was still starting. 3: the load, with its bad row, was over before the signal came.
        assert process.wait(60) in (130, -signal.SIGINT, 3)

    return strike


Whole = tuple[bytes, dict[str, object]]


def test_a_load_killed_again_and_again(posters: Path, whole: Whole, tmp_path: Path) -> None:
    report = tmp_path / "report.jsonl"
    words: list[str | Path] = ["add", "--manifest", posters / "all.jsonl", "--report", report, "--resume"]
    start = starter(words, cwd=posters, env=environment(tmp_path))
    killed = KilledLoad(start, report, PICTURES, kills=5, rng=random.Random(6), strike=interrupt_or_kill())
    assert killed.run() == 3
    assert killed.struck_at, "five at most: a fast machine is done before the fifth"
    assert report.read_bytes() == whole[0]
    with stored(tmp_path / "data", "default") as targets:
        assert targets == whole[1]


def test_a_load_over_a_server_that_is_killed_too(posters: Path, whole: Whole, tmp_path: Path) -> None:
    report = tmp_path / "report.jsonl"
    with KillableServer(tmp_path / "served") as server:
        words: list[str | Path] = [
            "add",
            "--manifest",
            posters / "all.jsonl",
            "--report",
            report,
            "--resume",
            "--jobs",
            "2",
        ]
        start = starter(words, cwd=posters, env=environment(tmp_path, **server.login()))
        rng = random.Random(7)

        def strike(client: subprocess.Popen[bytes]) -> None:
            server.kill_and_restart() if rng.random() < 0.5 else kill(client)

        killed = KilledLoad(start, report, PICTURES, kills=6, rng=rng, strike=strike)
        assert killed.run() == 3
    assert report.read_bytes() == whole[0]
    with stored(tmp_path / "served" / "data", "default") as targets:
        assert targets == whole[1]


def test_a_terminal_shows_rate_and_time_left_and_a_file_nothing(posters: Path, tmp_path: Path) -> None:
    words: list[str | Path] = ["add", "--manifest", posters / "all.jsonl", "--jobs", "1"]
    status, screen = at_terminal(tmp_path, *words, "-c", "seen", "-f", "json", answers={})
    assert status == 3
    assert re.search(r"\d+/60", screen)
    assert re.search(r"\d+\.\d/s", screen)
    assert re.search(r"\d:\d\d:\d\d", screen)
    silent = arcli(tmp_path, *words, "-c", "unseen", "-f", "jsonl")
    assert len(silent.stdout.splitlines()) == 60, "as they come, one line of JSON each"
    words_only = [line for line in silent.stderr.splitlines() if not line.startswith(("error: ", "hint: "))]
    assert words_only == []


def test_a_bar_of_a_load_that_continues_begins_where_it_stopped(
    posters: Path, whole: Whole, tmp_path: Path
) -> None:
    """Counting what was reported before would make the rate wrong."""
    report = tmp_path / "r.jsonl"
    report.write_bytes(b"".join(whole[0].splitlines(keepends=True)[:50]))
    words: list[str | Path] = ["add", "--manifest", posters / "all.jsonl", "--report", report, "--resume"]
    _, screen = at_terminal(tmp_path, *words, "-f", "json", answers={})
    assert re.findall(r"(\d+)/60", screen)[0] == "50"
    assert report.read_bytes() == whole[0]


def struck(posters: Path, home: Path, signum: signal.Signals) -> tuple[bytes, bytes, bytes]:
    """Send a signal to a load that has reported its first picture; return that line, the others, and stderr.

    On a busy machine a load may be over by then: another is tried.
    """
    for attempt in ("one", "two", "three", "four", "five"):
        words: list[str | Path] = ["add", "--manifest", posters / "all.jsonl", "--jobs", "1", "-f", "jsonl"]
        command = [
            sys.executable,
            "-m",
            "arcli",
            *words,
            "--report",
            home / f"{attempt}.jsonl",
            "-c",
            attempt,
        ]
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        process: subprocess.Popen[bytes]
        with subprocess.Popen(command, env=environment(home), **pipes) as process:
            assert process.stdout is not None
            first = process.stdout.readline()
            process.send_signal(signum)
            others, told = process.communicate()
        if process.returncode != 3:
            assert process.returncode in (130, -signal.SIGKILL)
            return first, others, told
    raise AssertionError("each of five loads was over before the signal came")


def test_lines_of_json_come_while_the_load_goes_on(posters: Path, tmp_path: Path) -> None:
    line, others, _ = struck(posters, tmp_path, signal.SIGKILL)
    first = json.loads(line)
    assert (Path(first["image"]).name, first["status"]) == ("p00.png", "added")
    assert len(others.splitlines()) < PICTURES - 1


def test_who_presses_ctrl_c_is_told_how_to_go_on(posters: Path, tmp_path: Path) -> None:
    _, _, told = struck(posters, tmp_path, signal.SIGINT)
    assert b"--resume continues" in told
