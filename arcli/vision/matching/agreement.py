"""Which matches agree: a SIFT match has a position, a scale and an angle, so one is enough to
guess where the whole target is, and every guess can be tried (Lowe, IJCV 2004, section 7.3, without bins).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from arcli.vision.geometry import homogeneous

Keypoints = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementOptions:
    """How far a match may be from what another predicts.

    base: px (3 to 12), plus slope px for each px of distance from the predicting match (.1 to .4), because a
    similarity approximates a perspective view. angle: degrees (15 to 45). scale: factor (1.3 to 2.5). most:
    how many matches are considered, those with the best ratios (100 to 400).
    """

    base: float = 6.0
    slope: float = 0.2
    angle: float = 30.0
    scale: float = 1.8
    most: int = 200


def largest_group(query: Keypoints, target: Keypoints, options: AgreementOptions) -> Mask:
    """Return (M,) bool: the largest set of matches that agree with one of them.

    query, target: (M, 4) keypoints (x, y, size, angle) of the matches, best first.
    """
    group = np.zeros(len(query), bool)
    query, target = query[: options.most], target[: options.most]
    scale = query[:, 2] / np.maximum(target[:, 2], 1e-3)
    turn, logarithm = query[:, 3] - target[:, 3], np.log(scale)
    moves = scale * np.exp(1j * np.deg2rad(turn))  # of the plane of complex numbers: turned and scaled
    seen, known = _complex(query), _complex(target)
    steps = moves[:, None] * (known[None] - known[:, None])
    agree = np.abs(steps - (seen[None] - seen[:, None])) < options.base + options.slope * np.abs(steps)
    agree &= np.abs(logarithm[None] - logarithm[:, None]) < np.log(options.scale)
    agree &= angle_between(turn[None], turn[:, None]) < options.angle
    group[: len(query)] = agree[agree.sum(1).argmax()]
    return group


def _complex(keypoints: Keypoints) -> npt.NDArray[np.complexfloating]:
    """Return (M,) positions x + iy."""
    return np.asarray(keypoints[:, 0] + 1j * keypoints[:, 1])


def consistent(
    homography: npt.NDArray[np.float64], query: Keypoints, target: Keypoints, options: AgreementOptions
) -> Mask:
    """Return (M,) bool: whether each match has the scale and angle that a homography predicts there."""
    jacobian = _jacobian(homography, target[:, :2].astype(np.float64))
    determinant = jacobian[:, 0, 0] * jacobian[:, 1, 1] - jacobian[:, 0, 1] * jacobian[:, 1, 0]
    radians = np.deg2rad(target[:, 3])
    direction = np.stack([np.cos(radians), np.sin(radians)], axis=1)
    seen = np.einsum("nij,nj->ni", jacobian, direction)
    angle = np.rad2deg(np.arctan2(seen[:, 1], seen[:, 0]))
    with np.errstate(all="ignore"):
        factor = np.log(query[:, 2] / (target[:, 2] * np.sqrt(determinant)))
    close = angle_between(query[:, 3], angle) < options.angle
    return np.asarray(close & (determinant > 0) & (np.abs(factor) < np.log(options.scale)))


def angle_between(
    first: npt.NDArray[np.floating], second: npt.NDArray[np.floating]
) -> npt.NDArray[np.floating]:
    """Return the angle between two directions in degrees, 0 to 180."""
    return np.asarray(np.abs((first - second + 180) % 360 - 180))


def _jacobian(
    homography: npt.NDArray[np.float64], points: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return (N, 2, 2): how a homography moves small steps at (N, 2) points."""
    mapped = homogeneous(points) @ homography.T
    weight = np.where(np.abs(mapped[:, 2]) < 1e-9, 1e-9, mapped[:, 2])
    place = mapped[:, :2] / weight[:, None]
    numerator = homography[None, :2, :2] - place[:, :, None] * homography[None, 2:, :2]
    return np.asarray(numerator / weight[:, None, None])
