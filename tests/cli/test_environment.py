"""Machines and users that lack something: a home, an entry in the list of users, semaphores, handles."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from arcli.console.faults import as_arcli_error
from arcli.errors import MemoryLimit, ResourceLimit
from tests.cli.processes import ROOT

SAMPLES = ROOT / "samples"
NO_ROW = ["unshare", "--user", "--map-user=12345", "--map-group=12345"]


def without_entry() -> bool:
    """Say whether this machine lets us be a user that has no entry."""
    try:
        return subprocess.run([*NO_ROW, "true"], capture_output=True).returncode == 0
    except OSError:
        return False


def bare(
    *words: str | Path, prefix: list[str] | None = None, **environ: str
) -> subprocess.CompletedProcess[str]:
    """Run arcli with nothing in its environment but what is given."""
    command = [*(prefix or []), sys.executable, "-m", "arcli", *map(str, words)]
    given = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **environ}
    return subprocess.run(command, env=given, capture_output=True, text=True)


@pytest.mark.skipif(not without_entry(), reason="this machine gives no user namespaces")
def test_settings_that_were_given_are_enough_for_a_user_without_home(tmp_path: Path) -> None:
    data = str(tmp_path / "data")
    for words, status in (
        (["--data-dir", data, "add", SAMPLES / "gallery" / "peanuts.png"], 0),
        (["--data-dir", data, "find", SAMPLES / "photos" / "peanuts_in_clutter.png"], 0),
        (["--data-dir", data, "doctor"], 0),
        (["profile", "show"], 0),
        (["profile", "add", "x"], 5),
        (["ls"], 2),
        (["--data-dir", "~/data", "ls"], 2),
    ):
        ran = bare(*words, prefix=NO_ROW)
        assert ran.returncode == status, ran.stderr
        assert "Traceback" not in ran.stderr
        assert status == 0 or "HOME" in ran.stderr
    remote = {"ARCLI_URL": "http://127.0.0.1:1", "ARCLI_USERNAME": "x", "ARCLI_SECRETKEY": "y"}
    assert bare("ls", prefix=NO_ROW, **remote).returncode == 10


@pytest.mark.parametrize("home", ["", "relative", "/nonexistent"])
def test_an_odd_home_is_no_obstacle(tmp_path: Path, home: str) -> None:
    data = str(tmp_path / "data")
    added = bare("add", SAMPLES / "gallery" / "peanuts.png", HOME=home, ARCLI_DATA_DIR=data)
    assert added.returncode == 0, added.stderr
    assert bare("ls", "-f", "ids", HOME=home, ARCLI_DATA_DIR=data).stdout == "peanuts\n"


def test_a_machine_without_semaphores_works_in_one_process_and_says_so_once(tmp_path: Path) -> None:
    script = (
        "import _multiprocessing as m, sys\n"
        "def none(*given): raise FileNotFoundError(2, 'No such file or directory')\n"
        "m.SemLock = type('SemLock', (), {'__init__': none, 'SEM_VALUE_MAX': 1, '_rebuild': none})\n"
        "from arcli.app import main\n"
        f"words = ['--data-dir', {str(tmp_path)!r}, 'add', {str(SAMPLES / 'gallery')!r}, '--jobs', '2']\n"
        "sys.exit(main(words) or main([*words, '--on-exists', 'replace']))\n"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT)
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr.count("worker processes cannot be used here") == 1


@pytest.mark.parametrize("handles", [5, 6, 7, 8, 10])
def test_too_few_handles_are_said_and_what_to_do(tmp_path: Path, handles: int) -> None:
    data = str(tmp_path / "data")
    assert bare("add", SAMPLES / "gallery" / "peanuts.png", ARCLI_DATA_DIR=data).returncode == 0
    ran = subprocess.run(
        [sys.executable, "-m", "arcli", "find", str(SAMPLES / "photos"), "--jobs", "2"],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "ARCLI_DATA_DIR": data},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (handles, handles)),
        capture_output=True,
        text=True,
    )
    assert ran.returncode in (0, 11), ran.stderr
    assert ran.returncode == 0 or "ulimit -n" in ran.stderr
    assert "permission denied" not in ran.stderr


MEGABYTES = (60, 90, 110, 150, 220, 300, 380, 450, 550, 650)


@pytest.mark.parametrize("megabytes", MEGABYTES)
def test_too_little_memory_is_said_and_never_ends_as_no_match(tmp_path: Path, megabytes: int) -> None:
    """Libraries that are loaded would end the process themselves: by status 1, by a segmentation fault."""
    data = str(tmp_path / "data")
    assert bare("--data-dir", data, "add", SAMPLES / "gallery" / "peanuts.png").returncode == 0
    photo = SAMPLES / "photos" / "peanuts_in_clutter.png"
    limited = ["sh", "-c", f'ulimit -v {megabytes * 1000} && exec "$@"', "sh"]
    for verb in ("find", "check"):
        ran = bare("--data-dir", data, verb, photo, prefix=limited)
        assert ran.returncode == 11 or (ran.returncode == 0 and not ran.stderr.startswith("error")), ran
        assert ran.returncode == 0 or "memory" in ran.stderr


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (OSError(errno.EMFILE, "Too many open files"), ResourceLimit),
        (ImportError("libx.so: cannot open shared object file: Too many open files"), ResourceLimit),
        (RuntimeError("can't start new thread"), ResourceLimit),
        (ImportError("libx.so: failed to map segment from shared object"), MemoryLimit),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), MemoryLimit),
        (MemoryError(), MemoryLimit),
    ],
)
def test_what_the_machine_ran_out_of_is_no_bug(error: Exception, kind: type[Exception]) -> None:
    wrapped = ValueError("something else")
    wrapped.__cause__ = error
    for one in (error, wrapped):
        told = as_arcli_error(one)
        assert (type(told), told.exit_status) == (kind, 11)
        assert told.hint


def test_a_fault_without_handles_is_no_bug_whatever_its_class() -> None:
    """A thread may see a module that another one, out of handles, gave up importing: a plain ImportError."""
    script = (
        "import os, resource, sys\n"
        "from arcli.console.faults import as_arcli_error\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (20, 20))\n"
        "fault = ImportError(\"cannot import name 'x' from 'y'\")\n"
        "before = as_arcli_error(fault)\n"
        "kept = [os.open(os.devnull, os.O_RDONLY) for _ in range(14)]\n"
        "print(before.exit_status, as_arcli_error(fault).exit_status, as_arcli_error(fault).hint)\n"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT)
    assert ran.stdout.startswith("70 11 raise the limit: ulimit -n"), ran


def test_a_fault_before_the_application_is_there_does_not_end_as_no_match() -> None:
    script = "import sys; sys.modules['arcli.app'] = None; from arcli.__main__ import main; sys.exit(main())"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT)
    assert (ran.returncode, "Traceback" in ran.stderr) == (70, False)
    assert "internal error" in ran.stderr
