"""The disk under a data folder: space reserved for removals, and whether it is that of a network."""

from __future__ import annotations

import contextlib
import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from arcli.store.connections import STORE
from arcli.system import free_bytes

RESERVE_FILE = "reserve"
_NETWORKS = {
    *("nfs", "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "9p", "afs", "ceph", "lustre", "gpfs", "beegfs"),
    *("coda", "glusterfs", "davfs", "ocfs2", "gfs2", "orangefs", "pvfs2", "fuse.sshfs", "fuse.rclone"),
    *("fuse.glusterfs", "fuse.s3fs", "fuse.davfs2", "fuse.ceph", "fuse.juicefs", "fuse.goofys"),
    *("fuse.gcsfuse", "fuse.curlftpfs"),
}
_OCTAL = re.compile(r"\\([0-7]{3})")  # how a space is written there
_MOUNTS = Path("/proc/self/mountinfo")  # proc(5); other systems have none, and nothing is said there
_log = logging.getLogger(__name__)
_noticed: set[Path] = set()  # folders of which a warning was given


class Reserve:
    """A file of zeros in `data_dir`, to be given up for a removal that makes space."""

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / RESERVE_FILE

    def keep(self) -> None:
        """Reserve the space, unless it is already reserved or there is none to spare."""
        with contextlib.suppress(OSError):
            if self._path.exists():
                return
            if free_bytes(self._path.parent) < STORE.spare_bytes:
                return
            aside = self._path.with_name(f"{RESERVE_FILE}.{os.getpid()}")
            try:
                aside.write_bytes(bytes(STORE.reserve_bytes))
                aside.replace(self._path)
            finally:
                aside.unlink(missing_ok=True)

    @contextmanager
    def given_up(self) -> Iterator[None]:
        """Free the space while the block removes something, and reserve it again afterwards if possible."""
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)
        try:
            yield
        finally:
            self.keep()


def warn_of_network(folder: Path) -> None:
    """Warn, once a process, where `folder` is on a file system that other machines may write to as well."""
    if folder in _noticed:
        return
    _noticed.add(folder)
    kind = network_file_system(folder)
    if kind is not None:
        _log.warning(
            "%s is on a network file system (%s): its locks and shared memory may not hold, and a channel may"
            " be damaged (use it from one machine at a time, or a folder on a local disk: --data-dir)",
            *(folder, kind),
        )


def network_file_system(path: Path) -> str | None:
    """Return the kind of the network file system that `path` is on, or would be; None for a local one."""
    try:
        lines = _MOUNTS.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
        place = path.resolve()
    except OSError:
        return None
    deepest, kind = -1, ""
    for line in lines:
        before, _, after = line.partition(" - ")
        fields, type_ = before.split(" "), after.partition(" ")[0]
        if len(fields) < 5 or not type_:
            continue
        mount = Path(_OCTAL.sub(lambda found: chr(int(found[1], 8)), fields[4]))
        if place.is_relative_to(mount) and len(mount.parts) >= deepest:  # of two at one place the later
            deepest, kind = len(mount.parts), type_
    return kind if kind in _NETWORKS else None
