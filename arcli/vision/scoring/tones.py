"""What a photo is compared by, detail and colour, each with what light and cameras do to it.

Neither exposure, contrast and tones of a photo nor the colour of its light are known, nor how sharp it is: a
version of a target that differs in nothing else cannot be distinguished from it by a photo.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from arcli.vision.opencv import cv2
from arcli.vision.scoring.appearance import Plane, blurred
from arcli.vision.scoring.difference import Comparison
from arcli.vision.scoring.registration import Layer

Vector = npt.NDArray[np.float64]
Value = TypeVar("Value", bound=np.generic)
_LIGHTNESS = np.array([0.114, 0.587, 0.299], np.float32)  # of B, G and R


@dataclass(frozen=True, slots=True, kw_only=True)
class TonesOptions:
    """How detail and colour are taken (docs/appendix/recognition.md, "Look-alikes, and many targets"); px
    of a thumbnail, levels in parts of full scale.

    fine, coarse: px, the blurs that detail lies between; softer: px, blurs by which sharpness is taken;
    light: px of the blur that detail is divided by, and dark, the level that is added to that. colour: px of
    the blur of colours. block: px (8 to 32). detail_noise, colour_noise: by what a photo is off anyway;
    detail_part, colour_part: the same as a part of what is there (.05 to .3): how tones bend is known no
    better. detail_clear: part of the local contrast by which two targets have to differ until that counts for
    half (.1 to .5): two scans differ a little everywhere; faint: the factor that what is left then lacks of
    the whole, from which it stands for itself alone (titles: 1.7 to 2; scans: from 2.4). blown: part of the
    brightest from which all channels are (.9 to .99). gain: contrast of a photo at least and at most.
    curve_strange: what a place may be off the curve of tones by until it counts for half (.03 to .2);
    curve_stiff: ridge, in parts of the weight (1e-6 to 1e-4). brightest: percent of a photo that is darker
    than what may glare (95 to 99.9); glare: one part in so many that must be left (10 to 50).
    """

    fine: float = 1.0
    coarse: float = 4.0
    softer: tuple[float, ...] = (0.8, 1.6)
    light: float = 8.0
    dark: float = 0.15
    colour: float = 2.0
    block: int = 16
    detail_noise: float = 0.015
    detail_part: float = 0.2
    detail_clear: float = 0.3
    faint: float = 2.2
    colour_noise: float = 0.04
    colour_part: float = 0.15
    blown: float = 0.97
    gain: tuple[float, float] = (0.15, 2.0)
    curve_strange: float = 0.05
    curve_stiff: float = 1e-5
    brightest: float = 99.0
    glare: int = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Spreads:
    """How much of each nuisance is expected: standard deviations of its factor. bend: of tones (.5 to 2).
    shift: px, of each term of what the warp is off (.3 to 2). sharpness (1 to 4). uneven: of contrast over
    the picture (.1 to .5). balance: of each channel's gain (.1 to .5). by_tone: of the colours' gain by
    lightness (.5 to 2). tint: of black, in parts of full scale (.01 to .05).
    """

    bend: float = 1.0
    shift: float = 1.0
    sharpness: float = 2.0
    uneven: float = 0.3
    balance: float = 0.4
    by_tone: float = 1.0
    tint: float = 0.03


OPTIONS, SPREADS = TonesOptions(), Spreads()


@dataclass(frozen=True, slots=True)
class Laid:
    """A photo and two targets, each upon the first.

    together: (h, w), 1 where all three are seen: blurs of each take what is there alone, so that an edge
    makes no difference. visible: the same without what is at its edge.
    """

    photo: Layer
    one: Layer
    other: Layer
    together: Plane
    visible: Plane


def in_tones_of(model: Plane, target: Plane, visible: Plane) -> Plane:
    """Return (h, w) `target` in the tones of `model`, a plane that it lies upon: one smooth curve, fitted
    robustly. visible: 1 where both are seen."""
    known, wanted = (plane[visible > 0][::3] for plane in (target, model))
    columns, weight = _curve(known), np.ones_like(known)
    for _ in range(4):
        weighted = columns * weight[:, None]
        stiff = OPTIONS.curve_stiff * float(weight.sum()) * np.eye(4)
        normal = np.asarray(weighted.T @ columns, np.float64) + stiff
        fitted = np.linalg.solve(normal, weighted.T @ wanted).astype(np.float32)
        miss = (wanted - columns @ fitted) / np.float32(OPTIONS.curve_strange)
        weight = np.asarray(1 / (1 + miss * miss), np.float32)
    return np.asarray((_curve(target.ravel()) @ fitted).reshape(target.shape).clip(0, 1), np.float32)


def compared_by_detail(laid: Laid) -> Comparison:
    """Compare details of lightness, at the light around them, once the second has the tones of the first."""
    photo, one, inside = laid.photo.gray, laid.one.gray, laid.together
    other = in_tones_of(one, laid.other.gray, inside)
    around = _mean(_around(one, inside), _around(other, inside))
    first, second = _ratio(_detail(one, inside), around), _ratio(_detail(other, inside), around)
    middle, mixed = _mean(first, second), _mean(one, other)
    bends = [_ratio(_detail(bent, inside), around) for bent in (np.square(mixed), np.sqrt(mixed))]
    nuisances, spread = _detail_nuisances(middle, bends)
    apart = np.asarray(first - second, np.float32)
    near, differs = (
        cv2.GaussianBlur(each, (0, 0), 3.0)
        for each in (_mean(np.square(first), np.square(second)), np.square(apart))
    )
    faint = np.float32(OPTIONS.detail_clear**2) * near + np.float32(1e-8)
    clear = np.asarray(differs / (differs + faint), np.float32)
    told = np.asarray(apart * clear * _whole(apart, clear), np.float32)
    return Comparison(
        seen=_thinned(_ratio(_detail(photo, inside), _around(photo, inside)), 2),
        middle=_thinned(middle, 2),
        apart=_thinned(told, 2),
        nuisances=np.stack([_thinned(each, 2) for each in nuisances]),
        spread=spread,
        noise=_noise(_thinned(np.asarray(near, np.float32), 2), OPTIONS.detail_noise, OPTIONS.detail_part),
        visible=_thinned(laid.visible, 2),
        block=_thinned(_blocks(middle), 2),
        alike=4 * np.pi * OPTIONS.fine**2 / 2**2,
    )


def _whole(apart: Plane, clear: Plane) -> np.float32:
    """Return the factor with which the clear part of a difference stands for all of it: the share that a
    photo has would read that much too high without it. 1 where most of the difference is faint."""
    squares = np.square(apart) * clear
    factor = float(squares.sum()) / max(float((squares * clear).sum()), 1e-9)
    return np.float32(factor if factor < OPTIONS.faint else 1.0)


def _detail_nuisances(middle: Plane, bends: list[Plane]) -> tuple[list[Plane], Vector]:
    """Return what tones, a warp that is a little off, sharpness and light do to detail, and its spread."""
    x, y = _places(middle)
    terms = [np.ones_like(x), x, y, x * x, x * y, y * y]
    shifts = [cv2.Sobel(middle, cv2.CV_32F, *axis, scale=1 / 8) for axis in ((1, 0), (0, 1))]
    softer = [middle, *(cv2.GaussianBlur(middle, (0, 0), blur) for blur in OPTIONS.softer)]
    bands = [sharp - soft for sharp, soft in pairwise(softer)]
    nuisances = [
        *(_beside(bend, middle) for bend in bends),
        *(shift * term for shift in shifts for term in terms),
        *(band * term for band in bands for term in terms[:3]),
        *(middle * term for term in terms[1:3]),
    ]
    few, many = len(bands), len(terms)
    spread = np.repeat(
        [SPREADS.bend, SPREADS.shift, SPREADS.sharpness, SPREADS.uneven], [2, 2 * many, 3 * few, 2]
    )
    return [np.asarray(each, np.float32) for each in nuisances], np.asarray(spread, np.float64)


def compared_by_colour(laid: Laid) -> Comparison:
    """Compare the differences between channels: white light that glares adds nothing to them."""
    photo, one, other = (
        _thinned(_colours(layer, laid.together), 3) for layer in (laid.photo, laid.one, laid.other)
    )
    first, second = _opponents(one), _opponents(other)
    middle, x_and_y = _mean(first, second), [_thinned(each, 3) for each in _places(laid.visible)]
    nuisances, spread = _colour_nuisances(middle, _mean(one, other), *x_and_y)
    visible = _not_blown(photo, _thinned(laid.visible, 3))
    return Comparison(
        seen=_opponents(photo) / _contrast(laid),
        middle=middle,
        apart=np.subtract(first, second),
        nuisances=nuisances,
        spread=spread,
        noise=_noise(_mean(np.square(first), np.square(second)), OPTIONS.colour_noise, OPTIONS.colour_part),
        visible=np.r_[visible, visible],
        block=np.tile(_thinned(_blocks(laid.visible), 3), 2),
        alike=4 * np.pi * OPTIONS.colour**2 / 3**2,
    )


def _beside(plane: Plane, middle: Plane) -> Plane:
    """Return what a plane has beside `middle`, which alone tells contrast."""
    share = float((plane * middle).sum()) / max(float((middle * middle).sum()), 1e-6)
    return np.asarray(plane - np.float32(share) * middle, np.float32)


def _colour_nuisances(middle: Plane, mixed: Plane, x: Plane, y: Plane) -> tuple[Plane, Vector]:
    """Return (K, 2N) of what light does to both opponents, and the spread of each."""
    none, light = np.zeros_like(x), mixed @ _LIGHTNESS - np.float32(0.5)
    blue, green, red = mixed.T
    balance = [np.r_[blue, none], np.r_[-green, -green], np.r_[none, red]]
    by_tone = [middle * np.r_[term, term] for term in (light, 2 * light * light)]
    uneven = [middle * np.r_[term, term] for term in (x, y, x * x, x * y, y * y)]
    tints = [pair for term in (np.ones_like(x), x, y) for pair in (np.r_[term, none], np.r_[none, term])]
    spread = [SPREADS.balance] * 3 + [SPREADS.by_tone] * 2 + [SPREADS.uneven] * 5 + [SPREADS.tint] * 6
    return np.stack([*balance, *by_tone, *uneven, *tints]), np.array(spread)


def _contrast(laid: Laid) -> np.float32:
    """Return the contrast of the photo against the targets', by their details."""
    seen, known = (
        _detail(gray, laid.together) * laid.visible
        for gray in (laid.photo.gray, _mean(laid.one.gray, laid.other.gray))
    )
    gain = float((seen * known).sum()) / max(float((known * known).sum()), 1e-6)
    return np.float32(np.clip(gain, *OPTIONS.gain))


