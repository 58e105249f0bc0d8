"""Pictures on this side of the wire: as services take them, and judged here where a service cannot."""

from __future__ import annotations

from arcli.errors import naming
from arcli.models import CheckResult, Picture, level_too_low
from arcli.remote.http.transport import UploadPart

_JPEG, _PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"
_QUALITY = 95  # of a picture that must be written anew: no visible loss, and the features stay


def upload(picture: Picture) -> bytes:
    """Return the bytes to send: JPEG and PNG as they are, anything else written anew as JPEG.

    The size in pixels stays, so a quad in the answer is one in the user's photo. What cannot be decoded
    here goes out as it is: it is the service that refuses it. Raises PictureNotFound, PictureTooLarge,
    UnreadablePicture.
    """
    data = picture.read()
    if data.startswith((_JPEG, _PNG)) or len(data) < len(_PNG):
        return data
    return as_jpeg(data, name=picture.name)


def as_jpeg(data: bytes, *, name: str) -> bytes:
    """Decode a picture of any kind and write it as JPEG, upright.

    Raises PictureTooLarge, UnreadablePicture.
    """
    from arcli.vision.decoding.decode import LOCAL, decode
    from arcli.vision.drawing.thumbnail import encode_jpeg

    return encode_jpeg(decode(data, name=name, limits=LOCAL).pixels, quality=_QUALITY)


def image_part(data: bytes) -> UploadPart:
    """Name a picture by its content: services look at the name, and the user's own stays private."""
    return UploadPart(name="image", filename="image.png" if data.startswith(_PNG) else "image.jpg", data=data)


def rated(picture: Picture) -> CheckResult:
    """Rate a picture as the embedded engine would; duplicates are not looked for.

    Raises PictureNotFound, UnreadablePicture, PictureTooLarge, TooFewFeatures.
    """
    from arcli.vision.rating.enrolment import enrolled

    with naming(picture.name):
        shown = enrolled(picture.read(), name=picture.name)
    return CheckResult(image=picture.name, level=shown.level, hints=shown.hints)


def refuse_low_level(picture: Picture, min_level: int | None) -> None:
    """Raises LevelTooLow when the picture's level is below `min_level`, and what `rated` raises."""
    if min_level is None:
        return
    found = rated(picture)
    if found.level is not None and found.level < min_level:
        raise level_too_low(picture.name, found.level, min_level, found.hints)
