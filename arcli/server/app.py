"""The ASGI application: the routes of both protocols, our extensions, and health."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from arcli import __version__
from arcli.server.arcloud.calls import ArcloudRoutes
from arcli.server.extensions.routes import Extensions
from arcli.server.pages.static import page_routes
from arcli.server.requests.access import SharedFailures
from arcli.server.requests.log import TROUBLE, RequestLog, Troubles
from arcli.server.service import Service
from arcli.server.tupu.calls import TupuRoutes

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rhythm:
    """Seconds between what a server does by itself.

    upkeep (1 to 600): asking whether an index needs work costs about a millisecond a channel. pace (0.1 to
    1): measuring how busy the process is. flush (0.1 to 10): a crash loses the counts of this moment
    (docs/reference/on-disk-format.md, "What is promised"). share (0.2 to 10): exchanging failed attempts in a
    cluster. allowed (0 to 7,200): that a browser remembers which origins may call.
    """

    upkeep: float = 10.0
    pace: float = 0.25
    flush: float = 1.0
    share: float = 1.0
    allowed: int = 3600


RHYTHM = Rhythm()


def build_app(service: Service) -> Starlette:
    """Assemble the routes of `service`; the application flushes counts while it runs."""

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        chores = [asyncio.create_task(chore(service)) for chore in (_keep_flushing, _keep_up, _keep_pace)]
        if service.admission.sharing is not None:
            chores.append(asyncio.create_task(_keep_sharing(service, service.admission.sharing)))
        asyncio.get_running_loop().set_exception_handler(Once(_log.error))
        yield
        for chore in chores:
            chore.cancel()
        await asyncio.to_thread(service.close)

    app = Starlette(
        routes=[
            *ArcloudRoutes(service).routes(),
            *TupuRoutes(service).routes(),
            *Extensions(service).routes(),
            *page_routes(),
            *health_routes(service),
        ],
        middleware=_middleware(service),
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    return app


def health_routes(service: Service) -> list[Route]:
    """Return routes that say whether the process is alive and can serve, for load balancers."""

    async def healthz(_: Request) -> Response:
        """Answer 200 while the event loop runs; nothing else is checked."""
        return JSONResponse({"status": "ok", "version": __version__})

    async def readyz(_: Request) -> Response:
        """Answer 200 when the catalog can be read, else 503."""
        try:
            await service.quick.run(service.backend.ready)
        except Exception as error:
            service.trouble(f"not ready: {error}")
            return JSONResponse({"status": "not ready"}, status_code=503)
        return JSONResponse({"status": "ready"})

    return [Route("/healthz", healthz), Route("/readyz", readyz)]


def _middleware(service: Service) -> list[Middleware]:
    """Return what logs requests and allows calls from web pages of configured origins (without cookies)."""
    origins = service.options.cors_origins
    logging_ = [Middleware(RequestLog)] if service.options.access_log else []
    if not origins:
        return logging_
    return [
        *logging_,
        Middleware(
            CORSMiddleware,
            allow_origins=list(origins),
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=["authorization", "content-type"],
            max_age=RHYTHM.allowed,
        ),
    ]


async def _keep_flushing(service: Service) -> None:
    while True:
        await asyncio.sleep(RHYTHM.flush)
        service.metrics.sample()
        try:
            await service.quick.run(service.backend.flush)
        except Exception as error:
            service.trouble(f"counts could not be written: {error}")


async def _keep_sharing(service: Service, sharing: SharedFailures) -> None:
    """Exchange failed attempts with servers on other machines, at once and from then on."""
    while True:
        try:
            await service.quick.run(sharing.exchange)
        except Exception as error:
            service.trouble(f"failed attempts could not be exchanged with other servers: {error}")
        await asyncio.sleep(RHYTHM.share)


async def _keep_pace(service: Service) -> None:
    """Report to the pacer how busy this thread is."""
    worked, at = time.thread_time(), time.monotonic()
    while True:
        await asyncio.sleep(RHYTHM.pace)
        now, clock = time.thread_time(), time.monotonic()
        service.pacer.adjust((now - worked) / (clock - at))
        worked, at = now, clock


async def _keep_up(service: Service) -> None:
    while True:
        await asyncio.sleep(RHYTHM.upkeep)
        try:
            await service.quick.run(service.look_after)
        except Exception as error:
            service.trouble(f"an index could not be maintained: {error}")


# A second after it ran out of handles asyncio accepts again, even if the server was closed meanwhile.
_CLOSED = "Invalid file descriptor: -1"


class Once:
    """An event loop's exception handler that logs the same trouble, such as no handles, once a minute."""

    def __init__(self, log: Callable[..., None], *, seconds: float = TROUBLE.again) -> None:
        self._say = Troubles(log, seconds=seconds)

    def __call__(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if isinstance(error, ValueError) and str(error) == _CLOSED:
            return
        known = isinstance(error, OSError | None)
        self._say(f"{context.get('message', 'trouble')}: {error!r}"[:300], None if known else error)
