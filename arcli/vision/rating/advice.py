"""Why a picture is not easier to find, in words, and what would help."""

from __future__ import annotations

from math import log

from arcli.models import Hint
from arcli.vision.rating.expect import WEIGHTS
from arcli.vision.rating.traits import Traits

_EASY = {"places": 300, "contrast": 36.0, "scale": 1.7, "narrowness": 1.4}
"""The medians of pictures of level 5 (docs/level.md): what the others are compared with."""

_TELLING = 0.5  # log-odds that a trait has to cost before it is a reason
_SMALL_SIDE = 240  # px, long side
_BLURRED = 4.0  # px at extraction size: in sharp pictures a tenth of the keypoints are below 2.4


def hints(traits: Traits) -> tuple[Hint, ...]:
    """Return what costs the picture most, the weightiest first (one at least), and what may be behind it."""
    costs = sorted(_costs(traits), key=lambda each: -each[0])
    told = [hint for cost, hint in costs if cost >= _TELLING] or [costs[0][1]]
    return (*told, *_causes(traits))


def cure(traits: Traits) -> str:
    """Return what would help a picture with next to no details."""
    told = hints(traits) if traits.places else ()
    advice = [hint.advice for hint in told if hint.code in ("small", "blurred", "faint") and hint.advice]
    return "; or ".join(advice) or "a picture is found by its details: use a sharper or richer one"


def _costs(traits: Traits) -> list[tuple[float, Hint]]:
    """Return by how many log-odds each trait makes the picture harder to find than an easy one."""
    weights = WEIGHTS
    return [
        (
            weights.useful * log((1 + _EASY["places"]) / (1 + traits.places)),
            Hint(
                code="few_details",
                message=f"only {traits.places} distinct details",
                advice="add texture, text or pictures; avoid plain areas",
            ),
        ),
        (
            -weights.useful * log(max(1 - traits.repeated, 0.01)),
            Hint(
                code="repetitive",
                message=f"{traits.repeated:.0%} of the details look like others in the same picture",
                advice="avoid grids, halftone and repeated patterns",
            ),
        ),
        (
            -weights.useful * log(max(traits.evenness, 0.01)),
            Hint(
                code="uneven",
                message=f"details cover only {traits.covered:.0%} of the picture",
                advice="crop empty margins, or spread details over the whole picture",
            ),
        ),
        (
            weights.contrast * log((1 + _EASY["contrast"]) / (1 + traits.contrast)),
            Hint(
                code="faint",
                message=f"low contrast: gray varies by {traits.contrast:.0f} of 255 levels around a detail",
                advice="raise the contrast: noise and dim light hide faint details first",
            ),
        ),
        (
            weights.scale * log(_EASY["scale"] / max(traits.scale, 0.01)),
            Hint(
                code="fine",
                message=f"only fine details: {traits.scale:.1f}% of the long side on average",
                advice="add larger shapes or letters: fine details are lost at a distance and in blur",
            ),
        ),
        (
            -weights.narrowness * log(traits.narrowness / _EASY["narrowness"]),
            Hint(
                code="narrow",
                message=f"the picture is {traits.narrowness:.1f} times as long as wide",
                advice="use a part of it, or take in more around it",
            ),
        ),
    ]


def _causes(traits: Traits) -> list[Hint]:
    """Return what can be told of the file itself."""
    if traits.side < _SMALL_SIDE:
        message = f"the long side is only {traits.side} px"
        return [Hint(code="small", message=message, advice="use about 800 px")]
    if traits.finest > _BLURRED:
        message = "no fine details: blurred, or enlarged from a small picture"
        return [Hint(code="blurred", message=message, advice="use a sharp original")]
    return []
