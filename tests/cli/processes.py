"""arcli as a separate process, also at a terminal."""

from __future__ import annotations

import codecs
import os
import pty
import re
import select
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def environment(folder: Path, **more: str) -> dict[str, str]:
    """Return an environment whose data and configuration are in `folder`."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("ARCLI_", "NO_COLOR"))}
    own = {"XDG_CONFIG_HOME": str(folder / "config"), "ARCLI_DATA_DIR": str(folder / "data")}
    return {**kept, **own, "PYTHONPATH": str(ROOT), "TERM": "xterm", "COLUMNS": "60", **more}


def arcli(
    folder: Path, *words: str | Path, stdin: str | None = None, **more: str
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "arcli", *map(str, words)]
    env = environment(folder, **more)
    return subprocess.run(command, env=env, input=stdin, capture_output=True, text=True)


def with_closed_stdout(folder: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    """Run it with a stdout that nobody reads any longer."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        return subprocess.run(
            [sys.executable, "-m", "arcli", *map(str, words)],
            env=environment(folder),
            stdout=writer,
            stderr=subprocess.PIPE,
            text=True,
        )
    finally:
        os.close(writer)


def at_terminal(folder: Path, *words: str | Path, answers: dict[str, str], **more: str) -> tuple[int, str]:
    """Run it at a pseudo-terminal and type each answer when its question appears; return status, screen."""
    child, terminal = pty.fork()
    if child == 0:
        os.execve(
            sys.executable,
            [sys.executable, "-m", "arcli", *map(str, words)],
            environment(folder, **more),
        )
    screen, waiting, last = "", dict(answers), ""
    decoder = codecs.getincrementaldecoder("utf-8")()  # a read may end within a character
    again = 0
    while True:
        if last and not select.select([terminal], [], [], 3)[0]:
            again += 1
            if again > 40:  # it does not listen: Ctrl-C is ignored where this was started in the background
                os.kill(child, signal.SIGKILL)
            # a Ctrl-C just before the read begins is lost; people press again
            os.write(terminal, last.encode())
            continue
        try:
            screen += decoder.decode(os.read(terminal, 65536))
        except OSError:  # the child has left
            break
        for question in [question for question in waiting if re.search(question, screen)]:
            last = waiting.pop(question)
            os.write(terminal, last.encode())
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), screen
