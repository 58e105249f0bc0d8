"""Requests that no client should send, each judged by what came back and by what it cost."""

from __future__ import annotations

import base64
import json
import os
import random
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from arcli.protocols.arcloud.codes import Call
from arcli.protocols.tupu.keys import load_private_key
from arcli.protocols.tupu.signing import sign_request
from faults.site import MARKS, SECRET_ID, Site
from tests.server.raw import BOUNDARY, MULTIPART, multipart

JSON = "application/json"
STRANGE = ["1_0", "٣", "1e1", "NaN", "-1", "1.5", "", " ", "x" * 300, "..", "%00", "nul", "\x1b[2J", "=1+1"]
STRANGE += [
    "javascript:alert(1)",
    "' OR 1=1 --",
    "../../catalog.sqlite",
    "vault",
    "theirs",
    "null",
    "[]",
    "{}",
]
NAMES = ["channel", "channels", "identifier", "metadata", "matchratio", "position", "limit", "startdate"]
NAMES += ["enddate", "candidates", "threshold", "effort", "count", "replace", "skip", "minlevel", "active"]
NAMES += ["rename", "noduplicates", "dryrun", "image", "username", "secretkey", "callback"]
METHODS = ["GET", "POST", "PATCH", "DELETE", "PUT", "HEAD", "OPTIONS"]
PATHS = ["channels", "channels/{}", "channels/{}/targets", "channels/{}/targets/{}/picture", "check", "keys"]
PATHS += ["keys/{}", "capabilities", "openapi.json", "{}"]
SECONDS, PER_MEGABYTE = 5.0, 1.0  # of processor time that a request may cost


@dataclass
class Ask:
    """One request. who: whose key it has, None for a stranger's."""

    who: str | None
    method: str
    path: str
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    kind: str = ""


