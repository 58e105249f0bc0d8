"""Compares the catalog with the channels' own stores: where they differ, the stores are right."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from arcli.errors import ArcliError, ChannelNotFound, DataDamaged, DataTooNew, ShellHint
from arcli.files import of_os
from arcli.models import Finding
from arcli.store.catalog import Catalog, ChannelRecord, enter
from arcli.store.channel import ChannelStore
from arcli.store.leftovers import DAMAGED, is_unfinished, sweep
from arcli.store.repair.check import RESTORE, accept_losses, advice, is_damaged, verify_database, verify_rows
from arcli.store.repair.mends import renew_catalog, renew_store
from arcli.store.schema import CATALOG
from arcli.store.secret_keys import repair_key_files, verify_key_files

_ROW = "create again what it held (key, grant, setting), or restore a backup; until then it gives no rights"
_REPAIR = ShellHint("run: arcli doctor --repair")
_GONE = ShellHint("restore the channel's folder, or take it off the list with: arcli doctor --repair")


def verify_catalog(data_dir: Path) -> Iterator[Finding]:
    """Compare the catalog of `data_dir` with the channels that are there. Changes nothing."""
    catalog = Catalog(data_dir)
    try:
        if not catalog.exists():
            yield from _without_catalog(catalog)
            return
        findings = [*verify_database(catalog.database, full=True, hint=_REPAIR)]
        if all(finding.ok for finding in findings):
            findings += verify_rows(catalog.database, CATALOG.sealed, hint=_ROW)
            findings += verify_key_files(catalog)
            findings += _differences(catalog)
        yield from findings
    except ArcliError as error:
        hint = _REPAIR if type(error) is DataDamaged else None
        yield Finding.of(str(catalog.database.path), error, hint=hint)
    finally:
        catalog.close()


def _without_catalog(catalog: Catalog) -> Iterator[Finding]:
    stores = catalog.stores()
    message = f"the catalog is gone; channels that are there: {len(stores)}" if stores else "no gallery yet"
    yield Finding(
        subject=str(catalog.database.path),
        ok=not stores,
        message=message,
        hint=_REPAIR if stores else None,
    )


def _differences(catalog: Catalog) -> Iterator[Finding]:
    """Yield where the catalog and the stores differ, and which channels the catalog does not know."""
    known = {record.folder: record for record in catalog.channels()}
    for folder in sorted({*known, *catalog.stores()}):
        record = known.get(folder)
        subject = record.name if record else str(folder)
        try:
            real = read_record(folder)
        except ArcliError as error:
            hint = advice(error) if folder.exists() else _GONE
            yield Finding.of(subject, error, hint=hint)
            continue
        if real == record:
            yield Finding(subject=subject, ok=True, message="the catalog agrees with the channel")
        elif record is None and is_unfinished(folder):
            message = f"the creation of channel {real.name!r} was interrupted; the next creation removes this"
            yield Finding(subject=subject, ok=True, message=message)
        else:
            what = "differs from the channel itself" if record else f"does not know the channel {real.name!r}"
            yield Finding(subject=subject, ok=False, message=f"the catalog {what}", hint=_REPAIR)


def read_record(folder: Path) -> ChannelRecord:
    """Return what a store records about itself. Raises ChannelNotFound, DataDamaged, DataTooNew."""
    with ChannelStore.open(folder, readonly=True) as store, store.read() as snapshot:
        info = snapshot.info()
    return ChannelRecord(
        name=info.name, folder=folder, settings=info.settings, preset=info.preset, created=info.created
    )


def rebuild_catalog(data_dir: Path) -> Iterator[Finding]:
    """Rebuild the catalog from the stores; a catalog that cannot be read is put aside first.

    Accounts and keys live in the catalog alone: all that can be read of them is carried over.
    """
    catalog = Catalog(data_dir)
    try:
        mended = [*_put_aside(catalog)]
        yield from mended
        if not catalog.exists() and not catalog.stores():
            return
        if catalog.exists() and not mended:  # it knows what is unfinished; else that is entered, in doubt
            sweep(catalog.database, catalog.channels_dir)
        catalog.make()
        yield from _enter_all(catalog)
        sweep(catalog.database, catalog.channels_dir)
        yield from accept_losses(catalog.database)
        yield from repair_key_files(catalog)
    finally:
        catalog.close()


def _put_aside(catalog: Catalog) -> Iterator[Finding]:
    if not catalog.exists() or not (is_damaged(catalog.database) or _is_unreadable(catalog)):
        return
    try:
        yield from renew_catalog(catalog)
    except DataTooNew:
        raise
    except DataDamaged:
        aside = catalog.database.set_aside()
        yield Finding(
            subject=str(catalog.database.path),
            ok=False,
            message=f"nothing can be read of the catalog; the damaged file is now {aside.name}",
            hint=ShellHint("accounts and keys that were in it must be created again: arcli account add"),
            repaired=True,
        )


def _is_unreadable(catalog: Catalog) -> bool:
    try:
        catalog.channels()
    except DataDamaged:
        return True
    return False


def _enter_all(catalog: Catalog) -> list[Finding]:
    """Drop entries that no longer have a store, and enter every store that can be read."""
    with catalog.database.write() as connection:
        known = {record.folder: record for record in catalog.channels()}
        findings: list[Finding] = []
        for folder, record in list(known.items()):
            if _is_wreck(folder) and not _is_renewed(record, findings):
                connection.execute("DELETE FROM channels WHERE name = ?", (record.name,))
                del known[folder]
                findings.append(_put_away(record))
        taken = {record.name: folder for folder, record in known.items()}
        for folder in catalog.stores():
            findings += _enter_one(connection, folder, known.get(folder), taken)
    return findings


def _is_renewed(record: ChannelRecord, findings: list[Finding]) -> bool:
    """Rewrite a channel's store; return whether anything of it could be read."""
    with contextlib.suppress(ChannelNotFound, DataDamaged):
        with ChannelStore(record.folder, readonly=False) as store:
            findings += renew_store(store, record)
        return not _is_wreck(record.folder)
    return False


