"""What can be changed in one transaction of a channel's store."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping

from arcli.errors import TargetExists, TargetNotFound
from arcli.models import ChannelSettings, TargetChanges
from arcli.store.checksums import checksum
from arcli.store.rows import (
    BLOBS,
    SUMMED,
    NewTarget,
    TargetRow,
    matchratio_text,
    now,
    seal_targets,
    settings_text,
)
from arcli.store.snapshot import Snapshot, home_of


class WriteTransaction(Snapshot):
    """A snapshot that can be changed. What it changes is durable when its `with` block has ended."""

    def insert(self, new: NewTarget) -> int:
        """Add a target and return its row id. Raises TargetExists, QuotaExceeded."""
        if self.row_id(new.identifier) is not None:
            raise TargetExists(f"{new.identifier} exists already", item=new.identifier)
        self.refuse_if_full(new.identifier)
        return self._insert(new, new.created or now())

    def holder(self, row_id: int) -> str | None:
        """Return the segment that holds a target, None if it is searched beside the segments."""
        from arcli.store import segments

        return segments.holder(self, row_id)

    def restore(self, new: NewTarget, row_id: int, segment: str | None) -> int:
        """Add a target that was removed, under its row id; `segment` held it then (`segments.holder`).

        Raises TargetExists, QuotaExceeded.
        """
        if self.row_id(new.identifier) is not None:
            raise TargetExists(f"{new.identifier} exists already", item=new.identifier)
        self.refuse_if_full(new.identifier)
        self.connection.execute("DELETE FROM dead WHERE row_id = ?", (row_id,))
        self.set_restored(self.restored() | {row_id: (self.changes(), segment)})
        self.connection.execute("UPDATE state SET dead_changes = dead_changes + 1")
        return self._insert(new, new.created or now(), row_id)

    def set_restored(self, rows: Mapping[int, tuple[int, str | None]]) -> None:
        """Replace what `restored` returns."""
        if rows:
            self._set_meta("restored", json.dumps(rows))
        else:
            self.connection.execute("DELETE FROM meta WHERE key = 'restored'")

    def replace(self, new: NewTarget) -> int:
        """Replace the target of the same identifier with `new`, keeping its date of creation.

        Returns the new row id; the old one is dead. Raises TargetNotFound.
        """
        old = self._existing(new.identifier)
        self._delete(old.row_id)
        return self._insert(new, old.created or now())

    def remove(self, identifier: str) -> int | None:
        """Remove a target and return its row id, or None when there is no such target."""
        row_id = self.row_id(identifier)
        if row_id is not None:
            self._delete(row_id)
        return row_id

    def update(self, identifier: str, changes: TargetChanges) -> TargetRow:
        """Change metadata, matchratio, active and identifier; return the row as it is now.

        A new picture is set by `replace`, not here. Raises TargetNotFound, TargetExists.
        """
        row = self._existing(identifier)
        if changes.active is not None and changes.active != row.active:
            self.connection.execute("UPDATE state SET dead_changes = dead_changes + 1")
        if changes.rename is not None and changes.rename != identifier and self.row_id(changes.rename):
            raise TargetExists(f"{changes.rename} exists already", item=changes.rename)
        metadata, matchratio = changes.of(row.as_target())
        self.connection.execute(
            "UPDATE targets SET identifier = coalesce(?, identifier), metadata = ?, matchratio = ?,"
            " active = coalesce(?, active), updated = ? WHERE row_id = ?",
            (
                changes.rename,
                metadata,
                matchratio_text(matchratio),
                changes.active,
                now(),
                row.row_id,
            ),
        )
        seal_targets(self.connection, row.row_id, row.row_id)
        return self._existing(changes.rename or identifier)

    def set_features(self, row_id: int, data: bytes) -> None:
        """Encode the features of a target's picture in another way, if the target is still there."""
        update = "UPDATE features SET data = ? WHERE row_id = ?"
        if self.connection.execute(update, (data, row_id)).rowcount:
            update = "UPDATE targets SET features_crc = ? WHERE row_id = ?"
            self.connection.execute(update, (checksum(data), row_id))
            seal_targets(self.connection, row_id, row_id)

    def set_preset(self, number: int) -> None:
        """Replace the number of the channel's preset."""
        self._set_meta("preset", str(number))
        self._info = None

    def set_name(self, name: str) -> None:
        """Replace the channel's name."""
        self._set_meta("name", name)
        self._info = None

    def set_settings(self, settings: ChannelSettings) -> None:
        """Replace the channel's settings."""
        self._set_meta("settings", settings_text(settings))
        self._info = None

    def settle_in(self) -> None:
        """Draw a new epoch if this file was copied or restored since it was last written."""
        if self.info().moved:
            self._set_meta("epoch", secrets.token_hex(8))
            self._set_meta("home", home_of(self._path))
            self._info = None

    def count_change(self) -> None:
        """Increment `changes`, to show that this transaction changed something."""
        if self.connection.total_changes:
            self.connection.execute("UPDATE state SET changes = changes + 1")

    def _existing(self, identifier: str) -> TargetRow:
        row = self.target(identifier)
        if row is None:
            raise TargetNotFound(f"no target {identifier} in channel {self.info().name!r}", item=identifier)
        return row

    def _insert(self, new: NewTarget, created: str, row_id: int | None = None) -> int:
        row_id = row_id or self.last_row() + 1  # what AUTOINCREMENT gives: the checksum covers it
        values = (
            row_id,
            new.identifier,
            new.metadata,
            matchratio_text(new.matchratio),
            new.level,
            int(new.active),
            new.picture_hash,
            created,
            new.updated or now(),
            new.name,
            *map(checksum, (new.features, new.picture, new.thumbnail)),
        )
        marks = ", ".join("?" * (len(values) + 1))
        self.connection.execute(
            f"INSERT INTO targets ({SUMMED}, crc32) VALUES ({marks})",  # noqa: S608 - constants
            (*values, checksum(*values)),
        )
        for table, data in zip(BLOBS, (new.features, new.picture, new.thumbnail), strict=True):
            if data is not None:
                self.connection.execute(f"INSERT INTO {table} VALUES (?, ?)", (row_id, data))  # noqa: S608
        self.connection.execute(
            "UPDATE state SET targets = targets + 1, dead_changes = dead_changes + ?", (not new.active,)
        )
        return row_id

    def _delete(self, row_id: int) -> None:
        self.connection.execute("DELETE FROM targets WHERE row_id = ?", (row_id,))
        self.connection.execute("INSERT INTO dead SELECT ?, changes FROM state", (row_id,))
        self.connection.execute("UPDATE state SET targets = targets - 1, dead_changes = dead_changes + 1")

    def _set_meta(self, key: str, value: str) -> None:
        self.connection.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (key, value))
