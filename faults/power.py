"""Power losses: a trace of writes and syncs is replayed to a moment, and what is not synced may be lost.

The file system is the harshest that POSIX allows: what a file holds lasts when the file was synced, and a
name when its folder was. Of the rest anything may be on the medium: nothing, all, some sectors.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePath

from faults.crash import SMALL, rehearse
from faults.harness import Call, Event, Harness
from faults.operations import OPERATIONS, chosen
from faults.report import Progress, Trial
from faults.worker import Arms

_SECTOR = 512
Choose = Callable[[], bool]


@dataclass(eq=False)
class File:
    """durable: what is on the medium. pending: writes and truncations since, in order."""

    durable: bytearray = field(default_factory=bytearray)
    pending: list[Event] = field(default_factory=list)

    def content(self, chosen: Iterable[Event]) -> bytearray:
        result = bytearray(self.durable)
        for event in chosen:
            _apply(result, event.offset, event.data if event.call is Call.WRITE else None)
        return result


def _apply(content: bytearray, offset: int, data: bytes | None) -> None:
    """Write data, or cut the content (None)."""
    if data is None:
        del content[offset:]
        content.extend(bytes(offset - len(content)))
    else:
        content.extend(bytes(max(0, offset - len(content))))
        content[offset : offset + len(data)] = data


@dataclass(eq=False)
class Folder:
    """names: as a process sees them. durable: as they are on the medium. pending: changes to them since."""

    names: dict[str, Node] = field(default_factory=dict)
    durable: dict[str, Node] = field(default_factory=dict)
    pending: list[Rename] = field(default_factory=list)


Node = File | Folder


@dataclass(eq=False)
class Rename:
    """A change of names that happens whole or not at all: what goes, and what comes, in which folders."""

    gone: list[tuple[Folder, str]] = field(default_factory=list)
    come: list[tuple[Folder, str, Node]] = field(default_factory=list)
    settled: bool = False

    def settle(self) -> None:
        if not self.settled:
            self.settled = True
            for folder, name in self.gone:
                folder.durable.pop(name, None)
            for folder, name, node in self.come:
                folder.durable[name] = node


class Medium:
    """The files below a folder, followed call by call; `start`: what was there at first."""

    def __init__(self, root: Path, start: Path) -> None:
        self.root = root
        self.top = _loaded(start)

    def follow(self, event: Event) -> None:
        if event.call is Call.MARK or event.path.endswith("-shm") or event.other.endswith("-shm"):
            return
        parent, name = self._at(event.path)
        match event.call:
            case Call.WRITE | Call.TRUNCATE:
                self._file(parent, name).pending.append(event)
            case Call.SYNC:
                self._sync(parent.names[name] if name else parent)
            case Call.CREATE:
                self._file(parent, name)
            case Call.MKDIR:
                self._change(come=[(parent, name, Folder())])
            case Call.UNLINK | Call.RMDIR:
                self._change(gone=[(parent, name)])
            case Call.RENAME:
                other, new = self._at(event.other)
                self._change(gone=[(parent, name)], come=[(other, new, parent.names[name])])
            case Call.LINK:
                other, new = self._at(event.other)
                self._change(come=[(other, new, parent.names[name])])

    def _at(self, path: str) -> tuple[Folder, str]:
        parts = PurePath(path).relative_to(self.root).parts
        folder = self.top
        for part in parts[:-1]:
            inner = folder.names[part]
            assert isinstance(inner, Folder)
            folder = inner
        return folder, parts[-1] if parts else ""

    def _file(self, parent: Folder, name: str) -> File:
        if name not in parent.names:
            self._change(come=[(parent, name, File())])
        found = parent.names[name]
        assert isinstance(found, File)
        return found

    def _change(
        self,
        gone: Sequence[tuple[Folder, str]] = (),
        come: Sequence[tuple[Folder, str, Node]] = (),
    ) -> None:
        change = Rename(list(gone), list(come))
        for folder, name in gone:
            folder.names.pop(name, None)
        for folder, name, node in come:
            folder.names[name] = node
        for folder in {id(f): f for f in [*(f for f, _ in gone), *(f for f, _, _ in come)]}.values():
            folder.pending.append(change)

    def _sync(self, node: Node) -> None:
        if isinstance(node, File):
            node.durable, node.pending = node.content(node.pending), []
            return
        for change in node.pending:
            change.settle()
        node.pending = []

    def write(self, target: Path, keep: Choose) -> None:
        """Write what may be left of it: of everything pending, what `keep` says."""
        _names_left(self.top, keep)
        _write(self.top, target, keep)


def _loaded(path: Path) -> Folder:
    folder = Folder()
    for entry in path.iterdir():
        if not entry.name.endswith("-shm"):
            folder.names[entry.name] = (
                _loaded(entry) if entry.is_dir() else File(bytearray(entry.read_bytes()))
            )
    folder.durable = dict(folder.names)
    return folder


def _names_left(folder: Folder, keep: Choose) -> None:
    """Let a beginning of each folder's pending changes of names reach the medium, as journals do."""
    for change in folder.pending:
        if not keep():
            break
        change.settle()
    for node in list(folder.durable.values()):
        if isinstance(node, Folder):
            _names_left(node, keep)


