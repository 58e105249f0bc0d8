"""The search ends early only if the rest of the shortlist cannot have a better supported target."""

from collections.abc import Callable, Sequence

import pytest

from arcli.engine.recognition.candidates import Codes
from arcli.engine.recognition.recognize import RecognizeOptions, recognize
from arcli.features import Features
from arcli.models import FindOptions
from arcli.vision.decoding.decode import LOCAL, decode
from arcli.vision.drawing.thumbnail import encode_thumbnail
from arcli.vision.features.extract import extract, shrink

from .conftest import cv2, encoded, np, poster_pixels


class InMemory:
    """A channel with given votes, as in a large channel in which many targets share the votes of one."""

    name = "default"

    def __init__(self, pictures: Sequence[np.ndarray], votes: Sequence[float]) -> None:
        self._pictures, self._votes = pictures, votes

    def relatives(self, voters: Features, most: int) -> list[tuple[int, float]]:
        return []

    def shortlist(self, query: Features, limit: int) -> list[tuple[int, float]]:
        return sorted(enumerate(self._votes), key=lambda entry: -entry[1])[:limit]

    def load(
        self, row_ids: Sequence[int], asked: float | None
    ) -> dict[int, tuple[Features, float, bytes | None]]:
        return {row: self._loaded(self._pictures[row]) for row in row_ids}

    def _loaded(self, pixels: np.ndarray) -> tuple[Features, float, bytes | None]:
        features = extract(pixels, max_side=400, max_keypoints=400)
        return features, 0.5, encode_thumbnail(shrink(pixels, 128))

    def picture(self, row_id: int) -> bytes | None:
        return None

    def codes(self, row_id: int, search: Callable[[], Codes]) -> Codes:
        return search()


COVER, SPINE = 0, 1


@pytest.fixture
def channel() -> InMemory:
    spine = cv2.resize(poster_pixels(71, side=600)[:, :90], (90, 600))
    strangers = [poster_pixels(seed) for seed in range(80, 90)]
    return InMemory([poster_pixels(70), spine, *strangers], [8.0, 40.0, *[12.0] * 10])


@pytest.mark.parametrize("candidates", [0, 20])
def test_a_cover_that_fills_the_photo_is_answered_not_the_spine_beside_it(
    channel: InMemory, candidates: int
) -> None:
    """The spine is found first and certain; the cover has a fifth of its votes, and more inliers."""
    photo = np.full((600, 560, 3), 120, np.uint8)
    photo[:, :450] = cv2.resize(poster_pixels(70), (450, 600))
    photo[:, 460:550] = cv2.resize(poster_pixels(71, side=600)[:, :90], (90, 600))
    decoded = decode(encoded(photo), name="photo", limits=LOCAL)
    found = recognize(decoded, [channel], FindOptions(candidates=candidates))
    assert [one.target.row_id for one in found if one.reason is None] == [COVER]
    by_row = {one.target.row_id: one for one in found}
    assert by_row[COVER].inliers > by_row[SPINE].inliers >= RecognizeOptions().likely_inliers
    assert by_row[SPINE].reason == "beyond_limit"


def test_what_was_not_tried_is_listed_and_changes_nothing(channel: InMemory) -> None:
    decoded = decode(encoded(cv2.resize(poster_pixels(70), (450, 600))), name="photo", limits=LOCAL)
    channel._votes = [40.0, 15.0, *[12.0] * 10]
    plain = recognize(decoded, [channel], FindOptions())
    listed = recognize(decoded, [channel], FindOptions(candidates=20))
    assert len(plain) < len(listed) == 12
    assert [one.target.row_id for one in listed[: len(plain)]] == [one.target.row_id for one in plain]
    assert [one.target.row_id for one in listed if one.reason is None] == [COVER]
