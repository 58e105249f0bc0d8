"""`/arcli/v1`: what our server offers beyond ARCloud's seven calls.

All paths lie under the same base URL as the calls. Credentials are sent as HTTP Basic (username:secretkey,
UTF-8); `capabilities` needs none. Bodies are JSON unless said otherwise; `{channel}` and `{identifier}` are
percent-encoded path segments. A failure answers `{"error": {code, message, hint?, item?}}`
(arcli.protocols.reading) with the HTTP status of `http_status`.

| request | answer |
|---|---|
| GET capabilities | `{"arcli": 1, "version", "features": [Feature…]}` |
| GET channels | `{"channels": [channel…]}`: those that the key may use, `error` in one that cannot be read |
| POST channels `{"name", "settings"?}` | 201, the channel |
| GET, DELETE channels/{channel} | the channel; `{}` |
| PATCH channels/{channel} `{"settings"}` (those to change) | the channel |
| GET keys | `{"keys": [key…]}`: the find-only keys of the account that are not revoked |
| POST keys `{"channels"?, "expires"?, "rate"?}` | 201, the key and, only this once, its `secretkey` |
| PATCH keys/{key_id}, as POST (those to change) | the key |
| DELETE keys/{key_id} | `{}`; the key is revoked |
| GET channels/{channel}/targets?… (see `list_parameters`) | `{"totalcount", "targets": [target…]}` |
| GET channels/{channel}/targets/{identifier}/picture | the kept picture, image/jpeg or image/png |
| DELETE channels/{channel}/targets/{identifier} | `{"removed"}`: what brings it back, for a day |
| POST channels/{channel}/restore `{"removed"}` | 201, the target, as it was |
| POST check, multipart: `channel`?, `image` | a rating: `{"level"?, "hints", "duplicates"}` |

Fields that our server understands in the seven calls themselves are in arcli.protocols.arcloud.requests:
AddImage replace, skip, matchratio, minlevel, noduplicates, dryrun, name; UpdateImageInfo active, rename,
image, clear; GetImages limit; FindImage channels, limit, candidates, threshold, effort, count, metadata;
Statistics misses.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import zlib
from collections.abc import Mapping, Sequence
from enum import StrEnum
from urllib.parse import quote

from arcli.errors import (
    ArcliError,
    Busy,
    Conflict,
    LimitExceeded,
    NotAuthorized,
    NotFound,
    NotSupported,
    PictureRefused,
    PictureTooLarge,
    QuotaExceeded,
    RateLimited,
    StorageNotWritable,
    UsageError,
    WrongCredentials,
)
from arcli.models import Capabilities, ListQuery, TargetPage
from arcli.protocols.arcloud.requests import LARGEST_PAGE, Credentials
from arcli.protocols.reading import JsonObject, objects, text, whole
from arcli.protocols.strict import refuse_unknown, whole_number, yes_or_no
from arcli.protocols.targets import read_target, target_json

_LIST_FIELDS = frozenset({"position", "limit", "prefix", "active", "level", "where"})
PREFIX = "arcli/v1"
CAPABILITIES = f"{PREFIX}/capabilities"
CHANNELS = f"{PREFIX}/channels"
CHECK = f"{PREFIX}/check"
KEYS = f"{PREFIX}/keys"
RENAME, COPY = "rename", "copy"  # below a channel: the body has its new name, or the name of a copy
RESTORE = "restore"  # below a channel: the body has what the removal of a target answered


class Feature(StrEnum):
    """What a service can do, as it says in `capabilities`."""

    ADD_OPTIONS = "add_options"  # AddImage understands our fields; replacing is atomic
    UPDATE_FIELDS = "update_fields"  # UpdateImageInfo understands active, rename, image
    CLEAR = "clear"  # UpdateImageInfo understands clear
    FIND_OPTIONS = "find_options"  # FindImage understands our fields
    MISSES = "misses"  # Statistics understands misses
    LIST = "list"  # listing by prefix, active, level and metadata
    UNDO = "undo"  # a removed target can be brought back
    PICTURES = "pictures"  # kept pictures can be downloaded
    CHECK = "check"  # pictures can be rated without being added
    CHANNELS = "channels"  # channels can be administered
    CHANNEL_NAMES = "channel_names"  # channels can be renamed and copied
    KEYS = "keys"  # find-only keys of the caller's account can be administered


_STATUS: tuple[tuple[type[ArcliError], int], ...] = (
    (WrongCredentials, 401),
    (StorageNotWritable, 500),
    (NotAuthorized, 403),
    (NotFound, 404),
    (Conflict, 409),
    (PictureTooLarge, 413),
    (PictureRefused, 422),
    (UsageError, 400),
    (RateLimited, 429),
    (QuotaExceeded, 409),
    (LimitExceeded, 507),
    (Busy, 503),
    (NotSupported, 501),
)


def http_status(error: ArcliError) -> int:
    """Return the HTTP status with which `/arcli/v1` answers `error`."""
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 500)


def channel_path(channel: str) -> str:
    return f"{CHANNELS}/{quote(channel, safe='')}"


def targets_path(channel: str) -> str:
    return f"{channel_path(channel)}/targets"


def picture_path(channel: str, identifier: str) -> str:
    return f"{targets_path(channel)}/{quote(identifier, safe='')}/picture"


def basic(credentials: Credentials) -> str:
    """Return the value of the Authorization header."""
    pair = f"{credentials.username}:{credentials.secretkey}"
    return "Basic " + base64.b64encode(pair.encode()).decode()


def read_basic(header: str) -> Credentials:
    """Read an Authorization header. Raises WrongCredentials if it has another form."""
    scheme, _, encoded = header.partition(" ")
    try:
        username, colon, secretkey = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        scheme, username, colon, secretkey = "", "", "", ""
    if scheme.lower() != "basic" or not (colon and username and secretkey):
        raise WrongCredentials("the Authorization header holds no username and secretkey")
    return Credentials(username=username, secretkey=secretkey)


def sealed_removal(pepper: bytes, channel: str, kept: bytes, *, until: float) -> str:
    """Write what a client keeps of a removed target, so that nobody can change it: the server keeps nothing.

    until: Unix seconds after which it is refused.
    """
    body = json.dumps({"channel": channel, "until": until}).encode() + b"\n" + zlib.compress(kept, 1)
    return base64.b64encode(_removal_mac(pepper, body) + body).decode()


def opened_removal(pepper: bytes, channel: str, sealed: object, *, now: float) -> bytes:
    """Return what was kept of a target that was removed from `channel`. Raises UsageError."""
    try:
        data = base64.b64decode(sealed if isinstance(sealed, str) else "", validate=True)
    except (binascii.Error, ValueError):
        data = b""
    mac, body = data[:32], data[32:]
    if not hmac.compare_digest(mac, _removal_mac(pepper, body)):
        raise UsageError("removed is not what the removal of a target answered", item="removed")
    head, _, kept = body.partition(b"\n")
    said = json.loads(head)
    if said["channel"] != channel:
        raise UsageError("the target was removed from another channel", item="removed")
    if said["until"] < now:
        raise UsageError("the target was removed too long ago to be brought back", item="removed")
    return zlib.decompress(kept)


def _removal_mac(pepper: bytes, body: bytes) -> bytes:
    return hmac.new(pepper, b"removed target\n" + body, hashlib.sha256).digest()


def capabilities_json(version: str, features: Sequence[Feature]) -> JsonObject:
    return {"arcli": 1, "version": version, "features": sorted(features)}


def read_capabilities(body: JsonObject) -> Capabilities | None:
    """Return what the service can do, None if the answer is not an arcli server's."""
    features = body.get("features")
    if whole(body.get("arcli")) != 1 or not isinstance(features, list):
        return None
    names = frozenset(name for name in features if isinstance(name, str))
    return Capabilities(backend="arcli", version=text(body.get("version")), features=names)


