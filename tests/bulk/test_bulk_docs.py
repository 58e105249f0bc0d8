"""The commands of docs/how-to/automation.md do what it says; so do the examples of docs/how-to/bulk.md."""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from arcli.bulk.identifiers import made_valid
from tests.bulk.servers import KillableServer
from tests.cli.processes import ROOT, arcli, environment
from tests.engine.conftest import photo_of, poster

AUTOMATION = (ROOT / "docs" / "how-to" / "automation.md").read_text(encoding="utf-8")
BULK = (ROOT / "docs" / "how-to" / "bulk.md").read_text(encoding="utf-8")


def block(language: str, containing: str, page: str = AUTOMATION) -> str:
    """Return the code block of a page that contains some words."""
    found = re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)
    (only,) = [text for text in found if containing in text]
    return only


def tools(home: Path) -> Path:
    """Return a folder with an `arcli` that is this one."""
    folder = home / "bin"
    if not folder.exists():
        folder.mkdir()
        environ = f'PYTHONPATH="{ROOT}"'
        (folder / "arcli").write_text(f'#!/bin/sh\n{environ} exec "{sys.executable}" -m arcli "$@"\n')
        (folder / "arcli").chmod(0o755)
    return folder


def shell(command: str, home: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a command of a page, with an `arcli` that is this one."""
    env = environment(home, HOME=str(home), PATH=f"{tools(home)}:{os.environ['PATH']}", **more)
    return subprocess.run(["sh", "-c", command], env=env, cwd=home, capture_output=True, text=True)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a gallery in which something was found today."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "p.png").write_bytes(poster(1))
    (folder / "photo.jpg").write_bytes(photo_of(1))
    arcli(folder, "add", folder / "p.png", "--id", "poster", "-c", "posters")
    assert arcli(folder, "find", folder / "photo.jpg", "-c", "posters").returncode == 0
    return folder


def exported(path: Path) -> list[tuple[str, str]]:
    with path.open(newline="") as file:
        return [(row["identifier"], row["count"]) for row in csv.DictReader(file)]


def by_cron(containing: str, home: Path) -> list[str]:
    """Run a line of a crontab twice as cron does: hardly an environment, no terminal; return the mails."""
    assignment, line = [one for one in block("crontab", containing, with_path()).splitlines() if one]
    path = assignment.partition("=")[2].replace("/opt/arcli/bin", str(tools(home)))
    env = {"HOME": str(home), "LOGNAME": "me", "SHELL": "/bin/sh", "PATH": path}
    both: dict[str, Any] = {
        "stdin": subprocess.DEVNULL,
        "stdout": subprocess.PIPE,
        "stderr": subprocess.STDOUT,
    }
    command = line.split(maxsplit=5)[5]
    runs = [subprocess.run(["/bin/sh", "-c", command], env=env, cwd=home, text=True, **both) for _ in (1, 2)]
    assert [ran.returncode for ran in runs] == [0, 0], runs[0].stdout
    return [ran.stdout for ran in runs]


def with_path() -> str:
    """Return the page with the first crontab's PATH in front of each: they are lines of one file."""
    (path,) = re.findall(r"^PATH=.*$", AUTOMATION, re.MULTILINE)
    return AUTOMATION.replace(f"{path}\n", "").replace("```crontab\n", f"```crontab\n{path}\n")


@pytest.fixture
def cron_home(home: Path) -> Path:
    """The home with its data where arcli looks without any variable."""
    data = home / ".local" / "share" / "arcli"
    if not data.exists():
        data.parent.mkdir(parents=True)
        shutil.copytree(home / "data", data)
    return home


def test_the_nightly_line_of_a_crontab_mails_nothing(cron_home: Path) -> None:
    assert by_cron("--append", cron_home) == ["", ""]
    assert exported(cron_home / "statistics" / "posters.csv") == [("poster", "1")]


def test_the_nightly_line_mails_what_is_wrong(cron_home: Path, tmp_path: Path) -> None:
    (tmp_path / "statistics").write_text("in the way of the folder")
    with pytest.raises(AssertionError, match="statistics"):
        by_cron("--append", tmp_path)


def test_the_monthly_line_of_a_crontab_mails_nothing(cron_home: Path) -> None:
    pytest.importorskip("matplotlib", reason="charts need the extra plot")
    assert by_cron("--plot-file", cron_home) == ["", ""]
    assert (cron_home / "statistics" / "last-month.png").read_bytes().startswith(b"\x89PNG")


def test_the_systemd_service(home: Path) -> None:
    unit = block("ini", "ExecStart=").replace("%h", str(home))
    settings = dict(re.findall(r"^Environment=(\w+)=(.*)$", unit, re.MULTILINE))
    for key in ("ExecStartPre", "ExecStart"):
        (command,) = re.findall(rf"^{key}=(.*)$", unit, re.MULTILINE)
        ran = shell(command, home, **settings)
        assert ran.returncode == 0, ran.stderr
    assert ("poster", "1") in exported(home / "statistics" / "posters.csv")


def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    if not Path("/usr/bin/systemd-analyze").exists():
        pytest.skip("systemd-analyze is not installed")
    names = ("arcli-statistics.service", "arcli-statistics.timer")
    for name, containing in zip(names, ("ExecStart=", "OnCalendar="), strict=True):
        (tmp_path / name).write_text(block("ini", containing))
    units = [str(tmp_path / name) for name in names]
    ran = subprocess.run(["systemd-analyze", "--user", "verify", *units], capture_output=True, text=True)
    assert "arcli-statistics" not in ran.stderr, ran.stderr


def job_steps() -> tuple[dict[str, str], list[str]]:
    """Return the plain settings of the job, and the commands of its steps."""
    job = block("yaml", "jobs:")
    settings = dict(re.findall(r"^      (ARCLI_\w+): ([^$\s]+)$", job, re.MULTILINE))
    return settings, re.findall(r"^        run: (.+)$", job, re.MULTILINE)


def manifest(gallery: Path, pictures: dict[str, str]) -> None:
    """Write posters.csv: identifier → picture."""
    rows = [f'{image},{name},"{{""n"": 1}}"' for name, image in pictures.items()]
    (gallery / "posters.csv").write_text("\n".join(["image,identifier,metadata", *rows]))


def test_the_ci_job_is_run_twice_and_after_changes(tmp_path: Path) -> None:
    gallery = tmp_path / "gallery"
    gallery.mkdir()
    for seed in range(4):
        (gallery / f"poster_{seed}.png").write_bytes(poster(seed))
    settings, steps = job_steps()
    checks = next(step for step in steps if step.startswith("arcli check"))

    def run(login: dict[str, str]) -> list[str]:
        for command in steps[1:]:  # not pip
            ran = shell(command, tmp_path, **settings, **login)
            assert ran.returncode == 0, f"{command}: {ran.stderr}"
        listed = json.loads((tmp_path / "gallery.json").read_text())["data"]["targets"]
        return [target["identifier"] for target in listed]

    with KillableServer(tmp_path / "served", settings["ARCLI_CHANNEL"]) as server:
        login = server.login()
        manifest(gallery, {"spring": "poster_0.png", "summer": "poster_1.png", "autumn": "poster_2.png"})
        assert run(login) == run(login) == ["autumn", "spring", "summer"]
        (gallery / "poster_1.png").write_bytes(
            poster(11)
        )  # another picture, a new name, an exchange, one more
        changed = {"spring": "poster_2.png", "summer": "poster_1.png", "fall": "poster_0.png"}
        manifest(gallery, changed | {"winter": "poster_3.png"})
        assert run(login) == run(login) == ["fall", "spring", "summer", "winter"]
        (gallery / "copy.png").write_bytes(poster(0))
        manifest(gallery, changed | {"copy": "copy.png"})
        failed = shell(checks, tmp_path, **settings, **login)
        assert failed.returncode == 3
        assert "shows the same picture as gallery/poster_0.png" in failed.stderr


def test_the_first_load_of_the_ci_page(tmp_path: Path) -> None:
    (tmp_path / "gallery").mkdir()
    (tmp_path / "gallery" / "abc.png").write_bytes(poster(0))
    (tmp_path / "gallery" / "posters.csv").write_text("image\nabc.png\n")
    for _ in range(2):
        ran = shell(block("sh", "--resume"), tmp_path)
        assert ran.returncode == 0, ran.stderr
    assert len((tmp_path / "load.jsonl").read_text().splitlines()) == 1


def test_the_identifiers_of_the_page_on_bulk_loading() -> None:
    shown = re.findall(r"`(\S+)` → `(\S+)`", BULK)
    assert len(shown) >= 3
    assert [made_valid(name) for name, _ in shown] == [identifier for _, identifier in shown]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the files that the page on bulk loading names, and a profile `old`."""
    folder = tmp_path_factory.mktemp("pictures")
    for seed, name in enumerate(("posters/a_1.png", "more/deep/b_1.jpg", "one.png")):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(poster(seed))
    (folder / "stamp").touch()
    os.utime(folder / "stamp", (0, 0))
    (folder / "posters.csv").write_text("image\nposters/a_1.png\n")
    for command in ("profile add old --kind local --data-dir old", "--data-dir old add one.png -c posters"):
        assert shell(f"arcli {command}", folder).returncode == 0
    return folder


@pytest.mark.parametrize("containing", ["print0", "--report"])
def test_what_the_page_on_bulk_loading_adds(pictures: Path, containing: str) -> None:
    lines = block("sh", containing, BULK).splitlines()
    for number, line in enumerate(line for line in lines if "https://" not in line):  # no network here
        ran = shell(line, pictures, ARCLI_CHANNEL=f"{containing}{number}")
        assert ran.returncode == 0, ran.stderr


def test_what_the_page_on_bulk_loading_syncs(pictures: Path) -> None:
    *followed, other = block("sh", "--from-profile", BULK).splitlines()
    for line in followed:
        ran = shell(line, pictures, ARCLI_CHANNEL="followed")
        assert ran.returncode == 0, ran.stderr
    assert shell(other, pictures).returncode == 0
    assert arcli(pictures, "ls", "-c", "followed", "-f", "ids").stdout.split() == ["a_1"]
    assert arcli(pictures, "ls", "-c", "posters", "-f", "ids").stdout.split() == ["one"]
