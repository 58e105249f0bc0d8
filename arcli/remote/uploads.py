"""Pictures as services take them."""

from __future__ import annotations

from arcli.models import Picture
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
