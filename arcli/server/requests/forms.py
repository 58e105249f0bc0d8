"""Request bodies: read within limits while they arrive, whatever a client sends.

Pictures stay in memory (no temporary files); reading ends as soon as a limit is exceeded.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request

from arcli.errors import PictureTooLarge, UsageError
from arcli.protocols.strict import untrusted_json, written_number
from arcli.server.requests.multipart import BODY, FormPart, MultipartError, MultipartReader, field_too_large

FIELD_BYTES = 128 * 1024  # bytes of one text field: metadata may have 64 KiB, and have a message of their own


class MultipartNeeded(UsageError):
    """A call with a picture was not sent as multipart/form-data (ARCloud's 20005)."""

    def __init__(self, message: str) -> None:
        super().__init__(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyLimits:
    """`picture_bytes` of one picture, `body_bytes` of the whole body, `seconds` until it has arrived.

    stall: seconds without a byte.
    """

    picture_bytes: int
    body_bytes: int
    seconds: float

    @property
    def stall(self) -> float:
        return min(BODY.stall, self.seconds)

    @classmethod
    def for_picture(cls, picture_bytes: int, seconds: float) -> BodyLimits:
        return cls(picture_bytes=picture_bytes, body_bytes=picture_bytes + BODY.form, seconds=seconds)


@dataclass(frozen=True, slots=True)
class Form:
    """A request's text fields, in order, and its files by the name of their field."""

    pairs: list[tuple[str, str]] = field(default_factory=list)
    files: list[FormPart] = field(default_factory=list)

    @property
    def fields(self) -> dict[str, str]:
        """The fields by name; the first if there are several."""
        return dict(reversed(self.pairs))

    def picture(self) -> bytes | None:
        """Return the part `image`, with or without a file name; None when there is none."""
        return next((part.content for part in self.files if part.name == "image"), None)


async def read_body(request: Request, limits: BodyLimits) -> bytes:
    """Return the whole body. Raises PictureTooLarge, UsageError when it does not arrive in time."""
    chunks = bytearray()

    await _stream(request, limits, chunks.extend)
    return bytes(chunks)


async def read_form(request: Request, limits: BodyLimits, *, multipart: bool = False) -> Form:
    """Read multipart/form-data; unless `multipart` is required, also an urlencoded or JSON body.

    Raises MultipartNeeded, PictureTooLarge, UsageError.
    """
    kind, parameters = content_type(request.headers.get("content-type", ""))
    if kind == "multipart/form-data":
        return await _read_multipart(request, limits, parameters.get("boundary", ""), must=multipart)
    if multipart:
        raise MultipartNeeded("this call needs a multipart/form-data body")
    small = BodyLimits(picture_bytes=BODY.form, body_bytes=BODY.form, seconds=limits.seconds)
    body = await read_body(request, small)
    return _from_json(body) if kind.endswith("json") else _from_urlencoded(body)


async def _read_multipart(request: Request, limits: BodyLimits, boundary: str, *, must: bool) -> Form:
    try:
        reader = MultipartReader(
            boundary, file_bytes=limits.picture_bytes, field_bytes=FIELD_BYTES, most_parts=BODY.parts
        )
        await _stream(request, limits, reader.feed)
        return _sorted(reader.finish())
    except MultipartError as error:
        refusal: type[Exception] = MultipartNeeded if must else UsageError
        raise refusal(f"the multipart body cannot be read: {error}") from error


def _sorted(parts: list[FormPart]) -> Form:
    form = Form()
    for part in parts:
        if part.is_file or part.name == "image":
            form.files.append(part)
            if not part.is_file:
                form.pairs.append((part.name, part.content.decode("utf-8", "replace")))
        else:
            form.pairs.append((part.name, _decoded(part)))
    return form


def _decoded(part: FormPart) -> str:
    try:
        return part.content.decode()
    except UnicodeDecodeError as error:
        raise UsageError(f"the field {part.name} is not UTF-8", item=part.name) from error


async def _stream(request: Request, limits: BodyLimits, take: Callable[[bytes], None]) -> None:
    """Pass the body on in chunks; stops at `body_bytes`, announced or arrived, and after `seconds`.

    `request.state.lease` counts it (arcli.server.requests.limits); `request.state.body_read` tells
    arcli.server.requests.answers that all of it was read.
    """
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > limits.body_bytes:
        raise _too_large(limits)
    received = 0
    try:
        async with asyncio.timeout(limits.stall) as until:
            request.state.lease.arriving = until
            last = asyncio.get_running_loop().time() + limits.seconds
            async for chunk in request.stream():
                _go_on(until, last, limits.stall)
                received += len(chunk)
                if received > limits.body_bytes:
                    raise _too_large(limits)
                request.state.lease.take(len(chunk))
                take(chunk)
        request.state.body_read = True
    except TimeoutError as error:
        if request.state.lease.ended:
            raise request.state.lease.refusal() from error
        raise UsageError(f"the body did not arrive within {limits.seconds:g} s, or stopped coming") from error
    except ClientDisconnect as error:
        raise UsageError("the client disconnected before its body had arrived") from error
    finally:
        request.state.lease.arriving = None


def _go_on(until: asyncio.Timeout, last: float, stall: float) -> None:
    """Wait for the next chunk, at most `stall` seconds, and never beyond `last`."""
    until.reschedule(min(last, asyncio.get_running_loop().time() + stall))


def _too_large(limits: BodyLimits) -> PictureTooLarge:
    return PictureTooLarge(f"the body is over the limit of {limits.body_bytes:,} bytes")


def content_type(header: str) -> tuple[str, dict[str, str]]:
    """Split a Content-Type: ("multipart/form-data", {"boundary": "x"})."""
    kind, *rest = header.split(";")
    parameters = {}
    for item in rest:
        name, equals, value = item.partition("=")
        if equals:
            parameters[name.strip().lower()] = value.strip().strip('"')
    return kind.strip().lower(), parameters


def _from_urlencoded(body: bytes) -> Form:
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=BODY.parts, errors="strict")
    except ValueError as error:
        raise UsageError("the body is not a urlencoded form of at most 64 fields") from error
    return _small(Form(pairs=pairs))


def _from_json(body: bytes) -> Form:
    """Read a JSON object of texts and numbers as a form; metadata may be given as JSON itself."""
    try:
        value = untrusted_json(body) if body.strip() else {}
    except ValueError as error:
        raise UsageError("the body is not JSON") from error
    if not isinstance(value, dict):
        raise UsageError("the body is not a JSON object")
    return _small(Form(pairs=[(name, _as_field(item)) for name, item in value.items() if item is not None]))


def _small(form: Form) -> Form:
    """Return the form. Raises PictureTooLarge for a field over its limit, as in a multipart body."""
    for name, value in form.pairs:
        if len(value.encode()) > FIELD_BYTES:
            raise field_too_large(name, FIELD_BYTES)
    return form


def _as_field(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, float):
        return written_number(int(value) if value.is_integer() else value)
    return json.dumps(value, ensure_ascii=False)
