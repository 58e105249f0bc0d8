"""One target against one view of a photo: verified and scored, scored again by its rectified view, placed
exactly, compared with a rival. The functions do not depend on the order in which they are called.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from arcli.engine.recognition.candidates import GalleryTarget, VerifiedCandidate
from arcli.engine.recognition.photo_view import PhotoView
from arcli.features import Features
from arcli.vision.codes.compare import Verdict, judge
from arcli.vision.matching.match import Matches
from arcli.vision.matching.rectified_view import rectified_inliers
from arcli.vision.matching.refine import moved, refine
from arcli.vision.matching.verify import Verification, verify
from arcli.vision.scoring.appearance import Appearance, appearance
from arcli.vision.scoring.lookalikes import (
    Matrix,
    PlacedTarget,
    copy_log_odds,
    homography_between,
    log_odds,
)
from arcli.vision.scoring.registration import aligned
from arcli.vision.scoring.score import is_borderline, score


def verified(
    view: PhotoView,
    query: Features,
    target: GalleryTarget,
    *,
    glance: bool = False,
    matches: Matches | None = None,
) -> VerifiedCandidate:
    """Verify a target against `query`, keypoints of the view, and score it.

    glance, matches: as in `verify`.
    """
    found = verify(query, target.features, glance=glance, matches=matches)
    looks = _appearance(view, found, target)
    preset = target.features.preset
    value = score(found, preset, appearance=looks)
    return VerifiedCandidate(
        target=target,
        verification=found,
        appearance=looks,
        score=value,
        reason=found.refusal.value if found.refusal else _below_threshold(value, target),
        quad=view.displayed(found.quad),
        borderline=is_borderline(found, preset, appearance=looks),
    )


def settled(view: PhotoView, one: VerifiedCandidate) -> VerifiedCandidate:
    """Return a borderline candidate with its score by the rectified view."""
    homography, features = one.verification.homography, one.target.features
    assert homography is not None, "borderline candidates have one"
    seen = rectified_inliers(view.photo, view.to_photo @ homography, features)
    value = score(one.verification, features.preset, appearance=one.appearance, rectified=seen)
    return replace(one, score=value, reason=_below_threshold(value, one.target), borderline=False)


def placed(view: PhotoView, query: Features, one: VerifiedCandidate) -> VerifiedCandidate:
    """Return an accepted candidate with its place refined; unchanged if no better one is found.

    query: the keypoints that it was verified against.
    """
    target, found = one.target.features, one.verification
    exact = _exact_homography(view, one)
    better = refine(query, target, found) if exact is None else moved(found, exact, query, target)
    quad = view.displayed(better.quad)
    return one if quad is None else replace(one, verification=better, quad=quad)


def _exact_homography(view: PhotoView, one: VerifiedCandidate) -> Matrix | None:
    """Return the homography that lays the stored thumbnail upon its place; None if there is none, or the
    pixels do not confirm the place."""
    homography, thumbnail = one.verification.homography, one.target.thumbnail
    if homography is None or thumbnail is None:
        return None
    exact = aligned(view.fine_gray, view.to_fine @ homography, one.target.features.image_size, thumbnail)
    return None if exact is None else np.asarray(np.linalg.inv(view.to_fine) @ exact)


def checked(
    view: PhotoView, one: VerifiedCandidate, place: Callable[[], VerifiedCandidate]
) -> VerifiedCandidate:
    """Return an accepted candidate after comparing its codes: refused where the photo has another code,
    ambiguous where the photo does not resolve it. Codes of one family share their marks, which is all that
    keypoints can match.

    place: returns the candidate with its place refined; called if it has codes.
    """
    if not one.target.codes:
        return one
    exact = place().verification.homography
    assert exact is not None, "accepted candidates have one"
    verdicts = {judge(code, view.photo, view.to_photo @ exact) for code in one.target.codes}
    if Verdict.OTHER in verdicts:
        return replace(one, reason="other_code", borderline=False)
    return replace(one, ambiguous=one.ambiguous or Verdict.UNKNOWN in verdicts)


def rival_log_odds(view: PhotoView, one: VerifiedCandidate, other: VerifiedCandidate) -> float:
    """Return the log-odds that `one` is seen, given that one of two accepted candidates is."""
    first, second = (_placed_target(view, each) for each in (one, other))
    copied = copy_log_odds(view.photo, first, second)
    return log_odds(view.fine, first, second) if copied is None else copied


def unplaced_log_odds(view: PhotoView, one: VerifiedCandidate, other: GalleryTarget) -> float | None:
    """Return the same for a target that has no place of its own in the photo: it is laid where `one` is, by
    what the two targets share. None if they are no look-alikes."""
    between = homography_between(one.target.features, other.features)
    if between is None:
        return None
    first = _placed_target(view, one)
    homography = first.homography @ np.linalg.inv(between)
    return log_odds(view.fine, first, _placed_at(homography, one.inliers, other), between)


def _placed_target(view: PhotoView, one: VerifiedCandidate) -> PlacedTarget:
    homography = one.verification.homography
    assert homography is not None, "accepted candidates have one"
    return _placed_at(view.to_fine @ homography, one.inliers, one.target)


def _placed_at(homography: Matrix, inliers: int, target: GalleryTarget) -> PlacedTarget:
    return PlacedTarget(target.features, target.thumbnail, homography, inliers, lambda: target.kept)


def _appearance(view: PhotoView, found: Verification, target: GalleryTarget) -> Appearance | None:
    """Compare with the stored thumbnail; None if there is none, or the geometry was refused."""
    if found.refusal is not None or found.homography is None or target.thumbnail is None:
        return None
    return appearance(view.gray, found.homography, target.features.image_size, target.thumbnail)


def _below_threshold(value: float, target: GalleryTarget) -> str | None:
    return "below_threshold" if value < target.threshold else None
