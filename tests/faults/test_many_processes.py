"""Adders, removers, a compactor and finders as processes: every answer could be true at its time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter, defaultdict
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest

from arcli.engine import LocalGallery
from arcli.models import ChannelSettings
from arcli.settings import ClusterPlace
from benchmarks.results import describe_run, write_json
from tests.cluster.servers import fresh_cluster
from tests.faults.gallery_worker import BLOCK, CHANNEL, CLUSTER, REPLACED, opened

ROOT = Path(__file__).parents[2]
Lines = list[dict[str, Any]]


class Crew:
    """Starts workers on one gallery and collects what they logged."""

    def __init__(self, folder: Path, worker: str, place: ClusterPlace | None) -> None:
        self.folder, self.worker = folder, worker
        self.env = {} if place is None else {CLUSTER: json.dumps([place.postgres, place.milvus])}
        self.running: list[subprocess.Popen[bytes]] = []

    def start(self, *words: object) -> subprocess.Popen[bytes]:
        log = self.folder / f"{words[0]}{len(self.running)}.log"
        command, *rest = map(str, words)
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                self.worker,
                command,
                self.folder / "data",
                log,
                *rest,
            ],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), **self.env},
            stdin=subprocess.PIPE,
        )
        self.running.append(process)
        return process

    def gallery(self) -> LocalGallery:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.env.items():
                patch.setenv(name, value)
            return opened(self.folder / "data")

    def saw_both(self) -> bool:
        """Say whether finders have found something and missed something: on a busy machine they are slow."""
        return len({bool(look["answer"]) for look in self.lines("find")}) == 2

    def lines(self, command: str) -> Lines:
        logs = sorted(self.folder.glob(f"{command}*.log"))
        return [json.loads(line) for log in logs for line in log.read_text(encoding="utf-8").splitlines()]


def contradictions(changes: Lines, finds: Lines) -> list[str]:
    """Compare each find with the model: what was certainly there, and what was certainly not, at its time."""
    of_target: dict[str, Lines] = defaultdict(list)
    for change in changes:
        if change["answer"] not in (False, "failed"):
            of_target[change["target"]].append(change)
    return [
        f"photo {look['photo']} answered {look['answer']}: {verdict}"
        for look in finds
        for name in [f"poster{look['photo'] % REPLACED}"]
        for verdict in verdicts(name, of_target[name], look)
    ]


def verdicts(name: str, mine: Lines, look: dict[str, Any]) -> list[str]:
    """Return what is impossible in an answer, given the changes of the target that the photo shows."""
    seed = look["photo"]
    came = [change for change in mine if change.get("comes") == seed]
    went = [change for change in mine if change.get("goes") in (seed, "*")]
    before = {id(change) for change in mine if change["ended"] < look["began"]}
    perhaps = {id(change) for change in mine if change["began"] < look["ended"]}
    certain = any(id(c) in before for c in came) and not any(id(c) in perhaps for c in went)
    impossible = not any(id(c) in perhaps for c in came) or any(id(c) in before for c in went)
    answered = name in look["answer"]
    strangers = [other for other in look["answer"] if other != name]
    return [
        *(["it was there all the time"] if certain and not answered else []),
        *(["it was not there at any time"] if impossible and answered else []),
        *([f"{strangers} show something else"] if strangers else []),
    ]


def wrong_in_backup(changes: Lines, backup: dict[str, Any]) -> list[str]:
    """Return what a backup lacks though it was there all the time, and what it has that was not there."""
    wrong: list[str] = []
    for name in {change["target"] for change in changes}:
        mine = [c for c in changes if c["target"] == name and c["answer"] not in (False, "failed")]
        came = [change for change in mine if "comes" in change and "goes" not in change]
        went = [change for change in mine if change.get("goes") == "*"]
        there = name in backup["answer"]
        certain = any(c["ended"] < backup["began"] for c in came)
        if certain and not there and not any(c["began"] < backup["ended"] for c in went):
            wrong.append(f"{name} is missing")
        gone = any(c["ended"] < backup["began"] for c in went)
        if there and (gone or not any(c["began"] < backup["ended"] for c in came)):
            wrong.append(f"{name} was not there")
    return wrong


PICTURES, CODES = "tests.faults.gallery_worker", "tests.faults.index_crew"


def run_crew(
    folder: Path,
    *,
    adders: int,
    removers: int,
    finders: int,
    each: int,
    worker: str = PICTURES,
    seconds: float = 600,
    place: ClusterPlace | None = None,
) -> Crew:
    """Let them work until the adders and removers are through with `each` picture, or for `seconds`.

    place: a cluster instead of a data folder.
    """
    crew = Crew(folder, worker, place)
    with crew.gallery() as gallery:
        gallery.create_channel(name=CHANNEL, settings=ChannelSettings())
    try:
        seeds = [seed for start in range(adders) for seed in range(BLOCK * start, BLOCK * start + each)]
        seeds += [seed + REPLACED for seed in seeds if seed % 3 == 0]
        endless = [crew.start("find", 7 + number, *seeds) for number in range(finders)]
        endless.append(crew.start("compact"))
        if worker == PICTURES and place is None:
            endless.append(crew.start("backup", folder / "data"))
        busy = [crew.start("add", BLOCK * number, each) for number in range(adders)]
        busy += [crew.start("remove", BLOCK * number, each) for number in range(removers)]
        end = monotonic() + seconds
        for process in busy:
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=max(0, end - monotonic()))
        while not crew.saw_both() and monotonic() < end:
            sleep(0.1)
        for process in crew.running:
            process.communicate(b"", timeout=60)
            assert process.returncode == 0
    finally:
        for process in crew.running:
            process.kill()
            process.communicate()
    return crew


def check(crew: Crew) -> None:
    added, removed, finds = crew.lines("add"), crew.lines("remove"), crew.lines("find")
    assert contradictions([*added, *removed], finds) == []
    assert [wrong for one in crew.lines("backup") for wrong in wrong_in_backup([*added, *removed], one)] == []
    kinds = Counter(bool(look["answer"]) for look in finds)
    assert kinds[True], "something was found"
    assert kinds[False], "something was not there yet, or no longer"
    assert "done" in {line["answer"] for line in crew.lines("compact")}
    kept = {line["target"] for line in added} - {line["target"] for line in removed}
    with crew.gallery() as gallery:
        assert {target.identifier for target in gallery.list(channel=CHANNEL).targets} == kept
        assert [finding for finding in gallery.verify() if not finding.ok] == []


def test_every_answer_could_be_true(tmp_path: Path) -> None:
    crew = run_crew(tmp_path, adders=2, removers=1, finders=2, each=12)
    check(crew)


def test_every_answer_could_be_true_on_a_cluster(tmp_path: Path) -> None:
    with fresh_cluster() as place:
        check(run_crew(tmp_path, adders=2, removers=1, finders=2, each=12, place=place))


@pytest.mark.bench
def test_every_answer_could_be_true_with_a_larger_crew(tmp_path: Path) -> None:
    crew = run_crew(tmp_path, adders=4, removers=2, finders=4, each=25)
    check(crew)


def test_every_answer_could_be_true_while_segments_are_published_and_merged(tmp_path: Path) -> None:
    crew = run_crew(tmp_path, adders=2, removers=1, finders=2, each=20, worker=CODES)
    check(crew)


@pytest.mark.bench
def test_every_answer_could_be_true_for_a_minute_of_publishing_and_merging(tmp_path: Path) -> None:
    crew = run_crew(tmp_path, adders=4, removers=2, finders=4, each=BLOCK, worker=CODES, seconds=60)
    check(crew)
    write_json(Path(os.environ.get("CREW_JSON", tmp_path / "crew.json")), describe_run() | figures(crew))


def figures(crew: Crew) -> dict[str, Any]:
    """Count what a crew did; `check` has found no contradiction in it."""
    looks, compactions = crew.lines("find"), crew.lines("compact")
    everything = [line for command in ("add", "remove", "find", "compact") for line in crew.lines(command)]
    return {
        "processes": dict(Counter(process.args[3] for process in crew.running)),  # type: ignore[index]
        "seconds": round(max(x["ended"] for x in everything) - min(x["began"] for x in everything), 1),
        "added": sum("goes" not in line for line in crew.lines("add")),
        "replaced": sum("goes" in line and line["answer"] for line in crew.lines("add")),
        "removed": sum(bool(line["answer"]) for line in crew.lines("remove")),
        "compacted": sum(line["answer"] == "done" for line in compactions),
        "looked up": len(looks),
        "of these found": sum(bool(look["answer"]) for look in looks),
        "contradictions": 0,
    }


def test_the_model_notices_a_backup_that_lies() -> None:
    came = {"target": "poster1", "answer": True, "comes": 1, "began": 1, "ended": 2}
    went = {"target": "poster1", "answer": True, "goes": "*", "began": 5, "ended": 6}
    for began, ended, names, wrong in (
        *((3, 4, ["poster1"], 0), (3, 4, [], 1), (0, 0.5, ["poster1"], 1), (0, 0.5, [], 0)),
        *((1.5, 3, [], 0), (1.5, 3, ["poster1"], 0), (7, 8, ["poster1"], 1), (7, 8, [], 0)),
    ):
        backup = {"began": began, "ended": ended, "answer": names}
        assert len(wrong_in_backup([came, went], backup)) == wrong


def test_the_model_notices_a_lie() -> None:
    def change(**facts: Any) -> dict[str, Any]:
        return {"target": "poster1", "answer": True, **facts}

    came, went = change(comes=1, began=1, ended=2), change(goes="*", began=5, ended=6)
    looks = [(0, 0.5, []), (1.5, 3, ["poster1"]), (3, 4, ["poster1"]), (3, 5.5, []), (7, 8, [])]
    for began, ended, answer in looks:
        look = {"photo": 1, "began": began, "ended": ended, "answer": answer}
        assert contradictions([came, went], [look]) == []
    lies = [(0, 0.5, ["poster1"]), (3, 4, []), (7, 8, ["poster1"]), (3, 4, ["poster1", "poster2"])]
    for began, ended, answer in lies:
        look = {"photo": 1, "began": began, "ended": ended, "answer": answer}
        assert len(contradictions([came, went], [look])) == 1
