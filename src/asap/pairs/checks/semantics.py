"""Whether the error that a pair names is really in its negative: what numbers of similarity cannot tell.

A region that changed may still be correct anatomy. Each kind of error has a measure of evidence, read from
the pixels of the negative at the place where the photo had the part, and the least evidence that counts; both
were calibrated where the truth is known (benchmarks/semantic_gate.md). Errors without a measure, and parts
on which it does not work, are "unknown": neither confirmed nor refused.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from asap.lookup import choose
from asap.pairs.checks.gates import Fault
from asap.records import Image, Region

Use = Literal["trusted", "all", "none", "vlm"]


class Check(NamedTuple):
    """How one kind of error is looked for.

    Attributes:
        measure: "module:name" of a function (photo, negative, region) -> evidence or None.
        least: the evidence from which on the error is there.
        trusted: whether it found few errors where there were none, and missed few, when calibrated.
    """

    measure: str
    least: float
    trusted: bool


_HAND, _FACE, _LIMB = (f"asap.pairs.checks.{name}_evidence" for name in ("hand", "face", "limb"))
CHECKS: dict[str, Check] = {
    "extra finger": Check(f"{_HAND}:more_fingers", 0.33, True),
    "missing finger": Check(f"{_HAND}:lost_finger", 0.1, True),
    "fused fingers": Check(f"{_HAND}:fewer_fingers", 0.33, False),
    "shortened finger": Check(f"{_HAND}:shorter_finger", 0.2, True),
    "stretched finger": Check(f"{_HAND}:longer_finger", 0.15, True),
    "broken finger": Check(f"{_HAND}:turned_finger", 0.5, True),
    "displaced eye": Check(f"{_FACE}:displaced_eye", 0.12, True),
    "displaced mouth": Check(f"{_FACE}:displaced_mouth", 0.14, True),
    "displaced nose": Check(f"{_FACE}:displaced_nose", 0.1, True),
    "twisted mouth": Check(f"{_FACE}:twisted_mouth", 0.26, True),
    "tilted eye": Check(f"{_FACE}:tilted_eye", 0.26, True),
    "enlarged eye": Check(f"{_FACE}:enlarged_eye", 0.15, True),
    "asymmetric face": Check(f"{_FACE}:unbalanced_face", 0.08, True),
    "mouth upside down": Check(f"{_FACE}:mirrored_mouth", 0.02, True),
    "extra limb": Check(f"{_LIMB}:added_limb", 0.2, False),
    "missing limb": Check(f"{_LIMB}:lost_limb", 0.5, False),
    "broken bone": Check(f"{_LIMB}:broken_bone", 0.3, False),
    "boneless forearm": Check(f"{_LIMB}:curved_bone", 0.06, False),
}
"""Error, as a person would call it -> how it is looked for."""


def evidence(error: str, image: Image, negative: Image, region: Region, use: Use = "all") -> float | None:
    """How much of the error the negative shows, in units of what counts: 1 or more says it is there.

    Args:
        error: as in `Pair.error`.
        image, negative: (H, W, 3).
        region: of the part in `image`.
        use: which checks: all, those trusted (also with a model beside them, "vlm"), or none.

    Returns:
        None for "unknown": no such check in use, or none that works on this part.
    """
    check = CHECKS.get(error)
    if check is None or not asks(check, use):
        return None
    found = choose({error: check.measure}, error, "check")(image, negative, region)
    return None if found is None else max(0.0, round(float(found) / check.least, 4))


def asks(check: Check, use: Use) -> bool:
    """Whether `use` asks this check."""
    return use == "all" or (use != "none" and check.trusted)


def absent(found: float | None) -> Fault | None:
    """What is wrong with a pair whose evidence is known and too little; a stronger edit may show more."""
    return None if found is None or found >= 1 else Fault("the error is not to be seen", 1)
