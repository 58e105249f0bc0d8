"""multipart/form-data, parsed as it arrives (python-multipart), each part kept in memory within its limit."""

from __future__ import annotations

from dataclasses import dataclass

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from arcli.errors import PictureTooLarge


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyTuning:
    """Bounds of a body besides its pictures, in bytes; `stall` in seconds.

    header (1 to 64 KiB): all headers of one part. preamble (0 to 1 MiB): before the first boundary; mail
    programs write a sentence there. form (256 KiB to 8 MiB): all fields. json (16 KiB to 1 MiB): of a body
    that names things. removed (1 to 16 MiB): of one that brings a target back: features, thumbnail and a
    picture of at most 640 px. parts (16 to 256). boundary (70 to 1,000): its
    length; RFC 2046 allows 70. stall (5 to 60): seconds without a byte; 15 are enough for a phone that
    changes its network.
    """

    header: int = 8 << 10
    preamble: int = 64 << 10
    form: int = 1 << 20
    json: int = 64 << 10
    removed: int = 4 << 20
    parts: int = 64
    boundary: int = 200
    stall: float = 15.0


BODY = BodyTuning()


def field_too_large(name: str, limit: int) -> PictureTooLarge:
    """Return the refusal of a text field over its limit."""
    return PictureTooLarge(
        f"the field {name[:50]!r} is over the limit of {limit:,} bytes",
        hint="a field is text, not a file",
        item=name[:50],
    )


class MultipartError(ValueError):
    """The body is not what its Content-Type says, or exceeds a limit."""


@dataclass(frozen=True, slots=True)
class FormPart:
    """One part: the name of its field, its file name if it has one, its content."""

    name: str
    filename: str | None
    content: bytes

    @property
    def is_file(self) -> bool:
        return self.filename is not None


class MultipartReader:
    """Parses a body: `feed` it chunks, then `finish`.

    `file_bytes` is also the limit of a part `image` without a file name.
    """

    def __init__(self, boundary: str, *, file_bytes: int, field_bytes: int, most_parts: int) -> None:
        self._file_bytes, self._field_bytes, self._most_parts = file_bytes, field_bytes, most_parts
        self._parts: list[FormPart] = []
        self._complete, self._begun = False, False
        self._preamble, self._delimiter = bytearray(), b"--" + boundary.encode("ascii", "replace")
        self._begin()
        if not boundary or len(boundary) > BODY.boundary or not boundary.isascii():
            raise MultipartError("no boundary")
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": self._header_name,
                "on_header_value": self._header_value,
                "on_header_end": self._header_end,
                "on_headers_finished": self._headers_done,
                "on_part_data": self._data,
                "on_part_end": self._end,
                "on_end": self._finished,
            },
        )

    def feed(self, chunk: bytes) -> None:
        """Parse a chunk. Raises MultipartError, PictureTooLarge."""
        try:
            self._parser.write(chunk if self._begun else self._after_preamble(chunk))
        except FormParserError as error:
            raise MultipartError("its parts are malformed") from error

    def _after_preamble(self, chunk: bytes) -> bytes:
        """Return what follows the lines before the first boundary, which readers skip (RFC 2046)."""
        self._preamble += chunk
        at = 0 if self._preamble.startswith(self._delimiter) else self._preamble.find(b"\n" + self._delimiter)
        if at < 0:
            if len(self._preamble) > BODY.preamble:
                raise MultipartError("it has no boundary")
            return b""
        self._begun = True
        rest = bytes(self._preamble[at:]).removeprefix(b"\n")
        self._preamble = bytearray()
        return rest

    def finish(self) -> list[FormPart]:
        """Return the parts. Raises MultipartError when the last boundary never came."""
        if not self._complete:
            raise MultipartError("it ends before its last boundary")
        return self._parts

    def _begin(self) -> None:
        if len(self._parts) >= self._most_parts:
            raise MultipartError(f"it has more than {self._most_parts} parts")
        self._name, self._value = bytearray(), bytearray()
        self._headers: dict[bytes, bytes] = {}
        self._header_bytes = 0
        self._field = ""
        self._filename: str | None = None
        self._content = bytearray()
        self._limit = 0

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._grow(self._name, data, start, end)

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._grow(self._value, data, start, end)

    def _grow(self, part: bytearray, data: bytes, start: int, end: int) -> None:
        self._header_bytes += end - start
        if self._header_bytes > BODY.header:
            raise MultipartError("a part's headers are too long")
        part += data[start:end]

    def _header_end(self) -> None:
        self._headers[bytes(self._name).lower()] = bytes(self._value)
        self._name, self._value = bytearray(), bytearray()

    def _headers_done(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        self._field = options.get(b"name", b"").decode("utf-8", "replace")
        filename = options.get(b"filename")
        self._filename = None if filename is None else filename.decode("utf-8", "replace")
        is_file = self._filename is not None or self._field == "image"
        self._limit = self._file_bytes if is_file else self._field_bytes

    def _data(self, data: bytes, start: int, end: int) -> None:
        if len(self._content) + end - start > self._limit:
            if self._limit == self._file_bytes:
                raise PictureTooLarge(f"the picture is over the limit of {self._limit:,} bytes")
            raise field_too_large(self._field, self._limit)
        self._content += data[start:end]

    def _end(self) -> None:
        self._parts.append(FormPart(self._field, self._filename, bytes(self._content)))
        self._content = bytearray()

    def _finished(self) -> None:
        self._complete = True
