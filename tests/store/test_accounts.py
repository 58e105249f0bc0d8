"""Accounts as the operator sees them, and what the server learns about its callers."""

from __future__ import annotations

import multiprocessing
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from unittest.mock import Mock

import pytest

from arcli.errors import (
    AccountExists,
    AccountNotFound,
    ChannelNotFound,
    Conflict,
    NotFound,
    NotYourChannel,
    UsageError,
    WrongCredentials,
)
from arcli.gallery import AccountAdmin
from arcli.models import ChannelSettings, KeyRequest, Principal, Scope, TupuBinding
from arcli.store import nonces
from arcli.store.account_rows import OWNED
from arcli.store.accounts import Accounts
from arcli.store.catalog import Catalog
from arcli.store.checksums import failing
from arcli.store.gatekeeper import RIGHTS, USABLE, CatalogGatekeeper
from arcli.store.nonces import NONCE_MEMORY, Nonces
from arcli.store.schema import CATALOG

IMPORTED = "vendor-secret-1"


@pytest.fixture
def accounts(tmp_path: Path) -> Iterator[Accounts]:
    with Accounts(tmp_path / "data") as opened:
        opened.add_account(username="shop")
        yield opened


@pytest.fixture
def gate(accounts: Accounts) -> Iterator[CatalogGatekeeper]:
    keeper = CatalogGatekeeper(accounts.data_dir)
    yield keeper
    keeper.close()


def make_channel(accounts: Accounts, name: str, owner: str | None = None) -> None:
    with Catalog.open(accounts.data_dir, create=True) as catalog:
        catalog.create_channel(name, ChannelSettings(owner=owner), 1)


def login(gate: CatalogGatekeeper, username: str, secretkey: str) -> Principal:
    return gate.authenticate(username=username, secretkey=secretkey)


def test_a_folder_without_a_catalog_has_no_accounts(tmp_path: Path) -> None:
    with Accounts(tmp_path / "nothing") as accounts:
        assert isinstance(accounts, AccountAdmin)
        assert accounts.accounts() == ()
        with pytest.raises(AccountNotFound):
            accounts.account(username="shop")
        with pytest.raises(AccountNotFound):
            accounts.add_key(username="shop", key=KeyRequest())
    assert not (tmp_path / "nothing").exists()


def test_every_key_of_an_account_opens_until_it_is_revoked(
    accounts: Accounts, gate: CatalogGatekeeper
) -> None:
    first = accounts.account(username="shop").keys[0]
    second = accounts.add_key(username="shop", key=KeyRequest())
    third = accounts.rotate_key(username="shop", key_id=first.key_id)
    assert login(gate, "shop", second.secretkey).key_id == second.key_id
    assert login(gate, "shop", third.secretkey).key_id == third.key_id
    accounts.revoke_key(username="shop", key_id=second.key_id)
    with pytest.raises(WrongCredentials):
        login(gate, "shop", second.secretkey)
    with pytest.raises(NotFound):
        accounts.revoke_key(username="shop", key_id=second.key_id)


def test_rotating_ends_the_old_secret_and_keeps_the_scope(
    accounts: Accounts, gate: CatalogGatekeeper
) -> None:
    request = KeyRequest(scope=Scope.FIND, channels=("posters",))
    old = accounts.add_account(username="app", key=request)
    new = accounts.rotate_key(username="app")
    with pytest.raises(WrongCredentials):
        login(gate, "app", old.secretkey)
    principal = login(gate, "app", new.secretkey)
    assert (principal.scope, principal.channels) == (Scope.FIND, ("posters",))
    accounts.add_key(username="app", key=KeyRequest())
    with pytest.raises(UsageError, match="several keys"):
        accounts.rotate_key(username="app")


def test_an_imported_secret_opens_and_is_nowhere_in_the_data_folder(
    accounts: Accounts, gate: CatalogGatekeeper
) -> None:
    accounts.add_account(username="moved", key=KeyRequest(secretkey=IMPORTED))
    drawn = accounts.add_key(username="shop", key=KeyRequest())
    assert login(gate, "moved", IMPORTED).username == "moved"
    for path in accounts.data_dir.rglob("*"):
        if path.is_file() and not path.name.endswith(".lock"):
            content = path.read_bytes()
            assert IMPORTED.encode() not in content
            assert drawn.secretkey.encode() not in content
    assert drawn.secretkey not in repr(drawn)
    assert (accounts.data_dir / "server-pepper").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("secret", ["", "two\nlines", "x" * 257])
