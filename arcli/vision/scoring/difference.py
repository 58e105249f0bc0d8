"""How much of what differs between two look-alikes is in a photo: a regression, and how sure it is.

A photo is the middle of the two, and a share of what is apart between them: one half if it shows the first,
minus one half if the second; and what light, camera and a warp a little off add to it (the nuisances).
What nuisances explain as well tells nothing: the share is then uncertain.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """N values of a photo, and what they are explained by.

    seen, middle, apart: (N,) of the photo, of both targets, of the first less the second. nuisances: (K, N).
    spread: (K,) how large the factor of each nuisance is expected to be. noise: (N,) by how much a photo is
    off anyway. visible: (N,) weights, 0 to 1. block: (N,) the number of the block that each lies in.
    alike: how many neighbouring values count as one, for they are blurred.
    """

    seen: Values
    middle: Values
    apart: Values
    nuisances: Values
    spread: npt.NDArray[np.float64]
    noise: Values
    visible: Values
    block: npt.NDArray[np.intp]
    alike: float


@dataclass(frozen=True, slots=True)
class Share:
    """value: the share, about .5 or -.5 where one of the two is seen. noise: its standard deviation by noise;
    scatter: by how much the blocks disagree (White 1980)."""

    value: float
    noise: float
    scatter: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareOptions:
    """gain: spread of the photo's contrast about 1 (.2 to 1). share: of the share itself (1 to 5). strange:
    in standard deviations, what a place may be off by until it counts for half (2 to 5): glare and what lies
    on the target say nothing. steps: of the robust fit (2 to 5). least_gain: contrast that a photo counts
    as if it had (.05 to .3).
    """

    gain: float = 0.5
    share: float = 2.0
    strange: float = 3.0
    steps: int = 3
    least_gain: float = 0.1


OPTIONS = ShareOptions()


def share_of(compared: Comparison) -> Share:
    """Return the share by regularised, iteratively reweighted least squares."""
    scale = np.float32(1) / compared.noise
    columns = np.vstack([compared.middle, compared.apart, compared.nuisances]).T * scale[:, None]
    seen = compared.seen * scale
    spread = np.r_[OPTIONS.gain, OPTIONS.share, compared.spread]
    expected = np.zeros(len(spread))
    expected[0] = 1.0
    weight, variance = compared.visible, 4.0
    for _ in range(OPTIONS.steps):
        ridge = variance * compared.alike / spread**2
        weighted = columns * weight[:, None]
        normal = np.asarray(weighted.T @ columns, np.float64) + np.diag(ridge)
        fitted = np.linalg.solve(normal, weighted.T @ seen + ridge * expected)
        miss = seen - columns @ fitted.astype(np.float32)
        variance = max(1.0, float((weight * miss * miss).sum() / max(float(weight.sum()), 1e-6)))
        weight = compared.visible / (1 + miss * miss / np.float32(OPTIONS.strange**2 * variance))
    inverse = np.linalg.inv(normal)[1]
    pulls = np.bincount(compared.block, (columns @ inverse.astype(np.float32)) * weight * miss)
    gain = max(float(fitted[0]), OPTIONS.least_gain)
    return Share(
        value=float(fitted[1]) / gain,
        noise=math.sqrt(variance * compared.alike * inverse[1]) / gain,
        scatter=float(np.sqrt((pulls**2).sum())) / gain,
    )