class Asker:
    """Draws requests by a seed."""

    def __init__(self, site: Site, chance: random.Random) -> None:
        self._site, self._chance = site, chance
        self._key = load_private_key(site.tupu_key)
        self._kinds: list[tuple[Callable[[], Ask], int]] = [
            (self.form, 30),
            (self.json, 25),
            (self.torn_form, 15),
            (self.extension, 20),
            (self.tupu, 10),
        ]

    def draw(self) -> Ask:
        kinds, weights = zip(*self._kinds, strict=True)
        made: Callable[[], Ask] = self._chance.choices(kinds, weights)[0]
        return made()

    def _who(self) -> str | None:
        return self._chance.choice([*self._site.secrets, None])

    def _login(self, who: str | None) -> dict[str, str]:
        if who is None:
            return {} if self._chance.random() < 0.5 else {"username": "shop", "secretkey": "wrong"}
        return {"username": who.partition("/")[0], "secretkey": self._site.secrets[who]}

    def _value(self) -> str:
        drawn = self._chance.random()
        if drawn < 0.5:
            return self._chance.choice(
                ["posters", "labels", "any.one", "1", "20200101", "0.5", "all", "true"]
            )
        if drawn < 0.9:
            return self._chance.choice(STRANGE)
        return "".join(chr(self._chance.choice([*range(32, 127), 233, 0x4E2D, 0x1F600])) for _ in range(20))

    def _any(self, depth: int = 0) -> Any:
        drawn = self._chance.random()
        if drawn < 0.5 or depth > 2:
            return self._value()
        if drawn < 0.7:
            return self._chance.choice([None, True, False, 0, -1, 1, 2**70, 1e400, float("nan"), 0.5])
        if drawn < 0.85:
            return [self._any(depth + 1) for _ in range(self._chance.randrange(4))]
        return {self._value(): self._any(depth + 1) for _ in range(self._chance.randrange(4))}

    def _fields(self, who: str | None) -> dict[str, str]:
        fields = self._login(who) | ({"channel": "posters"} if self._chance.random() < 0.7 else {})
        for _ in range(self._chance.randrange(5)):
            name = self._chance.choice(NAMES)
            if name not in ("username", "secretkey") or self._chance.random() < 0.1:
                fields[name] = self._value()
        return fields

    def _image(self) -> bytes | None:
        drawn = self._chance.random()
        if drawn < 0.01:
            return self._site.photo
        if drawn < 0.5:
            return None
        return (
            self._chance.randbytes(self._chance.randrange(200))
            if drawn < 0.9
            else self._torn(self._site.photo)
        )

    def _torn(self, data: bytes) -> bytes:
        """Flip, cut, double or insert something in a copy."""
        rotten = bytearray(data)
        for _ in range(self._chance.randint(1, 6)):
            at = self._chance.randrange(len(rotten) or 1)
            what = self._chance.randrange(4)
            if what == 0 and rotten:
                rotten[at % len(rotten)] ^= 1 << self._chance.randrange(8)
            elif what == 1:
                del rotten[at : at + self._chance.randrange(40)]
            elif what == 2:
                rotten[at:at] = rotten[at : at + self._chance.randrange(60)]
            else:
                rotten[at:at] = self._chance.choice(
                    [b"\r\n", b"--", b"\0", b'"', b"\xff\xfe", b"{", b"[" * 50]
                )
        return bytes(rotten)

    def form(self) -> Ask:
        who, call = self._who(), self._chance.choice(list(Call))
        body = multipart(self._fields(who), self._image())
        return Ask(who, "POST", f"/{call}", body, {"Content-Type": MULTIPART}, "form")

    def torn_form(self) -> Ask:
        whole = self.form()
        whole.body = self._torn(whole.body or b"")
        if self._chance.random() < 0.3:
            kinds = [
                f"multipart/form-data; boundary={BOUNDARY[:-1]}",
                "multipart/form-data",
                "text/plain",
                JSON,
            ]
            whole.headers["Content-Type"] = self._chance.choice(kinds)
        whole.kind = "torn form"
        return whole

    def json(self) -> Ask:
        who, call = self._who(), self._chance.choice(list(Call))
        values = self._login(who) | {self._chance.choice(NAMES[:-3]): self._any() for _ in range(4)}
        body = json.dumps(values).encode()
        if self._chance.random() < 0.3:
            body = self._torn(body)
        return Ask(who, "POST", f"/{call}", body, {"Content-Type": JSON}, "json")

    def extension(self) -> Ask:
        """Draw a request to /arcli/v1. Keys are not made or removed: the suite goes on with them."""
        who = self._who()
        names = [quote(self._value(), safe="") or "posters" for _ in range(2)]
        path = f"/arcli/v1/{self._chance.choice(PATHS).format(*names)}"
        method = self._chance.choice(METHODS)
        if "/keys" in path and who is not None:
            method = "GET"
        headers = {}
        if who is not None:
            pair = f"{who.partition('/')[0]}:{self._site.secrets[who]}".encode()
            headers["Authorization"] = "Basic " + base64.b64encode(pair).decode()
        if method in ("GET", "HEAD"):
            path += f"?{self._chance.choice(NAMES)}={quote(self._value(), safe='')}"
            return Ask(who, method, path, None, headers, "extension")
        body = json.dumps({self._chance.choice(["name", "settings", "other"]): self._any()}).encode()
        return Ask(who, method, path, body, headers | {"Content-Type": JSON}, "extension")

    def tupu(self) -> Ask:
        """Draw a Tupu request: well signed, its signature torn, or of a stranger."""
        signed = sign_request(SECRET_ID, self._key, now=time.time())
        fields = {name: str(getattr(signed, name)) for name in ("timestamp", "nonce", "signature")}
        good = self._chance.random() < 0.5
        if not good:
            fields[self._chance.choice(list(fields))] = self._value()
        other = quote(self._value().replace("/", ""), safe="") or "x"
        identity = SECRET_ID if self._chance.random() < 0.9 else other
        if self._chance.random() < 0.5:
            body = multipart(fields | {"tag": self._value()}, self._image())
            return Ask(
                "tupu" if good else None,
                "POST",
                f"/v3/recognition/{identity}",
                body,
                {"Content-Type": MULTIPART},
                "tupu",
            )
        values: dict[str, Any] = fields | {"image": self._any(), "tag": self._any()}
        path = f"/v3/recognition/image/sync/base64/{identity}"
        body = json.dumps(values).encode()
        return Ask("tupu" if good else None, "POST", path, body, {"Content-Type": JSON}, "tupu")


