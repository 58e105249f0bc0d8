"""The tables of the four kinds of database, as numbered steps (see arcli.store.migrations).

A step that was released is never edited: a change is one more step.
"""

from __future__ import annotations

import sqlite3

from arcli.store import checksums
from arcli.store.checksums import SealedTable
from arcli.store.migrations import Schema

_STORE_TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE state (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    changes INTEGER NOT NULL,
    dead_changes INTEGER NOT NULL,
    targets INTEGER NOT NULL,
    generation INTEGER NOT NULL
) STRICT;
INSERT INTO state VALUES (1, 0, 0, 0, 0);
CREATE TABLE targets (
    row_id INTEGER PRIMARY KEY AUTOINCREMENT,
    identifier TEXT NOT NULL UNIQUE,
    metadata TEXT,
    matchratio TEXT,
    level INTEGER,
    active INTEGER NOT NULL CHECK (active IN (0, 1)),
    picture_hash TEXT,
    created TEXT NOT NULL,
    updated TEXT NOT NULL
) STRICT;
CREATE INDEX inactive ON targets (row_id) WHERE active = 0;
CREATE TABLE features (
    row_id INTEGER PRIMARY KEY REFERENCES targets ON DELETE CASCADE, data BLOB NOT NULL
) STRICT;
CREATE TABLE pictures (
    row_id INTEGER PRIMARY KEY REFERENCES targets ON DELETE CASCADE, data BLOB NOT NULL
) STRICT;
CREATE TABLE thumbnails (
    row_id INTEGER PRIMARY KEY REFERENCES targets ON DELETE CASCADE, data BLOB NOT NULL
) STRICT;
CREATE TABLE dead (row_id INTEGER PRIMARY KEY, at INTEGER NOT NULL) STRICT;
CREATE TABLE segments (
    name TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    dim INTEGER NOT NULL,
    ef INTEGER NOT NULL,
    descriptors INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    crc32 INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    first_row INTEGER NOT NULL,
    last_row INTEGER NOT NULL,
    rows INTEGER NOT NULL,
    built_at INTEGER NOT NULL,
    store_id TEXT NOT NULL,
    epoch TEXT NOT NULL,
    retired INTEGER
) STRICT, WITHOUT ROWID;
"""

_CATALOG_TABLES = """
CREATE TABLE channels (
    name TEXT PRIMARY KEY,
    folder TEXT NOT NULL UNIQUE COLLATE NOCASE,
    settings TEXT NOT NULL,
    preset INTEGER NOT NULL,
    created TEXT NOT NULL
) STRICT, WITHOUT ROWID;
"""

_ACCOUNT_TABLES = """
CREATE TABLE accounts (username TEXT PRIMARY KEY, created TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE keys (
    key_id TEXT PRIMARY KEY,
    username TEXT NOT NULL REFERENCES accounts ON DELETE CASCADE,
    kind TEXT NOT NULL,
    digest BLOB NOT NULL,
    scope TEXT NOT NULL,
    channels TEXT,
    created TEXT NOT NULL,
    last_used TEXT,
    revoked TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX keys_of ON keys (username);
CREATE TABLE grants (
    username TEXT NOT NULL REFERENCES accounts ON DELETE CASCADE,
    channel TEXT NOT NULL REFERENCES channels ON DELETE CASCADE,
    scope TEXT NOT NULL,
    PRIMARY KEY (username, channel)
) STRICT, WITHOUT ROWID;
CREATE INDEX grants_of ON grants (channel);
CREATE TABLE bindings (
    secret_id TEXT PRIMARY KEY,
    username TEXT NOT NULL REFERENCES accounts ON DELETE CASCADE,
    channels TEXT NOT NULL,
    public_key TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE nonces (
    secret_id TEXT NOT NULL, nonce TEXT NOT NULL, seen REAL NOT NULL, PRIMARY KEY (secret_id, nonce)
) STRICT, WITHOUT ROWID;
CREATE INDEX nonces_seen ON nonces (seen);
"""

_CATALOG_2 = """
ALTER TABLE channels ADD COLUMN owner TEXT;
UPDATE channels SET owner = json_extract(settings, '$.owner');
CREATE INDEX channels_of ON channels (owner);
CREATE TABLE leaving (folder TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
CREATE TABLE quotas (
    owner TEXT NOT NULL, channel TEXT NOT NULL, quota INTEGER NOT NULL, PRIMARY KEY (owner, channel)
) STRICT, WITHOUT ROWID;
DROP TABLE nonces;
"""

_NONCE_TABLES = """
CREATE TABLE nonces (
    secret_id TEXT NOT NULL,
    nonce TEXT NOT NULL,
    seen REAL NOT NULL,
    boot TEXT NOT NULL,
    uptime REAL NOT NULL,
    PRIMARY KEY (secret_id, nonce)
) STRICT, WITHOUT ROWID;
CREATE INDEX nonces_seen ON nonces (seen);
"""

_AUDIT_TABLES = """
ALTER TABLE keys ADD COLUMN expires TEXT;
ALTER TABLE keys ADD COLUMN rate REAL;
CREATE TABLE audit (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    at TEXT NOT NULL,
    who TEXT NOT NULL,
    what TEXT NOT NULL,
    subject TEXT NOT NULL,
    details TEXT NOT NULL
) STRICT;
"""

_COUNTS_TABLES = """
CREATE TABLE counts (
    day TEXT NOT NULL,
    identifier TEXT NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (day, identifier)
) STRICT, WITHOUT ROWID;
"""


_STORE_3 = """
ALTER TABLE targets ADD COLUMN features_crc INTEGER;
ALTER TABLE targets ADD COLUMN picture_crc INTEGER;
ALTER TABLE targets ADD COLUMN thumbnail_crc INTEGER;
ALTER TABLE targets ADD COLUMN crc32 INTEGER;
INSERT INTO meta (key, value) SELECT 'unsealed', seq FROM sqlite_sequence WHERE name = 'targets';
"""

_KEY_FILES = """
CREATE TABLE key_files (name TEXT PRIMARY KEY, sha256 TEXT NOT NULL) STRICT, WITHOUT ROWID;
"""

_COUNTS_2 = "CREATE INDEX counts_of ON counts (identifier, day);\n"


_COUNTS_3 = "ALTER TABLE counts ADD COLUMN crc32 INTEGER;\n"

META = SealedTable("meta", ("key",), ("value",))
CHANNELS = SealedTable("channels", ("name",), ("folder", "settings", "preset", "created", "owner"))
ACCOUNTS = SealedTable("accounts", ("username",), ("created",))
KEYS = SealedTable(
    "keys",
    ("key_id",),
    (
        *("username", "kind", "digest", "scope", "channels"),
        *("created", "last_used", "revoked", "expires", "rate"),
    ),
)
GRANTS = SealedTable("grants", ("username", "channel"), ("scope",))
BINDINGS = SealedTable("bindings", ("secret_id",), ("username", "channels", "public_key"))
QUOTAS = SealedTable("quotas", ("owner", "channel"), ("quota",))
KEY_FILES = SealedTable("key_files", ("name",), ("sha256",))
AUDIT = SealedTable("audit", ("number",), ("at", "who", "what", "subject", "details"))
COUNTED = SealedTable("counts", ("day", "identifier"), ("count",))
_STORE_SEALED = (META,)
_CATALOG_SEALED = (CHANNELS, ACCOUNTS, KEYS, GRANTS, BINDINGS, QUOTAS, KEY_FILES, AUDIT)


def run(connection: sqlite3.Connection, script: str) -> None:
    """Execute the statements of `script` within the current transaction (executescript would end it)."""
    for statement in script.split(";\n"):
        if statement.strip():
            connection.execute(statement)


def _store_1(connection: sqlite3.Connection) -> None:
    run(connection, _STORE_TABLES)


def _store_2(connection: sqlite3.Connection) -> None:
    connection.execute("ALTER TABLE targets ADD COLUMN name TEXT")


def _store_3(connection: sqlite3.Connection) -> None:
    """Existing rows get their checksums later, some at a time (arcli.store.rows)."""
    run(connection, _STORE_3)
    checksums.add_column(connection, _STORE_SEALED)


def _catalog_1(connection: sqlite3.Connection) -> None:
    run(connection, _CATALOG_TABLES)
    run(connection, _ACCOUNT_TABLES)


def _catalog_2(connection: sqlite3.Connection) -> None:
    run(connection, _CATALOG_2)


def _catalog_3(connection: sqlite3.Connection) -> None:
    run(connection, _AUDIT_TABLES)


def _catalog_4(connection: sqlite3.Connection) -> None:
    run(connection, _KEY_FILES)
    checksums.add_column(connection, _CATALOG_SEALED)


def _counts_1(connection: sqlite3.Connection) -> None:
    run(connection, _COUNTS_TABLES)


def _counts_2(connection: sqlite3.Connection) -> None:
    run(connection, _COUNTS_2)


def _counts_3(connection: sqlite3.Connection) -> None:
    run(connection, _COUNTS_3)
    connection.execute(f"UPDATE counts SET crc32 = {COUNTED.sum}")  # noqa: S608 - constants


def _backup_1(connection: sqlite3.Connection) -> None:
    for step in (_store_1, _store_2, _store_3, _counts_1, _counts_2, _counts_3):
        step(connection)


def _nonces_1(connection: sqlite3.Connection) -> None:
    run(connection, _NONCE_TABLES)


# "arF1" … the kinds differ in one byte
STORE = Schema(
    application_id=0x61724631,
    migrations=(_store_1, _store_2, _store_3),
    sealed=_STORE_SEALED,
    progress="SELECT changes, targets FROM state",
)
BACKUP = Schema(
    application_id=0x61724635,
    migrations=(_backup_1,),
    sealed=_STORE_SEALED,
)
CATALOG = Schema(
    application_id=0x61724632,
    migrations=(_catalog_1, _catalog_2, _catalog_3, _catalog_4),
    readable=1,
    sealed=_CATALOG_SEALED,
    progress="SELECT (SELECT seq FROM sqlite_sequence WHERE name = 'audit'), (SELECT count(*) FROM keys)",
)
COUNTS = Schema(application_id=0x61724633, migrations=(_counts_1, _counts_2, _counts_3), readable=1)
NONCES = Schema(application_id=0x61724634, migrations=(_nonces_1,))
