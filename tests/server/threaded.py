"""A server in a thread of the test's own process, over any backend: quick to start."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from arcli.server.app import build_app
from arcli.server.metrics import Metrics
from arcli.server.options import ServeOptions
from arcli.server.process.worker import ServerProcess, listen, open_backend, uvicorn_config
from arcli.server.service import Backend, Service
from arcli.settings import DataPlace
from tests.server.places import place_of


@contextmanager
def threaded(backend: Backend, options: ServeOptions) -> Iterator[str]:
    """Serve on a free port; yield the URL. The backend is closed by the server."""
    options, listener = listen(replace(options, port=0))
    with listener:
        service = Service(backend, options, Metrics())
        server = ServerProcess(uvicorn_config(build_app(service), options), service)
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            yield f"http://127.0.0.1:{options.port}"
        finally:
            server.should_exit = True
            thread.join(60)
    assert not thread.is_alive()


@contextmanager
def threaded_folder(data_dir: Path, **settings: object) -> Iterator[str]:
    """Serve a data folder, or the cluster that stands for it."""
    with threaded_place(place_of(data_dir), **settings) as url:
        yield url


@contextmanager
def threaded_place(place: DataPlace, **settings: object) -> Iterator[str]:
    """Serve a data folder or a cluster."""
    options = replace(ServeOptions(data_dir=place), **settings)  # type: ignore[arg-type]
    with threaded(open_backend(place), options) as url:
        yield url
