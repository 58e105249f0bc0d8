"""The OpenAPI description of `/arcli/v1`, kept beside its routes (a test compares them)."""

from __future__ import annotations

from typing import Any

from arcli import __version__
from arcli.models import IndexKind, ListKind
from arcli.protocols import extensions as wire

Json = dict[str, Any]

_TEXT: Json = {"type": "string"}
_NAME: Json = {"type": "string", "minLength": 1, "maxLength": 64, "description": "Printable, of any script."}
_WHOLE: Json = {"type": "integer"}
_NUMBER: Json = {"type": "number"}
_FLAG: Json = {"type": "boolean"}


def _object(required: list[str], **properties: Json) -> Json:
    return {"type": "object", "required": required, "properties": properties}


def _asked(required: list[str], **properties: Json) -> Json:
    """Describe what a request may hold: a key that is not known is refused."""
    return {**_object(required, **properties), "additionalProperties": False}


def _list(items: Json) -> Json:
    return {"type": "array", "items": items}


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


_KEY_FIELDS: Json = {
    "channels": {
        "type": ["array", "null"],
        "items": _TEXT,
        "minItems": 1,
        "description": "The only channels it searches; null: all that the account may search.",
    },
    "expires": {
        "type": ["string", "null"],
        "format": "date-time",
        "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$",
        "description": "The moment (UTC) from which it is refused.",
    },
    "rate": {
        "type": ["number", "null"],
        "minimum": 0.01,
        "description": "Requests a second that it may make.",
    },
}
_KEY: Json = {
    "key_id": _TEXT,
    "created": _TEXT,
    "last_used": {"type": ["string", "null"], "description": "To the minute."},
    **_KEY_FIELDS,
}
_SCHEMAS: Json = {
    "AskedKey": _asked([], **_KEY_FIELDS),
    "Key": _object(list(_KEY), **_KEY),
    "NewKey": _object([*_KEY, "secretkey"], secretkey={**_TEXT, "description": "Shown only once."}, **_KEY),
    "Error": _object(
        ["error"],
        error=_object(["code", "message"], code=_TEXT, message=_TEXT, hint=_TEXT, item=_TEXT),
    ),
    "Settings": _asked(
        [],
        kind={"type": "string", "enum": [kind.value for kind in ListKind]},
        threshold={"type": ["number", "null"], "minimum": 0, "maximum": 1},
        index={"type": "string", "enum": [kind.value for kind in IndexKind]},
        quota={"type": ["integer", "null"], "minimum": 0},
        keep_pictures=_FLAG,
        private=_FLAG,
        any_format=_FLAG,
        owner={"type": ["string", "null"]},
    ),
    "Channel": _object(
        ["name", "settings", "preset", "targets", "created"],
        name=_TEXT,
        settings=_ref("Settings"),
        preset=_TEXT,
        targets=_WHOLE,
        created=_TEXT,
        segments=_list({"type": "object"}),
        delta_rows=_WHOLE,
        tombstones=_WHOLE,
        store_bytes=_WHOLE,
        index_bytes=_WHOLE,
        error=_object(["code", "message"], code=_TEXT, message=_TEXT, hint=_TEXT, item=_TEXT),
    ),
    "Target": _object(
        ["identifier", "channel", "active"],
        identifier=_TEXT,
        channel=_TEXT,
        metadata={**_TEXT, "description": "JSON text, as it was stored"},
        matchratio={"type": ["number", "string"]},
        level={"type": "integer", "minimum": 1, "maximum": 5},
        active=_FLAG,
        created=_TEXT,
        updated=_TEXT,
        sha256=_TEXT,
    ),
    "Rating": _object(
        ["hints", "duplicates"],
        level=_WHOLE,
        hints=_list(_object(["code", "message"], code=_TEXT, message=_TEXT, advice=_TEXT)),
        duplicates=_list(
            _object(
                ["kind", "score", "inliers"],
                identifier=_TEXT,
                channel=_TEXT,
                kind=_TEXT,
                score=_NUMBER,
                inliers=_WHOLE,
            )
        ),
    ),
}


def _answer(description: str, schema: Json) -> Json:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _operation(summary: str, answer: Json, *, status: str = "200", **more: Any) -> Json:
    failure = _answer("What went wrong.", _ref("Error"))
    return {"summary": summary, "responses": {status: answer, "default": failure}, **more}


def _parameter(name: str, where: str, schema: Json) -> Json:
    return {"name": name, "in": where, "required": where == "path", "schema": schema}


def _json_body(schema: Json) -> Json:
    return {"required": True, "content": {"application/json": {"schema": schema}}}


_CHANNEL = _parameter("channel", "path", _TEXT)
_IDENTIFIER = _parameter("identifier", "path", {"type": "string", "pattern": "^[A-Za-z0-9@_.]{3,50}$"})
_LISTING = [
    _CHANNEL,
    _parameter("position", "query", {"type": "integer", "minimum": 0}),
    _parameter("limit", "query", {"type": "integer", "minimum": 1, "maximum": 1000}),
    _parameter("prefix", "query", _TEXT),
    _parameter("active", "query", _FLAG),
    _parameter("level", "query", _WHOLE),
    {**_parameter("where", "query", _list(_TEXT)), "description": "metadata key=value, repeated"},
]
_KEY_ID = _parameter("key", "path", _TEXT)
_PICTURE = {"description": "The kept picture.", "content": {"image/jpeg": {}, "image/png": {}}}
_UPLOAD = _object(["image"], channel=_TEXT, image={"type": "string", "format": "binary"})

