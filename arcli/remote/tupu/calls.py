"""Tupu's calls: each try is signed again (a nonce is used once), each answer verified before it is read."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from arcli.filetypes import PictureFormat, picture_format
from arcli.protocols.reading import JsonObject
from arcli.protocols.tupu import answers, requests
from arcli.protocols.tupu.answers import FileAnswer, Library
from arcli.protocols.tupu.requests import Recognition
from arcli.protocols.tupu.signing import Signed, sign_request
from arcli.remote.http.retry import Retry
from arcli.remote.http.transport import HttpAnswer, HttpTransport, UploadPart
from arcli.remote.tupu.pictures import Ready

if TYPE_CHECKING:
    from arcli.protocols.tupu.keys import PrivateKey, PublicKey


@dataclass(frozen=True, slots=True, kw_only=True)
class TupuAccount:
    """The caller's key, and the public key that answers must be signed with.

    `public_key` None: answers are not verified.
    """

    secret_id: str
    private_key: PrivateKey = field(repr=False)
    public_key: PublicKey | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TupuOptions:
    """`as_json`: pictures are sent as base64 in JSON, else as a form. `tags`: the k-th for the k-th picture
    of a request, the last for the rest. `tasks`, `uid`: sent along where given."""

    as_json: bool = False
    tags: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()
    uid: str | None = None


class TupuClient:
    """The protocol as Python methods.

    They raise the error of the code, BadSignature, BadAnswer, Unreachable.
    """

    def __init__(
        self,
        transport: HttpTransport,
        account: TupuAccount,
        options: TupuOptions,
        retry: Retry,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._transport, self._account, self._options = transport, account, options
        self._retry, self._now = retry, now

    def recognize(self, pictures: Sequence[Ready]) -> list[FileAnswer | None]:
        """Return what each picture shows, None for a picture that the answer leaves out."""

        def once(signed: Signed) -> HttpAnswer:
            request = Recognition(
                signed=signed,
                images=tuple(picture.content for picture in pictures),
                tags=self._options.tags,
                tasks=self._options.tasks,
                uid=self._options.uid,
            )
            return self._post(request)

        return _in_request_order(answers.read_files(self._signed(once)), pictures)

    def libraries(self, name: str | None = None) -> tuple[Library, ...]:
        """Return the libraries: all of them, or the one called `name`."""

        def once(signed: Signed) -> HttpAnswer:
            body = requests.search_body(self._account.secret_id, signed, name)
            return self._transport.post_json(requests.SEARCH_PATH, body)

        return answers.read_libraries(self._signed(once))

    def _signed(self, send: Callable[[Signed], HttpAnswer]) -> JsonObject:
        account = self._account

        def once() -> JsonObject:
            answer = send(sign_request(account.secret_id, account.private_key, now=self._now()))
            return answers.opened(answer.content, account.public_key, now=self._now())

        return self._retry.run(once)

    def _post(self, request: Recognition) -> HttpAnswer:
        urls = any(isinstance(image, str) for image in request.images)
        if self._options.as_json and not urls:
            path = requests.base64_path(self._account.secret_id)
            return self._transport.post_json(path, requests.json_body(request))
        parts = [
            UploadPart(name="image", filename=_filename(number, image), data=image)
            for number, image in enumerate(request.images)
            if isinstance(image, bytes)
        ]
        path = requests.form_path(self._account.secret_id)
        return self._transport.post_form(path, requests.form_fields(request), parts)


def _filename(number: int, image: bytes) -> str:
    """Name a picture by its position and its content; the answer repeats the name."""
    kind = picture_format(image) or PictureFormat.JPEG
    return f"{number}{kind.suffix}"


def _in_request_order(files: Sequence[FileAnswer], pictures: Sequence[Ready]) -> list[FileAnswer | None]:
    """Order the files as their pictures, by the name that the form gave them, else by position."""
    sent = [
        picture.content if isinstance(picture.content, str) else _filename(number, picture.content)
        for number, picture in enumerate(pictures)
    ]
    by_name = {file.name: file for file in files}
    if len(by_name) == len(files) and by_name.keys() <= set(sent):
        return [by_name.get(name) for name in sent]
    padding: list[FileAnswer | None] = [None] * len(pictures)
    return [*files, *padding][: len(pictures)]