def test_a_secret_that_cannot_be_imported_is_refused(accounts: Accounts, secret: str) -> None:
    with pytest.raises(UsageError):
        accounts.add_account(username="bad", key=KeyRequest(secretkey=secret))
    with pytest.raises(AccountNotFound):
        accounts.account(username="bad")


@pytest.mark.parametrize(
    ("username", "secret"), [("nobody", "x"), ("shop", "x"), ("shop", ""), ("", "\udcff")]
)
def test_unknown_account_and_wrong_secret_are_told_alike(
    gate: CatalogGatekeeper, username: str, secret: str
) -> None:
    with pytest.raises(WrongCredentials) as caught:
        login(gate, username, secret)
    assert str(caught.value) == "no such account, or not its secret key"


def test_taken_and_impossible_names_are_refused(accounts: Accounts) -> None:
    with pytest.raises(AccountExists):
        accounts.add_account(username="shop")
    for name in ("", "a b", "x" * 65, "shop:x", "shop\n"):
        with pytest.raises(UsageError):
            accounts.add_account(username=name)


def test_owner_grants_and_strangers(accounts: Accounts, gate: CatalogGatekeeper) -> None:
    for name in ("app", "guest"):
        accounts.add_account(username=name)
    make_channel(accounts, "posters", owner="shop")
    accounts.grant(username="app", channel="posters", scope=Scope.FIND)
    people = {
        name: Principal(username=name, key_id="k", scope=Scope.ALL) for name in ("shop", "app", "guest")
    }
    gate.authorize(people["shop"], channel="posters", need=Scope.ALL)
    gate.authorize(people["app"], channel="posters", need=Scope.FIND)
    for name, need in (("app", Scope.ALL), ("guest", Scope.FIND)):
        with pytest.raises(NotYourChannel):
            gate.authorize(people[name], channel="posters", need=need)
    for channel in ("labels", "../x", ""):
        with pytest.raises(ChannelNotFound):
            gate.authorize(people["shop"], channel=channel, need=Scope.FIND)
    assert gate.channels_of(people["app"], need=Scope.FIND) == ("posters",)
    assert gate.channels_of(people["app"], need=Scope.ALL) == ()
    assert gate.channels_of(people["guest"], need=Scope.FIND) == ()
    assert accounts.revoke_grant(username="app", channel="posters")
    assert not accounts.revoke_grant(username="app", channel="posters")
    assert gate.channels_of(people["app"], need=Scope.FIND) == ()


def test_a_key_reaches_no_further_than_its_scope(accounts: Accounts, gate: CatalogGatekeeper) -> None:
    for name in ("labels", "posters"):
        make_channel(accounts, name, owner="shop")
    scan = Principal(username="shop", key_id="k", scope=Scope.FIND, channels=("posters", "elsewhere"))
    gate.authorize(scan, channel="posters", need=Scope.FIND)
    for channel, need in (("posters", Scope.ALL), ("labels", Scope.FIND)):
        with pytest.raises(NotYourChannel):
            gate.authorize(scan, channel=channel, need=need)
    assert gate.channels_of(scan, need=Scope.FIND) == ("posters",)
    none_left = Principal(username="shop", key_id="k", scope=Scope.FIND, channels=())
    assert gate.channels_of(none_left, need=Scope.FIND) == ()


def test_a_later_channel_or_account_of_the_same_name_inherits_nothing(
    accounts: Accounts, gate: CatalogGatekeeper
) -> None:
    accounts.add_account(username="app")
    make_channel(accounts, "posters", owner="shop")
    accounts.grant(username="app", channel="posters", scope=Scope.ALL)
    with Catalog.open(accounts.data_dir, create=False) as catalog:
        catalog.remove_channel("posters")
    make_channel(accounts, "posters", owner="shop")
    assert accounts.account(username="app").grants == ()
    assert accounts.remove_account(username="shop") == ("posters",)
    accounts.add_account(username="shop")
    assert accounts.account(username="shop").owns == ()
    assert gate.channels_of(Principal(username="shop", key_id="k", scope=Scope.ALL), need=Scope.FIND) == ()
    with pytest.raises(ChannelNotFound):
        accounts.grant(username="app", channel="gone", scope=Scope.ALL)


