"""A machine without a compiler has no hnswlib: flat and inverted lists do the work, and graphs are named."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from arcli.index import codebook, hnsw
from arcli.index.segment import CHOICE, kind_for
from arcli.models import IndexKind
from tests.cli.processes import ROOT, arcli

GALLERY = ROOT / "samples" / "gallery"
PHOTO = ROOT / "samples" / "photos" / "peanuts_in_clutter.png"


@pytest.fixture
def blocked(tmp_path: Path) -> str:
    """Return a PYTHONPATH with which no process of arcli can import hnswlib."""
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden" / "sitecustomize.py").write_text("import sys; sys.modules['hnswlib'] = None\n")
    return f"{tmp_path / 'hidden'}:{ROOT}"


def test_a_graph_that_cannot_be_opened_is_one_sentence_and_the_way_out_works(
    tmp_path: Path, blocked: str
) -> None:
    assert arcli(tmp_path, "channel", "create", "shop", "--index", "hnsw").returncode == 0
    assert arcli(tmp_path, "add", GALLERY / "peanuts.png", GALLERY / "card.png", "-c", "shop").returncode == 0
    assert arcli(tmp_path, "channel", "compact", "shop").returncode == 0

    found = arcli(tmp_path, "find", PHOTO, "-c", "shop", PYTHONPATH=blocked)
    assert (found.returncode, found.stdout) == (13, "")
    assert [line.split(":")[0] for line in found.stderr.splitlines()] == ["error", "hint"]
    assert "hnswlib cannot be loaded" in found.stderr

    for words in (("set", "shop", "--index", "auto"), ("compact", "shop")):
        done = arcli(tmp_path, "channel", *words, PYTHONPATH=blocked)
        assert done.returncode == 0, done.stderr
    found = arcli(tmp_path, "find", PHOTO, "-c", "shop", "-f", "ids", PYTHONPATH=blocked)
    assert (found.returncode, found.stdout) == (0, "peanuts\n")


def test_a_new_channel_needs_no_hnswlib(tmp_path: Path, blocked: str) -> None:
    added = arcli(tmp_path, "add", GALLERY, PYTHONPATH=blocked)
    assert (added.returncode, added.stderr.count("warning")) == (0, 0), added.stderr
    assert arcli(tmp_path, "channel", "compact", "default", PYTHONPATH=blocked).returncode == 0
    assert arcli(tmp_path, "find", PHOTO, "-f", "ids", PYTHONPATH=blocked).stdout == "peanuts\n"
    assert arcli(tmp_path, "doctor", PYTHONPATH=blocked).returncode == 0


def test_a_graph_that_was_asked_for_is_refused_when_it_is_built(tmp_path: Path, blocked: str) -> None:
    arcli(tmp_path, "channel", "create", "shop", "--index", "hnsw", PYTHONPATH=blocked)
    card = GALLERY / "card.png"
    assert arcli(tmp_path, "add", card, "-c", "shop", PYTHONPATH=blocked).returncode == 0
    done = arcli(tmp_path, "channel", "compact", "shop", PYTHONPATH=blocked)
    assert done.returncode == 13
    assert "Traceback" not in done.stderr
    assert "hint: install a C++ compiler" in done.stderr


@pytest.mark.parametrize(
    ("present", "chosen"),
    [
        ({"hnswlib"}, IndexKind.HNSW),
        ({"hnswlib", "faiss"}, IndexKind.IVF),
        ({"faiss"}, IndexKind.IVF),
        (set(), IndexKind.IVF),
    ],
)
def test_auto_takes_what_is_installed(
    present: set[str], chosen: IndexKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = importlib.util.find_spec
    for module in (hnsw, codebook):
        monkeypatch.setattr(module, "find_spec", lambda name: real("os") if name in present else None)
    assert kind_for(IndexKind.AUTO, CHOICE.flat_limit) is IndexKind.FLAT
    assert kind_for(IndexKind.AUTO, 1_000_000) is chosen
    assert kind_for(IndexKind.HNSW, 1) is IndexKind.HNSW