def repair_pages(store: ChannelStore, record: ChannelRecord) -> Iterator[Finding]:
    """Rewrite a store in which SQLite finds damage. Raises DataDamaged if nothing can be read."""
    if is_damaged(store.database):
        yield from renew_store(store, record)


def _is_wreck(folder: Path) -> bool:
    """Say whether a channel's store is gone, empty or not one of ours: nothing there can be searched."""
    try:
        read_record(folder)
    except ArcliError as error:
        return isinstance(error, ChannelNotFound) or type(error) is DataDamaged
    return False


def _put_away(record: ChannelRecord) -> Finding:
    """Rename the folder of a damaged channel: it is out of the way, and its content may still be salvaged."""
    aside = record.folder.with_name(f"{DAMAGED}{record.folder.name}")
    try:
        record.folder.rename(aside)
        message = f"its store cannot be read: the catalog no longer lists it, its folder is now {aside.name}"
    except FileNotFoundError:
        message = "its folder is gone: the catalog no longer lists it"
    except OSError as error:
        raise of_os(record.folder, error) from error
    return Finding(subject=record.name, ok=False, message=message, hint=RESTORE, repaired=True)


def _enter_one(
    connection: sqlite3.Connection, folder: Path, listed: ChannelRecord | None, taken: dict[str, Path]
) -> Iterator[Finding]:
    """Enter the store in `folder`, so far listed as `listed`, unless its name is `taken` by another one."""
    try:
        real = read_record(folder)
    except ArcliError as error:
        subject = listed.name if listed else str(folder)
        yield Finding.of(subject, error, hint=advice(error))
        return
    if listed == real:
        return
    if taken.setdefault(real.name, folder) != folder:
        message = f"a second channel named {real.name!r}: the catalog lists the other one"
        yield Finding(subject=str(folder), ok=False, message=message, hint="move this folder away")
        return
    connection.execute("DELETE FROM channels WHERE folder = ? AND name <> ?", (folder.name, real.name))
    enter(connection, real)
    yield Finding(subject=real.name, ok=True, message="entered in the catalog", repaired=True)
