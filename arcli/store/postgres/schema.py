"""The tables in PostgreSQL, as numbered steps. Each runs once, whoever starts first.

All identifiers sort by code points (COLLATE "C"). What grows with the targets is split by the hash of its
channel; features, pictures and thumbnails are in tables of their own, uncompressed (they are compressed
already). A channel's number and a row id are never reused.
"""

from __future__ import annotations

import secrets

from arcli.store.postgres.database import POSTGRES, SCHEMA, Connection, PostgresDatabase, too_new

_LOCK = 0x6172434C  # "arCL": the key of the advisory lock that migrations hold

HOME = (
    "(SELECT system_identifier || ':' || timeline_id FROM pg_control_system(), pg_control_checkpoint())"
    " || ':' || (SELECT oid FROM pg_database WHERE datname = current_database())"
)
"""What tells this database from a copy, and from itself before it was restored."""

_CATALOG = """
CREATE TABLE channels (
    name text COLLATE "C" PRIMARY KEY,
    number bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    settings text NOT NULL,
    preset integer NOT NULL,
    created text NOT NULL,
    owner text COLLATE "C"
);
CREATE INDEX channels_of ON channels (owner);
CREATE TABLE quotas (
    owner text COLLATE "C", channel text COLLATE "C", quota bigint NOT NULL, PRIMARY KEY (owner, channel)
);
CREATE TABLE accounts (username text COLLATE "C" PRIMARY KEY, created text NOT NULL);
CREATE TABLE keys (
    key_id text COLLATE "C" PRIMARY KEY,
    username text COLLATE "C" NOT NULL REFERENCES accounts ON DELETE CASCADE,
    kind text NOT NULL,
    digest bytea NOT NULL,
    scope text NOT NULL,
    channels text,
    created text COLLATE "C" NOT NULL,
    last_used text,
    revoked text,
    expires text COLLATE "C",
    rate double precision
);
CREATE INDEX keys_of ON keys (username);
CREATE TABLE grants (
    username text COLLATE "C" REFERENCES accounts ON DELETE CASCADE,
    channel text COLLATE "C" REFERENCES channels ON DELETE CASCADE ON UPDATE CASCADE,
    scope text NOT NULL,
    PRIMARY KEY (username, channel)
);
CREATE INDEX grants_of ON grants (channel);
CREATE TABLE bindings (
    secret_id text COLLATE "C" PRIMARY KEY,
    username text COLLATE "C" NOT NULL REFERENCES accounts ON DELETE CASCADE,
    channels text NOT NULL,
    public_key text NOT NULL
);
CREATE TABLE audit (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at text NOT NULL,
    who text NOT NULL,
    what text NOT NULL,
    subject text COLLATE "C" NOT NULL,
    details text NOT NULL
);
CREATE INDEX audit_of ON audit (subject, number);
CREATE TABLE server_secrets (name text PRIMARY KEY, data bytea NOT NULL);
CREATE TABLE nonces (
    secret_id text COLLATE "C",
    nonce text COLLATE "C",
    seen timestamptz NOT NULL,
    PRIMARY KEY (secret_id, nonce)
);
CREATE INDEX nonces_seen ON nonces (seen);
CREATE SEQUENCE rows AS bigint CACHE 1;
CREATE TABLE tally (channel bigint NOT NULL, targets bigint NOT NULL, changes bigint NOT NULL);
CREATE INDEX tally_of ON tally (channel);
CREATE TABLE pending (
    channel bigint, row_id bigint, refill boolean NOT NULL DEFAULT false, PRIMARY KEY (channel, row_id)
);
CREATE TABLE gone (
    channel bigint, row_id bigint, at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (channel, row_id)
);
CREATE TABLE leaving (channel bigint PRIMARY KEY);
CREATE TABLE index_state (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    collection text NOT NULL,
    former text,
    home text NOT NULL
);
"""

_TARGETS = """
CREATE TABLE targets (
    channel bigint NOT NULL,
    row_id bigint NOT NULL,
    identifier text COLLATE "C" NOT NULL,
    metadata text,
    matchratio text,
    level integer,
    active boolean NOT NULL,
    picture_hash text,
    created text NOT NULL,
    updated text NOT NULL,
    name text,
    PRIMARY KEY (channel, row_id),
    UNIQUE (channel, identifier)
) PARTITION BY HASH (channel);
"""

