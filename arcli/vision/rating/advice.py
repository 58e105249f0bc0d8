"""Why a picture is not easier to find, and what would help, in words."""

from __future__ import annotations

from dataclasses import dataclass
from math import log

from arcli.models import Hint
from arcli.vision.rating.expect import WEIGHTS
from arcli.vision.rating.traits import Traits


@dataclass(frozen=True, slots=True, kw_only=True)
class AdviceOptions:
    """When a trait is a reason (docs/appendix/level.md, "The level").

    places, contrast, scale, narrowness: the medians of pictures of level 5, with which others are compared.
    telling: log-odds that a trait must cost before it is given as a reason (.2 to 1). small_side: px of the
    long side below which a file is small (150 to 400). blurred: px at extraction size (3 to 6): in sharp
    pictures a tenth of the keypoints are below 2.4.
    """

    places: int = 300
    contrast: float = 36.0
    scale: float = 1.7
    narrowness: float = 1.4
    telling: float = 0.5
    small_side: int = 240
    blurred: float = 4.0


OPTIONS = AdviceOptions()

ON_A_GROUND = Hint(
    code="transparent",
    message="light art on a transparent background: taken as it looks on dark gray",
    advice="flatten it on the background that it is printed on",
)


def hints(traits: Traits) -> tuple[Hint, ...]:
    """Return what costs the picture most, the weightiest first (at least one), and its possible causes."""
    costs = sorted(_costs(traits), key=lambda each: -each[0])
    reasons = [hint for cost, hint in costs if cost >= OPTIONS.telling] or [costs[0][1]]
    return (*reasons, *_causes(traits))


def cure(traits: Traits) -> str:
    """Return what would help a picture with hardly any details."""
    reasons = hints(traits) if traits.places else ()
    advice = [hint.advice for hint in reasons if hint.code in ("small", "blurred", "faint") and hint.advice]
    return "; or ".join(advice) or "a picture is found by its details: use a sharper or richer one"


def _costs(traits: Traits) -> list[tuple[float, Hint]]:
    """Return how many log-odds each trait costs the picture, compared with an easy one."""
    weights = WEIGHTS
    return [
        (
            weights.useful * log((1 + OPTIONS.places) / (1 + traits.places)),
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
            weights.contrast * log((1 + OPTIONS.contrast) / (1 + traits.contrast)),
            Hint(
                code="faint",
                message=f"low contrast: gray varies by {traits.contrast:.0f} of 255 levels around a detail",
                advice="raise the contrast: noise and dim light hide faint details first",
            ),
        ),
        (
            weights.scale * log(OPTIONS.scale / max(traits.scale, 0.01)),
            Hint(
                code="fine",
                message=f"only fine details: {traits.scale:.1f}% of the long side on average",
                advice="add larger shapes or letters: fine details are lost at a distance and in blur",
            ),
        ),
        (
            -weights.narrowness * log(traits.narrowness / OPTIONS.narrowness),
            Hint(
                code="narrow",
                message=f"the picture is {traits.narrowness:.1f} times as long as wide",
                advice="use a part of it, or take in more around it",
            ),
        ),
    ]


def _causes(traits: Traits) -> list[Hint]:
    """Return hints about the file itself: its size and sharpness."""
    if traits.side < OPTIONS.small_side:
        message = f"the long side is only {traits.side} px"
        return [Hint(code="small", message=message, advice="use about 800 px")]
    if traits.finest > OPTIONS.blurred:
        message = "no fine details: blurred, or enlarged from a small picture"
        return [Hint(code="blurred", message=message, advice="use a sharp original")]
    return []
