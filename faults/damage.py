"""Stores that rot: bits flipped, pages zeroed or exchanged, files cut: noticed, or nothing is different."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from faults.crash import rehearse
from faults.harness import Call, Harness, kind_of
from faults.model import expected
from faults.report import Progress, Trial
from faults.worker import Arms

FULL = 400
_PAGE = 4096
_KINDS = ("bits flipped", "a page zeroed", "two pages exchanged", "cut", "emptied", "gone")


def trials(harness: Harness, progress: Progress) -> Iterator[tuple[int, Trial]]:
    """Yield damage to files of a folder whose store has a log with acknowledged changes."""
    chance = random.Random(progress.seed)
    rotten = harness.scratch / "rotten"
    diary = _unfinished(harness)
    shutil.copytree(harness.place, rotten)
    files = sorted(path for path in (rotten / "disk").rglob("*") if path.is_file() and _matters(path))
    for number in range(max(12, round(FULL * progress.share))):
        file, kind = chance.choice(files).relative_to(rotten), chance.choice(_KINDS)
        trial = partial(hurt, harness, rotten, file, kind, chance.getrandbits(32), diary)
        yield number, Trial(f"{kind_of(str(file))}: {kind}", trial)


def _matters(path: Path) -> bool:
    return path.stat().st_size > 0 and not path.name.endswith("-shm") and path.name != "reserve"


def _unfinished(harness: Harness) -> list[str]:
    """Leave `harness.place` as a process that was killed after its last acknowledgement; return its diary."""
    known = rehearse(harness, "add")
    last = max(at for at, event in enumerate(known.events) if event.data.startswith(b'{"done"'))
    calls = sum(event.call is not Call.MARK for event in known.events[:last])
    done = harness.operate("add", Arms(kill_at=calls + 1))
    assert done.killed
    assert '"done"' in done.diary[-1]
    return done.diary


def hurt(harness: Harness, rotten: Path, file: Path, kind: str, drawn: int, diary: list[str]) -> list[str]:
    """Damage a file of a fresh copy. What doctor does not name must not show in any answer."""
    place = harness.place
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(rotten, place)
    damage(place / file, kind, random.Random(drawn))
    wanted = expected(harness.base("add")[1], diary)
    answer = harness.scratch / "answer.json"
    if harness.order(do="ask", folder=str(place), answer=str(answer)) != 0:
        return [f"{file.name}: a crash"]
    asked = json.loads(answer.read_text())
    if harness.order(do="check", folder=str(place), answer=str(answer)) != 0:
        return [f"{file.name}: a crash of doctor"]
    found = json.loads(answer.read_text())
    lies = [
        f"{file.name}: {name} was answered for {one}" for one, name in asked.items() if name not in ("", one)
    ]
    if found["unsound"] or found["astray"]:
        return lies
    return lies + [f"{file.name}: unnoticed: {text}" for text in wanted.contradictions(found["state"])]


def damage(path: Path, kind: str, chance: random.Random) -> None:
    data = bytearray(path.read_bytes())
    pages = max(1, len(data) // _PAGE)
    first, second = (chance.randrange(pages) * _PAGE for _ in range(2))
    match kind:
        case "bits flipped":
            for _ in range(chance.randint(1, 8)):
                data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        case "a page zeroed":
            data[first : first + _PAGE] = bytes(len(data[first : first + _PAGE]))
        case "two pages exchanged":
            one, other = bytes(data[first : first + _PAGE]), bytes(data[second : second + _PAGE])
            if len(one) == len(other):
                data[first : first + _PAGE], data[second : second + _PAGE] = other, one
        case "cut":
            del data[chance.randrange(len(data)) :]
        case "emptied":
            data.clear()
        case "gone":
            path.unlink()
            return
    path.write_bytes(data)
