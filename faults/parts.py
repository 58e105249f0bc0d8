"""The parts of the suites: what each does, and how much of it CI does."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks import hostile, silent, soak
from faults import crash, damage, disk, inputs, power
from faults.harness import Harness, harness
from faults.openapi import described
from faults.report import Progress, Trial, Trials, carry_out
from faults.requests import requests

Run = Callable[[Progress, Path, float, int | None], Progress]


@dataclass(frozen=True)
class Part:
    """One suite. tenth, full: which share of all that could be tried CI and the full run do.

    What depends on how fast the machine is fails only a full run.
    """

    title: str
    run: Run
    tenth: float
    full: float = 1.0


def on_folder(
    trials: Callable[[Harness, Progress], Trials],
    progress: Progress,
    path: Path,
    minutes: float,
    most: int | None,
) -> Progress:
    with tempfile.TemporaryDirectory(prefix="arcli-faults-") as scratch, harness(Path(scratch)) as made:
        return carry_out(trials(made, progress), progress, path, minutes=minutes, most=most)


def with_inputs(
    readers: dict[str, inputs.Reader],
    full: int,
    progress: Progress,
    path: Path,
    minutes: float,
    most: int | None,
) -> Progress:
    chosen = {name: reader for name, reader in readers.items() if progress.only in name}
    made = inputs.trials(chosen, progress.seed, progress.done)
    trials = ((number, Trial(name, run)) for number, (name, run) in enumerate(made, start=progress.done))
    wanted = min(round(full * progress.share), most or full)
    return carry_out(trials, progress, path, minutes=minutes, most=wanted)


def loaded(part: str, progress: Progress, path: Path, minutes: float, _: int | None) -> Progress:
    """Load a server from 1 to 128 clients, or from 8 for 20 minutes."""
    seconds, soaking = 20.0 * progress.share, 20.0 * progress.share
    found = soak.run(seconds=max(2.0, seconds), soak_minutes=min(minutes, max(1.0, soaking)), part=part)
    progress.phases = {f"{one['clients']} clients": one["requests"] for one in found["load"]} or {
        "8 clients": sum(found["codes"].values())
    }
    progress.figures, progress.done = found, sum(found["codes"].values())
    progress.problems = (
        [] if soak.sound(found, timed=progress.share == 1) else [f"what must hold did not: {found}"]
    )
    return finished(progress, path, 60 * soaking if part == "soak" else 4 * seconds)


def attacked(progress: Progress, path: Path, _minutes: float, _most: int | None) -> Progress:
    """Look photos up beside 16 hostile clients. How long that takes is a figure; a refusal is a problem."""
    seconds = max(15.0, 120.0 * progress.share)
    found = hostile.measure(seconds=seconds, addresses=16, only=None)
    progress.figures, progress.done = found, found["lookups"]
    progress.phases = found["sent"]
    progress.problems = [f"{found['refused']} honest lookups were refused"] if found["refused"] else []
    return finished(progress, path, seconds)


def surrounded(progress: Progress, path: Path, _minutes: float, _most: int | None) -> Progress:
    """Look photos up beside 2,000 silent connections."""
    began = time.monotonic()
    found = silent.measure(rounds=max(1, round(4 * progress.share)), connections=2000)
    progress.figures, progress.done = found, found["lookups"]
    progress.phases = {"opened": found["opened"]}
    progress.problems = [f"{found['refused']} honest lookups were refused"] if found["refused"] else []
    return finished(progress, path, time.monotonic() - began)


def finished(progress: Progress, path: Path, seconds: float) -> Progress:
    progress.complete, progress.seconds = True, seconds
    for problem in progress.problems:
        print(f"FAILED {problem}", file=sys.stderr, flush=True)
    progress.save(path)
    return progress


PARTS: dict[str, Part] = {
    "crash": Part(
        "killed (SIGKILL) before a call, at a fault point, at a random moment",
        partial(on_folder, crash.trials),
        0.02,
        0.25,
    ),
    "power": Part(
        "power lost after a call, what was not synced kept by chance",
        partial(on_folder, power.trials),
        0.01,
        0.25,
    ),
    "disk": Part(
        "disk full from a call on, or an I/O error at it", partial(on_folder, disk.trials), 0.01, 0.2
    ),
    "damage": Part("files flipped, zeroed, exchanged, cut", partial(on_folder, damage.trials), 0.05),
    "inputs": Part(
        "files and messages torn, given to their readers",
        partial(with_inputs, inputs.READERS, 100_000),
        0.1,
    ),
    "pictures": Part(
        "pictures mutated, decoded in a limited process",
        partial(with_inputs, inputs.PICTURES, 20_000),
        0.1,
    ),
    "requests": Part("requests that no client should send, and what is hardly HTTP", requests, 0.1, 100_000),
    "openapi": Part("requests that schemathesis makes of our OpenAPI description", described, 0.1),
    "hostile": Part("lookups beside 16 hostile clients", attacked, 0.0),
    "silent": Part("lookups beside 2,000 connections that say nothing or too little", surrounded, 0.0),
    "load": Part("mixed calls from 1, 8, 32 and 128 clients", partial(loaded, "load"), 0.1),
    "soak": Part("mixed calls from 8 clients for a long time", partial(loaded, "soak"), 0.05),
}
