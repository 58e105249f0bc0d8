"""Operations on a data folder that are stopped: what each begins with, does, and acknowledges."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from arcli.__main__ import main as program
from arcli.bulk.add_plan import Defaults, plan_words
from arcli.bulk.channel_state import Known, targets
from arcli.bulk.identifiers import IdFrom
from arcli.bulk.sync.applied_actions import apply
from arcli.bulk.sync.differences import Tally, compare
from arcli.bulk.sync.listing import ChannelListing
from arcli.engine import LocalGallery
from arcli.engine.indexing import upkeep
from arcli.engine.indexing.fold_plan import UpkeepOptions
from arcli.errors import Busy
from arcli.features import Features
from arcli.models import AddOptions, ChannelSettings, OnExists, Picture, TargetChanges
from arcli.store import schema
from arcli.store.accounts import Accounts
from arcli.store.channel import ChannelStore
from arcli.store.repair.backup_folder import Backups
from faults.model import CHANNEL, Diary, State, item, picture, target
from tests.server.raw import call

SECRET = "secretkey"  # of the account shop: a file beside what is injured
SMALL = UpkeepOptions(delta_rows=3)
ONE = AddOptions(jobs=1, on_exists=OnExists.REPLACE)


@dataclass(frozen=True)
class Place:
    """The folders of one run. data: the data folder; beside: files that belong to it, injured with it."""

    folder: Path
    diary: Diary

    @property
    def data(self) -> Path:
        return self.folder / "disk" / "data"

    @property
    def beside(self) -> Path:
        return self.folder / "disk" / "beside"


Run = Callable[[Place], None]


def key(name: str, channel: str = CHANNEL) -> str:
    return f"target:{channel}:{name}"


# What an operation begins with


def base(data: Path) -> State:
    """Make a channel with five targets, three of them in a segment of the index, and an account."""
    state: State = {f"channel:{CHANNEL}": True, "account:shop": True}
    with LocalGallery(data) as gallery, Accounts(data) as accounts:
        accounts.make()
        secret = accounts.add_account(username="shop").secretkey
        (data.parents[1] / SECRET).write_text(secret)
        gallery.create_channel(name=CHANNEL, settings=ChannelSettings(owner="shop"))
        for seed in range(3):
            gallery.add(channel=CHANNEL, item=item(seed), options=ONE)
        gallery.compact(channel=CHANNEL)
        for seed in range(3, 5):
            gallery.add(channel=CHANNEL, item=item(seed), options=ONE)
    return state | {key(f"poster{seed}"): target(seed) for seed in range(5)}


def with_segments(data: Path) -> State:
    """Make a channel whose index has two segments and dead rows in both, and a delta."""
    state = base(data)
    with LocalGallery(data) as gallery:
        for seeds in ((10, 11, 12, 13), (20, 21, 22, 23)):
            for seed in seeds:
                gallery.add(channel=CHANNEL, item=item(seed), options=ONE)
                state[key(f"poster{seed}")] = target(seed)
            upkeep.maybe_fold(gallery._channels.get(CHANNEL).store, SMALL)
    (folder,) = data.glob("channels/*/")
    with ChannelStore.open(folder) as store, store.write() as writer:  # nothing is folded after this
        for name in ("poster1", "poster12", "poster22"):
            writer.remove(name)
            state.pop(key(name))
    return state


def old_format(data: Path) -> State:
    """Make a channel as the first arcli did: every table in its first format."""
    state = base(data)
    (store,) = data.glob("channels/*/store.sqlite")
    _downgrade(store, schema.STORE)
    return state


def _downgrade(path: Path, kind: Any) -> None:
    old = path.with_suffix(".old")
    with closing(sqlite3.connect(old, isolation_level=None)) as connection:
        connection.execute("PRAGMA page_size = 8192")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("BEGIN")
        kind.migrations[0](connection)
        connection.execute("COMMIT")
        connection.execute("ATTACH ? AS new", (str(path),))
        names = [
            name for (name,) in connection.execute("SELECT name FROM main.sqlite_schema WHERE type='table'")
        ]
        for name in names:
            columns = [row[1] for row in connection.execute(f"PRAGMA main.table_info({name})")]
            listed = ", ".join(columns)
            connection.execute(f"DELETE FROM main.{name}")
            connection.execute(f"INSERT INTO main.{name} ({listed}) SELECT {listed} FROM new.{name}")
        connection.execute("DETACH new")
        connection.execute(f"PRAGMA application_id = {kind.application_id}")
        connection.execute("PRAGMA user_version = 1")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    old.replace(path)


def with_a_folder(data: Path) -> State:
    """Make a channel, and an empty folder for backups."""
    state = base(data)
    (data.parent / "beside").mkdir()
    return state


def backed_up(data: Path) -> State:
    """Make a channel, and backups of it."""
    state = with_a_folder(data)
    beside = data.parent / "beside"
    backups = Backups(data, Features.from_bytes)
    all(backups.write(beside / "all"))
    backups.write_channel(CHANNEL, beside / "one.arcli")
    return state | {"backup:all": 5, "backup:one": 5}


# What is done, each step acknowledged when it is


def add(place: Place) -> None:
    with LocalGallery(place.data) as gallery:
        for seed in (30, 31, 32):
            with place.diary.step(**{key(f"poster{seed}"): target(seed, '{"n": 1}')}):
                gallery.add(channel=CHANNEL, item=item(seed, metadata='{"n": 1}'), options=ONE)


def load(place: Place) -> None:
    """Add five pictures as a manifest does: in one or two transactions, each acknowledged when reported."""
    seeds = range(30, 35)
    wanted = {key(f"poster{seed}"): target(seed) for seed in seeds}
    for name, value in wanted.items():
        place.diary.write(begun={name: value})
    with LocalGallery(place.data) as gallery:
        for result in gallery.add_many(channel=CHANNEL, items=map(item, seeds), options=ONE):
            place.diary.write(done={key(result.identifier): wanted[key(result.identifier)]})


def rm(place: Place) -> None:
    with LocalGallery(place.data) as gallery:
        for seed in (0, 3):
            with place.diary.step(**{key(f"poster{seed}"): None}):
                gallery.remove(channel=CHANNEL, identifier=f"poster{seed}")
        names = ["poster1", "poster2"]
        for name in names:
            place.diary.write(begun={key(name): None})
        for result in gallery.remove_many(channel=CHANNEL, identifiers=names):
            place.diary.write(done={key(result.identifier): None})


def update(place: Place) -> None:
    with LocalGallery(place.data) as gallery:
        steps: list[tuple[str, TargetChanges, State]] = [
            ("poster0", TargetChanges(metadata='"new"'), {"poster0": target(0, '"new"')}),
            ("poster1", TargetChanges(rename="other"), {"poster1": None, "other": target(1)}),
            ("poster2", TargetChanges(active=False), {"poster2": target(2, active=False)}),
            ("poster3", TargetChanges(picture=shown(40)), {"poster3": target(40)}),
        ]
        for name, changes, after in steps:
            with place.diary.step(**{key(one): value for one, value in after.items()}):
                gallery.update(channel=CHANNEL, identifier=name, changes=changes)


def shown(seed: int) -> Picture:
    return Picture(name=f"{seed}.png", data=picture(seed))


def fold(place: Place) -> None:
    with LocalGallery(place.data) as gallery:
        upkeep.maybe_fold(gallery._channels.get(CHANNEL).store, UpkeepOptions(delta_rows=1))


def merge(place: Place) -> None:
    with LocalGallery(place.data) as gallery:
        gallery.compact(channel=CHANNEL)


def migrate(place: Place) -> None:
    """Open what an earlier arcli made, which migrates it, and add to it."""
    with LocalGallery(place.data) as gallery:
        gallery.list(channel=CHANNEL)
        with place.diary.step(**{key("poster30"): target(30)}):
            gallery.add(channel=CHANNEL, item=item(30), options=ONE)


def sync(place: Place) -> None:
    """Make the channel equal a folder: two added, one replaced, two removed, two left."""
    source = place.folder / "source"
    source.mkdir(exist_ok=True)
    contents = {"poster0": 0, "poster1": 1, "poster2": 42, "poster30": 30, "poster31": 31}
    for name, seed in contents.items():
        (source / f"{name}.png").write_bytes(picture(seed))
    wanted: State = {key(name): target(seed) for name, seed in contents.items()}
    wanted |= {key("poster3"): None, key("poster4"): None}
    with LocalGallery(place.data) as gallery:
        entries = plan_words([str(source)], IdFrom.STEM, Defaults()).entries()
        with ChannelListing((one.identifier, Known.of(one)) for one in targets(gallery, CHANNEL)) as known:
            actions = list(compare(entries, known, Tally(), remove=True, again=False))
        for action in actions:
            place.diary.write(begun={key(action.identifier): wanted[key(action.identifier)]})
        for result in apply(gallery, channel=CHANNEL, actions=actions, options=AddOptions(jobs=1)):
            place.diary.write(done={key(result.identifier): wanted[key(result.identifier)]})


def channels(place: Place) -> None:
    with LocalGallery(place.data) as gallery:
        with place.diary.step(**{"channel:second": True}):
            gallery.create_channel(name="second", settings=ChannelSettings())
        with place.diary.step(**{key("poster7", "second"): target(7)}):
            gallery.add(channel="second", item=item(7), options=ONE)
        renamed: State = {"channel:second": None, key("poster7", "second"): None}
        renamed |= {"channel:third": True, key("poster7", "third"): target(7)}
        with place.diary.step(**renamed):
            gallery.rename_channel(name="second", new="third")
        with place.diary.step(**{"channel:third": None, key("poster7", "third"): None}):
            gallery.remove_channel(name="third")


def copy(place: Place) -> None:
    copied: State = {"channel:copy": True}
    copied |= {key(f"poster{seed}", "copy"): target(seed) for seed in range(5)}
    with LocalGallery(place.data) as gallery, place.diary.step(**copied):
        gallery.copy_channel(name=CHANNEL, new="copy")


def backup(place: Place) -> None:
    """Back everything up, add a target, and do it again, and one channel by itself."""
    backups = Backups(place.data, Features.from_bytes)
    with place.diary.step(**{"backup:all": 5}):
        all(backups.write(place.beside / "all"))
    with LocalGallery(place.data) as gallery, place.diary.step(**{key("poster30"): target(30)}):
        gallery.add(channel=CHANNEL, item=item(30), options=ONE)
    with place.diary.step(**{"backup:all": 6}):
        all(backups.write(place.beside / "all"))
    with place.diary.step(**{"backup:one": 6}):
        backups.write_channel(CHANNEL, place.beside / "one.arcli")


def restore(place: Place) -> None:
    """Restore one channel under another name, and everything in a new data folder."""
    restored: State = {"channel:second": True}
    restored |= {key(f"poster{seed}", "second"): target(seed) for seed in range(5)}
    with place.diary.step(**restored):
        Backups(place.data, Features.from_bytes).restore_channel(place.beside / "one.arcli", "second")
    with place.diary.step(**{"restored": 7}):  # channel, account, targets
        all(Backups(place.beside / "again", Features.from_bytes).restore(place.beside / "all"))


def accounts(place: Place) -> None:
    with Accounts(place.data) as admin:
        for name in ("rival", "guest"):
            with place.diary.step(**{f"account:{name}": True}):
                admin.add_account(username=name)
        with place.diary.step(**{"account:rival": None}):
            admin.remove_account(username="rival")


def find(place: Place) -> None:
    """Look photos up; a count is acknowledged when it was flushed, as at the end of a command."""
    with LocalGallery(place.data) as gallery:
        for seed in (0, 1):
            with place.diary.step(**{f"count:{CHANNEL}:poster{seed}": 1}):
                result = gallery.find(picture=shown(seed), channels=[CHANNEL])
                assert [match.identifier for match in result.matches] == [f"poster{seed}"]
                gallery.flush_counts(patience=30)
                if gallery._channels.get(CHANNEL).uncounted is not None:
                    raise Busy("a warning was given instead of a count")


def serve(place: Place) -> None:
    """Have a server of this process called by a thread of it; an answer with return code 0 acknowledges."""
    reading, writing = os.pipe()
    os.dup2(writing, 1)
    client = threading.Thread(target=_call_all, args=(place, reading), daemon=True)
    client.start()
    words = ["--data-dir", str(place.data), "serve", "--json", "--port", "0", "--metrics-port", "0"]
    sys.argv = ["arcli", *words]
    if program() != 0:
        raise Busy("the server did not start")
    client.join()


def _call_all(place: Place, reading: int) -> None:
    with os.fdopen(reading) as said:
        url = json.loads(said.readline())["data"]["url"]
    login = {"username": "shop", "secretkey": (place.folder / SECRET).read_text(), "channel": CHANNEL}
    steps: list[tuple[str, dict[str, str], int | None, list[Any] | None]] = [
        ("AddImage", {"identifier": "poster30"}, 30, target(30)),
        ("UpdateImageInfo", {"identifier": "poster2", "metadata": "new"}, None, target(2, "new")),
        ("RemoveImage", {"identifier": "poster0"}, None, None),
        ("AddImage", {"identifier": "poster1", "replace": "1"}, 41, target(41)),
    ]
    try:
        for name, fields, seed, after in steps:
            with place.diary.step(**{key(fields["identifier"]): after}):
                answer = call(url, name, login | fields, None if seed is None else picture(seed))
                assert answer["returncode"] == 0, answer
    finally:
        os.kill(os.getpid(), signal.SIGTERM)


@dataclass(frozen=True)
class Operation:
    """What it begins with, and what is done. power: what is acknowledged survives a loss of power too."""

    prepare: Callable[[Path], State]
    run: Run
    power: bool = True


OPERATIONS: dict[str, Operation] = {
    "add": Operation(base, add),
    "load": Operation(base, load),
    "rm": Operation(base, rm),
    "update": Operation(base, update),
    "fold": Operation(base, fold),
    "merge": Operation(with_segments, merge),
    "migrate": Operation(old_format, migrate),
    "sync": Operation(base, sync),
    "channels": Operation(base, channels),
    "copy": Operation(base, copy),
    "backup": Operation(with_a_folder, backup),
    "restore": Operation(backed_up, restore),
    "accounts": Operation(base, accounts),
    "find": Operation(base, find, power=False),  # counts may lose a minute: docs/how-to/server.md
    "serve": Operation(base, serve),
}


def chosen(only: str) -> list[str]:
    """Return the operations to do: the one named, or all."""
    return [name for name in OPERATIONS if only in ("", name)]


def prepared(name: str, folder: Path) -> State:
    """Make what an operation begins with in `folder`/disk, once."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "disk").mkdir(parents=True)
    return OPERATIONS[name].prepare(folder / "disk" / "data")
