"""The ASGI application: the routes of both protocols, our extensions, and health."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from arcli import __version__
from arcli.server.arcloud.calls import ArcloudRoutes
from arcli.server.extensions.routes import Extensions
from arcli.server.requests.log import AccessLog
from arcli.server.service import Service
from arcli.server.tupu.calls import TupuRoutes

_log = logging.getLogger(__name__)
_UPKEEP_SECONDS = 10.0  # asking whether an index needs work costs about a millisecond a channel
_FLUSH_SECONDS = 1.0  # design.md: a crash may lose the match counts of this last moment


def build_app(service: Service) -> Starlette:
    """Put the routes of `service` together; the application flushes counts while it lives."""

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        chores = [asyncio.create_task(chore(service)) for chore in (_keep_flushing, _keep_up)]
        yield
        for chore in chores:
            chore.cancel()
        await asyncio.to_thread(service.close)

    app = Starlette(
        routes=[
            *ArcloudRoutes(service).routes(),
            *TupuRoutes(service).routes(),
            *Extensions(service).routes(),
            *health_routes(service),
        ],
        middleware=_middleware(service),
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    return app


def health_routes(service: Service) -> list[Route]:
    """Is the process alive, and can it serve? For load balancers and container platforms."""

    async def healthz(_: Request) -> Response:
        """200 while the event loop turns; nothing else is asked."""
        return JSONResponse({"status": "ok", "version": __version__})

    async def readyz(_: Request) -> Response:
        """200 when the catalog can be read, else 503."""
        try:
            await service.quick.run(service.backend.ready)
        except Exception as error:
            _log.warning("not ready: %s", error)
            return JSONResponse({"status": "not ready"}, status_code=503)
        return JSONResponse({"status": "ready"})

    return [Route("/healthz", healthz), Route("/readyz", readyz)]


def _middleware(service: Service) -> list[Middleware]:
    """Log, and let web pages of the configured origins call (credentials are in the body: no cookies)."""
    origins = service.options.cors_origins
    logging_ = [Middleware(AccessLog)] if service.options.access_log else []
    if not origins:
        return logging_
    return [
        *logging_,
        Middleware(
            CORSMiddleware,
            allow_origins=list(origins),
            allow_methods=["GET", "POST", "PUT", "DELETE"],
            allow_headers=["authorization", "content-type"],
            max_age=3600,
        ),
    ]


async def _keep_flushing(service: Service) -> None:
    while True:
        await asyncio.sleep(_FLUSH_SECONDS)
        service.metrics.sample()
        try:
            await service.quick.run(service.backend.flush)
        except Exception as error:
            _log.warning("counts could not be written: %s", error)


async def _keep_up(service: Service) -> None:
    while True:
        await asyncio.sleep(_UPKEEP_SECONDS)
        try:
            await service.quick.run(service.backend.upkeep)
        except Exception as error:
            _log.warning("an index was not looked after: %s", error)
