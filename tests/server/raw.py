"""Requests made by hand, as by an app that knows nothing of arcli."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote, urlsplit

BOUNDARY = "----hand-made-7MA4YWxkTrZu0gW"
MULTIPART = f"multipart/form-data; boundary={BOUNDARY}"
URLENCODED = "application/x-www-form-urlencoded"


def multipart(fields: dict[str, str] | Iterable[tuple[str, str]], *images: bytes | None) -> bytes:
    """Write a form: text fields, then the pictures as files called photo.jpg."""
    pairs = fields.items() if isinstance(fields, dict) else fields
    body = b""
    for name, value in pairs:
        body += f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'.encode()
        body += value.encode() + b"\r\n"
    for image in images:
        if image is not None:
            body += (
                f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="image"; filename="photo.jpg"\r\n'
                "Content-Type: application/octet-stream\r\n\r\n"
            ).encode()
            body += image + b"\r\n"
    return body + f"--{BOUNDARY}--\r\n".encode()


def urlencoded(fields: dict[str, str]) -> bytes:
    return "&".join(f"{name}={quote(value, safe='')}" for name, value in fields.items()).encode()


def send(
    url: str,
    path: str,
    body: bytes | None = None,
    content_type: str | None = MULTIPART,
    *,
    method: str = "POST",
    headers: dict[str, str] | None = None,
) -> tuple[int, dict[str, str], bytes]:
    """Send one request on a connection of its own; return status, headers (lower case) and body."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
    try:
        types = {} if content_type is None else {"Content-Type": content_type}
        connection.request(method, path, body, types | (headers or {}))
        answer = connection.getresponse()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def call(
    url: str,
    name: str,
    fields: dict[str, str] | Iterable[tuple[str, str]],
    image: bytes | None = None,
    **options: Any,
) -> dict[str, Any]:
    """POST a call as multipart; every answer of a known route is HTTP 200 with a JSON object."""
    status, headers, content = send(url, f"/{name}", multipart(fields, image), **options)
    assert status == 200
    assert headers["content-type"] == "application/json"
    answer = json.loads(content)
    assert isinstance(answer, dict)
    return answer


def code(url: str, name: str, fields: dict[str, str], image: bytes | None = None, **options: Any) -> int:
    answer = call(url, name, fields, image, **options)
    assert isinstance(answer["returncode"], int)
    return answer["returncode"]
