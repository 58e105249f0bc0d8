"""Nobody is told to install another program: every page, hint and example installs arcli from what exists."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from arcli.errors import extra_hint

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
TEXTS = (".md", ".py", ".toml", ".txt", ".yml", ".yaml", ".sh", ".bash", ".zsh", ".fish", ".html", "")
OTHERS = re.compile(r"pip[a-z0-9]* install\b|pipx (?:install|run)|uvx|uv (?:tool|pip|add|run --with)\b", re.I)
OURS = re.compile(
    r"""^\s+(?:-\S+\s+(?:\S+\.txt\s+)?)*             # options
    (?:['"]?\.(?:\[[^\]]*\])?['"]?(?=[\s`'")#;,]|$)                # a checkout: . or '.[extra]'
     |['"]?[\w./$()*-]*(?:arcli_gallery-[\w.*-]+\.whl|WHEEL_FILE)  # a wheel file
    )""",
    re.VERBOSE,
)


def tracked() -> list[Path]:
    try:
        listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("the files of the project are listed by git, which is not here")
    paths = [ROOT / name for name in listed.stdout.splitlines()]
    return [path for path in paths if path.suffix in TEXTS and path.is_file() and path != Path(__file__)]


def installs(text: str) -> list[str]:
    """Return what each command in `text` that installs something is given."""
    return [text[match.end() :].partition("\n")[0] for match in OTHERS.finditer(text)]


def test_everything_that_installs_arcli_takes_a_checkout_or_a_wheel() -> None:
    bad, seen = [], 0
    for path in tracked():
        for given in installs(path.read_text(encoding="utf-8", errors="replace")):
            seen += 1
            named = re.search(r"arcli|\[", given.replace("arcli's", "").split("#")[0])
            if named and not OURS.match(given):
                bad.append(f"{path.relative_to(ROOT)}: {given.strip()}")
    assert seen >= 6, "the pages say how to install it"
    assert bad == []


def test_the_name_on_the_index_is_not_the_program_s() -> None:
    assert PROJECT["name"] == "arcli-gallery"
    assert PROJECT["scripts"] == {"arcli": "arcli.__main__:main"}
    assert PROJECT["optional-dependencies"]["all"][0].startswith("arcli-gallery[")
    for path in tracked():
        text = path.read_text(encoding="utf-8", errors="replace")
        assert not re.search(r"\barcli\[[a-z]", text), f"{path}: an extra of another package"


@pytest.mark.parametrize("extra", sorted(PROJECT["optional-dependencies"]))
def test_a_hint_at_an_extra_says_what_works(extra: str) -> None:
    commands = installs(extra_hint(extra))
    assert commands
    assert all(OURS.match(given) and f"[{extra}]" in given for given in commands)


@pytest.mark.parametrize(
    ("given", "ours"),
    [
        (" arcli", False),
        (" 'arcli[plot]'", False),
        (" -U arcli", False),
        (" arcli-gallery", False),
        (" .", True),
        (" '.[server]'", True),
        (" -e '.[all]' -r dev.txt", True),
        (" wheels/arcli_gallery-*.whl", True),
        (" arcli==0.1 .", False),
    ],
)
def test_this_test_tells_ours_from_others(given: str, ours: bool) -> None:
    assert bool(OURS.match(given)) is ours


def test_what_is_installed_without_a_compiler_is_pinned_as_everything_else() -> None:
    command = [
        sys.executable,
        str(ROOT / "tools" / "requirements.py"),
        "compiled",
        "server,tupu,large,heic,latin",
    ]
    written = (ROOT / "deploy" / "without-compiler.txt").read_text(encoding="utf-8")
    assert subprocess.run(command, capture_output=True, text=True).stdout == written
    names = {re.split(r"[=; ]", line)[0] for line in written.splitlines()}
    wanted = {re.split(r"[^a-z-]", line)[0] for line in PROJECT["dependencies"]}
    assert wanted - names == {"hnswlib"}


@pytest.mark.parametrize("page", ["docs/how-to/install.md", "CONTRIBUTING.md"])
def test_the_compiler_is_named_before_the_first_command(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    first = min(text.index(word) for word in ("apt-get", "pip install", "make ") if word in text)
    assert -1 < text.index("C++ compiler") < first
