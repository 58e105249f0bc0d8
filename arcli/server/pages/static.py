"""Routes of the web pages: files of the package, with entity tags and a strict content security policy."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

_HERE = Path(__file__).parent
SAMPLES = _HERE / "samples"
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".ts": "text/plain; charset=utf-8",  # arcli.d.ts, for people and editors
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".jpg": "image/jpeg",
}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
)
_POLICIES = {
    # A target's metadata may name a picture or video anywhere; it is loaded when a person asks for it.
    "scan.html": _POLICY + "img-src 'self' blob: https: http:; media-src 'self' blob: https: http:",
    "gallery.html": _POLICY + "img-src 'self' blob:",
}
_HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-cache",  # kept by browsers, and asked for by its entity tag: a new version is seen
}


@dataclass(frozen=True, slots=True)
class PageFile:
    """A file that is served: the path of its URL, its content and headers."""

    path: str
    content: bytes
    headers: dict[str, str]


def page_files() -> Iterator[PageFile]:
    """Yield all files of the pages: `/scan`, `/gallery`, and what lies below `/pages/`."""
    for folder, prefix in ((_HERE / "web", "/pages/"), (SAMPLES, "/pages/samples/")):
        for file in sorted(folder.iterdir()):
            if file.suffix in _TYPES:
                page = file.suffix == ".html"
                yield _page_file(f"/{file.stem}" if page else f"{prefix}{file.name}", file)


def page_routes() -> list[Route]:
    """Return a route for each file. They are read once: some 200 kB stay in memory."""
    return [Route(file.path, _answer(file), methods=["GET"]) for file in page_files()]


def _page_file(path: str, file: Path) -> PageFile:
    content = file.read_bytes()
    headers = _HEADERS | {
        "content-type": _TYPES[file.suffix],
        "etag": f'"{hashlib.sha256(content).hexdigest()[:32]}"',
    }
    if file.suffix == ".html":
        headers["content-security-policy"] = _POLICIES[file.name]
        headers["permissions-policy"] = "camera=(self), microphone=(), geolocation=()"
        headers["cross-origin-opener-policy"] = "same-origin"
    else:
        # Pages of other origins may import arcli.js; the calls that it makes need --cors-origin.
        headers["access-control-allow-origin"] = "*"
        headers["content-security-policy"] = "default-src 'none'"
    return PageFile(path, content, headers)


def _answer(file: PageFile) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        known = {
            tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")
        }
        if file.headers["etag"] in known:
            return Response(status_code=304, headers=file.headers)
        return Response(file.content, headers=file.headers)

    return answer
