"""Tupu's custom gallery, written by hand from its document alone: nothing here comes from arcli."""

from __future__ import annotations

import base64
import json
import time
from functools import cache
from typing import Any
from urllib.parse import unquote

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.fakes.http import FakeService, Reply, Request
from tests.fakes.recognition import Sketch, agreeing, sketch

SECRET_ID = "5f0cc1a2b3c4"
TASK = "5c8f44ca25ade48455a63bad"
WORST = 30_000_000


@cache
def key_of(who: str) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def private_pem(who: str, form: str = "PKCS8") -> str:
    formats = {
        "PKCS8": serialization.PrivateFormat.PKCS8,
        "PKCS1": serialization.PrivateFormat.TraditionalOpenSSL,
    }
    plain = serialization.NoEncryption()
    return key_of(who).private_bytes(serialization.Encoding.PEM, formats[form], plain).decode()


def public_pem(who: str) -> str:
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    return key_of(who).public_key().public_bytes(serialization.Encoding.PEM, spki).decode()


class FakeTupu(FakeService):
    """`black` and `white` hold a picture's features by its path. `sealed` may be replaced to forge."""

    busy = Reply(502, b"<html>502 Bad Gateway</html>", {"Content-Type": "text/html"})

    def __init__(self) -> None:
        super().__init__()
        self.black: dict[str, Sketch] = {}
        self.white: dict[str, Sketch] = {}
        self.nonces: set[str] = set()
        self.now = time.time
        self.names = True

    def teach(self, kind: str, path: str, data: bytes) -> None:
        seen = sketch(data)
        assert seen is not None
        getattr(self, kind)[path] = seen

    def answer(self, request: Request) -> Reply:
        path = unquote(request.path)
        if len(request.body) > WORST:
            return Reply.of({"error": "body too large"})
        if path == f"/v3/recognition/{SECRET_ID}":
            values = request.values
            images: list[tuple[str, bytes | str]] = [
                (name, data) for part, name, data in request.files if part == "image"
            ]
            images += [(url, url) for name, url in request.fields if name == "image"]
            tags = [value for name, value in request.fields if name == "tag"]
        elif path == f"/v3/recognition/image/sync/base64/{SECRET_ID}":
            values = json.loads(request.body)
            images = [("", base64.b64decode(image)) for image in values["images"]]
            tags = values.get("tags", [])
        elif path == "/v3/management/image-library/search":
            return self._search(json.loads(request.body))
        else:
            return self._coded(6)
        code = self._refused(values)
        if code is None and not images:
            code = 3
        return self._coded(code) if code is not None else self._recognized(images, tags)

    def _refused(self, values: dict[str, str]) -> int | None:
        signed = f"{SECRET_ID},{values['timestamp']},{values['nonce']}".encode()
        try:
            key_of("customer").public_key().verify(
                base64.b64decode(values["signature"]), signed, padding.PKCS1v15(), hashes.SHA256()
            )
        except InvalidSignature:
            return 1
        if abs(self.now() - float(values["timestamp"])) > 300:
            return 12
        if values["nonce"] in self.nonces:
            return 1
        self.nonces.add(values["nonce"])
        return None

    def _recognized(self, images: list[tuple[str, bytes | str]], tags: list[str]) -> Reply:
        files = []
        for number, (name, content) in enumerate(images):
            seen = self.black.get(content) if isinstance(content, str) else sketch(content)
            if seen is None:
                return self._coded(14)
            file = {"name": name if self.names else f"file-{number}", **self._verdict(seen)}
            files.append(file | ({"tag": tags[min(number, len(tags) - 1)]} if tags else {}))
        return self.sealed({TASK: {"fileList": files}, **self._head(0)})

    def _verdict(self, seen: Sketch) -> dict[str, Any]:
        for label, pictures in enumerate((self.black, self.white)):
            for path, known in pictures.items():
                if agreeing(seen, known):
                    return {"relatives": [{"path": path, "score": 0.93}], "label": label, "similarity": 0.93}
        weak = [{"path": path, "score": 0.31} for path in self.white][:1]
        return {"relatives": weak, "label": 2, "similarity": 0.31 if weak else 0}

    def _search(self, values: dict[str, str]) -> Reply:
        code = self._refused(values) if values["secretId"] == SECRET_ID else 6
        if code is not None:
            return self._coded(code)
        libraries = [
            {"id": "17", "name": "banned", "type": "black", "threshold": 0.8, "status": "on", "images": 2},
            {"id": "18", "name": "welcome", "type": "white", "threshold": 0.7, "status": "on", "images": 1},
        ]
        wanted = [item for item in libraries if values.get("name", item["name"]) == item["name"]]
        return self.sealed({"imageLibraries": wanted, **self._head(0)})

    def _coded(self, code: int) -> Reply:
        return self.sealed(self._head(code))

    def _head(self, code: int) -> dict[str, Any]:
        return {"code": code, "message": "said so", "nonce": 0.196579, "timestamp": int(self.now() * 1000)}

    def sealed(self, body: dict[str, Any], who: str = "service") -> Reply:
        text = json.dumps(body, indent=1)
        signature = key_of(who).sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
        return Reply.of({"signature": base64.b64encode(signature).decode(), "json": text})
