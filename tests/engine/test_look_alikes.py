"""Look-alikes share most of their picture; copies are one target several times in a photo."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from arcli.engine import LocalGallery
from arcli.engine.indexing.shortlist import Shortlister
from arcli.engine.recognition.photo_view import straight_view
from arcli.engine.recognition.view_search import RecognizeOptions, ViewSearch
from arcli.features import Features
from arcli.models import AddItem, Effort, FindOptions, Picture
from arcli.vision.decoding.decode import decode
from arcli.vision.drawing.thumbnail import encode_thumbnail
from arcli.vision.features.extract import extract
from arcli.vision.features.options import CASCADE

from .conftest import cv2, encoded, item, np, photo_of, poster_pixels

LABEL = slice(120, 200)  # rows of the part in which look-alikes differ: a quarter


def look_alike_pixels(seed: int, other: int) -> np.ndarray:
    """The poster of `seed` with the middle of another."""
    pixels = poster_pixels(seed).copy()
    pixels[LABEL] = poster_pixels(other)[LABEL]
    return pixels


def hung(*pictures: np.ndarray) -> Picture:
    """A photo of these pictures side by side on a wall, a little turned."""
    wall = np.full((500, 340 * len(pictures) + 60, 3), 200, np.uint8)
    for place, pixels in enumerate(pictures):
        turn = cv2.getRotationMatrix2D((120, 160), 8, 1.0)
        turn[:, 2] += (60 + 340 * place, 80)
        cv2.warpAffine(pixels, turn, wall.shape[1::-1], wall, borderMode=cv2.BORDER_TRANSPARENT)
    return Picture(name="photo", data=encoded(wall, ".jpg", cv2.IMWRITE_JPEG_QUALITY, 85))


@pytest.fixture
def look_alikes(gallery: LocalGallery) -> LocalGallery:
    """`red` and `blue`, which differ in their label, and some posters that are no relatives."""
    for name, other in (("red", 21), ("blue", 22)):
        picture = Picture(name=f"{name}.png", data=encoded(look_alike_pixels(20, other)))
        gallery.add(channel="default", item=AddItem(picture=picture, identifier=name))
    list(gallery.add_many(channel="default", items=[item(seed) for seed in range(3)]))
    return gallery


@pytest.mark.parametrize(("name", "other"), [("red", 21), ("blue", 22)])
def test_look_alikes_are_told_apart_by_the_part_that_differs(
    look_alikes: LocalGallery, name: str, other: int
) -> None:
    [match] = look_alikes.find(picture=hung(look_alike_pixels(20, other)), channels=None).matches
    assert (match.identifier, match.ambiguous) == (name, False)


def flavoured(pixels: np.ndarray, sign: int) -> np.ndarray:
    """The same shapes and lightness; `sign` turns the colours into their opposites."""
    lab = cv2.cvtColor(pixels, cv2.COLOR_BGR2LAB)
    lab[..., 1:] = 128 + sign * (lab[..., 1:].astype(int) - 128) * 0.4
    return cv2.cvtColor(lab, cv2.COLOR_LAB2BGR)


@pytest.mark.parametrize("name", ["cherry", "lime"])
def test_flavours_are_told_apart_by_their_colours_in_warm_light_too(gallery: LocalGallery, name: str) -> None:
    flavours = {"cherry": flavoured(poster_pixels(30), 1), "lime": flavoured(poster_pixels(30), -1)}
    for flavour, pixels in flavours.items():
        picture = Picture(name=f"{flavour}.png", data=encoded(pixels))
        gallery.add(channel="default", item=AddItem(picture=picture, identifier=flavour))
    warm = (flavours[name] * (0.7, 0.8, 0.9)).astype(np.uint8)
    [match] = gallery.find(picture=hung(warm), channels=None).matches
    assert (match.identifier, match.ambiguous) == (name, False)


@pytest.mark.parametrize("which", [0, 11, 23])
def test_the_right_one_of_a_family_that_is_larger_than_the_lists_of_neighbours(
    gallery: LocalGallery, which: int
) -> None:
    family = []
    for number in range(24):
        pixels = poster_pixels(40).copy()
        pixels[150:180, 60:180] = poster_pixels(100 + number)[150:180, 60:180]
        family.append(pixels)
    items = [
        AddItem(picture=Picture(name=f"{n}.png", data=encoded(pixels)), identifier=f"edition{n}")
        for n, pixels in enumerate(family)
    ]
    list(gallery.add_many(channel="default", items=[*items, *(item(seed) for seed in range(30))]))
    far = cv2.resize(family[which], None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA)
    [match] = gallery.find(picture=hung(far, poster_pixels(200)), channels=None).matches
    assert (match.identifier, match.ambiguous) == (f"edition{which}", False)


def test_relatives_of_an_answer_are_looked_up_again_only_when_the_channel_has_changed(
    gallery: LocalGallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    search, searches = Shortlister.search, []

    def counted(self: Shortlister, *args: Any, **options: Any) -> Any:
        searches.append(options["neighbours"])
        return search(self, *args, **options)

    monkeypatch.setattr(Shortlister, "search", counted)
    photo = Picture(name="photo", data=encoded(poster_pixels(60)))
    gallery.add(channel="default", item=item(60))
    for repeated in ([40], [], []):
        gallery.find(picture=photo, channels=None)
        assert searches == [10, *repeated]
        searches.clear()
    gallery.add(channel="default", item=item(61))
    gallery.find(picture=photo, channels=None)
    assert searches == [10, 40]


@pytest.mark.parametrize("limit", [1, None])
def test_where_the_photo_hides_what_differs_both_are_named_unasked(
    look_alikes: LocalGallery, limit: int | None
) -> None:
    covered = look_alike_pixels(20, 21)
    covered[LABEL] = 90
    result = look_alikes.find(picture=hung(covered), channels=None, options=FindOptions(limit=limit))
    [match] = result.matches
    [rival] = result.candidates
    assert match.ambiguous
    assert rival.reason == "rival"
    assert {match.identifier, rival.identifier} == {"red", "blue"}


def test_a_poster_without_a_look_alike_is_not_ambiguous_and_names_nobody_else(
    look_alikes: LocalGallery,
) -> None:
    result = look_alikes.find(picture=Picture(name="photo", data=photo_of(1)), channels=None)
    assert [(match.identifier, match.ambiguous) for match in result.matches] == [("poster1", False)]
    assert result.candidates == ()


def test_small_targets_on_a_crowded_wall_are_all_found(gallery: LocalGallery) -> None:
    list(gallery.add_many(channel="default", items=[item(seed) for seed in range(28)]))
    wall = np.full((700, 1000, 3), 200, np.uint8)
    for place in range(28):
        row, column = divmod(place, 7)
        small = cv2.resize(poster_pixels(place), (105, 140), interpolation=cv2.INTER_AREA)
        wall[15 + 170 * row : 155 + 170 * row, 20 + 140 * column : 125 + 140 * column] = small
    noise = np.random.default_rng(1).normal(0, 5, wall.shape)
    pixels = (cv2.GaussianBlur(wall, (0, 0), 0.8) + noise).clip(0, 255).astype(np.uint8)
    photo = Picture(name="wall", data=encoded(pixels, ".jpg"))
    matches = gallery.find(picture=photo, channels=None, options=FindOptions(limit=None)).matches
    assert sorted(match.identifier for match in matches) == sorted(f"poster{seed}" for seed in range(28))


def test_two_copies_of_a_target_are_two_matches_at_two_places(look_alikes: LocalGallery) -> None:
    options = FindOptions(limit=None)
    result = look_alikes.find(
        picture=Picture(name="photo", data=photo_of(1, 1)), channels=None, options=options
    )
    assert [match.identifier for match in result.matches] == ["poster1", "poster1"]
    lefts = sorted(min(x for x, _ in match.quad) for match in result.matches if match.quad)
    assert len(lefts) == 2
    assert lefts[1] - lefts[0] == pytest.approx(340, abs=6)  # px: photo_of hangs them that far apart


def paler(pixels: np.ndarray) -> np.ndarray:
    return (255 + (pixels.astype(float) - 255) * 0.6).astype(np.uint8)


def darker(pixels: np.ndarray) -> np.ndarray:
    return (pixels * 0.7).astype(np.uint8)


def bent(pixels: np.ndarray) -> np.ndarray:
    return (255 * (pixels / 255) ** 0.7).astype(np.uint8)


def on_cream(pixels: np.ndarray) -> np.ndarray:
    return (pixels * (0.8, 0.92, 0.97)).astype(np.uint8)


def scanned_again(pixels: np.ndarray) -> np.ndarray:
    turn = cv2.getRotationMatrix2D((pixels.shape[1] / 2, pixels.shape[0] / 2), 0.5, 1.02)
    noise = np.random.default_rng(1).normal(0, 2, pixels.shape)
    return (cv2.warpAffine(pixels, turn, pixels.shape[1::-1]) + noise).clip(0, 255).astype(np.uint8)


def titled(row: int) -> Callable[[np.ndarray], np.ndarray]:
    def make(pixels: np.ndarray) -> np.ndarray:
        made = pixels.copy()
        for ink, thick in (((0, 0, 0), 8), ((255, 255, 255), 3)):
            cv2.putText(made, "SUMMER", (20, row), 0, 1.6, ink, thick, cv2.LINE_AA)
        return made

    return make


TONED = {"paler": paler, "darker": darker, "bent": bent, "cream": on_cream, "scan": scanned_again}
VERSIONS = TONED | {"titled": titled(50), "moved": titled(300)}


@pytest.fixture
def versions(gallery: LocalGallery) -> LocalGallery:
    """One art in its original and other tones, in a second scan, with its title above and below."""
    made = {"original": poster_pixels(60)} | {
        name: make(poster_pixels(60)) for name, make in VERSIONS.items()
    }
    for name, pixels in made.items():
        picture = Picture(name=f"{name}.png", data=encoded(pixels))
        gallery.add(channel="default", item=AddItem(picture=picture, identifier=name))
    return gallery


@pytest.mark.parametrize("name", ["original", *VERSIONS])
def test_the_own_file_of_each_version_gives_that_version_surely(versions: LocalGallery, name: str) -> None:
    pixels = VERSIONS[name](poster_pixels(60)) if name in VERSIONS else poster_pixels(60)
    [match] = versions.find(picture=Picture(name="file", data=encoded(pixels)), channels=None).matches
    assert (match.identifier, match.ambiguous) == (name, False)


@pytest.mark.parametrize("light", [1.0, 0.6])
@pytest.mark.parametrize("name", TONED)
def test_a_photo_that_cannot_tell_the_version_is_ambiguous(
    versions: LocalGallery, name: str, light: float
) -> None:
    shown = (TONED[name](poster_pixels(60)) * light).astype(np.uint8)
    [match] = versions.find(picture=hung(shown), channels=None).matches
    assert match.ambiguous or match.identifier == name


@pytest.mark.parametrize("light", [1.0, 0.6])
@pytest.mark.parametrize("name", ["titled", "moved"])
def test_a_photo_shows_where_the_title_stands(versions: LocalGallery, name: str, light: float) -> None:
    shown = (VERSIONS[name](poster_pixels(60)) * light).astype(np.uint8)
    [match] = versions.find(picture=hung(shown), channels=None).matches
    assert (match.identifier, match.ambiguous) == (name, False)


def logo(paper: int, ink: int) -> np.ndarray:
    pixels = np.full((240, 320, 3), paper, np.uint8)
    rng = np.random.default_rng(5)
    for _ in range(14):
        x, y = (int(v) for v in rng.integers((20, 20), (260, 200)))
        cv2.circle(pixels, (x, y), int(rng.integers(6, 22)), (ink,) * 3, 3, cv2.LINE_AA)
    cv2.putText(pixels, "Brauhaus", (20, 130), cv2.FONT_HERSHEY_TRIPLEX, 1.8, (ink,) * 3, 3, cv2.LINE_AA)
    return pixels


def test_a_logo_printed_light_on_dark_is_found_by_a_thorough_look(gallery: LocalGallery) -> None:
    data = encoded(logo(paper=250, ink=20))
    gallery.add(
        channel="default", item=AddItem(picture=Picture(name="logo.png", data=data), identifier="logo")
    )
    list(gallery.add_many(channel="default", items=[item(seed) for seed in range(3)]))
    reversed_ink = hung(logo(paper=30, ink=240))
    options = FindOptions(effort=Effort.THOROUGH)
    [match] = gallery.find(picture=reversed_ink, channels=None, options=options).matches
    assert match.identifier == "logo"
    assert gallery.find(picture=reversed_ink, channels=None).matches == ()


@pytest.mark.parametrize(
    "asked", [FindOptions(candidates=20), FindOptions(metadata=True), FindOptions(count=False)]
)
def test_what_is_asked_for_besides_never_changes_the_answer(
    look_alikes: LocalGallery, asked: FindOptions
) -> None:
    for shown in (look_alike_pixels(20, 21), look_alike_pixels(20, 22), poster_pixels(1), poster_pixels(77)):
        plain = look_alikes.find(picture=hung(shown), channels=None)
        besides = look_alikes.find(picture=hung(shown), channels=None, options=asked)
        assert [(m.identifier, m.inliers, m.ambiguous, m.quad) for m in besides.matches] == [
            (m.identifier, m.inliers, m.ambiguous, m.quad) for m in plain.matches
        ]


SAMPLES = Path(__file__).parents[2] / "samples"


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalGallery]:
    with LocalGallery(tmp_path_factory.mktemp("samples") / "data") as gallery:
        items = [
            AddItem(picture=Picture(name=path.name, data=path.read_bytes()), identifier=path.stem)
            for path in sorted((SAMPLES / "gallery").iterdir())
        ]
        assert all(result.error is None for result in gallery.add_many(channel="default", items=items))
        yield gallery


@pytest.mark.parametrize("photo", sorted((SAMPLES / "photos").iterdir()), ids=lambda path: path.stem)
def test_the_first_answer_is_the_same_with_a_limit_and_with_candidates(
    samples: LocalGallery, photo: Path
) -> None:
    picture = Picture(name=photo.name, data=photo.read_bytes())
    first = [
        [match.identifier for match in samples.find(picture=picture, channels=None, options=options).matches][
            :1
        ]
        for options in (FindOptions(), FindOptions(limit=3), FindOptions(candidates=20))
    ]
    assert first[1:] == [first[0]] * 2


@dataclass(frozen=True)
class TwoTargets:
    """A channel of two targets, as the recipe sees it."""

    targets: list[tuple[Features, float, bytes | None]]
    name: str = "default"

    def shortlist(self, query: Features, limit: int) -> list[tuple[int, float]]:
        return [(1, 50.0), (2, 40.0)]

    def relatives(self, voters: Features, most: int) -> list[tuple[int, float]]:
        return self.shortlist(voters, most)

    def load(
        self, row_ids: Sequence[int], asked: float | None
    ) -> dict[int, tuple[Features, float, bytes | None]]:
        return {row_id: self.targets[row_id - 1] for row_id in row_ids}

    def picture(self, row_id: int) -> bytes | None:
        return None

    def codes(self, row_id: int, search: Callable[[], object]) -> tuple[()]:
        return ()


def known(
    pixels: np.ndarray, kept: Callable[[np.ndarray], np.ndarray]
) -> tuple[Features, float, bytes | None]:
    """What a channel stores of a picture, with the keypoints that `kept` picks by their place."""
    features = extract(pixels, max_side=320, max_keypoints=400)
    picked = kept(features.keypoints[:, :2])
    fewer = Features(features.keypoints[picked], features.codes[picked], features.image_size, features.preset)
    return fewer, 0.05, encode_thumbnail(pixels)


def rights(places: np.ndarray) -> np.ndarray:
    return np.flatnonzero(places[:, 0] > 120)


def rights_and_some(places: np.ndarray) -> np.ndarray:
    return np.r_[np.flatnonzero(places[:, 0] <= 120)[:14], rights(places)]


@pytest.mark.parametrize(("other", "ambiguous"), [("same art", True), ("other art", False)])
def test_a_weak_answer_is_ambiguous_beside_a_look_alike_that_was_refused(other: str, ambiguous: bool) -> None:
    """The photo shows what both share, and of the second target no keypoint."""
    art = poster_pixels(60)
    seed = {"same art": 60, "other art": 61}[other]
    channel = TwoTargets([known(art, rights_and_some), known(darker(poster_pixels(seed)), rights)])
    shown = art.copy()
    shown[:, 120:] = 128
    photo = decode(hung(shown).data or b"", name="photo")
    view = straight_view(photo, CASCADE[Effort.NORMAL][-1])
    [best, refused] = ViewSearch(view, [channel], FindOptions(), RecognizeOptions()).run(None)
    assert best.reason is None
    assert best.inliers < RecognizeOptions().likely_inliers
    assert refused.reason not in (None, "rival")
    assert best.ambiguous is ambiguous
