"""Limits on failed attempts over servers of several machines, which share a PostgreSQL and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING

import httpx
import pytest

from arcli.errors import Unreachable
from arcli.models import KeyRequest
from arcli.server.options import ServeOptions
from arcli.server.requests import access
from arcli.server.requests.access import Admission, SharedFailures
from arcli.server.requests.limits import Buckets, BucketTable
from arcli.server.work import Workers
from arcli.settings import ClusterPlace
from arcli.store.postgres.access import PostgresAccounts, PostgresFailures, PostgresGatekeeper
from arcli.store.protocols import FailedAttempts
from tests.cluster.servers import fresh_cluster
from tests.cluster.test_access import Shell

if TYPE_CHECKING:
    import psycopg
else:
    psycopg = pytest.importorskip("psycopg", reason="the extra cluster is not installed")
ACCOUNT, ADDRESS = "shöp", "192.0.2.7"
MOST = ServeOptions(data_dir=Path()).failures_per_address


@pytest.fixture
def place() -> Iterator[ClusterPlace]:
    with fresh_cluster() as found:
        yield found


class Machine:
    """What one server process has of its own; `table` is common to those of a machine."""

    def __init__(self, place: ClusterPlace, stack: ExitStack, table: BucketTable | None = None) -> None:
        self.table = table or stack.enter_context(closing(BucketTable()))
        workers = Workers("quick", threads=1, queue=1)
        keeper = stack.enter_context(closing(PostgresGatekeeper(place.postgres)))
        self.log = stack.enter_context(closing(PostgresFailures(place.postgres)))
        options = ServeOptions(data_dir=place)
        self.admission = Admission(keeper, options, workers, self.table, self.log)
        self.sharing = self.admission.sharing
        stack.callback(workers.close)

    def fail(self, times: int) -> None:
        for _ in range(times):
            self.admission.count_failure(ACCOUNT, ADDRESS)

    def exchange(self) -> None:
        assert isinstance(self.sharing, SharedFailures)
        self.sharing.exchange()

    def limited(self) -> bool:
        return self.admission.is_limited(ACCOUNT, ADDRESS)


@pytest.fixture
def machines(place: ClusterPlace, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Machine]]:
    """Three machines, where nothing is forgiven during a test."""
    monkeypatch.setattr(access, "ADMISSION", replace(access.ADMISSION, forgiven=1e-6))
    with ExitStack() as stack:
        yield [Machine(place, stack) for _ in range(3)]


def test_failures_at_each_machine_count_at_all(machines: list[Machine]) -> None:
    for machine in machines[:2]:
        machine.fail(MOST // 2 + 1)
        assert not machine.limited()
    for _ in range(2):
        for machine in machines:
            machine.exchange()
    assert [machine.limited() for machine in machines] == [True] * 3


def test_a_report_counts_once_however_often_it_is_read_and_by_how_many_processes(
    machines: list[Machine], place: ClusterPlace
) -> None:
    with ExitStack() as stack:
        sibling = Machine(place, stack, machines[1].table)
        machines[0].fail(MOST // 2)
        machines[0].exchange()
        for reader in (machines[1], sibling) * 4:
            reader.exchange()
        assert not machines[1].limited()
        sibling.fail(MOST // 2 + 2)
        assert machines[1].limited()


def test_many_failures_are_one_row_for_each_bucket_and_no_failure_none(
    machines: list[Machine], place: ClusterPlace
) -> None:
    machines[0].fail(MOST)
    machines[0].exchange()
    with psycopg.connect(place.postgres, autocommit=True) as connection:
        rows = connection.execute("SELECT sum(times), count(*) FROM arcli.failures").fetchone()
        assert rows is not None
        assert rows[0] > MOST
        assert rows[1] == 3, "one row for each bucket, not for each failure"
        for machine in machines:
            machine.exchange()
        after = connection.execute("SELECT count(*) FROM arcli.failures").fetchone()
    assert after == (3,)


def test_what_another_machine_forgave_since_is_not_counted() -> None:
    with closing(BucketTable()) as table:
        bucket = Buckets("address", burst=10, rate=0.5, table=table, clock=lambda: 100.0)
        bucket.add(ADDRESS, 12, age=4.0)
        assert not bucket.has_room(ADDRESS)
        bucket.add("another", 12, age=6.0)
        assert bucket.has_room("another")


def test_what_could_not_be_told_is_told_the_next_time() -> None:
    told: list[Mapping[tuple[str, str], int]] = []

    class Log:
        def close(self) -> None: ...

        def exchange(
            self, server: str, failed: Mapping[tuple[str, str], int], *, seconds: float
        ) -> Sequence[FailedAttempts]:
            told.append(dict(failed))
            if len(told) == 1:
                raise Unreachable("away")
            return []

    table = BucketTable()
    sharing = SharedFailures(Log(), table, {})
    sharing.note("address", ADDRESS)
    with pytest.raises(Unreachable):
        sharing.exchange()
    sharing.note("address", ADDRESS)
    sharing.exchange()
    table.close()
    assert told == [{("address", f'"{ADDRESS}"'): 1}, {("address", f'"{ADDRESS}"'): 2}]


def test_a_second_server_refuses_who_failed_too_often_at_the_first(
    place: ClusterPlace, tmp_path: Path
) -> None:
    with PostgresAccounts(place.postgres) as accounts:
        accounts.add_account(username="shop", key=KeyRequest(secretkey="imported"))
    shell = Shell(tmp_path, place)
    with ExitStack() as stack:
        first, url = shell.serve()
        stack.callback(_end, first)
        for _ in range(MOST):
            _ask(url, "wrong")
        with psycopg.connect(place.postgres, autocommit=True) as connection:
            while _reported(connection) < MOST:
                assert first.poll() is None
        started = Event()
        failing = Thread(target=_fail_until, args=(started, url))
        failing.start()
        try:
            second, other = shell.serve()
        finally:
            started.set()
            failing.join()
        stack.callback(_end, second)
        more = 0
        while (answer := _ask(other, "wrong")) == 401:
            more += 1
        assert answer == 429
        assert more < MOST, "what the first server counted, but for what is forgiven with time"


def _fail_until(started: Event, url: str) -> None:
    """Fail again for what a server forgives with time, however long another one takes to start."""
    while not started.wait(0.2):
        _ask(url, "wrong")


def _reported(connection: psycopg.Connection[tuple[int]]) -> int:
    select = "SELECT coalesce(sum(times), 0) FROM arcli.failures WHERE bucket = 'address'"
    row = connection.execute(select).fetchone()
    return 0 if row is None else int(row[0])


def _ask(url: str, secret: str) -> int:
    """Return the HTTP status that a secret of the account `shop` gets."""
    return httpx.get(f"{url}/arcli/v1/channels", auth=("shop", secret)).status_code


def _end(process: object) -> None:
    process.kill()  # type: ignore[attr-defined]
    process.wait()  # type: ignore[attr-defined]
    process.stdout.close()  # type: ignore[attr-defined]
