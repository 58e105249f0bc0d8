"""URLs of kept pictures, for Tupu's `relatives.path`: unguessable, and gone with their picture."""

from __future__ import annotations

import base64
import hmac
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from arcli.errors import InvalidChannelName, NotFound, PictureRefused
from arcli.models import Target
from arcli.server.requests.answers import picture_response
from arcli.server.service import Service

_PREFIX = "/pictures"


class PictureLinks:
    """Makes the URLs and answers them. Whoever has one may see the picture; nobody can make one."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def url(self, channel: str, identifier: str) -> str:
        """Return the URL of a target's kept picture, under --public-url. Raises TargetNotFound."""
        target = self._service.gallery.get(channel=channel, identifier=identifier)
        path = f"{_PREFIX}/{self._capability(target)}/{quote(channel, safe='')}/{identifier}"
        return self._service.options.base_url + path

    def routes(self) -> list[Route]:
        return [Route(f"{_PREFIX}/{{capability}}/{{channel}}/{{identifier}}", self._show)]

    async def _show(self, request: Request) -> Response:
        try:
            return picture_response(await self._service.quick.run(self._picture, **request.path_params))
        except (NotFound, PictureRefused, InvalidChannelName):
            return JSONResponse({"error": "not found"}, status_code=404)

    def _picture(self, *, capability: str, channel: str, identifier: str) -> bytes:
        target = self._service.gallery.get(channel=channel, identifier=identifier)
        if not hmac.compare_digest(self._capability(target).encode(), capability.encode()):
            raise NotFound("no such picture")
        return self._service.gallery.picture(channel=channel, identifier=identifier)

    def _capability(self, target: Target) -> str:
        """A keyed digest of the picture and its place: another picture there has another URL."""
        words = ("picture", target.channel, target.identifier, target.picture_hash or target.created or "")
        digest = hmac.digest(self._service.backend.pepper, "\0".join(words).encode(), "sha256")
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")
