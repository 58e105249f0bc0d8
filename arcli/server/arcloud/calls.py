"""ARCloud's seven calls: parse, authenticate, authorize, and only then read the picture.

A known route always answers HTTP 200 with JSON; its returncode says what went wrong.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from starlette.requests import Request
from starlette.routing import Route

from arcli.errors import (
    ArcliError,
    ChannelNotFound,
    UsageError,
    WrongCredentials,
)
from arcli.models import ListQuery, Principal
from arcli.protocols.arcloud import answers, requests
from arcli.protocols.arcloud.codes import Call, ReturnCode
from arcli.protocols.reading import JsonObject
from arcli.server.ladder import Reply, WrongMethod, endpoint, known_route
from arcli.server.lookup import find_photo, match_counts
from arcli.server.requests.answers import JsonAnswer
from arcli.server.requests.forms import BodyLimits, Form, MultipartNeeded, read_form
from arcli.server.service import Service, require_scope

Handler = Callable[[Request], Awaitable[JsonObject]]
_WITH_PICTURE = (Call.ADD_IMAGE, Call.FIND_IMAGE)


class ArcloudRoutes:
    """The seven calls of one server process."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._limits = BodyLimits.for_picture(service.options.picture_bytes, service.options.body_seconds)

    def routes(self) -> list[Route]:
        handlers: dict[Call, Handler] = {
            Call.ADD_IMAGE: self._add,
            Call.REMOVE_IMAGE: self._remove,
            Call.GET_IMAGES: self._list,
            Call.GET_IMAGE: self._get,
            Call.UPDATE_IMAGE_INFO: self._update,
            Call.STATISTICS: self._statistics,
            Call.FIND_IMAGE: self._find,
        }
        return [self._route(call, handler) for call, handler in handlers.items()]

    def _route(self, call: Call, handler: Handler) -> Route:
        async def posted(request: Request) -> JsonObject:
            if request.method != "POST":
                if call in _WITH_PICTURE:
                    raise MultipartNeeded(f"{call} is called by POST")
                raise WrongMethod(request.method, ["POST"])
            return await handler(request)

        return known_route(f"/{call}", endpoint(self._service, call, posted, self))

    async def succeeded(self, request: Request, result: JsonObject) -> Reply:
        return Reply(str(result["returncode"]), JsonAnswer(request, result))

    async def refused(self, request: Request, call: str, error: ArcliError) -> Reply:
        body = answers.failed(error, Call(call))
        if isinstance(error, MultipartNeeded):
            body["returncode"] = int(ReturnCode.NOT_MULTIPART)
        return Reply(str(body["returncode"]), JsonAnswer(request, body))

    async def _form(self, request: Request) -> Form:
        return await read_form(request, self._limits)

    async def _upload(self, request: Request) -> tuple[Form, bytes]:
        """Read a form with a picture. Raises MultipartNeeded, PictureTooLarge, UsageError, Busy."""
        form = await read_form(request, self._limits, multipart=True)
        picture = form.picture()
        if picture is None:
            raise UsageError("the parameter image is missing", item="image")
        return form, picture

    async def _admit(self, request: Request, fields: requests.Fields) -> Principal:
        return await self._service.admit(request, requests.read_credentials(fields))

    async def _owner(self, request: Request, fields: requests.Fields, channel: str) -> None:
        """Return only if these credentials may do everything in `channel`; else raise."""
        principal = await self._admit(request, fields)
        await self._service.quick.run(self._service.authorize, principal, channel)

    async def _add(self, request: Request) -> JsonObject:
        form, content = await self._upload(request)
        fields = form.fields
        channel = requests.required(fields, "channel")
        requests.required_identifier(fields)
        await self._owner(request, fields, channel)

        def add() -> JsonObject:
            item = requests.read_item(fields, self._service.picture(content, [channel]))
            options = requests.read_add_options(fields)
            return answers.added(self._service.gallery.add(channel=channel, item=item, options=options))

        return await self._service.photos.run(self._service.address(request), add)

    async def _remove(self, request: Request) -> JsonObject:
        fields = (await self._form(request)).fields
        channel, identifier = requests.required(fields, "channel"), requests.required_identifier(fields)
        await self._owner(request, fields, channel)
        remove = self._service.gallery.remove
        return answers.removed(await self._service.quick.run(remove, channel=channel, identifier=identifier))

    async def _list(self, request: Request) -> JsonObject:
        fields = (await self._form(request)).fields
        channel = requests.required(fields, "channel")
        await self._owner(request, fields, channel)
        query = ListQuery(position=requests.read_position(fields), limit=requests.read_page_size(fields))
        return answers.listed(await self._service.quick.run(self._service.page, channel, query))

    async def _get(self, request: Request) -> JsonObject:
        fields = (await self._form(request)).fields
        channel, identifier = requests.required(fields, "channel"), requests.required_identifier(fields)
        principal = await self._known(request, fields)

        def get() -> JsonObject:
            if not self._service.may_know(principal, channel):
                raise ChannelNotFound(f"no channel {channel!r}", item=channel)
            return answers.shown_target(self._service.gallery.get(channel=channel, identifier=identifier))

        return await self._service.quick.run(get)

    async def _known(self, request: Request, fields: requests.Fields) -> Principal | None:
        """Return the caller, None without credentials or with wrong ones."""
        credentials = requests.optional_credentials(fields)
        if credentials is not None:
            try:
                return await self._service.admit(request, credentials)
            except WrongCredentials:
                pass
        self._service.admission.admit_anonymous(self._service.address(request))
        return None

    async def _update(self, request: Request) -> JsonObject:
        form = await self._form(request)
        fields, content = form.fields, form.picture()
        channel, identifier = requests.required(fields, "channel"), requests.required_identifier(fields)
        await self._owner(request, fields, channel)

        def update() -> JsonObject:
            picture = self._service.picture(content, [channel]) if content is not None else None
            changes = replace(requests.read_changes(fields), picture=picture)
            update = self._service.gallery.update
            return answers.shown_target(update(channel=channel, identifier=identifier, changes=changes))

        if content is None:
            return await self._service.quick.run(update)
        return await self._service.photos.run(self._service.address(request), update)

    async def _statistics(self, request: Request) -> JsonObject:
        fields = (await self._form(request)).fields
        username = requests.required(fields, "username")
        for name in ("startdate", "enddate"):
            requests.required(fields, name)
        principal = await self._admit(request, fields)
        channel = requests.optional(fields, "channel")

        def count() -> JsonObject:
            if channel is not None:
                self._service.authorize(principal, channel)
            require_scope(principal)
            query = requests.read_statistics(fields)
            records = match_counts(self._service, query, lambda: self._service.channels_of(principal))
            return answers.statistics(username, query.channel, records)

        return await self._service.quick.run(count)

    async def _find(self, request: Request) -> JsonObject:
        form, content = await self._upload(request)
        fields = form.fields
        principal = await self._admit(request, fields)
        asked = requests.read_find_channels(fields)
        options = requests.read_find_options(fields)
        address = self._service.address(request)
        result = await find_photo(self._service, address, principal, content, asked, options)
        return answers.found(
            result,
            channel_given=asked is not None,
            level_is_channel=self._service.options.findimage_level == "channel",
        )