def test_a_tupu_secret_id_belongs_to_one_account(accounts: Accounts, gate: CatalogGatekeeper) -> None:
    accounts.add_account(username="app")
    binding = TupuBinding(secret_id="s1", username="shop", channels=("posters",), public_key="PEM")
    accounts.bind(binding)
    assert gate.binding("s1") == binding
    assert accounts.account(username="shop").bindings == (binding,)
    with pytest.raises(Conflict):
        accounts.bind(TupuBinding(secret_id="s1", username="app", channels=(), public_key="PEM"))
    assert not accounts.unbind(username="app", secret_id="s1")
    assert accounts.unbind(username="shop", secret_id="s1")
    assert gate.binding("s1") is None


def test_when_a_key_was_last_used_is_kept(accounts: Accounts, gate: CatalogGatekeeper) -> None:
    new = accounts.add_key(username="shop", key=KeyRequest())
    login(gate, "shop", new.secretkey)
    gate.flush()
    used = {key.key_id: key.last_used for key in accounts.account(username="shop").keys}
    assert used.pop(new.key_id) is not None
    assert set(used.values()) == {None}


def test_a_nonce_counts_once_and_is_forgotten_in_time(
    gate: CatalogGatekeeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    up = 5000.0
    monkeypatch.setattr(nonces, "uptime", lambda: up)
    assert gate.first_use(secret_id="s1", nonce="0.5", now=1000.0)
    up += NONCE_MEMORY - 1
    assert not gate.first_use(secret_id="s1", nonce="0.5", now=1000.0 + NONCE_MEMORY - 1)
    assert gate.first_use(secret_id="s2", nonce="0.5", now=1000.0)
    up += 2
    assert gate.first_use(secret_id="s1", nonce="0.5", now=1001.0 + NONCE_MEMORY)


def test_a_clock_that_leaps_and_comes_back_brings_no_nonce_back(gate: CatalogGatekeeper) -> None:
    assert gate.first_use(secret_id="s1", nonce="0.5", now=1000.0)
    for leap in (86400.0, -86400.0):
        assert gate.first_use(secret_id="s1", nonce=f"{leap}", now=1000.0 + leap)
        assert not gate.first_use(secret_id="s1", nonce="0.5", now=1010.0)


def test_a_machine_that_started_anew_remembers_for_a_while(
    gate: CatalogGatekeeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert gate.first_use(secret_id="s1", nonce="0.5", now=1000.0)
    monkeypatch.setattr(nonces, "_boot", lambda: "another")
    monkeypatch.setattr(nonces, "uptime", lambda: 30.0)
    assert not gate.first_use(secret_id="s1", nonce="0.5", now=90000.0)
    monkeypatch.setattr(nonces, "uptime", lambda: NONCE_MEMORY + 1)
    assert gate.first_use(secret_id="s1", nonce="0.5", now=90000.0)


def test_a_nonce_takes_neither_the_catalogs_lock_nor_an_fsync(
    accounts: Accounts, gate: CatalogGatekeeper
) -> None:
    with Catalog.open(accounts.data_dir, create=False) as catalog, catalog.database.excluded():
        assert gate.first_use(secret_id="s1", nonce="0.5", now=1000.0)
    with Nonces(accounts.data_dir).database.write() as connection:
        assert connection.execute("PRAGMA synchronous").fetchone() == (1,)  # NORMAL: no fsync in WAL mode


def test_no_question_about_rights_reads_all_channels(accounts: Accounts) -> None:
    with (
        Catalog.open(accounts.data_dir, create=False) as catalog,
        catalog.database.read() as connection,
    ):
        for query, values in ((RIGHTS, ("shop", "posters")), (USABLE, ("shop", "shop")), (OWNED, ("shop",))):
            plan = " / ".join(row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {query}", values))
            assert "SEARCH" in plan
            assert "SCAN" not in plan, plan


def race(data_dir: Path, count: int, won: multiprocessing.Queue[int], barrier: object) -> None:
    keeper = CatalogGatekeeper(data_dir)
    barrier.wait()  # type: ignore[attr-defined]
    won.put(sum(keeper.first_use(secret_id="s1", nonce=str(i), now=1000.0) for i in range(count)))
    keeper.close()


def test_two_processes_racing_on_nonces_win_each_once(accounts: Accounts) -> None:
    spawn = multiprocessing.get_context("spawn")
    won, barrier = spawn.Queue(), spawn.Barrier(2)
    racers = [spawn.Process(target=race, args=(accounts.data_dir, 20, won, barrier)) for _ in range(2)]
    for racer in racers:
        racer.start()
    total = won.get(timeout=60) + won.get(timeout=60)
    for racer in racers:
        racer.join(timeout=60)
    assert total == 20


def test_removing_an_account_is_all_or_nothing(accounts: Accounts, monkeypatch: pytest.MonkeyPatch) -> None:
    make_channel(accounts, "posters", owner="shop")
    before = accounts.account(username="shop")
    assert before.owns != ()
    with monkeypatch.context() as patched:
        patched.setattr(Catalog, "disown", Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            accounts.remove_account(username="shop")
    assert accounts.account(username="shop") == before
    assert accounts.remove_account(username="shop") == before.owns
    accounts.add_account(username="shop")
    assert accounts.account(username="shop").owns == (), (
        "what another account of that name had is not its own"
    )


Made = Counter[str]


def change_accounts(data_dir: Path, number: int, done: multiprocessing.Queue[Made], barrier: object) -> None:
    """Add keys to an account that all share, accounts of one's own, and one that the others remove."""
    made: Made = Counter()
    with Accounts(data_dir) as accounts:
        everything = KeyRequest(scope=Scope.ALL)
        barrier.wait()  # type: ignore[attr-defined]
        for turn in range(4):
            own = f"own{number}{turn}"
            changes: dict[str, Callable[[], object]] = {
                "own": partial(accounts.add_account, username=own),
                "key": partial(accounts.add_key, username="shop", key=everything),
                "common": partial(accounts.add_account, username="common"),
                "grant": partial(accounts.grant, username="common", channel="posters", scope=Scope.FIND),
                "more": partial(accounts.add_key, username="common", key=everything),
                "gone": partial(accounts.remove_account, username="common"),
            }
            for name, change in changes.items():
                with suppress(AccountExists, AccountNotFound):
                    change()
                    made[name] += 1
    done.put(made)


def test_account_changes_of_several_processes_lose_nothing_and_leave_no_half(accounts: Accounts) -> None:
    make_channel(accounts, "posters")
    spawn = multiprocessing.get_context("spawn")
    done, barrier = spawn.Queue(), spawn.Barrier(3)
    racers = [
        spawn.Process(target=change_accounts, args=(accounts.data_dir, number, done, barrier))
        for number in range(3)
    ]
    for racer in racers:
        racer.start()
    made = sum((done.get(timeout=60) for _ in racers), Made())
    for racer in racers:
        racer.join(timeout=60)
    assert (made["own"], made["key"]) == (12, 12)
    names = {account.username for account in accounts.accounts()}
    assert names - {"common"} == {"shop", *(f"own{number}{turn}" for number in range(3) for turn in range(4))}
    assert len(accounts.account(username="shop").keys) == 13
    assert made["common"] - made["gone"] == ("common" in names)
    changes = Counter(entry.what for entry in accounts.audit(limit=1000))
    assert changes["account added"] == 1 + made["own"] + made["common"]
    assert changes["account removed"] == made["gone"]
    with Catalog.open(accounts.data_dir, create=False) as catalog, catalog.database.read() as connection:
        for table in ("keys", "grants", "bindings"):
            orphans = f"SELECT count(*) FROM {table} WHERE username NOT IN (SELECT username FROM accounts)"
            assert connection.execute(orphans).fetchone() == (0,)
        assert [*failing(connection, CATALOG.sealed)] == []