class Teller:
    """Sends requests to a server on one connection and judges the answers."""

    def __init__(self, site: Site) -> None:
        self._site = site
        parts = urlsplit(site.url)
        self._place = (parts.hostname or "", parts.port or 80)
        self._line: HTTPConnection | None = None
        self.slowest = self.dearest = 0.0

    def close(self) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None

    def judge(self, ask: Ask) -> list[str]:
        """Send a request; return what is wrong about its answer."""
        before, began = processor_seconds(self._site.pid), time.monotonic()
        try:
            status, kind, content = self._send(ask)
        except (OSError, HTTPException) as error:
            self.close()
            return [] if self._alive() else [f"{ask.kind}: the server is gone after {ask}: {error!r}"]
        self.slowest = max(self.slowest, time.monotonic() - began)
        cost = processor_seconds(self._site.pid) - before
        self.dearest = max(self.dearest, cost)
        problems = answer_problems(ask, status, kind, content)
        if cost > SECONDS + PER_MEGABYTE * len(ask.body or b"") / 1e6:
            problems.append(f"it cost {cost:.1f} s of processor time")
        return [f"{problem}: {str(ask)[:600]}" for problem in problems]

    def _send(self, ask: Ask) -> tuple[int, str, bytes]:
        if self._line is None:
            self._line = HTTPConnection(*self._place, timeout=60)
        self._line.request(ask.method, ask.path, ask.body, ask.headers)
        answer = self._line.getresponse()
        content = answer.read()
        return answer.status, answer.getheader("content-type", ""), content

    def _alive(self) -> bool:
        try:
            with socket.create_connection(self._place, timeout=30):
                return Path(f"/proc/{self._site.pid}").exists()
        except OSError:
            return False


def answer_problems(ask: Ask, status: int, kind: str, content: bytes) -> list[str]:
    """Return what an answer must not be: a bug, not JSON on a known route, somebody else's secret."""
    problems = []
    if status >= 500 and status != 503:
        problems.append(f"status {status}: {content[:200]!r}")
    if b'"returncode":29000' in content.replace(b" ", b"") or b"Traceback" in content:
        problems.append(f"a bug: {content[:200]!r}")
    known = ask.path.startswith(tuple(f"/{call}" for call in Call)) or ask.path.startswith("/v3/")
    if known and ask.method == "POST" and (status, kind.partition(";")[0]) != (200, JSON):
        problems.append(f"not the envelope: {status} {kind} {content[:200]!r}")
    problems += [
        f"it shows the secret of {owner}"
        for owner, mark in MARKS.items()
        if _leaks(ask, owner, mark, content)
    ]
    return problems


def _leaks(ask: Ask, owner: str, mark: str, content: bytes) -> bool:
    """Say whether an answer shows an account's mark to somebody else (who did not send it)."""
    sent = (ask.body or b"") + ask.path.encode()
    return mark.encode() in content and ask.who != owner and mark.encode() not in sent


def processor_seconds(pid: int) -> float:
    """Return the processor time that a process and its living and dead children used."""
    total = 0.0
    for number in [pid, *_children(pid)]:
        try:
            fields = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        total += sum(int(value) for value in fields[11:15]) / os.sysconf("SC_CLK_TCK")
    return total


def _children(pid: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []
