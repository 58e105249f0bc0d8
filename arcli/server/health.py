"""Is the process alive, and can it serve? For load balancers and container platforms."""

from __future__ import annotations

import logging

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from arcli import __version__
from arcli.server.service import Service

_log = logging.getLogger(__name__)


def health_routes(service: Service) -> list[Route]:
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
