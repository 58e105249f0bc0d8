"""Completion in the real shells, at a terminal: keys are typed, the screen is read."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import sys
from pathlib import Path

import pytest

from tests.cli.processes import ROOT, arcli, environment

# How each shell is started without anybody's settings, and takes arcli's completion as the wheel installs it.
STARTED = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], "source completions/arcli.bash"),
    "zsh": (["zsh", "-f", "-i"], "fpath=({folder} $fpath); autoload -U compinit; compinit -u -D"),
    "fish": (["fish", "--no-config", "-i"], "source completions/arcli.fish"),
}
LINES = {
    "arcli find --effort th": "thorough",
    "arcli get carp": "carpet_1",
    "arcli channel show 海": "海报墙",
    "arcli ls --profile sho": "shop",
    "arcli profile use sho": "shop",
    "arcli account show newc": "newcomer",
    "arcli doct": "doctor",
}
PATIENCE = 120  # seconds, for a busy machine


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the program, a channel "海报墙", a target in "default", a profile and an account."""
    import cv2
    import numpy as np

    folder = tmp_path_factory.mktemp("shells")
    program = folder / "arcli"
    program.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m arcli "$@"\n')
    program.chmod(0o755)
    shutil.copy(ROOT / "completions" / "arcli.zsh", folder / "_arcli")
    noise = np.random.default_rng(7).integers(0, 256, (40, 50, 3), np.uint8)
    picture = folder / "carpet_1.png"
    cv2.imwrite(str(picture), cv2.resize(noise, (500, 400), interpolation=cv2.INTER_CUBIC))
    assert arcli(folder, "add", picture).returncode == 0
    picture.unlink()
    assert arcli(folder, "channel", "create", "海报墙").returncode == 0
    assert arcli(folder, "profile", "add", "shop").returncode == 0
    assert arcli(folder, "account", "add", "newcomer").returncode == 0
    return folder


class Shell:
    """A shell at a pseudo-terminal."""

    def __init__(self, name: str, home: Path) -> None:
        command, source = STARTED[name]
        path = f"{home}:{os.environ['PATH']}"
        variables = environment(home, PATH=path, HOME=str(home), COLUMNS="120", LC_ALL="C.UTF-8")
        child, self.terminal = pty.fork()
        if child == 0:
            os.chdir(ROOT)
            os.execvpe(command[0], command, variables)
        self.type(f"{source.format(folder=home)}\recho rea''dy\r")
        self.read("ready")

    def type(self, keys: str) -> None:
        os.write(self.terminal, keys.encode())

    def read(self, wanted: str) -> None:
        """Read the screen until it shows `wanted`."""
        screen = ""
        while wanted not in re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]", "", screen):
            assert select.select([self.terminal], [], [], PATIENCE)[0], screen
            screen += os.read(self.terminal, 65536).decode(errors="replace")
            if "\x1b[c" in screen or "\x1b[0c" in screen:  # fish asks what terminal this is
                screen = screen.replace("\x1b[c", "").replace("\x1b[0c", "")
                self.type("\x1b[?62c")


@pytest.mark.parametrize("name", STARTED)
def test_a_real_shell_completes(name: str, home: Path) -> None:
    if shutil.which(name) is None:
        pytest.skip(f"there is no {name} here")
    shell = Shell(name, home)
    try:
        for line, word in LINES.items():
            shell.type(f"{line}\t")
            shell.read(word)
            shell.type("\x15")  # this line is not to be run
    finally:
        os.close(shell.terminal)
