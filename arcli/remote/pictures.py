"""Pictures on the client's side: as services accept them, and rated here if a service cannot."""

from __future__ import annotations

from dataclasses import dataclass

from arcli.errors import PictureRefused, naming
from arcli.filetypes import PictureFormat, picture_format
from arcli.models import CheckResult, Picture, Quad, level_too_low
from arcli.remote.http.transport import UploadPart

_TAKEN = (PictureFormat.JPEG, PictureFormat.PNG)


@dataclass(frozen=True, slots=True, kw_only=True)
class SendOptions:
    """When a picture is sent smaller, and how small.

    least_bytes: a smaller file is sent unchanged (0.5 to 8 million: a phone's network takes about a second
    for a million), unless it has over most_pixels (to 50 million, which `arcli serve` accepts). side: long
    side in px (1200, the largest that recognition looks at, to 4096). quality: of the JPEG (90 to 100): at 95
    the features are unaffected.
    """

    least_bytes: int = 2_000_000
    most_pixels: int = 24_000_000
    side: int = 2560
    quality: int = 95


SEND = SendOptions()


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A picture as it is sent.

    size: (w, h) of `data` as displayed; whole: of the user's picture. None: sent unchanged.
    """

    data: bytes
    size: tuple[int, int] | None = None
    whole: tuple[int, int] | None = None

    def in_whole(self, quad: Quad | None) -> Quad | None:
        """Return the corners of an answer, in pixels of the user's picture."""
        if quad is None or self.size is None or self.whole is None:
            return quad
        x, y = self.whole[0] / self.size[0], self.whole[1] / self.size[1]
        a, b, c, d = (((point[0] + 0.5) * x - 0.5, (point[1] + 0.5) * y - 0.5) for point in quad)
        return a, b, c, d


def upload(picture: Picture) -> Upload:
    """Return what to send: JPEG and PNG unchanged, large pictures and other formats re-encoded as JPEG.

    A JPEG or PNG that cannot be read here is sent unchanged: it is up to the service to refuse it. Raises
    PictureNotFound, PictureTooLarge, UnreadablePicture.
    """
    data = picture.read()
    usual = picture_format(data) in _TAKEN
    if not data or (usual and not _large(data, picture.name)):
        return Upload(data=data)
    try:
        return as_jpeg(data, name=picture.name, side=SEND.side)
    except PictureRefused:
        if not usual:
            raise
        return Upload(data=data)


def as_jpeg(data: bytes, *, name: str, side: int, quality: int = SEND.quality) -> Upload:
    """Decode a picture of any kind and write it as JPEG, upright, its long side at most `side` px.

    Raises PictureTooLarge, UnreadablePicture.
    """
    from arcli.vision.decoding.decode import LOCAL, decode
    from arcli.vision.drawing.thumbnail import encode_jpeg
    from arcli.vision.features.extract import shrink
    from arcli.vision.geometry import pixel_size

    decoded = decode(data, name=name, limits=LOCAL, max_side=side)
    pixels = shrink(decoded.pixels, side)
    return Upload(data=encode_jpeg(pixels, quality=quality), size=pixel_size(pixels), whole=decoded.size)


def _large(data: bytes, name: str) -> bool:
    """Say, by its header, whether making a JPEG or PNG smaller is worth the time."""
    from arcli.vision.decoding.pillow import open_picture

    try:
        _, header = open_picture(data, name)
    except PictureRefused:
        return False
    weighty = len(data) > SEND.least_bytes and max(header.size) > SEND.side
    return weighty or header.area > SEND.most_pixels


def image_part(data: bytes) -> UploadPart:
    """Name a picture by its content: services look at the name, and the user's own name stays private."""
    kind = picture_format(data) or PictureFormat.JPEG
    return UploadPart(name="image", filename=f"image{kind.suffix}", data=data)


def rated(picture: Picture) -> CheckResult:
    """Rate a picture as the embedded engine would; duplicates are not looked for.

    Raises PictureNotFound, UnreadablePicture, PictureTooLarge, TooFewFeatures.
    """
    from arcli.vision.rating.enrolment import enrolled

    with naming(picture.name):
        shown = enrolled(picture.read(), name=picture.name)
    return CheckResult(image=picture.name, level=shown.level, hints=shown.hints)


def refuse_low_level(picture: Picture, min_level: int | None) -> None:
    """Raise LevelTooLow if the picture's level is below `min_level`, and what `rated` raises."""
    if min_level is None:
        return
    found = rated(picture)
    if found.level is not None and found.level < min_level:
        raise level_too_low(picture.name, found.level, min_level, found.hints)
