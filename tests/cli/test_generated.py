"""What is derived from the program is up to date, and the error codes are an API."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

from arcli.errors import ArcliError
from tests.cli.tree import walk

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "name",
    [
        "docs/reference/cli.md",
        "docs/reference/exit-codes.md",
        "docs/arcli.1",
        *(f"completions/arcli.{s}" for s in ("bash", "zsh", "fish")),
    ],
)
def test_the_file_is_what_the_program_makes_of_it(name: str, generate: ModuleType) -> None:
    written = (ROOT / name).read_text(encoding="utf-8")
    assert written == generate.files()[name], "run: python docs/generate.py"


def test_each_command_is_in_the_reference() -> None:
    page = (ROOT / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")
    assert re.findall(r"^## arcli (.+)$", page, re.MULTILINE) == [name for name, _ in walk()]


@pytest.mark.skipif(shutil.which("groff") is None, reason="there is no groff here")
def test_the_manual_page_is_one_and_has_each_command() -> None:
    command = ["groff", "-man", "-Tascii", "-P-cbou", "-ww", str(ROOT / "docs" / "arcli.1")]
    ran = subprocess.run(command, capture_output=True, text=True)
    assert (ran.returncode, ran.stderr) == (0, "")
    for name, _ in walk():
        assert f"arcli {name}" in ran.stdout


def all_errors(generate: ModuleType) -> list[type[ArcliError]]:
    import arcli.protocols  # noqa: F401 - no other module may define errors unseen

    return list(generate.errors())


def test_each_code_means_one_error_and_each_status_is_documented(generate: ModuleType) -> None:
    kinds = all_errors(generate)
    codes = [kind.code for kind in kinds]
    assert len(set(codes)) == len(codes)
    assert {kind.exit_status for kind in kinds} <= set(generate.STATUSES)
    unused = set(generate.STATUSES) - {kind.exit_status for kind in kinds}
    assert unused == {0, 1, 3}, "these are no errors; every other status has one"


def test_each_code_is_a_plain_name(generate: ModuleType) -> None:
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", kind.code) for kind in all_errors(generate))


def test_an_error_inherits_the_status_of_its_family(generate: ModuleType) -> None:
    for kind in all_errors(generate):
        parent = kind.__mro__[1]
        if issubclass(parent, ArcliError) and parent is not ArcliError:
            assert kind.exit_status == parent.exit_status, kind.__name__


def test_the_tree_in_the_docstring_is_the_tree_in_the_code(generate: ModuleType) -> None:
    import arcli.errors

    names = {kind.__name__ for kind in all_errors(generate)}
    assert set(re.findall(r"\b[A-Z]\w+(?=[ ,:(\n])", arcli.errors.__doc__ or "")) >= names - {"ArcliError"}
