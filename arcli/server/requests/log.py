"""What is kept about requests: the log, and photos that matched nothing.

The log has one line of JSON per request, on stderr, without secrets, query strings or capabilities.

Keys: at (UTC), from, method, path, status, call, code (returncode, Tupu's code or HTTP status), who and key
(the account and the id of its key, once they are known), bytes (of the body), ms.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import logging
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from arcli.filetypes import PictureFormat, picture_format

_log = logging.getLogger(__name__)
_CAPABILITY = re.compile(r"^/pictures/[^/]*")


class RequestLog:
    """Wraps an application and logs its answers. Calls add their data by `noted`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 0

        async def note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, note)
        finally:
            line = _line(scope, status) | noted(scope)
            line["ms"] = round((time.perf_counter() - began) * 1000, 1)
            _log.info("%s", json.dumps(line, ensure_ascii=True))


def noted(scope: Scope) -> dict[str, Any]:
    """Return the log data of a request so far; later steps add theirs."""
    found: dict[str, Any] = scope.setdefault("arcli.noted", {})
    return found


def _line(scope: Scope, status: int) -> dict[str, Any]:
    return {
        "at": dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds"),
        "from": (scope.get("client") or ("-",))[0],
        "method": scope["method"],
        "path": _CAPABILITY.sub("/pictures/…", scope["path"])[:200],
        "status": status,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class TroubleTuning:
    """again (10 to 3,600): seconds until the same trouble is logged again. kept (100 to 10,000): sentences
    that are remembered for it.
    """

    again: float = 60.0
    kept: int = 1000


TROUBLE = TroubleTuning()


class Troubles:
    """Logs what an operator must know, the same sentence once a minute: callers cannot fill a disk by it."""

    def __init__(
        self,
        log: Callable[..., None],
        *,
        seconds: float = TROUBLE.again,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._log, self._seconds, self._clock = log, seconds, clock
        self._said: dict[str, float] = {}

    def __call__(self, sentence: str, error: BaseException | None = None) -> None:
        """Log a sentence, with the traceback of `error` if there is one."""
        now = self._clock()
        if now - self._said.get(sentence, -self._seconds) >= self._seconds:
            if len(self._said) > TROUBLE.kept:
                self._said.clear()
            self._said[sentence] = now
            self._log("%s", sentence, exc_info=error)


class PlainLines(logging.Formatter):
    """Formats lines of the request log unchanged, all others with time, level and logger."""

    def format(self, record: logging.LogRecord) -> str:
        return record.getMessage() if record.name == __name__ else super().format(record)


@dataclass(frozen=True, slots=True, kw_only=True)
class MissLimits:
    """Limits of the folder of `--save-misses`, over all processes that write to it.

    most: photos in it, 1,000 to 100,000 (a day of a busy server; some 3 GB). batch: photos that one of
    several processes writes between two counts, 10 to 1,000: its count may be wrong by that many, which are
    left free. recount_seconds: between checks of a full folder; 10 to 600.
    """

    most: int = 10_000
    batch: int = 100
    recount_seconds: float = 60.0


class MissFolder:
    """Keeps photos that matched nothing, until their folder is full; an error here fails no request.

    Listing a full folder takes long: it is counted at the first miss, and again when the places left by that
    count are used up.
    """

    def __init__(
        self,
        folder: Path,
        *,
        workers: int = 1,
        limits: MissLimits = MissLimits(),
        count: Callable[[Path], int] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder, self._workers, self._limits = folder, workers, limits
        self._count, self._clock = count or _entries, clock
        self._guard = threading.Lock()
        self._room = 0
        self._full_until = float("-inf")

    def save(self, content: bytes) -> None:
        """Write one photo, if there is room."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if self._take():
                kind = picture_format(content) or PictureFormat.JPEG
                stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
                name = f"{stamp}-{hashlib.sha256(content).hexdigest()[:16]}{kind.suffix}"
                (self._folder / name).write_bytes(content)
        except OSError as error:
            _log.warning("a photo that matched nothing could not be saved: %s", error)

    def _take(self) -> bool:
        """Take one of the places left by the last count. Raises OSError."""
        with self._guard:
            if self._room == 0 and self._clock() >= self._full_until:
                self._room = self._allowed(self._count(self._folder))
                if self._room == 0:
                    self._full_until = self._clock() + self._limits.recount_seconds
            taken = self._room > 0
            self._room -= taken
            return taken

    def _allowed(self, held: int) -> int:
        """Return how many photos may be written before the next count."""
        if self._workers == 1:
            return max(0, self._limits.most - held)
        batch = max(1, min(self._limits.batch, self._limits.most // (10 * self._workers)))
        return max(0, min(batch, self._limits.most - self._workers * batch - held))


def _entries(folder: Path) -> int:
    return sum(1 for _ in folder.iterdir())
