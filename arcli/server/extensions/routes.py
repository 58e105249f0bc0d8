"""`/arcli/v1`: what arcli offers beyond ARCloud's calls. Shapes are in arcli.protocols.extensions."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from arcli import __version__
from arcli.errors import ArcliError, ChannelNotFound, NotSupported, UsageError
from arcli.gallery import Undo
from arcli.models import Principal, Scope
from arcli.protocols import extensions as wire
from arcli.protocols.reading import JsonObject, error_json
from arcli.protocols.strict import refuse_unknown, untrusted_json
from arcli.protocols.targets import check_json, target_json
from arcli.server.extensions.channels import ChannelCalls
from arcli.server.extensions.keys import KeyCalls
from arcli.server.extensions.openapi import DESCRIPTION
from arcli.server.ladder import Reply, WrongMethod, endpoint, known_route
from arcli.server.requests.answers import JsonAnswer, picture_response
from arcli.server.requests.forms import BodyLimits, read_body, read_form
from arcli.server.requests.multipart import BODY
from arcli.server.service import Service, require_scope

Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoTuning:
    """seconds (600 to 604,800) in which a removed target can be brought back: a day. Chosen, not measured."""

    seconds: int = 24 * 3600


UNDO = UndoTuning()


class Extensions:
    """The routes of one server process."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._channel_calls, self._key_calls = ChannelCalls(service), KeyCalls(service)
        options = service.options
        self._picture_limits = BodyLimits.for_picture(options.picture_bytes, options.body_seconds)
        self._json_limits, self._restore_limits = (
            BodyLimits(picture_bytes=most, body_bytes=most, seconds=options.body_seconds)
            for most in (BODY.json, BODY.removed)
        )

    def routes(self) -> list[Route]:
        by_path: dict[str, dict[str, Handler]] = {}
        for method, path, handler in self.table():
            by_path.setdefault(path, {})[method] = handler
        return [
            known_route(path, endpoint(self._service, path, _by_method(handlers), self))
            for path, handlers in by_path.items()
        ]

    def table(self) -> list[tuple[str, str, Handler]]:
        """Return method, path and handler of each route."""
        channel = f"/{wire.CHANNELS}/{{channel}}"
        targets = f"{channel}/targets"
        return [
            ("GET", f"/{wire.CAPABILITIES}", self._capabilities),
            ("GET", f"/{wire.PREFIX}/openapi.json", self._openapi),
            ("GET", f"/{wire.CHANNELS}", self._channels),
            ("POST", f"/{wire.CHANNELS}", self._create),
            ("GET", channel, self._channel),
            ("PATCH", channel, self._set),
            ("DELETE", channel, self._delete),
            ("POST", f"{channel}/{wire.RENAME}", self._rename),
            ("POST", f"{channel}/{wire.COPY}", self._copy),
            ("GET", targets, self._targets),
            ("DELETE", f"{targets}/{{identifier}}", self._remove),
            ("POST", f"{channel}/{wire.RESTORE}", self._restore),
            ("GET", f"{targets}/{{identifier}}/picture", self._picture),
            ("POST", f"/{wire.CHECK}", self._check),
            ("GET", f"/{wire.KEYS}", self._keys),
            ("POST", f"/{wire.KEYS}", self._add_key),
            ("PATCH", f"/{wire.KEYS}/{{key}}", self._set_key),
            ("DELETE", f"/{wire.KEYS}/{{key}}", self._remove_key),
        ]

    async def succeeded(self, _request: Request, result: Response) -> Reply:
        return Reply(str(result.status_code), result)

    async def refused(self, request: Request, _call: str, error: ArcliError) -> Reply:
        status = 405 if isinstance(error, WrongMethod) else wire.http_status(error)
        answer = JsonAnswer(request, {"error": error_json(error)}, status)
        if status == 401:
            answer.headers["www-authenticate"] = 'Basic realm="arcli"'
        if isinstance(error, WrongMethod):
            answer.headers["allow"] = ", ".join(error.allowed)
        return Reply(str(status), answer)

    async def _admit(self, request: Request) -> Principal:
        credentials = wire.read_basic(request.headers.get("authorization", ""))
        return await self._service.admit(request, credentials)

    async def _object(self, request: Request, limits: BodyLimits | None = None) -> JsonObject:
        try:
            value = untrusted_json(await read_body(request, limits or self._json_limits))
        except ValueError as error:
            raise UsageError("the body is not JSON") from error
        if not isinstance(value, dict):
            raise UsageError("the body is not a JSON object")
        return value

    async def _capabilities(self, request: Request) -> Response:
        return JsonAnswer(request, wire.capabilities_json(__version__, list(wire.Feature)))

    async def _openapi(self, request: Request) -> Response:
        return JsonAnswer(request, DESCRIPTION)

    async def _channels(self, request: Request) -> Response:
        principal = await self._admit(request)
        found = await self._service.quick.run(self._channel_calls.all, principal)
        return JsonAnswer(request, {"channels": found})

    async def _create(self, request: Request) -> Response:
        body = await self._object(request)
        principal = await self._admit(request)
        made = await self._service.quick.run(self._channel_calls.create, principal, body)
        return JsonAnswer(request, made, 201)

    async def _channel(self, request: Request) -> Response:
        return await self._about_channel(request, self._channel_calls.show)

    async def _set(self, request: Request) -> Response:
        body = await self._object(request)
        return await self._about_channel(request, self._channel_calls.set, body)

    async def _delete(self, request: Request) -> Response:
        return await self._about_channel(request, self._channel_calls.remove)

    async def _rename(self, request: Request) -> Response:
        body = await self._object(request)
        return await self._about_channel(request, self._channel_calls.rename, body)

    async def _copy(self, request: Request) -> Response:
        body = await self._object(request)
        principal = await self._admit(request)
        name = request.path_params["channel"]  # for a large channel this takes longer than a query may
        made = await self._service.fetches.run(self._channel_calls.copy, principal, name, body)
        return JsonAnswer(request, made, 201)

    async def _about_channel(self, request: Request, work: Callable[..., JsonObject], *more: Any) -> Response:
        principal = await self._admit(request)
        name = request.path_params["channel"]
        return JsonAnswer(request, await self._service.quick.run(work, principal, name, *more))

    async def _keys(self, request: Request) -> Response:
        return await self._about_keys(request, 200, self._key_calls.all)

    async def _add_key(self, request: Request) -> Response:
        body = await self._object(request)
        return await self._about_keys(request, 201, self._key_calls.add, body)

    async def _set_key(self, request: Request) -> Response:
        body = await self._object(request)
        return await self._about_keys(request, 200, self._key_calls.set, request.path_params["key"], body)

    async def _remove_key(self, request: Request) -> Response:
        return await self._about_keys(request, 200, self._key_calls.remove, request.path_params["key"])

    async def _about_keys(
        self, request: Request, status: int, work: Callable[..., JsonObject], *more: Any
    ) -> Response:
        principal = await self._admit(request)
        answer = JsonAnswer(request, await self._service.quick.run(work, principal, *more), status)
        answer.headers["cache-control"] = "no-store"  # one of these answers holds a secret
        return answer

    async def _targets(self, request: Request) -> Response:
        principal = await self._admit(request)
        channel = request.path_params["channel"]
        query = wire.read_list_query(dict(request.query_params), request.query_params.getlist("where"))

        def targets() -> JsonObject:
            self._service.authorize(principal, channel)
            return wire.targets_json(self._service.page(channel, query))

        return JsonAnswer(request, await self._service.quick.run(targets))

    async def _remove(self, request: Request) -> Response:
        principal = await self._admit(request)
        names, pepper = request.path_params, self._service.backend.pepper
        channel = names["channel"]

        def remove() -> JsonObject:
            self._service.authorize(principal, channel)
            kept = self._undo().take_out(channel=channel, identifier=names["identifier"])
            until = time.time() + UNDO.seconds
            return {"removed": wire.sealed_removal(pepper, channel, kept, until=until)}

        return JsonAnswer(request, await self._service.quick.run(remove))

    async def _restore(self, request: Request) -> Response:
        principal = await self._admit(request)  # before some megabytes are read
        body = refuse_unknown(
            await self._object(request, self._restore_limits), frozenset({"removed"}), "the body"
        )
        channel, pepper = request.path_params["channel"], self._service.backend.pepper

        def restore() -> JsonObject:
            self._service.authorize(principal, channel)
            kept = wire.opened_removal(pepper, channel, body.get("removed"), now=time.time())
            return target_json(self._undo().put_back(channel=channel, kept=kept))

        return JsonAnswer(request, await self._service.quick.run(restore), 201)

    def _undo(self) -> Undo:
        gallery = self._service.gallery
        if not isinstance(gallery, Undo):
            raise NotSupported("a removal cannot be undone in this kind of gallery")
        return gallery

    async def _picture(self, request: Request) -> Response:
        principal = await self._admit(request)
        names = request.path_params

        def picture() -> bytes:
            self._service.authorize(principal, names["channel"])
            return self._service.gallery.picture(channel=names["channel"], identifier=names["identifier"])

        return picture_response(await self._service.quick.run(picture))

    async def _check(self, request: Request) -> Response:
        form = await read_form(request, self._picture_limits, multipart=True)
        content = form.picture()
        if content is None:
            raise UsageError("the parameter image is missing", item="image")
        principal = await self._admit(request)
        require_scope(principal)
        refuse_unknown(form.fields, frozenset({"channel", "image"}), "the form")
        channel = form.fields.get("channel") or None

        def check() -> JsonObject:
            known = self._known(principal, channel)
            picture = self._service.picture(content, [known] if known else [])
            (result,) = self._service.gallery.check(pictures=[picture], channel=known, jobs=1)
            if result.error is not None:
                raise result.error
            return check_json(result)

        return JsonAnswer(request, await self._service.photos.run(self._service.address(request), check))

    def _known(self, principal: Principal, channel: str | None) -> str | None:
        """Return the channel to look for duplicates in; for one that does not exist, none."""
        if channel is None:
            return None
        try:
            self._service.authorize(principal, channel, Scope.ALL)
        except ChannelNotFound:
            return None
        return channel


def _by_method(handlers: dict[str, Handler]) -> Handler:
    """Return a handler that calls the one for the method; HEAD is answered like GET, without a body."""

    async def handler(request: Request) -> Response:
        found = handlers.get("GET" if request.method == "HEAD" else request.method)
        if found is None:
            raise WrongMethod(request.method, sorted(handlers))
        return await found(request)

    return handler
