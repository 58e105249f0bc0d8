"""What every call of the three protocols goes through: memory lease, time limit, answer, errors, log."""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from arcli.errors import ArcliError, UsageError
from arcli.server.requests.limits import PaceTuning
from arcli.server.requests.log import noted
from arcli.server.service import Service

_OPERATORS = (9, 70)  # exit statuses of errors that the operator must know about: damage, bugs

Result = TypeVar("Result")
Result_contra = TypeVar("Result_contra", contravariant=True)
Endpoint = Callable[[Request], Awaitable[Response]]


class WrongMethod(UsageError):
    """A known path was requested with a method that it does not support."""

    def __init__(self, method: str, allowed: Sequence[str] = ()) -> None:
        super().__init__(f"it is called by {' or '.join(allowed)}, not by {method[:20]}", item="method")
        self.allowed = tuple(allowed)


def known_route(path: str, answer: Endpoint) -> Route:
    """Return a route for every method; unsupported ones are refused in the protocol's own envelope."""
    route = Route(path, answer)
    route.methods = None  # Starlette's own 405 would be plain text
    return route


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, and its code in the metrics and the log."""

    code: str
    response: Response


class Manner(Protocol[Result_contra]):
    """How a protocol writes what a handler returned, or the error that it raised."""

    async def succeeded(self, request: Request, result: Result_contra, /) -> Reply: ...
    async def refused(self, request: Request, call: str, error: ArcliError, /) -> Reply: ...


def endpoint(
    service: Service,
    call: str,
    handler: Callable[[Request], Awaitable[Result]],
    manner: Manner[Result],
) -> Endpoint:
    """Return the endpoint of one call: whatever `handler` does, the client gets its protocol's envelope."""

    async def answer(request: Request) -> Response:
        began = time.perf_counter()
        address = service.address(request)
        with service.memory.lease(address) as request.state.lease:
            try:
                await service.pace(address)
                reply = await manner.succeeded(request, await handler(request))
            except Exception as error:
                reply = await manner.refused(request, call, _known(service, call, error))
            noted(request.scope).update(
                {"from": address, "call": call, "code": reply.code, "bytes": request.state.lease.taken}
            )
            service.pacer.wait(address, request.state.lease.taken / PaceTuning().unit_bytes)
        service.metrics.answered(call, reply.code, time.perf_counter() - began)
        return reply.response

    return answer


def _known(service: Service, call: str, error: Exception) -> ArcliError:
    """Return `error` as one of ours that a stranger may read; log it if the operator must know about it."""
    if not isinstance(error, ArcliError):
        service.trouble(f"{call} failed: {error!r}"[:300], error)
        return ArcliError("a bug")
    public = without_paths(error, service.options.data_dir)
    if public is not error or error.exit_status in _OPERATORS:
        service.trouble(f"{call}: {error}")
    return public


def without_paths(error: ArcliError, place: object) -> ArcliError:
    """Return an error that names files of the data folder `place` by their last part only."""
    if not isinstance(place, Path):
        return error
    path = re.compile(rf"{re.escape(str(place))}(?:/([^\s/:()']*))+")
    item = None if error.item is not None and path.search(error.item) else error.item
    public = path.sub(lambda found: found[1], error.message)
    return error if (public, item) == (error.message, error.item) else error.reworded(public).about(item)
