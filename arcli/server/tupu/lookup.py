"""Photos looked up for a Tupu request: relatives, label and similarity of each."""

from __future__ import annotations

from collections.abc import Sequence

from arcli.errors import TargetNotFound, TooFewFeatures
from arcli.models import Candidate, FindOptions, FindResult, ListKind, Match
from arcli.protocols.tupu.answers import BLACK, NOT_IN_GALLERY, WHITE, FileAnswer, Relative
from arcli.server.pictures import PictureLinks
from arcli.server.service import Service

_REACHED = ("beyond_limit", "rival")  # the reasons of candidates that reached their threshold too


class TupuLookup:
    """Looks photos up in the channels of a secretId; blocks."""

    def __init__(self, service: Service, links: PictureLinks) -> None:
        self._service, self._links = service, links

    def look_up(self, name: str, content: bytes, channels: Sequence[str], tag: str | None) -> FileAnswer:
        """Raises UnreadablePicture, PictureTooLarge; a photo without features shows nothing."""
        picture = self._service.readable(content)
        most = self._service.options.tupu_relatives
        options = FindOptions(limit=1, candidates=most, metadata=False)
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
        """Return the best first. One that was removed a moment ago is left out."""
        found: list[Relative] = []
        all_of_them: list[Match | Candidate] = [*result.matches, *result.candidates]
        likely = [one for one in all_of_them if one.channel and one.score]
        for one in sorted(likely, key=lambda one: -(one.score or 0.0)):
            try:
                path = self._links.url(one.channel or "", one.identifier)
            except TargetNotFound:
                continue
            found.append(Relative(path=path, score=one.score))
        return found

    def _label(self, result: FindResult) -> int:
        """Black or white by the list of the best match; black on a tie (one picture in both lists)."""
        if not result.matches:
            return NOT_IN_GALLERY
        best = result.matches[0]
        equals: list[Match | Candidate] = [best]
        equals += [one for one in result.candidates if one.reason in _REACHED and one.score == best.score]
        kinds = [self._kind(one.channel) for one in equals]
        return BLACK if ListKind.BLACK in kinds else WHITE

    def _kind(self, channel: str | None) -> ListKind:
        return self._service.backend.channels.channel(name=channel or "").settings.kind
