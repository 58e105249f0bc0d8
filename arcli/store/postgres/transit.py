"""What is on its way into the index: pending rows, and rows that are to be deleted from it.

A row is pending from the transaction that adds it until it was read back from the index. One carrier at a
time works, which holds an advisory lock: that ends with its connection, however its process ends.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from arcli.errors import Locked
from arcli.models import ClusterState
from arcli.store.postgres.database import Connection, PostgresDatabase, closing_quietly, translated
from arcli.store.postgres.schema import HOME, collection_name
from arcli.store.postgres.targets import PostgresSnapshot

_CARRIER = 0x61724343  # "arCC": the key of the carrier's advisory lock


@dataclass(frozen=True, slots=True)
class IndexPlace:
    """The collection that is filled and searched, and the one that it replaces until it is full.

    guarantee: the index's timestamp with which a search misses nothing that has left the pending rows.
    """

    collection: str
    former: str | None
    guarantee: int


class Transit:
    """The rows of all channels that the index does not have yet, or should no longer have."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    @contextmanager
    def carrying(self) -> Iterator[None]:
        """Be the one carrier. Raises Locked at once when another process is."""
        with translated(), closing_quietly(self._database.connect()) as raw:
            if not raw.execute("SELECT pg_try_advisory_lock(%s)", (_CARRIER,)).fetchone()[0]:
                raise Locked("another process is bringing the index up to date")
            try:
                yield
            finally:
                # a lost connection has let go of it; one that is closed does so a little later
                with suppress(Exception):
                    raw.execute("SELECT pg_advisory_unlock(%s)", (_CARRIER,))

    def place(self) -> IndexPlace:
        with self._database.read() as connection:
            return place_in(connection)

    def pending(
        self, limit: int, channel: int | None = None, *, besides: Sequence[int] = ()
    ) -> list[tuple[int, int, bytes]]:
        """Return (channel, row id, features) of at most `limit` pending rows, channel by channel.

        besides: row ids that are left out.
        """
        only = "" if channel is None else " AND p.channel = %s"
        select = (
            "SELECT p.channel, p.row_id, f.data FROM pending AS p"  # noqa: S608 - literals
            " LEFT JOIN features AS f ON f.channel = p.channel AND f.row_id = p.row_id"
            f" WHERE p.row_id <> ALL(%s){only}"
            " ORDER BY p.channel, p.row_id LIMIT %s"
        )
        left_out = list(besides)
        values = (left_out, limit) if channel is None else (left_out, channel, limit)
        with self._database.read() as connection:
            found = connection.raw.execute(select, values, binary=True)
            return [(number, row, data or b"") for number, row, data in found]

    def waiting(self, channel: int | None = None) -> int:
        """Return how many rows are pending, of one channel or of all."""
        return self._count("pending", channel)

    def removed(self, channel: int | None = None) -> int:
        """Return how many removed rows the index may still have."""
        return self._count("gone", channel)

    def _count(self, table: str, channel: int | None) -> int:
        where, values = ("", ()) if channel is None else (" WHERE channel = ?", (channel,))
        with self._database.read() as connection:
            row = connection.execute(f"SELECT count(*) FROM {table}{where}", values).fetchone()  # noqa: S608
        return int(row[0])

    def state(self) -> ClusterState:
        """Return what an operator watches, in one round trip."""
        select = (
            "SELECT (SELECT count(*) FROM pending), (SELECT count(*) FROM gone), (SELECT count(*) FROM"
            " pg_stat_activity WHERE datname = current_database() AND application_name = 'arcli')"
        )
        with self._database.read() as connection:
            return ClusterState(*connection.execute(select).fetchone())

    def begin_carrying(self) -> bool:
        """Note that rows are being written into the index; say whether an earlier carrier did not end that.

        Then the index may have some of the pending rows.
        """
        with self._database.write() as connection:
            row = connection.execute("SELECT carrying FROM index_state").fetchone()
            if not row[0]:
                connection.execute("UPDATE index_state SET carrying = true")
            return bool(row[0])

    def end_carrying(self) -> None:
        """The index has nothing of a row that is still pending."""
        with self._database.write() as connection:
            connection.execute("UPDATE index_state SET carrying = false")

    def settle(self, channel: int, row_ids: Sequence[int], guarantee: int | None) -> None:
        """Rows were read back from the index: searches of it that carry `guarantee` find them from here on.

        None: the index was given nothing of them.
        """
        with self._database.write() as connection:
            delete = "DELETE FROM pending WHERE channel = %s AND row_id = ANY(%s)"
            connection.raw.execute(delete, (channel, list(row_ids)))
            if guarantee is not None:
                connection.execute("UPDATE index_state SET guarantee = greatest(guarantee, ?)", (guarantee,))

    def gone(self, limit: int, *, seconds: float) -> list[tuple[int, list[int]]]:
        """Return (channel, row ids) of at most `limit` rows that were removed more than `seconds` ago.

        A search that began before the removal still finds its target until then.
        """
        select = (
            "SELECT channel, row_id FROM gone WHERE at <= now() - make_interval(secs => ?)"
            " ORDER BY channel, row_id LIMIT ?"
        )
        found: dict[int, list[int]] = {}
        with self._database.read() as connection:
            for channel, row in connection.execute(select, (seconds, limit)):
                found.setdefault(channel, []).append(row)
        return list(found.items())

    def forget(self, channel: int, row_ids: Sequence[int]) -> None:
        """Removed rows are no longer in the index."""
        with self._database.write() as connection:
            delete = "DELETE FROM gone WHERE channel = %s AND row_id = ANY(%s)"
            connection.raw.execute(delete, (channel, list(row_ids)))

    def leaving(self) -> list[int]:
        """Return the numbers of removed channels that the index may still have."""
        with self._database.read() as connection:
            return [number for (number,) in connection.execute("SELECT channel FROM leaving")]

    def left(self, channel: int) -> None:
        """A removed channel is no longer in the index."""
        with self._database.write() as connection:
            connection.execute("DELETE FROM leaving WHERE channel = ?", (channel,))

    def gather_tallies(self) -> None:
        """Add the rows of changes up, so that counting a channel stays cheap."""
        with self._database.write(long=True) as connection:
            connection.execute(
                "WITH taken AS (DELETE FROM tally RETURNING channel, targets, changes)"
                " INSERT INTO tally SELECT channel, sum(targets), sum(changes) FROM taken GROUP BY channel"
            )

    def moved(self) -> bool:
        """Say whether this database was restored or copied since its collection was begun.

        Milvus may then have rows that are not this database's, under row ids that it gives again.
        """
        with self._database.read() as connection:
            select = f"SELECT home <> {HOME} FROM index_state"  # noqa: S608 - a constant
            return bool(connection.execute(select).fetchone()[0])

    def begin_again(self) -> IndexPlace:
        """Have all rows carried into a new collection; until that is done, they are all pending."""
        with self._database.write(long=True) as connection:
            store_id = connection.execute("SELECT value FROM meta WHERE key = 'store_id'").fetchone()[0]
            connection.execute(
                "UPDATE index_state SET former = coalesce(former, collection), collection = ?,"  # noqa: S608
                f" guarantee = 0, home = {HOME}",
                (collection_name(store_id),),
            )
            connection.execute(
                "INSERT INTO pending SELECT channel, row_id, true FROM targets ON CONFLICT DO NOTHING"
            )
        return self.place()

    def former_is_gone(self) -> None:
        """The collection that was replaced is no longer there."""
        with self._database.write() as connection:
            connection.execute("UPDATE index_state SET former = NULL")


def place_in(connection: Connection) -> IndexPlace:
    """Return which collections a transaction is to search."""
    select = "SELECT collection, former, guarantee FROM index_state"
    return IndexPlace(*connection.execute(select).fetchone())


def active_rows(snapshot: PostgresSnapshot, limit: int) -> list[int]:
    """Return the row ids, at most `limit`, of all active targets of a channel."""
    select = "SELECT row_id FROM targets WHERE channel = %s AND active ORDER BY row_id LIMIT %s"
    found = snapshot.connection.raw.execute(select, (snapshot.number, limit), binary=True)
    return [row for (row,) in found]


def pending_rows(snapshot: PostgresSnapshot, limit: int, *, refill: bool) -> list[int]:
    """Return the row ids, at most `limit`, of active targets of a channel that the index may not have.

    refill: also of those that the former collection has.
    """
    select = (
        "SELECT p.row_id FROM pending AS p JOIN targets AS t ON t.channel = p.channel AND t.row_id = p.row_id"
        " WHERE p.channel = %s AND (%s OR NOT p.refill) AND t.active ORDER BY p.row_id LIMIT %s"
    )
    found = snapshot.connection.raw.execute(select, (snapshot.number, refill, limit), binary=True)
    return [row for (row,) in found]
