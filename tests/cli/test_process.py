"""arcli together with other programs: pipes, terminals, signals, what it loads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.processes import arcli, at_terminal, environment, with_closed_stdout

HEAVY = ("numpy", "cv2", "PIL", "httpx", "hnswlib", "starlette", "cryptography", "matplotlib", "rich")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with an empty channel "default"."""
    path = tmp_path_factory.mktemp("arcli")
    assert arcli(path, "channel", "create", "default").returncode == 0
    return path


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture with something to recognise in it."""
    import cv2
    import numpy as np

    noise = np.random.default_rng(7).integers(0, 256, (40, 50, 3), np.uint8)
    path = tmp_path_factory.mktemp("pictures") / "carpet.png"
    cv2.imwrite(str(path), cv2.resize(noise, (500, 400), interpolation=cv2.INTER_CUBIC))
    return path


@pytest.mark.parametrize(
    "words", ["ls -q", "ls --json -q", "ls -f csv -q", "channel ls -f ids", "channel ls -f jsonl", "--help"]
)
def test_a_closed_pipe_ends_quietly(words: str, folder: Path) -> None:
    ran = with_closed_stdout(folder, *words.split())
    assert (ran.returncode, ran.stderr) == (0, "")


def test_add_finishes_its_work_after_the_reader_has_left(tmp_path: Path, picture: Path) -> None:
    ran = with_closed_stdout(tmp_path, "add", picture, "-f", "jsonl", "-q")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert arcli(tmp_path, "ls", "-f", "ids").stdout == "carpet\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_full_disk_under_the_answer_is_told(folder: Path) -> None:
    with Path("/dev/full").open("w") as full:
        ran = subprocess.run(
            [sys.executable, "-m", "arcli", "ls", "--json"],
            env=environment(folder),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert ran.returncode == 11
    assert "error: No space left on device" in ran.stderr


def loaded(folder: Path, *words: str) -> set[str]:
    """Return the top-level packages and arcli modules that a command line loads."""
    script = f"import sys; from arcli.app import main; main({list(words)!r}); print('\\n'.join(sys.modules))"
    ran = subprocess.run(
        [sys.executable, "-c", script], env=environment(folder), capture_output=True, text=True, check=True
    )
    names = ran.stdout.splitlines()
    return {name.split(".")[0] for name in names} | {name for name in names if name.startswith("arcli.")}


@pytest.mark.parametrize("words", ["--help", "ls", "stats", "get nobody", "rm nobody --yes", "profile show"])
def test_what_needs_no_recognition_loads_none_of_its_libraries(words: str, folder: Path) -> None:
    assert loaded(folder, *words.split()).isdisjoint(HEAVY)


def test_help_loads_no_verb(folder: Path) -> None:
    modules = loaded(folder, "--help")
    assert {"arcli.models", "arcli.connect", "arcli.commands.ls", "rich", "tomllib"}.isdisjoint(
        modules - {"tomllib"}
    )


def test_a_question_declined_changes_nothing(folder: Path) -> None:
    status, screen = at_terminal(folder, "channel", "rm", "default", answers={r"\[y/N\]": "n\r"})
    assert status == 130
    assert "Remove channel default with 0 targets?" in screen
    assert arcli(folder, "channel", "ls", "-f", "ids").stdout == "default\n"


def test_ctrl_c_at_a_question(folder: Path) -> None:
    status, screen = at_terminal(
        folder, "channel", "rm", "default", answers={r"\[y/N\]": "\x03"}, NO_COLOR="1"
    )
    assert status == 130
    assert "error: interrupted" in screen
    assert "Traceback" not in screen


def test_a_question_answered(folder: Path) -> None:
    assert arcli(folder, "channel", "create", "short_lived").returncode == 0
    status, _ = at_terminal(folder, "channel", "rm", "short_lived", answers={r"\[y/N\]": "y\r"})
    assert status == 0
    assert arcli(folder, "channel", "ls", "-f", "ids").stdout == "default\n"


def test_nobody_to_ask_needs_yes(folder: Path) -> None:
    ran = arcli(folder, "channel", "rm", "default", "--json")
    assert ran.returncode == 2
    assert json.loads(ran.stdout)["errors"][0]["code"] == "confirmation_required"
    assert "--yes" in ran.stderr


def test_colours_are_for_terminals_that_want_them(folder: Path) -> None:
    _, coloured = at_terminal(folder, "channel", "ls", answers={})
    _, plain = at_terminal(folder, "channel", "ls", answers={}, NO_COLOR="1")
    assert "\x1b[1m" in coloured
    assert "\x1b" not in plain
    assert "\x1b" not in arcli(folder, "channel", "ls").stdout


def test_a_table_fits_its_terminal_and_is_whole_in_a_pipe(tmp_path: Path) -> None:
    name = "channel_" + "x" * 56
    arcli(tmp_path, "channel", "create", name)
    _, screen = at_terminal(tmp_path, "channel", "ls", "-q", answers={}, NO_COLOR="1")
    assert max(map(len, screen.splitlines())) <= 60
    assert "…" in screen
    assert name in arcli(tmp_path, "channel", "ls").stdout


def test_a_picture_is_found_and_drawn(tmp_path: Path, picture: Path) -> None:
    assert arcli(tmp_path, "add", picture, "--id", "carpet_1").returncode == 0
    ran = arcli(tmp_path, "find", picture, "--json", "--draw", tmp_path / "drawn.png")
    assert ran.returncode == 0
    assert json.loads(ran.stdout)["data"]["results"][0]["matches"][0]["identifier"] == "carpet_1"
    assert (tmp_path / "drawn.png").read_bytes().startswith(b"\x89PNG")


def test_a_file_name_that_is_no_text_goes_through(tmp_path: Path, picture: Path) -> None:
    odd = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.png")
    Path(odd).write_bytes(picture.read_bytes())
    command = [sys.executable, "-m", "arcli", "add", odd, "--id", "cafe", "--json"]
    ran = subprocess.run(command, env=environment(tmp_path), capture_output=True)
    assert ran.returncode == 0
    image = json.loads(ran.stdout.decode("utf-8"))["data"]["items"][0]["image"]
    assert image == odd


def test_it_runs_without_a_stdin(folder: Path) -> None:
    command = f'exec "{sys.executable}" -m arcli rm - --yes <&-'
    ran = subprocess.run(["sh", "-c", command], env=environment(folder), capture_output=True, text=True)
    assert ran.returncode == 2
    assert "Traceback" not in ran.stderr


def test_it_works_with_closed_standard_streams(tmp_path: Path, picture: Path) -> None:
    command = f'exec "{sys.executable}" -m arcli add "{picture}" <&- >&- 2>&-'
    ran = subprocess.run(["sh", "-c", command], env=environment(tmp_path), capture_output=True)
    assert ran.returncode == 0
    assert arcli(tmp_path, "ls", "-f", "ids").stdout == "carpet\n"


def test_a_data_folder_that_cannot_be_is_told(tmp_path: Path, picture: Path) -> None:
    place = tmp_path / "file"
    place.write_text("no folder")
    ran = arcli(tmp_path, "--data-dir", place, "add", picture)
    assert ran.returncode == 5
    assert "cannot make the data folder" in ran.stderr


def test_an_interrupt_while_it_loads_ends_it_quietly(tmp_path: Path) -> None:
    code = """
import sys
class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == "typer":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupting())
from arcli.__main__ import main
sys.exit(main())
"""
    ran = subprocess.run(
        [sys.executable, "-c", code], env=environment(tmp_path), capture_output=True, text=True
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (130, "", "error: interrupted\n")


OPENED = "from pathlib import Path; from arcli.engine import LocalGallery; LocalGallery(Path('none'))"


@pytest.mark.parametrize("first", [f"{OPENED}; import numpy", f"import numpy; {OPENED}"])
def test_one_thread_multiplies_matrices(first: str) -> None:
    program = (
        f"{first}; import time, numpy as np; a = np.ones((1500, 1500), np.float32); a @ a;"
        "all_began, own_began = time.process_time(), time.thread_time(); a @ a; a @ a;"
        "spent, own = time.process_time() - all_began, time.thread_time() - own_began;"
        "print(spent < 1.2 * own)"
    )
    environment = {key: value for key, value in os.environ.items() if not key.endswith("_NUM_THREADS")}
    ran = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    assert ran.stdout == "True\n"
