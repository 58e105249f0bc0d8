"""Tupu's custom gallery: signed requests in, signed answers out, as a form or as JSON with base64.

Every answer is HTTP 200 and signed, most refusals too: the code says what went wrong.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial

from starlette.requests import Request
from starlette.routing import Route

from arcli.errors import UNREADABLE, ArcliError, Busy, PictureNotFound, RateLimited, UsageError
from arcli.models import ChannelInfo, Principal, Scope
from arcli.protocols.reading import JsonObject
from arcli.protocols.tupu import CUSTOM_GALLERY
from arcli.protocols.tupu.answers import FileAnswer, Library, body_json, libraries_json, sealed, task_json
from arcli.protocols.tupu.codes import TupuCode, code_for
from arcli.protocols.tupu.keys import load_private_key
from arcli.protocols.tupu.requests import (
    SEARCH_PATH,
    Recognition,
    read_form,
    read_json,
    read_search,
)
from arcli.protocols.tupu.signing import Signed
from arcli.server.ladder import Endpoint, Reply, WrongMethod, endpoint, known_route
from arcli.server.requests import forms
from arcli.server.requests.answers import JsonAnswer
from arcli.server.requests.multipart import BODY
from arcli.server.service import Service
from arcli.server.tupu.access import TupuRefusal, admit
from arcli.server.tupu.relatives import TupuLookup

Handler = Callable[[Request], Awaitable[JsonObject]]


@dataclass(frozen=True, slots=True, kw_only=True)
class TupuTuning:
    """seconds (10 to 30): for all pictures of a request, fetched or waiting for others: no call takes over
    30 s, and each of ten pictures may wait 20 s for its turn.
    """

    seconds: float = 28.0


TUPU = TupuTuning()


class TupuRoutes:
    """The three calls of one server process."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._lookup = TupuLookup(service)
        self._key = load_private_key(service.backend.signing_key())
        options = service.options
        self._limits = forms.BodyLimits(
            picture_bytes=options.picture_bytes,
            body_bytes=options.tupu_body_bytes,
            seconds=options.body_seconds,
        )

    def routes(self) -> list[Route]:
        table: dict[str, Handler] = {
            "/v3/recognition/{secret_id}": self._form,
            "/v3/recognition/image/sync/base64/{secret_id}": self._base64,
            f"/{SEARCH_PATH}": self._search,
        }
        calls = [known_route(path, self._posted(path, handler)) for path, handler in table.items()]
        return calls + self._lookup.links.routes()

    def _posted(self, path: str, handler: Handler) -> Endpoint:
        async def posted(request: Request) -> JsonObject:
            if request.method != "POST":
                raise WrongMethod(request.method, ["POST"])
            return await handler(request)

        return endpoint(self._service, path, posted, self)

    async def succeeded(self, request: Request, result: JsonObject) -> Reply:
        return await self._sealed(request, TupuCode.SUCCESS, None, result)

    async def refused(self, request: Request, _call: str, error: ArcliError) -> Reply:
        if isinstance(error, TupuRefusal):
            return await self._sealed(request, error.tupu_code, error.message, {})
        if isinstance(error, UsageError) and error.item == "signature":
            return await self._sealed(request, TupuCode.NOT_AUTHORIZED, error.message, {})
        known = error.code != ArcliError.code
        return await self._sealed(request, code_for(error), error.message if known else None, {})

    async def _sealed(
        self, request: Request, code: TupuCode, message: str | None, result: JsonObject
    ) -> Reply:
        """Sign an answer, except to strangers who call often. `message` None: the documented one."""
        nonce, now = str(random.SystemRandom().random()), int(time.time() * 1000)
        body = result | body_json(code=code, nonce=nonce, timestamp_ms=now, message=message)
        content: JsonObject | bytes = body | {"error": body["message"]}
        if hasattr(request.state, "admitted") or self._service.admission.may_sign(
            self._service.address(request)
        ):
            try:
                content = await self._service.quick.run(sealed, body, self._key)
            except Busy:  # even to sign: a refusal then goes as it is
                if code is TupuCode.SUCCESS:
                    raise
        return Reply(str(int(code)), JsonAnswer(request, content))

    async def _form(self, request: Request) -> JsonObject:
        form = await forms.read_form(request, self._limits, multipart=True)
        files = [part for part in form.files if part.name == "image" and part.is_file]
        recognition = read_form(form.pairs, [part.content for part in files])
        names = [part.filename or "" for part in files]
        return await self._recognize(request, recognition, names)

    async def _base64(self, request: Request) -> JsonObject:
        body = await forms.read_body(request, self._limits)
        recognition = await self._service.quick.run(read_json, body)
        return await self._recognize(request, recognition, [])

    async def _recognize(
        self, request: Request, recognition: Recognition, names: Sequence[str]
    ) -> JsonObject:
        secret_id = request.path_params["secret_id"]
        principal = await self._admit(request, secret_id, recognition.signed)
        if recognition.tasks and CUSTOM_GALLERY not in recognition.tasks:
            raise TupuRefusal(f"this server has the task {CUSTOM_GALLERY} only", TupuCode.WRONG_TASK)
        channels = await self._service.quick.run(self._service.channels_of, principal, Scope.FIND)
        if not channels:
            raise TupuRefusal("this secretId has no channel to search", TupuCode.NO_TASK)
        try:
            async with asyncio.timeout(TUPU.seconds):
                return task_json(await self._answers(request, recognition, channels, names))
        except TimeoutError:
            raise Busy("the server is busy: its time for one request is over") from None

    async def _answers(
        self, request: Request, recognition: Recognition, channels: Sequence[str], names: Sequence[str]
    ) -> list[FileAnswer]:
        pictures = [await self._content(image) for image in recognition.images]
        answers = []
        for position, content in enumerate(pictures):
            image = recognition.images[position]
            given = names[position] if position < len(names) else f"image{position + 1}"
            name, tag = image if isinstance(image, str) else given, recognition.tag_of(position)
            work = partial(self._lookup.look_up, name, content, channels, tag)
            answers.append(await self._service.photos.run(self._service.address(request), work))
        return answers

    async def _admit(self, request: Request, secret_id: str, signed: Signed) -> Principal:
        """Return who signed. Raises TupuRefusal; RateLimited if an address sent many wrong signatures."""
        address, admission = self._service.address(request), self._service.admission
        limited = admission.is_limited(secret_id, address)
        try:
            principal = await self._service.quick.run(
                admit, self._service.backend.gatekeeper, secret_id, signed
            )
        except TupuRefusal:
            if limited:  # a right signature cannot be guessed, so only wrong ones are limited
                raise RateLimited("too many wrong signatures from this address: wait a minute") from None
            admission.count_failure(secret_id, address)
            raise
        self._service.admitted(request, principal)
        return principal

    async def _content(self, image: bytes | str) -> bytes:
        """Return a picture's bytes, fetched if it is given by URL.

        Raises PictureNotFound, PictureTooLarge.
        """
        if isinstance(image, bytes):
            return image
        if not self._service.options.url_pictures:
            raise PictureNotFound("pictures by URL are not enabled on this server")
        from arcli.remote.http.fetch import Fetcher

        fetcher = Fetcher(most_bytes=self._service.options.picture_bytes)
        return await self._service.fetches.run(fetcher.fetch, image)

    async def _search(self, request: Request) -> JsonObject:
        small = forms.BodyLimits(picture_bytes=BODY.json, body_bytes=BODY.json, seconds=self._limits.seconds)
        secret_id, signed, name = read_search(await forms.read_body(request, small))
        principal = await self._admit(request, secret_id, signed)
        return await self._service.quick.run(self._libraries, principal, name)

    def _libraries(self, principal: Principal, name: str | None) -> JsonObject:
        channels = self._service.channels_of(principal, Scope.FIND)
        found = list[ChannelInfo]()
        for channel in (channel for channel in channels if name in (None, channel)):
            try:
                found.append(self._service.backend.channels.channel(name=channel))
            except UNREADABLE as error:
                self._service.trouble(f"channel {channel!r} is left out: {error}")
        return libraries_json(
            [
                Library(
                    id=info.name,
                    name=info.name,
                    kind=info.settings.kind,
                    threshold=info.settings.threshold,
                    status="normal",
                    images=info.targets,
                )
                for info in found
            ]
        )
