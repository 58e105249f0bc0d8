"""Ctrl-C during a long run reports what was done and how to continue, and continuing works."""

from collections.abc import Callable, Iterator
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from tests.bulk.conftest import Arcli


@pytest.fixture
def pressing() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture
def pressed(pressing: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Let Ctrl-C come after two results of a function that a command's module uses."""

    def press(module: str, name: str) -> None:
        whole = getattr(import_module(module), name)

        def cut(*args: Any, **kwargs: Any) -> Iterator[Any]:
            yield from islice(whole(*args, **kwargs), 2)
            raise KeyboardInterrupt

        pressing.setattr(import_module(module), name, cut)

    return press


def test_an_interrupted_load_says_what_is_in(
    arcli: Arcli, posters: Path, pressed: Callable[[str, str], None], pressing: pytest.MonkeyPatch
) -> None:
    pressed("arcli.commands.add", "load")
    for words, hint in (([], "--on-exists skip"), (["--report", "r.jsonl"], "--resume")):
        channel = f"c{len(words)}"
        ran = arcli("add", posters, "-c", channel, *words)
        assert ran.status == 130
        assert f"interrupted: channel {channel}: 2 added" in " ".join(ran.err.split())
        assert hint in ran.err
    pressing.undo()
    assert arcli("add", posters, "-c", "c0", "--on-exists", "skip").status == 0
    assert arcli("add", posters, "-c", "c2", "--report", "r.jsonl", "--resume").status == 0
    assert [arcli("ls", "-c", name, "--json").data["totalcount"] for name in ("c0", "c2")] == [4, 4]


def test_an_interrupted_sync_and_export_say_so_too(
    arcli: Arcli, posters: Path, pressed: Callable[[str, str], None]
) -> None:
    pressed("arcli.commands.sync.sync_run", "apply")
    ran = arcli("sync", posters)
    assert (ran.status, "interrupted: 2 added" in ran.err) == (130, True)
    assert "the same command continues" in ran.err
    pressed("arcli.commands.export", "export_channel")
    ran = arcli("export", "out")
    assert (ran.status, "2 targets written to out" in ran.err) == (130, True)
    assert not Path("out", "manifest.jsonl").exists()
