"""Recognition on the photo sets of ../shared/data/bench, through the command line, as one table.

All gallery pictures are in one channel, once with the 3,000 distractors and once without them. Run it by
`make bench-recognition`; ARGS: --sets NAME…, --every N (each Nth photo), --effort,
--distractors with|without|both, --data-dir DIR (kept, so that a second run need not register),
--output FILE.json.
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

from benchmarks.results import ROOT, describe_run, print_table, write_json

BENCH = ROOT.parent / "shared" / "data" / "bench"
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


def need_photo_sets() -> None:
    """End the benchmark if the photo sets are missing."""
    if not BENCH.exists():
        raise SystemExit(f"the photo sets are not here: {BENCH}")


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


def row(score: Score, where: str) -> list[object]:
    """Return a set's line in the table."""
    return [
        f"{score.name} {where}",
        score.photos,
        score.right,
        len(score.wrong),
        len(score.missed),
        f"{score.found} of {score.shown}",
        len(score.extra),
        f"{score.median_ms:.0f}",
        f"{score.p95_ms:.0f}",
    ]


def remarks(score: Score, where: str) -> Iterator[str]:
    """Yield what went wrong, photo by photo."""
    for what, photos in (("wrong", score.wrong), ("missed", score.missed), ("extra", score.extra)):
        if photos and not (what == "extra" and score.extra == score.wrong):
            yield f"{score.name} {where}, {what}: {', '.join(photos)}"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", nargs="*")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--effort", default="normal")
    parser.add_argument("--distractors", choices=["with", "without", "both"], default="both")
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--output", type=Path, default=ROOT / "bench-results" / "recognition.json")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    need_photo_sets()
    choices = ["without", "with"] if options.distractors == "both" else [options.distractors]
    measured: dict[str, list[Score]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for choice in choices:  # the channel without distractors first, then they are added to it
            data_dir = options.data_dir or Path(folder) / "data"
            measured[choice] = measure(options, data_dir, distractors=choice == "with")
    lines = [(score, f"{choice} distractors") for choice, scores in measured.items() for score in scores]
    heads = ["set", "photos", "right", "wrong", "missed", "found", "extra", "median ms", "p95 ms"]
    print_table(heads, [row(score, where) for score, where in lines])
    for score, where in lines:
        for line in remarks(score, where):
            print(line)
    figures = {choice: [asdict(score) for score in scores] for choice, scores in measured.items()}
    write_json(options.output, {**describe_run(), "effort": options.effort, "distractors": figures})


def measure(options: argparse.Namespace, data_dir: Path, *, distractors: bool) -> list[Score]:
    """Register everything, then judge each set that was asked for."""
    entries = manifest()
    register(entries, data_dir, distractors)
    queries = [entry for entry in entries if entry["role"] in QUERY_ROLES]
    scores = []
    for name in options.sets or sorted({entry["set"] for entry in queries}):
        for part, chosen in parts(name, [entry for entry in queries if entry["set"] == name]):
            if chosen := chosen[:: options.every]:
                scores.append(judge(part, chosen, data_dir, options.effort))
    return scores


def parts(name: str, entries: list[dict[str, Any]]) -> list[tuple[str, list[dict[str, Any]]]]:
    """Return a set's parts: the fiducial sheets of ar_pairs are separate (see the data's README)."""
    sheets = [entry for entry in entries if "boof_image" in entry["file"]]
    return [(name, [entry for entry in entries if entry not in sheets]), (f"{name}, boof_image", sheets)]


if __name__ == "__main__":
    main()
