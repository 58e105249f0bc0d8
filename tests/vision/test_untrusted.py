"""Random, cut and flipped bytes: a picture or a refusal, never a crash, and features for what was read."""

from hypothesis import given, settings
from hypothesis import strategies as st

from arcli.errors import PictureRefused
from arcli.vision.decoding.decode import DecodeLimits, decode
from arcli.vision.features.extract import extract
from tests.vision.pictures import encoded, textured

SMALL = textured(5, (64, 48))
FILES = [
    encoded(SMALL, "JPEG"),
    encoded(SMALL, "JPEG", progressive=True),
    encoded(SMALL, "PNG"),
    encoded(SMALL, "PNG", "P"),
    encoded(SMALL, "GIF"),
    encoded(SMALL, "WEBP"),
    encoded(SMALL, "WEBP", "RGBA", lossless=True),
    encoded(SMALL, "BMP"),
    encoded(SMALL, "BMP", "P"),
    encoded(SMALL, "TIFF"),
    encoded(SMALL, "TIFF", compression="tiff_lzw"),
    encoded(SMALL, "PPM"),
]
STARTS = [data[:n] for data in FILES for n in (4, 12, 30)]
LIMITS = DecodeLimits(pixels=4_000_000)


def survives(data: bytes) -> None:
    try:
        decoded = decode(data, name="x", limits=LIMITS, max_side=64)
    except PictureRefused:
        return
    features = extract(decoded.pixels, max_side=64, max_keypoints=50)
    assert len(features.codes) == len(features.keypoints) <= 50


@settings(max_examples=300, deadline=None)
@given(st.sampled_from([b"", *STARTS]), st.binary(max_size=300))
def test_random_bytes(start: bytes, rest: bytes) -> None:
    survives(start + rest)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(FILES), st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=8))
def test_changed_bytes(data: bytes, changes: list[tuple[float, int]]) -> None:
    damaged = bytearray(data)
    for place, value in changes:
        damaged[int(place * (len(data) - 1))] = value
    survives(bytes(damaged))


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(FILES), st.integers(0, 120), st.integers(0, 255))
def test_changed_headers(data: bytes, place: int, value: int) -> None:
    damaged = bytearray(data)
    damaged[min(place, len(data) - 1)] = value
    survives(bytes(damaged))


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(FILES), st.floats(0, 1))
def test_cut_files(data: bytes, share: float) -> None:
    survives(data[: int(share * len(data))])
