"""How `doctor` checks a channel's index, and rebuilds it from the store."""

from __future__ import annotations

from collections.abc import Iterator

from arcli.engine.indexing.coverage import gaps
from arcli.engine.indexing.index_view import VIEW
from arcli.engine.indexing.shortlist import INDEX_FOLDER
from arcli.errors import ArcliError, DataDamaged, ShellHint
from arcli.index.files import FileGone, is_trusted, verify_digest
from arcli.models import Finding
from arcli.store import segments
from arcli.store.channel import ChannelStore
from arcli.store.segments import SegmentRecord

_REPAIR = ShellHint("run: arcli doctor --repair")
_OWNER = ShellHint("run, as the user who owns the channel's folder: arcli doctor --repair")


def verify_index(store: ChannelStore) -> Iterator[Finding]:
    """Compare each segment's file with its SHA-256 and report targets that no segment covers."""
    subject = str(store.folder / INDEX_FOLDER)
    try:
        with store.read() as snapshot:
            records, strangers = segments.live(snapshot), segments.foreign(snapshot)
            uncovered = sum(snapshot.living(*between) for between in gaps(records, snapshot.last_row()))
    except ArcliError as error:
        yield Finding.of(subject, error)
        return
    problems = [*_problems(store, records)]
    if strangers:
        problems.append(
            (f"{len(strangers)} index files belong to the store that this one was copied from", _REPAIR)
        )
    if uncovered > VIEW.uncovered_rows:
        problems.append((f"{uncovered:,} targets are not in the index and are not searched", _REPAIR))
    for message, hint in problems:
        yield Finding(subject=subject, ok=False, message=message, hint=hint)
    if not problems:
        message = f"segments as published: {len(records)}; targets searched without: {uncovered:,}"
        yield Finding(subject=subject, ok=True, message=message)


def _problems(store: ChannelStore, records: list[SegmentRecord]) -> Iterator[tuple[str, str]]:
    folder = store.folder / INDEX_FOLDER
    if records and folder.exists() and not is_trusted(folder):
        yield "others own it or may write to it: its files are not loaded", _OWNER
        return
    for record in records:
        try:
            verify_digest(folder, record.file)
        except FileGone:
            yield f"{record.file.name} is missing", _REPAIR
        except DataDamaged as error:
            yield error.message, _REPAIR
        except OSError as error:
            yield f"{record.file.name}: {error.strerror}", _REPAIR


def repair_index(store: ChannelStore) -> Iterator[Finding]:
    """Rebuild what is missing or damaged. Raises Locked, MemoryLimit, DiskFull, StorageNotWritable."""
    from arcli.engine.indexing.upkeep import repair

    for name in repair(store):
        message = f"{name} was missing or damaged"
        yield Finding(subject=str(store.folder / INDEX_FOLDER), ok=True, message=message, repaired=True)
