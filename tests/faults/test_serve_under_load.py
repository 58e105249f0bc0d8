"""A small part of the load, soak and hostile suites of `serve`; the whole: docs/appendix/faults.md."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from benchmarks import hostile, soak
from tests.server.conftest import populate, serving
from tests.server.raw import call


def test_mixed_calls_of_several_clients_are_counted_exactly() -> None:
    found = soak.run(seconds=3.0, soak_minutes=0, part="load", clients=(1, 4))
    assert found["counts_exact"]
    assert not [code for code in found["codes"] if code.endswith((" 29000", " 29001"))], found["codes"]
    assert found["longest_s"] <= 30


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with hostile.served(tmp_path_factory.mktemp("hostile") / "data") as found:
        yield found


@pytest.mark.parametrize(
    "kind",
    [
        "thorough",
        "nothing",
        "swollen_png",
        "many_scans",
        "large_body",
        "channels",
        "wrong_keys",
        "get_images",
    ],
)
def test_after_the_worst_requests_an_honest_one_is_answered(site: hostile.Site, kind: str) -> None:
    answer = hostile.kinds(site)[kind]("127.0.0.2")
    answers = answer if isinstance(answer, list) else [answer]
    assert {one["returncode"] for one in answers} <= {0, 20001, 20006, 20007, 20013, 20014, 20015}
    photo = (hostile.SAMPLES / "photos" / "note_on_wood.jpg").read_bytes()
    honest = hostile.post(site, "127.0.0.1", "FindImage", hostile.form(site.login, photo))
    assert honest["returncode"] == 0


def test_a_decoding_process_that_dies_is_replaced(tmp_path: Path) -> None:
    login = {"username": "shop", "secretkey": populate(tmp_path / "data")["shop"]}
    photo = (hostile.SAMPLES / "photos" / "shoes.jpg").read_bytes()
    with serving(tmp_path / "data") as served:
        for _ in range(2):
            assert call(served.url, "FindImage", login, photo)["returncode"] == 0
            command = ["ps", "--ppid", str(served.process.pid), "-o", "pid=,args="]
            lines = subprocess.run(command, capture_output=True, text=True).stdout.splitlines()
            for line in lines:
                if "isolation" in line:
                    os.kill(int(line.split()[0]), signal.SIGKILL)
        assert call(served.url, "FindImage", login, photo)["returncode"] == 0