def _write(folder: Folder, target: Path, keep: Choose) -> None:
    target.mkdir(mode=0o700, exist_ok=True)
    for name, node in folder.durable.items():
        if isinstance(node, Folder):
            _write(node, target / name, keep)
        else:
            path = target / name
            path.write_bytes(node.content(piece for event in node.pending for piece in _pieces(event, keep)))
            path.chmod(0o600)


def _pieces(event: Event, keep: Choose) -> Iterator[Event]:
    """Yield the sectors of a write that reached the medium, or the truncation if it did."""
    if event.call is Call.TRUNCATE:
        if keep():
            yield event
        return
    at, end = event.offset, event.offset + len(event.data)
    while at < end:
        following = min(end, (at // _SECTOR + 1) * _SECTOR)
        if keep():
            piece = event.data[at - event.offset : following - event.offset]
            yield Event(Call.WRITE, event.path, "", at, piece)
        at = following


def trials(harness: Harness, progress: Progress) -> Iterator[tuple[int, Trial]]:
    return enumerate(
        _trials(
            harness,
            progress.share,
            progress.seed,
            [name for name in chosen(progress.only) if OPERATIONS[name].power],
        )
    )


def _trials(harness: Harness, share: float, seed: int, names: Sequence[str]) -> Iterator[Trial]:
    """Yield power losses after calls of every operation, each in several ways."""
    chance = random.Random(seed)
    for name in names:
        rehearse(harness, name)
        done = harness.operate(name, Arms(trace=str(harness.trace), data=True))
        assert done.ended == "well"
        assert followed(harness, done.events) == [], "the trace has everything"
        cuts = [number for number, event in enumerate(done.events, start=1) if _matters(event)]
        for cut in sorted(chance.sample(cuts, max(2, round(share * len(cuts))))):
            for kept in (0.0, 0.5) if share < SMALL else (0.0, 1.0, 0.5, 0.9):
                phase = f"{name}: after {done.events[cut - 1].phase}"
                drawn = chance.getrandbits(32)
                yield Trial(phase, partial(lose, harness, name, done.events[:cut], kept, drawn))


def _matters(event: Event) -> bool:
    return event.data.startswith(b"{") if event.call is Call.MARK else not event.phase.endswith("shared")


def lose(harness: Harness, name: str, events: Sequence[Event], kept: float, drawn: int) -> list[str]:
    """Build what a power loss after `events` leaves, each pending piece kept by chance, and look at it."""
    medium = replayed(harness, events)
    chance = random.Random(drawn)
    place = harness.scratch / "dark"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    medium.write(place / "disk", lambda: chance.random() < kept)
    diary = [e.data.decode() for e in events if e.call is Call.MARK and e.data.startswith(b"{")]
    return harness.problems(name, diary, place)


def replayed(harness: Harness, events: Sequence[Event]) -> Medium:
    medium = Medium(harness.place / "disk", harness.start / "disk")
    for event in events:
        medium.follow(event)
    return medium


def followed(harness: Harness, events: Sequence[Event]) -> list[str]:
    """Return the files in which a replay of the whole trace differs from what the operation left."""
    medium = replayed(harness, events)
    place = harness.scratch / "replayed"
    shutil.rmtree(place, ignore_errors=True)
    medium.write(place, lambda: True)
    left, made = _contents(harness.place / "disk"), _contents(place)
    return sorted(name for name in left.keys() | made.keys() if left.get(name) != made.get(name))


def _contents(root: Path) -> dict[str, bytes]:
    files = (path for path in root.rglob("*") if path.is_file() and not path.name.endswith("-shm"))
    return {str(path.relative_to(root)): path.read_bytes() for path in files}
