"""Answers of the seven calls: JSON objects written by the server and read tolerantly by the client.

Keys beyond the vendor's document are ours (docs/reference/protocols.md, "Every ARCloud call"); an old client
ignores them.
"""

from __future__ import annotations

from collections.abc import Sequence

from arcli.errors import ArcliError, BadAnswer
from arcli.models import (
    AddItem,
    AddResult,
    AddStatus,
    FindResult,
    Match,
    StatRecord,
    Target,
    TargetPage,
)
from arcli.protocols.arcloud.codes import Call, ReturnCode, code_for, error_for
from arcli.protocols.lookups import candidate_json, match_json, read_candidate, read_match
from arcli.protocols.reading import (
    JsonObject,
    error_json,
    json_object,
    objects,
    read_error,
    shown,
    text,
    whole,
    without_none,
)
from arcli.protocols.targets import hint_json, read_hints, read_record, read_target, record_json, target_json


def succeeded(**values: object) -> JsonObject:
    """Write returncode 0 and the values of an answer."""
    return without_none({"returncode": int(ReturnCode.SUCCESS), **values})


def failed(error: ArcliError, call: Call) -> JsonObject:
    """Write the returncode for `error`, and the error itself under `error` (ours)."""
    code = code_for(error, call)
    if code == ReturnCode.SUCCESS:
        return succeeded(removed=0)
    return {"returncode": code, "error": error_json(error)}


def read_answer(content: bytes, *, item: str | None = None) -> JsonObject:
    """Return the object of a successful answer, else raise the error that its returncode means.

    Raises BadAnswer when it is not a JSON object with a returncode. Our server's `error` says more than a
    code can, so it takes precedence.
    """
    body = json_object(content)
    raw = body.get("returncode")
    code = whole(raw)
    if code is None and text(raw) is None:
        raise BadAnswer(f"the service answered without a returncode: {shown(content)}")
    if code == ReturnCode.SUCCESS:
        return body
    raise read_error(body.get("error")) or error_for(code if code is not None else str(raw), item=item)


def added(result: AddResult) -> JsonObject:
    """Write the answer to an AddImage that did not fail."""
    hints = [hint_json(hint) for hint in result.hints] or None
    return succeeded(level=result.level, status=result.status.value, hints=hints)


def read_added(body: JsonObject, item: AddItem) -> AddResult:
    """Read the result of adding `item`; without our key `status` it was added."""
    try:
        status = AddStatus(text(body.get("status")) or AddStatus.ADDED)
    except ValueError as error:
        raise BadAnswer(f"the service answered an unknown status: {body.get('status')!r}") from error
    return AddResult(
        image=item.picture.name,
        identifier=item.identifier,
        status=status,
        level=whole(body.get("level")),
        hints=read_hints(body.get("hints")),
    )


def removed(was_there: bool) -> JsonObject:
    return succeeded(removed=int(was_there))


def read_removed(body: JsonObject) -> bool:
    """Return whether there was something to remove; assumed if the service does not say."""
    return whole(body.get("removed")) != 0


def listed(page: TargetPage) -> JsonObject:
    """Write a page of GetImages."""
    return succeeded(totalcount=page.totalcount, images=[_image(target) for target in page.targets])


def read_listed(body: JsonObject, *, channel: str, position: int = 0) -> TargetPage:
    """Read the page of GetImages from `position` on. Raises BadAnswer on an image without an identifier.

    totalcount is optional in the document; without it there are more pages until one is empty.
    """
    targets = tuple(read_target(image, channel=channel) for image in objects(body.get("images")))
    total = whole(body.get("totalcount"))
    if total is None:
        total = position + len(targets) + bool(targets)
    return TargetPage(totalcount=total, targets=targets)


def shown_target(target: Target) -> JsonObject:
    """Write the answer to GetImage and, as our extension, to UpdateImageInfo."""
    return succeeded(**_image(target))


def _image(target: Target) -> JsonObject:
    return {key: value for key, value in target_json(target).items() if key != "channel"}


def statistics(username: str, channel: str | None, records: Sequence[StatRecord]) -> JsonObject:
    """Write match counts: records name the channel only if the request named none."""
    lines = [record_json(record) for record in records]
    if channel is not None:
        lines = [{key: value for key, value in line.items() if key != "channel"} for line in lines]
    return succeeded(username=username, channel=channel, records=lines)


def read_statistics(body: JsonObject, *, channel: str | None) -> tuple[StatRecord, ...]:
    """Read match counts, ordered by date, channel and identifier."""
    records = [read_record(item, channel=channel) for item in objects(body.get("records"))]
    return tuple(sorted(records, key=lambda r: (r.date, r.channel or "", r.identifier or "")))


def found(result: FindResult, *, channel_given: bool, level_is_channel: bool = False) -> JsonObject:
    """Write what a photo shows: the first match at the top level, as documented, and all under `matches`.

    Nothing matched: no identifier. `level_is_channel`: the setting compat.findimage_level = "channel"
    (docs/reference/protocols.md, "ARCloud").
    """
    candidates = [candidate_json(candidate) for candidate in result.candidates] or None
    if not result.matched:
        return succeeded(candidates=candidates)
    first = match_json(result.matches[0])
    if level_is_channel and not channel_given:
        first["level"] = first.get("channel")
    matches = [match_json(match) for match in result.matches]
    return succeeded(**first, matches=matches, candidates=candidates)


def read_found(body: JsonObject, *, image: str, channel: str | None, elapsed_ms: float = 0.0) -> FindResult:
    """Read what a photo shows; `channel`: the one that was searched, None if all were."""
    matches = tuple(read_match(item, channel=channel) for item in objects(body.get("matches")))
    if not matches and text(body.get("identifier")) is not None:
        matches = (_documented_match(body, channel),)
    return FindResult(
        image=image,
        matches=matches,
        candidates=tuple(read_candidate(item) for item in objects(body.get("candidates"))),
        elapsed_ms=elapsed_ms,
    )


def _documented_match(body: JsonObject, channel: str | None) -> Match:
    """Read the documented keys; a `level` that is not an integer from 1 to 5 names the channel."""
    level = whole(body.get("level"))
    if channel is None and "channel" not in body and (level is None or not 1 <= level <= 5):
        body = {**body, "channel": text(body.get("level")), "level": None}
    return read_match(body, channel=channel)
