"""Requests for recognition, as a form or as JSON with base64 pictures, and for the search of libraries."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from arcli.errors import UsageError
from arcli.protocols.reading import JsonObject, text, without_none
from arcli.protocols.strict import untrusted_json
from arcli.protocols.tupu.signing import Signed

MOST_PICTURES = 10
MOST_BODY_BYTES = 30 * 1000 * 1000
MOST_PICTURE_BYTES = 1000 * 1000  # of one picture, after base64

SEARCH_PATH = "v3/management/image-library/search"


def form_path(secret_id: str) -> str:
    return f"v3/recognition/{quote(secret_id, safe='')}"


def base64_path(secret_id: str) -> str:
    return f"v3/recognition/image/sync/base64/{quote(secret_id, safe='')}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognition:
    """A request to recognize pictures: bytes, or a URL each (never both kinds); a tag each."""

    signed: Signed
    images: tuple[bytes | str, ...]
    tags: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()
    uid: str | None = None

    def tag_of(self, position: int) -> str | None:
        """Return the tag of a picture; a list that is too short is extended with its last tag."""
        return self.tags[min(position, len(self.tags) - 1)] if self.tags else None


def form_fields(request: Recognition) -> list[tuple[str, str]]:
    """Write the text fields of the form in order, including pictures given by URL."""
    signed = request.signed
    fields = [("timestamp", signed.timestamp), ("nonce", signed.nonce), ("signature", signed.signature)]
    fields += [("image", image) for image in request.images if isinstance(image, str)]
    fields += [("tag", tag) for tag in request.tags]
    fields += [("task", task) for task in request.tasks]
    return fields + ([("uid", request.uid)] if request.uid else [])


def read_form(fields: Sequence[tuple[str, str]], files: Sequence[bytes]) -> Recognition:
    """Read the form: `fields` are its text parts and `files` the contents of its parts `image`, in order.

    Raises UsageError without a signature, without a picture, or with pictures of both kinds.
    """
    values: dict[str, list[str]] = {}
    for name, value in fields:
        values.setdefault(name, []).append(value)
    return _checked(
        signed=_signed({name: several[0] for name, several in values.items()}),
        images=(*files, *values.get("image", [])),
        tags=values.get("tag", []),
        tasks=values.get("task", []),
        uid=values.get("uid", [""])[0] or None,
    )


def json_body(request: Recognition) -> JsonObject:
    """Write the JSON form; every picture must be bytes."""
    return without_none(
        {
            "images": [_base64(image) for image in request.images],
            "tags": list(request.tags) or None,
            "tasks": list(request.tasks) or None,
            "uid": request.uid,
            "timestamp": request.signed.timestamp,
            "nonce": request.signed.nonce,
            "signature": request.signed.signature,
        }
    )


def read_json(content: bytes) -> Recognition:
    """Read the JSON form. Numbers keep their spelling, since the signature covers it. Raises UsageError."""
    body = _json_request(content)
    return _checked(
        signed=_signed(body),
        images=tuple(_from_base64(image) for image in _texts(body, "images")),
        tags=_texts(body, "tags"),
        tasks=_texts(body, "tasks"),
        uid=text(body.get("uid")),
    )


def search_body(secret_id: str, signed: Signed, name: str | None = None) -> JsonObject:
    """Write a search of the libraries, all of them or the one called `name`."""
    return without_none(
        {
            "secretId": secret_id,
            "name": name,
            "timestamp": signed.timestamp,
            "nonce": signed.nonce,
            "signature": signed.signature,
        }
    )


def read_search(content: bytes) -> tuple[str, Signed, str | None]:
    """Read a search: secretId, the signed fields, the name or None. Raises UsageError."""
    body = _json_request(content)
    secret_id = text(body.get("secretId"))
    if secret_id is None:
        raise UsageError("secretId is missing", item="secretId")
    return secret_id, _signed(body), text(body.get("name"))


def base64_size(size: int) -> int:
    """Return how many bytes `size` bytes take as base64."""
    return (size + 2) // 3 * 4


def _checked(
    *,
    signed: Signed,
    images: tuple[bytes | str, ...],
    tags: Sequence[str],
    tasks: Sequence[str],
    uid: str | None,
) -> Recognition:
    if not images:
        raise UsageError("there is no image in the request", item="image")
    if len(images) > MOST_PICTURES:
        raise UsageError(
            f"there are {len(images)} images in the request, at most {MOST_PICTURES} are allowed"
        )
    if len({isinstance(image, str) for image in images}) > 1:
        raise UsageError("a request has image files or image URLs, not both", item="image")
    return Recognition(signed=signed, images=images, tags=tuple(tags), tasks=tuple(tasks), uid=uid)


def _signed(values: Mapping[str, object]) -> Signed:
    timestamp, nonce, signature = (text(values.get(key)) for key in ("timestamp", "nonce", "signature"))
    if timestamp is None or nonce is None or signature is None:
        raise UsageError("timestamp, nonce or signature is missing", item="signature")
    return Signed(timestamp=timestamp, nonce=nonce, signature=signature)


def _json_request(content: bytes) -> JsonObject:
    try:
        body = untrusted_json(content, parse_int=str, parse_float=str)
    except ValueError as error:
        raise UsageError("the request is not JSON") from error
    if not isinstance(body, dict):
        raise UsageError("the request is not a JSON object")
    return body


def _texts(body: JsonObject, key: str) -> list[str]:
    value = body.get(key)
    if value is None:
        return []
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(item, str) for item in values):
        raise UsageError(f"{key} is not a list of texts", item=key)
    return values


def _base64(image: bytes | str) -> str:
    assert isinstance(image, bytes), "a picture by URL can only be sent in the form"
    return base64.b64encode(image).decode()


def _from_base64(value: str) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise UsageError("an image is not base64", item="images") from error