_PATHS: Json = {
    f"/{wire.CAPABILITIES}": {
        "get": _operation(
            "What this server can do.",
            _answer("Its features.", _object(["arcli"], arcli=_WHOLE, version=_TEXT, features=_list(_TEXT))),
            security=[],
        )
    },
    f"/{wire.PREFIX}/openapi.json": {
        "get": _operation("This description.", _answer("OpenAPI 3.1.", {"type": "object"}), security=[])
    },
    f"/{wire.CHANNELS}": {
        "get": _operation(
            "The channels that the key may use.",
            _answer("Channels by name.", _object(["channels"], channels=_list(_ref("Channel")))),
        ),
        "post": _operation(
            "Make a channel that the account owns.",
            _answer("The channel.", _ref("Channel")),
            status="201",
            requestBody=_json_body(_asked(["name"], name=_NAME, settings=_ref("Settings"))),
        ),
    },
    f"/{wire.CHANNELS}/{{channel}}": {
        "parameters": [_CHANNEL],
        "get": _operation("A channel at present.", _answer("The channel.", _ref("Channel"))),
        "patch": _operation(
            "Change the given settings of a channel; by its owner.",
            _answer("The channel.", _ref("Channel")),
            requestBody=_json_body(_asked(["settings"], settings=_ref("Settings"))),
        ),
        "delete": _operation(
            "Remove a channel and everything in it; by its owner.", _answer("Done.", {"type": "object"})
        ),
    },
    f"/{wire.CHANNELS}/{{channel}}/{wire.RENAME}": {
        "parameters": [_CHANNEL],
        "post": _operation(
            "Rename a channel; targets, counts, keys and grants go with it; by its owner.",
            _answer("The channel.", _ref("Channel")),
            requestBody=_json_body(_asked(["name"], name=_NAME)),
        ),
    },
    f"/{wire.CHANNELS}/{{channel}}/{wire.COPY}": {
        "parameters": [_CHANNEL],
        "post": _operation(
            "Copy a channel's settings and targets to a new one; its counts start at zero; by its owner.",
            _answer("The new channel.", _ref("Channel")),
            status="201",
            requestBody=_json_body(_asked(["name"], name=_NAME)),
        ),
    },
    f"/{wire.CHANNELS}/{{channel}}/targets": {
        "get": _operation(
            "Targets by identifier, a page of them.",
            _answer(
                "A page.",
                _object(["totalcount", "targets"], totalcount=_WHOLE, targets=_list(_ref("Target"))),
            ),
            parameters=_LISTING,
        )
    },
    f"/{wire.CHANNELS}/{{channel}}/targets/{{identifier}}": {
        "parameters": [_CHANNEL, _IDENTIFIER],
        "delete": _operation(
            "Remove a target; the answer brings it back within a day.",
            _answer("What restore needs.", _object(["removed"], removed=_TEXT)),
        ),
    },
    f"/{wire.CHANNELS}/{{channel}}/{wire.RESTORE}": {
        "parameters": [_CHANNEL],
        "post": _operation(
            "Bring a removed target back as it was: picture, features, metadata and date of creation.",
            _answer("The target.", _ref("Target")),
            status="201",
            requestBody=_json_body(_asked(["removed"], removed=_TEXT)),
        ),
    },
    f"/{wire.CHANNELS}/{{channel}}/targets/{{identifier}}/picture": {
        "get": _operation("A target's kept picture.", _PICTURE, parameters=[_CHANNEL, _IDENTIFIER])
    },
    f"/{wire.CHECK}": {
        "post": _operation(
            "Rate a picture and look for its duplicates; nothing is stored.",
            _answer("The rating.", _ref("Rating")),
            requestBody={"required": True, "content": {"multipart/form-data": {"schema": _UPLOAD}}},
        )
    },
    f"/{wire.KEYS}": {
        "get": _operation(
            "The account's find-only keys that are not revoked; calls for keys need a key for everything.",
            _answer("Keys, the oldest first.", _object(["keys"], keys=_list(_ref("Key")))),
        ),
        "post": _operation(
            "Make a find-only key; it cannot have more rights than the key that makes it.",
            _answer("The key and its secret.", _ref("NewKey")),
            status="201",
            requestBody=_json_body(_ref("AskedKey")),
        ),
    },
    f"/{wire.KEYS}/{{key}}": {
        "parameters": [_KEY_ID],
        "patch": _operation(
            "Change the given fields of a find-only key.",
            _answer("The key.", _ref("Key")),
            requestBody=_json_body(_ref("AskedKey")),
        ),
        "delete": _operation("Revoke a find-only key.", _answer("Done.", {"type": "object"})),
    },
}

DESCRIPTION: Json = {
    "openapi": "3.1.0",
    "info": {
        "title": "arcli extensions",
        "version": __version__,
        "description": "What arcli serve offers beyond the calls of ARCloud.",
    },
    "paths": _PATHS,
    "components": {
        "schemas": _SCHEMAS,
        "securitySchemes": {"key": {"type": "http", "scheme": "basic"}},
    },
    "security": [{"key": []}],
}
