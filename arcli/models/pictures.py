"""A picture as the user named it, and why it may be hard to find."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from arcli.errors import (
    LevelTooLow,
    PictureNotFound,
    PictureTooLarge,
    UnreadablePicture,
)

_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)
PICTURE_BYTES_LIMIT = 1 << 30  # A0 at 300 dpi has 418 MB uncompressed; `serve` has a lower limit of its own
SMALLER = "make it smaller: 800 px on its long side is enough"


def is_url(name: str) -> bool:
    """Say whether a picture's name is a URL that it can be fetched from."""
    return name[:8].lower().startswith(("http://", "https://"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A picture as the user named it: a path that is read only when needed, or bytes already in memory.

    `fetch` gets the bytes of a picture that is elsewhere, when they are needed; it must be picklable.
    """

    name: str
    path: Path | None = None
    data: bytes | None = None
    fetch: Callable[[], bytes] | None = None

    @classmethod
    def from_path(cls, path: str | Path) -> Picture:
        return cls(name=str(path), path=Path(path))

    def read(self, limit: int = PICTURE_BYTES_LIMIT) -> bytes:
        """Return the encoded bytes.

        Raises PictureNotFound (no such file, a folder, no permission), PictureTooLarge (over `limit` bytes),
        UnreadablePicture (a read error).
        """
        if self.data is not None:
            data = self.data
        else:
            data = self._read_file(limit) if self.fetch is None else self.fetch()
        if len(data) > limit:
            raise PictureTooLarge(f"{self.name}: over {limit:,} bytes", hint=SMALLER, item=self.name)
        return data

    def _read_file(self, limit: int) -> bytes:
        assert self.path is not None, "a Picture has a path, data or fetch"
        try:
            if not self.path.is_file():
                what = "is not a regular file" if self.path.exists() else "no such file"
                raise PictureNotFound(f"{self.name}: {what}", item=self.name)
            with self.path.open("rb") as file:
                size = os.fstat(file.fileno()).st_size  # a read allocates all its memory at once
                return file.read(min(size, limit) + 1)
        except PermissionError as error:
            raise PictureNotFound(f"{self.name}: permission denied", item=self.name) from error
        except (OSError, ValueError) as error:
            if isinstance(error, OSError) and error.errno in _EXHAUSTED:
                raise  # nothing is wrong with the picture
            raise UnreadablePicture(f"{self.name}: {error}", item=self.name) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Hint:
    """One reason why a picture is hard to find (`message`) and what would help (`advice`)."""

    code: str
    message: str
    advice: str | None = None


def level_too_low(image: str, level: int, least: int, hints: Sequence[Hint]) -> LevelTooLow:
    """Return the error for a picture below level `least`: its reasons, and the weightiest one's advice."""
    why = "; ".join(hint.message for hint in hints)
    message = f"level {level} is below {least}" + (f": {why}" if why else "")
    return LevelTooLow(message, hint=next((hint.advice for hint in hints if hint.advice), None), item=image)
