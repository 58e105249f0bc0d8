"""Windows and macOS: what POSIX has and they lack has one home, and the main job runs with it hidden.

Neither was ever run: this shows that nothing is called that is not there, not that all works there.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from arcli import system
from arcli.errors import NotSupported
from tests.cli.processes import ROOT, environment

MODULES = {"fcntl", "resource", "pwd", "grp", "termios", "tty", "pty", "posix", "syslog"}
NAMES = {
    "os": {
        *(
            "chown",
            "fchmod",
            "fchown",
            "fdatasync",
            "fork",
            "forkpty",
            "geteuid",
            "getuid",
            "getgid",
            "getegid",
        ),
        *(
            "getloadavg",
            "killpg",
            "mkfifo",
            "nice",
            "pread",
            "pwrite",
            "readv",
            "writev",
            "sched_getaffinity",
        ),
        *("setsid", "statvfs", "sysconf", "O_CLOEXEC", "O_DIRECTORY", "O_NOFOLLOW", "O_NONBLOCK"),
    },
    "signal": {
        *("SIGALRM", "SIGHUP", "SIGKILL", "SIGPROF", "SIGUSR1", "ITIMER_PROF", "ITIMER_REAL", "alarm"),
        *("pthread_sigmask", "setitimer", "sigwait", "SIG_BLOCK", "SIG_SETMASK"),
    },
    "select": {"poll", "epoll"},
    "time": {"clock_gettime", "CLOCK_BOOTTIME", "CLOCK_MONOTONIC"},
}
HOME = "arcli/system.py"
ELSEWHERE = {
    # Ctrl-C before anything is imported: each use asks first whether it is there
    "arcli/__main__.py": {
        *("signal.ITIMER_REAL", "signal.SIGALRM", "signal.SIG_BLOCK", "signal.SIG_SETMASK"),
        *("signal.pthread_sigmask", "signal.setitimer"),
    },
    # decoding in processes with limits: only where `system.can_isolate`
    "arcli/vision/decoding/isolation.py": {"os.readv", "select.poll", "signal.SIGPROF"},
    "arcli/vision/decoding/worker.py": {"signal.ITIMER_PROF", "signal.SIGPROF", "signal.setitimer"},
}
HIDDEN = f"""
import os, select, signal, sys, time
import platformdirs, shutil  # their parts for this system
usage = shutil.disk_usage('/')
shutil.disk_usage = lambda _: usage
for name in {sorted(MODULES - {"posix"})!r}:
    sys.modules[name] = None
for module, names in (({"os"!r}, {sorted(NAMES["os"])!r}), ("signal", {sorted(NAMES["signal"])!r}),
                      ("select", {sorted(NAMES["select"])!r}), ("time", {sorted(NAMES["time"])!r})):
    for name in names:
        if hasattr(sys.modules[module], name):
            delattr(sys.modules[module], name)
real = os.open
def opened(path, flags, *more, **named):
    if isinstance(path, (str, os.PathLike)) and os.path.isdir(path):
        raise PermissionError(13, "Permission denied", os.fspath(path))
    return real(path, flags, *more, **named)
os.open = opened
from arcli.__main__ import main
sys.exit(main())
"""


def posix_uses(source: str) -> set[str]:
    """Return the modules and names of POSIX that a module uses: "fcntl", "os.fork"."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names} & MODULES
        elif isinstance(node, ast.ImportFrom):
            found |= {node.module} & MODULES if node.module else set()
            names = NAMES.get(node.module or "", set())
            found |= {f"{node.module}.{alias.name}" for alias in node.names if alias.name in names}
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            module = node.value.id
            found |= {f"{module}.{node.attr}"} if node.attr in NAMES.get(module, set()) else set()
    return found


def test_what_only_posix_has_is_in_one_module() -> None:
    uses: dict[str, set[str]] = defaultdict(set)
    for path in sorted((ROOT / "arcli").rglob("*.py")):
        uses[path.relative_to(ROOT).as_posix()] |= posix_uses(path.read_text(encoding="utf-8"))
    assert uses.pop(HOME) >= {"fcntl", "resource", "os.pwrite", "signal.pthread_sigmask"}
    assert {name: used for name, used in uses.items() if used} == ELSEWHERE


def test_this_test_sees_them() -> None:
    source = (
        "import fcntl, os\nfrom os import fork\nfrom resource import getrlimit\nos.nice(1)\nos.replace(a, b)"
    )
    assert posix_uses(source) == {"fcntl", "os.fork", "resource", "os.nice"}


def hidden(folder: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    """Run arcli where POSIX has been hidden and a folder cannot be opened."""
    command = [sys.executable, "-c", HIDDEN, *map(str, words)]
    return subprocess.run(command, env=environment(folder), capture_output=True, text=True)


def test_the_main_job_runs_without_posix(tmp_path: Path) -> None:
    samples = ROOT / "samples"
    pictures = [samples / "gallery" / name for name in ("peanuts.png", "card.png", "bear.jpg")]
    found = tmp_path / "found.jpg"
    counts = tmp_path / "counts.csv"
    commands: list[tuple[str | Path, ...]] = [
        ("add", *pictures),
        ("find", samples / "photos" / "peanuts_in_clutter.png", "--draw", found),
        ("channel", "compact", "default"),
        ("update", "card", "--metadata", "{}"),
        ("rm", "bear", "--yes"),
        ("stats", "--output", counts, "--append"),
        ("export", tmp_path / "exported"),
        ("backup", tmp_path / "backup"),
        ("account", "add", "shop"),
        ("doctor",),
    ]
    for words in commands:
        done = hidden(tmp_path, *words)
        assert done.returncode == 0, (words[0], done.stderr)
        assert "Traceback" not in done.stderr
    assert hidden(tmp_path, "ls", "-f", "ids").stdout == "card\npeanuts\n"
    assert found.stat().st_size > 10_000
    assert "peanuts" in counts.read_text()


def test_a_name_that_windows_holds_for_a_moment_is_taken_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    aside, path = tmp_path / "aside", tmp_path / "file"
    aside.write_bytes(b"new")
    path.write_bytes(b"old")
    held = [PermissionError(13, "held"), PermissionError(13, "held")]
    real = Path.replace

    def replace(self: Path, target: Path) -> Path:
        if held:
            raise held.pop()
        return real(self, target)

    monkeypatch.setattr(Path, "replace", replace)
    with pytest.raises(PermissionError):
        system.rename_over(aside, path)
    assert len(held) == 1, "POSIX refuses for good reasons alone"
    monkeypatch.setattr(system, "fcntl", None)
    monkeypatch.setattr(system.time, "sleep", lambda _: None)
    system.rename_over(aside, path)
    assert (path.read_bytes(), aside.exists()) == (b"new", False)
    path.write_bytes(b"old")
    aside.write_bytes(b"new")
    held.extend(PermissionError(13, "held") for _ in range(9))
    with pytest.raises(PermissionError):
        system.rename_over(aside, path)


def test_several_workers_are_refused_where_they_cannot_share_a_socket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("uvicorn", reason="the extra server is not installed")
    from arcli.server.options import ServeOptions
    from arcli.server.process.serve import serve

    monkeypatch.setattr(system, "shares_listeners", lambda: False)
    with pytest.raises(NotSupported, match="several workers"):
        serve(ServeOptions(data_dir=tmp_path, workers=2), lambda _: None)
