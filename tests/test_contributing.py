"""What contributors are given: pages, templates, workflows and hooks that name what is there."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TEMPLATES = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("[a-b d-z]*.yml"))
TEXTS = [ROOT / "CONTRIBUTING.md", ROOT / "docs" / "how-to" / "install.md", *WORKFLOWS]


def read(path: Path) -> Any:
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def steps(workflow: Path) -> list[str]:
    return [step["run"] for job in read(workflow)["jobs"].values() for step in job["steps"] if "run" in step]


def test_ci_runs_what_contributors_run() -> None:
    assert "bash .ci/run" in steps(ROOT / ".github" / "workflows" / "check.yml")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (check,) = re.findall(r"^check: ([a-z -]+) ##", makefile, re.M)
    (ci,) = re.findall(r"^for step in ([a-z -]+); do", (ROOT / ".ci" / "run").read_text(), re.M)
    assert check.split() == ci.split()


def test_other_systems_are_tried() -> None:
    (job,) = read(ROOT / ".github" / "workflows" / "other-systems.yml")["jobs"].values()
    assert job["strategy"]["matrix"]["os"] == ["windows-latest", "macos-latest"]
    for folder in re.findall(r"tests/\S+", job["steps"][-1]["run"]):
        assert (ROOT / folder).exists(), folder


def test_a_release_has_wheel_sdist_container_and_changelog() -> None:
    wanted = ["CHANGELOG.md", "__version__", "sdist", "wheel", "docker build", "make check", "release.yml"]
    releasing = PAGE[PAGE.index("## Releasing") :]
    assert [word for word in wanted if word not in releasing] == []


@pytest.mark.parametrize("text", TEXTS, ids=lambda path: path.name)
def test_every_make_target_and_file_that_is_named_is_there(text: Path) -> None:
    words = text.read_text(encoding="utf-8")
    for target in set(re.findall(r"(?:`|run: |^    )make ([a-z-]+)", words, re.M)):
        done = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, f"{target}: {done.stderr}"
    for name in re.findall(
        r"(?<![\w/.])((?:tools|deploy|docs|arcli|tests|samples|\.github)/[\w./-]+\w)", words
    ):
        assert (ROOT / name).exists(), name


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_a_template_asks_for_something(template: Path) -> None:
    form = read(template)
    assert form["name"]
    assert form["description"]
    assert any(field.get("validations", {}).get("required") for field in form["body"])
    commands = re.findall(r"arcli ([a-z]+)", template.read_text(encoding="utf-8"))
    from arcli.commands import VERBS

    assert set(commands) <= {*VERBS, "version", "should"}


def test_hooks_run_the_tools_of_the_project() -> None:
    (repo,) = read(ROOT / ".pre-commit-config.yaml")["repos"]
    assert {hook["entry"].split()[0] for hook in repo["hooks"]} == {
        *(".venv/bin/ruff", ".venv/bin/lint-imports", ".venv/bin/python")
    }