def _not_blown(photo: Plane, visible: Plane) -> Plane:
    """Return `visible` without what glares: there all channels are at their brightest."""
    if not (visible > 0).any():
        return visible
    brightest = np.percentile(photo[visible > 0], OPTIONS.brightest, axis=0)
    kept = visible * ~(photo > brightest * OPTIONS.blown).all(1)
    return np.asarray(kept if kept.sum() >= visible.sum() / OPTIONS.glare else visible, np.float32)


def _curve(values: Plane) -> Plane:
    """Return the (N, 4) regressors of (N,) values: black, contrast, a bend, a power near 1."""
    values = values.clip(1e-3, 1)
    return np.stack([np.ones_like(values), values, values**2, values * np.log(values)], axis=1)


def _mean(one: Plane, other: Plane) -> Plane:
    return np.asarray((one + other) / 2, np.float32)


def _ratio(plane: Plane, around: Plane) -> Plane:
    return np.asarray(plane / around, np.float32)


def _detail(plane: Plane, inside: Plane) -> Plane:
    return blurred(plane, inside, OPTIONS.fine) - blurred(plane, inside, OPTIONS.coarse)


def _around(plane: Plane, inside: Plane) -> Plane:
    return blurred(plane, inside, OPTIONS.light) + np.float32(OPTIONS.dark)