def list_parameters(query: ListQuery, *, position: int, limit: int) -> list[tuple[str, str]]:
    """Write a listing's query string: the page of `limit` targets that begins at `position`."""
    chosen = {
        "prefix": query.prefix,
        "active": None if query.active is None else str(int(query.active)),
        "level": None if query.level is None else str(query.level),
    }
    pairs = [("position", str(position)), ("limit", str(limit))]
    pairs += [(name, value) for name, value in chosen.items() if value is not None]
    return pairs + [("where", f"{key}={value}") for key, value in query.where]


def read_list_query(fields: Mapping[str, str], where: Sequence[str]) -> ListQuery:
    """Read a listing's query string, `where` its repeated parameter. Raises UsageError."""
    refuse_unknown(fields, _LIST_FIELDS, "the query string")

    def number(name: str, least: int, most: int, default: int) -> int:
        return whole_number(fields.get(name) or str(default), name, least=least, most=most)

    pairs = [item.partition("=") for item in where]
    if not all(equals for _, equals, _ in pairs):
        raise UsageError("where is not key=value", item="where")
    return ListQuery(
        position=number("position", 0, 2**62, 0),
        limit=number("limit", 1, LARGEST_PAGE, LARGEST_PAGE),
        prefix=fields.get("prefix") or None,
        active=yes_or_no(fields["active"], "active") if fields.get("active") else None,
        level=number("level", 1, 5, 1) if fields.get("level") else None,
        where=tuple((key, value) for key, _, value in pairs),
    )


def targets_json(page: TargetPage) -> JsonObject:
    return {"totalcount": page.totalcount, "targets": [target_json(target) for target in page.targets]}


def read_targets(body: JsonObject, *, channel: str) -> TargetPage:
    targets = tuple(read_target(item, channel=channel) for item in objects(body.get("targets")))
    total = whole(body.get("totalcount"))
    return TargetPage(totalcount=len(targets) if total is None else total, targets=targets)
