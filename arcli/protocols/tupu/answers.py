"""Answers of Tupu: the signed envelope, the files of the gallery task, and the libraries."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from arcli.errors import BadAnswer, BadSignature
from arcli.models import Candidate, FindResult, ListKind, Match
from arcli.protocols.reading import JsonObject, json_object, objects, real, shown, text, whole, without_none
from arcli.protocols.tupu import CUSTOM_GALLERY
from arcli.protocols.tupu.codes import MESSAGES, error_for
from arcli.protocols.tupu.signing import fresh, sign, verify

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

BLACK, WHITE, NOT_IN_GALLERY = 0, 1, 2
_LABELS = {BLACK: "black", WHITE: "white"}
_NO_TASK = frozenset({"code", "message", "timestamp", "nonce"})
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Relative:
    """A gallery picture that resembles the photo: its URL and a score in [0, 1]."""

    path: str
    score: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FileAnswer:
    """What one picture of the request shows. `label`: 0 black list, 1 white list, 2 not in the gallery."""

    name: str
    relatives: tuple[Relative, ...]
    label: int
    similarity: float
    tag: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Library:
    """A list of the gallery. `threshold`: the score from which a relative counts."""

    id: str
    name: str
    kind: ListKind
    threshold: float | None
    status: str | None
    images: int | None


# The envelope


def sealed(body: JsonObject, key: RSAPrivateKey) -> bytes:
    """Write `body` as text and sign that text."""
    written = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return json.dumps({"signature": sign(key, written.encode()), "json": written}).encode()


def opened(content: bytes, key: RSAPublicKey | None, *, now: float) -> JsonObject:
    """Return the signed body of an answer that arrived at `now` (Unix seconds).

    The signature is verified over the exact bytes of the text under `json`, before that is parsed. `key`
    None: nothing is verified, and an answer without an envelope is accepted as it is. Raises BadSignature
    (wrong, missing, or older than 300 s), BadAnswer (no JSON, an unsigned error), or the error of its code.
    """
    envelope = json_object(content)
    written, signature = envelope.get("json"), envelope.get("signature")
    if key is None:
        return _succeeded(json_object(written) if isinstance(written, str) else envelope)
    if not isinstance(written, str) or not isinstance(signature, str) or _LONE_SURROGATE.search(written):
        raise _unsigned(envelope)
    verify(key, signature, written.encode())
    body = json_object(written)
    if not fresh(body.get("timestamp"), now):
        raise BadSignature(
            "the answer is signed, but its timestamp is not current", hint="is this machine's clock right?"
        )
    return _succeeded(body)


def _unsigned(envelope: JsonObject) -> BadAnswer:
    said = text(envelope.get("error")) or text(envelope.get("message"))
    if said is not None:
        return BadAnswer(f"the service answered an error that is not signed: {shown(said)}")
    return BadSignature("the answer is not signed")


def _succeeded(body: JsonObject) -> JsonObject:
    code = whole(body.get("code"))
    if code == 0:
        return body
    if code is None and text(body.get("code")) is None:
        said = text(body.get("error")) or text(body.get("message"))
        raise BadAnswer(f"the service answered without a code: {shown(said or '')}")
    raise error_for(str(body.get("code")) if code is None else code, text(body.get("message")))


def body_json(*, code: int, nonce: str, timestamp_ms: int, message: str | None = None) -> JsonObject:
    """Write the fields that every answer has; `message` defaults to the documented one."""
    said = message or MESSAGES.get(code, "unknown error")
    return {"code": code, "message": said, "nonce": nonce, "timestamp": timestamp_ms}


# The gallery task


def task_json(files: Sequence[FileAnswer], task: str = CUSTOM_GALLERY) -> JsonObject:
    """Write the task's part of an answer."""
    return {task: {"fileList": [_file_json(file) for file in files]}}


def _file_json(file: FileAnswer) -> JsonObject:
    return without_none(
        {
            "name": file.name,
            "relatives": [{"path": item.path, "score": item.score} for item in file.relatives],
            "label": file.label,
            "similarity": file.similarity,
            "tag": file.tag,
        }
    )


