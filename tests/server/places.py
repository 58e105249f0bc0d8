"""Where these tests keep their galleries: in a data folder, or, where `make cluster` runs them, in a cluster.

There a data folder stands for a database of its own: who names the same folder gets the same one.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from arcli.connect import accounts_of
from arcli.engine import LocalGallery
from arcli.engine.cluster.gallery import ClusterGallery
from arcli.gallery import AccountAdmin
from arcli.settings import ClusterPlace, DataPlace
from tests.cluster.servers import POSTGRES, new_cluster

ON_CLUSTER = POSTGRES in os.environ
needs_folder = pytest.mark.skipif(ON_CLUSTER, reason="it is about the files of a data folder")
_PROFILE = "big"


@cache
def place_of(data_dir: Path) -> DataPlace:
    """Return where the galleries of a data folder are."""
    return new_cluster() if ON_CLUSTER else data_dir


def engine(data_dir: Path) -> LocalGallery:
    """Open the galleries; close them when done."""
    place = place_of(data_dir)
    if isinstance(place, ClusterPlace):
        return ClusterGallery(place.postgres, place.milvus)
    return LocalGallery(place)


def accounts(data_dir: Path) -> AccountAdmin:
    """Open the accounts; close them when done."""
    return accounts_of(place_of(data_dir))


def command(data_dir: Path, *words: str) -> list[str]:
    """Return the words of a command that works there."""
    place = place_of(data_dir)
    choice = ["--data-dir", str(data_dir)]
    if isinstance(place, ClusterPlace):
        _add_profile(data_dir, place)
        choice = ["--profile", _PROFILE]
    return [sys.executable, "-m", "arcli", *choice, *words]


def clean_env(data_dir: Path | None = None) -> dict[str, str]:
    """Return an environment without arcli's own; with the profile of a data folder's cluster."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ARCLI_")}
    return kept if data_dir is None or not ON_CLUSTER else {**kept, **_config(data_dir)}


def _config(data_dir: Path) -> dict[str, str]:
    return {"XDG_CONFIG_HOME": str(data_dir.with_name(f"{data_dir.name}.config"))}


def _add_profile(data_dir: Path, place: ClusterPlace) -> None:
    env = clean_env(data_dir)
    words = ["profile", "add", _PROFILE, "--kind", "cluster", "--replace", "--json"]
    words += ["--postgres", place.postgres, "--milvus", place.milvus]
    made = subprocess.run([sys.executable, "-m", "arcli", *words], env=env, capture_output=True, check=True)
    assert json.loads(made.stdout)["status"] == "ok"
