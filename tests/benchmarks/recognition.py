"""Recognition on the photo sets of ../shared/data/bench, through the command line, as one table.

All gallery pictures are in one channel, with the 3,000 distractors or without them. Run it by
`make bench-recognition`; ARGS: --sets NAME…, --without-distractors, --every N (each Nth photo),
--effort, --data-dir DIR (kept, so that a second run need not register), --output FILE.json.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

BENCH = Path(__file__).parents[3] / "shared" / "data" / "bench"
SEVERAL = ("banknotes_euro",)  # sets whose photos show several targets: --limit all
QUERY_ROLES = ("query", "negative")


@dataclass(slots=True)
class Score:
    """One set. right: photos whose first answer is a target they show. found, shown: targets over all photos.

    extra: answers that the photo does not show.
    """

    name: str
    photos: int = 0
    right: int = 0
    wrong: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    shown: int = 0
    found: int = 0
    extra: list[str] = field(default_factory=list)
    median_ms: float = 0.0
    p95_ms: float = 0.0


def manifest() -> list[dict[str, Any]]:
    """Return the lines of the sets' manifest."""
    with (BENCH / "manifest.jsonl").open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def expected_of(entry: dict[str, Any]) -> list[set[str]]:
    """Return for each target of a photo the identifiers that are right answers."""
    ids = entry["id"] if isinstance(entry["id"], list) else [entry["id"]] if entry["id"] else []
    return [{each, *entry.get("equivalent_ids", ())} for each in ids]


def arcli(*arguments: str, data_dir: Path, stdin: str | None = None) -> dict[str, Any]:
    """Run arcli and return its JSON."""
    command = [sys.executable, "-m", "arcli", "--data-dir", str(data_dir), *arguments, "--json"]
    done = subprocess.run(command, input=stdin, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode not in (0, 1, 3):
        raise SystemExit(f"{' '.join(command)}: exit status {done.returncode}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def register(entries: list[dict[str, Any]], data_dir: Path, distractors: bool) -> None:
    """Put the gallery pictures of all sets, and the distractors, into the channel."""
    lines = []
    for entry in entries:
        if entry["role"] == "gallery" or (distractors and entry["role"] == "distractor"):
            identifier = entry["id"] or Path(entry["file"]).stem
            lines.append(json.dumps({"image": str(BENCH / entry["file"]), "identifier": identifier}))
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
        file.write("\n".join(lines))
        file.flush()
        answer = arcli("add", "--manifest", file.name, "--on-exists", "skip", data_dir=data_dir)
    for error in answer["errors"]:
        print(f"not registered: {error['item']}: {error['message']}", file=sys.stderr)


def judge(name: str, entries: list[dict[str, Any]], data_dir: Path, effort: str) -> Score:
    """Look a set's photos up and compare."""
    limit = "all" if name in SEVERAL else "1"
    paths = [str(BENCH / entry["file"]) for entry in entries]
    answer = arcli(
        *("find", "-", "--no-count", "--limit", limit, "--effort", effort),
        data_dir=data_dir,
        stdin="\n".join(paths),
    )
    score = Score(name, photos=len(entries))
    for entry, result in zip(entries, answer["data"]["results"], strict=True):
        _count(score, entry, [match["identifier"] for match in result["matches"]])
    times = sorted(result["elapsed_ms"] for result in answer["data"]["results"])
    score.median_ms, score.p95_ms = times[len(times) // 2], times[int(0.95 * (len(times) - 1))]
    return score


def _count(score: Score, entry: dict[str, Any], answers: list[str]) -> None:
    expected = expected_of(entry)
    shown = set().union(*expected)
    photo = Path(entry["file"]).name
    score.shown += len(expected)
    score.found += sum(bool(each & set(answers)) for each in expected)
    score.extra += [f"{photo}: {answer}" for answer in answers if answer not in shown]
    if answers and answers[0] in shown:
        score.right += 1
    elif answers:
        score.wrong.append(f"{photo}: {answers[0]}")
    elif expected:
        score.missed.append(photo)


def table(scores: list[Score]) -> Iterator[str]:
    """Yield the lines of the table, then what went wrong."""
    heads = (
        f"{'photos':>7}{'right':>7}{'wrong':>7}{'missed':>7}{'found':>12}{'extra':>7}{'median':>9}{'p95':>8}"
    )
    yield f"{'set':24}{heads}"
    for s in scores:
        found = f"{s.found} of {s.shown}"
        counts = f"{s.photos:7}{s.right:7}{len(s.wrong):7}{len(s.missed):7}{found:>12}{len(s.extra):7}"
        yield f"{s.name:24}{counts}{s.median_ms:6.0f} ms{s.p95_ms:5.0f} ms"
    for s in scores:
        for what, photos in (("wrong", s.wrong), ("missed", s.missed), ("extra", s.extra)):
            if photos and not (what == "extra" and s.extra == s.wrong):
                yield f"{s.name}, {what}: {', '.join(photos)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", nargs="*")
    parser.add_argument("--without-distractors", action="store_true")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--effort", default="normal")
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    if not BENCH.exists():
        raise SystemExit(f"the photo sets are not here: {BENCH}")
    with tempfile.TemporaryDirectory() as folder:
        scores = measure(options, options.data_dir or Path(folder) / "data")
    print("\n".join(table(scores)))
    if options.output:
        options.output.parent.mkdir(parents=True, exist_ok=True)
        options.output.write_text(json.dumps([asdict(score) for score in scores], indent=1) + "\n")


def measure(options: argparse.Namespace, data_dir: Path) -> list[Score]:
    """Register everything, then judge each set that was asked for."""
    entries = manifest()
    register(entries, data_dir, not options.without_distractors)
    queries = [entry for entry in entries if entry["role"] in QUERY_ROLES]
    names = options.sets or sorted({entry["set"] for entry in queries})
    scores = []
    for name in names:
        mine = [entry for entry in queries if entry["set"] == name][:: options.every]
        if name == "ar_pairs":  # the fiducial sheets are told apart: see the data's README
            sheets = [entry for entry in mine if "boof_image" in entry["file"]]
            mine = [entry for entry in mine if entry not in sheets]
            scores.append(judge("boof_sheets", sheets, data_dir, options.effort)) if sheets else None
        scores.append(judge(name, mine, data_dir, options.effort))
    return scores


if __name__ == "__main__":
    main()