def read_files(body: JsonObject) -> tuple[FileAnswer, ...]:
    """Read the files of the gallery task, or of the first task that has files. Raises BadAnswer."""
    tasks = {key: value for key, value in body.items() if key not in _NO_TASK and isinstance(value, dict)}
    first = [tasks[CUSTOM_GALLERY]] if CUSTOM_GALLERY in tasks else []
    for task in first + list(tasks.values()):
        if isinstance(task.get("fileList"), list):
            return tuple(_read_file(item) for item in objects(task["fileList"]))
    raise BadAnswer("the service answered without the result of a gallery task")


def _read_file(item: JsonObject) -> FileAnswer:
    label = whole(item.get("label"))
    relatives = [
        Relative(path=text(relative.get("path")) or "", score=real(relative.get("score")))
        for relative in objects(item.get("relatives"))
    ]
    best = max((relative.score or 0.0 for relative in relatives), default=0.0)
    similarity = real(item.get("similarity"))
    return FileAnswer(
        name=text(item.get("name")) or "",
        relatives=tuple(sorted(relatives, key=lambda relative: -(relative.score or 0.0))),
        label=NOT_IN_GALLERY if label is None else label,
        similarity=best if similarity is None else similarity,
        tag=text(item.get("tag")),
    )


def found(file: FileAnswer, *, image: str, elapsed_ms: float = 0.0) -> FindResult:
    """Return a file's answer as a lookup: label 0 or 1 is a match with the best relative.

    The other relatives are candidates; with label 2 all of them are.
    """
    label = _LABELS.get(file.label)
    if label is None:
        return FindResult(
            image=image, candidates=_candidates(file.relatives, "not_in_gallery"), elapsed_ms=elapsed_ms
        )
    best = file.relatives[0] if file.relatives else Relative(path="", score=None)
    score = file.similarity if best.score is None else best.score
    match = Match(identifier=best.path, channel=None, score=score, label=label)
    others = _candidates(file.relatives[1:], "weaker")
    return FindResult(image=image, matches=(match,), candidates=others, elapsed_ms=elapsed_ms)


_WHY = {
    "not_in_gallery": "the service says that the photo is not in the gallery",
    "weaker": "another gallery picture resembles the photo more",
}


def _candidates(relatives: Sequence[Relative], reason: str) -> tuple[Candidate, ...]:
    return tuple(
        Candidate(identifier=item.path, channel=None, reason=reason, why=_WHY[reason], score=item.score)
        for item in relatives
    )


# Libraries


def libraries_json(libraries: Sequence[Library]) -> JsonObject:
    """Write the libraries' part of an answer."""
    return {
        "imageLibraries": [
            without_none(
                {
                    "id": library.id,
                    "name": library.name,
                    "type": library.kind.value,
                    "threshold": library.threshold,
                    "status": library.status,
                    "images": library.images,
                }
            )
            for library in libraries
        ]
    }


def read_libraries(body: JsonObject) -> tuple[Library, ...]:
    """Read the libraries of a search. Raises BadAnswer when there is no list of them."""
    if not isinstance(body.get("imageLibraries"), list):
        raise BadAnswer("the service answered without a list of libraries")
    return tuple(_read_library(item) for item in objects(body["imageLibraries"]))


def _read_library(item: JsonObject) -> Library:
    images = item.get("images")
    name = text(item.get("name")) or text(item.get("id")) or ""
    return Library(
        id=text(item.get("id")) or name,
        name=name,
        kind=_list_kind(item.get("type")),
        threshold=real(item.get("threshold")),
        status=text(item.get("status")),
        images=len(images) if isinstance(images, list) else whole(images),
    )


def _list_kind(value: object) -> ListKind:
    """Read a library's type, written as a word, or as 0 or 1 like the labels."""
    word = (text(value) or "").lower()
    if "black" in word or "黑" in word or word == str(BLACK):
        return ListKind.BLACK
    if "white" in word or "白" in word or word == str(WHITE):
        return ListKind.WHITE
    return ListKind.PLAIN
