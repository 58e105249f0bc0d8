"""The embedded engine and its accounts, as what a server process serves."""

from __future__ import annotations

from pathlib import Path

from arcli import connect
from arcli.server.service import Backend


def open_backend(data_dir: Path) -> Backend:
    """Open the data folder, making it if there is none; the caller closes it."""
    gatekeeper = connect.gatekeeper(data_dir)
    gallery = connect.served_gallery(data_dir)

    def flush() -> None:
        gallery.flush_counts()
        gatekeeper.flush()

    def close() -> None:
        gallery.close()
        gatekeeper.close()

    return Backend(
        gallery=gallery,
        channels=gallery,
        gatekeeper=gatekeeper,
        pepper=connect.server_pepper(data_dir),
        signing_key=lambda: connect.server_signing_key(data_dir),
        flush=flush,
        upkeep=gallery.look_after_indexes,
        ready=lambda: gatekeeper.binding(""),
        close=close,
    )