_BLOBS = """
CREATE TABLE {table} (
    channel bigint NOT NULL,
    row_id bigint NOT NULL,
    data bytea STORAGE EXTERNAL NOT NULL,
    PRIMARY KEY (channel, row_id)
) PARTITION BY HASH (channel);
"""

_COUNTS = """
CREATE TABLE counts (
    channel bigint NOT NULL,
    day date NOT NULL,
    identifier text COLLATE "C" NOT NULL,
    count bigint NOT NULL,
    PRIMARY KEY (channel, day, identifier)
) PARTITION BY HASH (channel);
CREATE INDEX counts_of ON counts (channel, identifier);
"""
BLOB_TABLES = ("features", "pictures", "thumbnails")


def _step_1(connection: Connection) -> None:
    version = connection.raw.info.server_version
    blobs = _BLOBS if version >= 160000 else _BLOBS.replace(" STORAGE EXTERNAL", "")
    tables = [_CATALOG, _TARGETS, _COUNTS, *(blobs.format(table=table) for table in BLOB_TABLES)]
    for script in tables:
        connection.raw.execute(script)
    for table in ("targets", "counts", *BLOB_TABLES):
        for number in range(POSTGRES.partitions):
            part = f"{table}_{number}"
            connection.raw.execute(
                f"CREATE TABLE {part} PARTITION OF {table}"
                f" FOR VALUES WITH (MODULUS {POSTGRES.partitions}, REMAINDER {number})"
            )
            if table in BLOB_TABLES and version < 160000:
                connection.raw.execute(f"ALTER TABLE {part} ALTER data SET STORAGE EXTERNAL")
    store_id = secrets.token_hex(16)
    insert = "INSERT INTO meta (key, value) VALUES (?, ?)"
    connection.executemany(insert, [("store_id", store_id)])
    insert = f"INSERT INTO index_state (collection, home) SELECT ?, {HOME}"
    connection.execute(insert, (collection_name(store_id),))


def _step_2(connection: Connection) -> None:
    connection.raw.execute(
        "CREATE TABLE failures (number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, server text NOT NULL,"
        " bucket text NOT NULL, key text NOT NULL, times integer NOT NULL,"
        " at timestamptz NOT NULL DEFAULT clock_timestamp())"
    )
    connection.raw.execute("CREATE INDEX failures_at ON failures (at)")


def _step_3(connection: Connection) -> None:
    connection.raw.execute(
        "ALTER TABLE index_state ADD COLUMN guarantee bigint NOT NULL DEFAULT 0,"
        " ADD COLUMN carrying boolean NOT NULL DEFAULT true"
    )


STEPS = (_step_1, _step_2, _step_3)


def collection_name(store_id: str) -> str:
    """Return a new name of a collection: of this store, and of an epoch that is drawn now."""
    return f"arcli_{store_id[:12]}_{secrets.token_hex(6)}"


def format_of(connection: Connection) -> int | None:
    """Return the number of steps that were done, None where there are no tables. Raises DataTooNew."""
    if connection.raw.execute("SELECT to_regclass(%s)", (f"{SCHEMA}.meta",)).fetchone()[0] is None:
        return None
    row = connection.execute("SELECT value FROM meta WHERE key = 'format'").fetchone()
    number = int(row[0]) if row else 0
    if number > len(STEPS):
        raise too_new(number, len(STEPS))
    return number


def make_tables(database: PostgresDatabase) -> int:
    """Do the steps that are missing, in one transaction; return how many. Several may start this at once."""
    with database.write(long=True) as connection:
        connection.raw.execute("SET LOCAL lock_timeout = '120s'")
        connection.raw.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        done = format_of(connection)
        if done == len(STEPS):
            return 0
        if done is None:
            connection.raw.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
            connection.raw.execute("CREATE TABLE meta (key text PRIMARY KEY, value text NOT NULL)")
        for step in STEPS[done or 0 :]:
            step(connection)
        connection.execute(
            "INSERT INTO meta (key, value) VALUES ('format', ?)"
            " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            (str(len(STEPS)),),
        )
        return len(STEPS) - (done or 0)