def _colours(layer: Layer, inside: Plane) -> Plane:
    """Return the (h, w, 3) pixels, blurred, of what is inside alone."""
    pixels, share = (
        cv2.GaussianBlur(each, (0, 0), OPTIONS.colour) for each in (layer.pixels * inside[..., None], inside)
    )
    return np.asarray(pixels / np.maximum(share, 1e-3)[..., None], np.float32)


def _opponents(colours: Plane) -> Plane:
    """Return (2N,) blue less green, then red less green, of (N, 3)."""
    return np.concatenate([colours[:, 0] - colours[:, 1], colours[:, 2] - colours[:, 1]])


def _noise(squares: Plane, floor: float, part: float) -> Plane:
    return np.asarray(np.sqrt(np.float32(floor**2) + np.float32(part**2) * squares), np.float32)


def _places(plane: Plane) -> tuple[Plane, Plane]:
    """Return x and y of each pixel, -1 to 1."""
    height, width = plane.shape[:2]
    x, y = (np.linspace(-1, 1, side, dtype=np.float32) for side in (width, height))
    return np.tile(x, (height, 1)), np.tile(y[:, None], (1, width))


def _blocks(plane: Plane) -> npt.NDArray[np.intp]:
    """Return the number of the block of each pixel."""
    height, width = plane.shape[:2]
    rows, columns = (np.arange(side) // OPTIONS.block for side in (height, width))
    return np.asarray(rows[:, None] * (columns[-1] + 1) + columns, np.intp)


def _thinned(plane: npt.NDArray[Value], every: int) -> npt.NDArray[Value]:
    """Return (N, ...) of every so many pixels."""
    thin = plane[every // 2 :: every, every // 2 :: every]
    return np.ascontiguousarray(thin).reshape(-1, *plane.shape[2:])
