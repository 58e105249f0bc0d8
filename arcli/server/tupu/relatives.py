"""What a photo of a Tupu request shows: label, similarity, and relatives with URLs of their kept pictures.

A URL cannot be guessed, and stops working when its picture is removed.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Sequence
from http import HTTPStatus
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from arcli.errors import ArcliError, Busy, NotFound, RateLimited, TargetNotFound, TooFewFeatures
from arcli.models import Candidate, FindOptions, FindResult, ListKind, Match, Target
from arcli.protocols.extensions import http_status
from arcli.protocols.tupu.answers import BLACK, NOT_IN_GALLERY, WHITE, FileAnswer, Relative
from arcli.server.ladder import Reply, WrongMethod, endpoint, known_route
from arcli.server.requests.answers import JsonAnswer, picture_response
from arcli.server.service import Service

_PREFIX = "/pictures"
_REACHED = ("beyond_limit", "rival")  # the reasons of candidates that also reached their threshold


class TupuLookup:
    """Looks photos up in the channels of a secretId; blocks."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self.links = PictureLinks(service)

    def look_up(self, name: str, content: bytes, channels: Sequence[str], tag: str | None) -> FileAnswer:
        """Look one photo up.

        Raises UnreadablePicture, PictureTooLarge; a photo without features shows nothing.
        """
        picture = self._service.readable(content)
        most = self._service.options.tupu_relatives
        day = self._service.options.today()
        options = FindOptions(limit=1, candidates=most, metadata=False, jobs=1, sound_only=True, day=day)
        try:
            result = self._service.gallery.find(picture=picture, channels=channels, options=options)
        except TooFewFeatures:
            result = FindResult(image=name)
        self._service.metrics.looked_up(result)
        relatives = self._relatives(result)[:most]
        return FileAnswer(
            name=name,
            relatives=tuple(relatives),
            label=self._label(result),
            similarity=max((relative.score or 0.0 for relative in relatives), default=0.0),
            tag=tag,
        )

    def _relatives(self, result: FindResult) -> list[Relative]:
        """Return the relatives, the best first. One that was just removed is left out."""
        found: list[Relative] = []
        all_of_them: list[Match | Candidate] = [*result.matches, *result.candidates]
        likely = [one for one in all_of_them if one.channel and one.score]
        for one in sorted(likely, key=lambda one: -(one.score or 0.0)):
            try:
                path = self.links.url(one.channel or "", one.identifier)
            except TargetNotFound:
                continue
            found.append(Relative(path=path, score=one.score))
        return found

    def _label(self, result: FindResult) -> int:
        """Return the label by the list of the best match, black on a tie (one picture in both lists)."""
        if not result.matches:
            return NOT_IN_GALLERY
        best = result.matches[0]
        equals: list[Match | Candidate] = [best]
        equals += [one for one in result.candidates if one.reason in _REACHED and one.score == best.score]
        kinds = [self._kind(one.channel) for one in equals]
        return BLACK if ListKind.BLACK in kinds else WHITE

    def _kind(self, channel: str | None) -> ListKind:
        return self._service.backend.channels.settings_of(name=channel or "").kind


class PictureLinks:
    """Makes and serves the URLs. Anyone who has a URL may see its picture; a URL cannot be guessed."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def url(self, channel: str, identifier: str) -> str:
        """Return the URL of a target's kept picture, under --public-url. Raises TargetNotFound."""
        target = self._service.gallery.get(channel=channel, identifier=identifier)
        path = f"{_PREFIX}/{self._capability(target)}/{quote(channel, safe='')}/{identifier}"
        return self._service.options.link_url + path

    def routes(self) -> list[Route]:
        path = f"{_PREFIX}/{{capability}}/{{channel}}/{{identifier}}"
        return [known_route(path, endpoint(self._service, _PREFIX, self._show, self))]

    async def _show(self, request: Request) -> Response:
        if request.method not in ("GET", "HEAD"):
            raise WrongMethod(request.method, ["GET"])
        return picture_response(await self._service.quick.run(self._picture, **request.path_params))

    async def succeeded(self, _request: Request, result: Response) -> Reply:
        return Reply(str(result.status_code), result)

    async def refused(self, request: Request, _call: str, error: ArcliError) -> Reply:
        """Answer alike whatever is wrong with a URL, or with its channel: it reveals nothing."""
        status = HTTPStatus.METHOD_NOT_ALLOWED if isinstance(error, WrongMethod) else http_status(error)
        if not isinstance(error, WrongMethod | RateLimited) and type(error) is not Busy:
            status, error = http_status(NotFound("")), NotFound("not found")
        return Reply(str(int(status)), JsonAnswer(request, {"error": error.message}, status))

    def _picture(self, *, capability: str, channel: str, identifier: str) -> bytes:
        target = self._service.gallery.get(channel=channel, identifier=identifier)
        if not hmac.compare_digest(self._capability(target).encode(), capability.encode()):
            raise NotFound("no such picture")
        return self._service.gallery.picture(channel=channel, identifier=identifier)

    def _capability(self, target: Target) -> str:
        """Return a keyed digest of the picture and its target: a new picture has another URL."""
        words = ("picture", target.channel, target.identifier, target.picture_hash or target.created or "")
        digest = hmac.digest(self._service.backend.pepper, "\0".join(words).encode(), "sha256")
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")
