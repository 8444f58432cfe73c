"""What generators are told, so that they get a part wrong."""

from __future__ import annotations

import random
from typing import NamedTuple


class Wish(NamedTuple):
    """A prompt, what to avoid (for families that take a negative prompt), and how much noise, in (0, 1]."""

    prompt: str
    avoid: str
    strength: float


SOUND = "correct anatomy, five fingers, natural proportions, cartoon, drawing, text"
PROVOKING = {
    "hand": (
        "a photo of a hand with six fingers",
        "a photo of a hand with too many fingers, a malformed hand",
        "a photo of a hand with a missing finger, four fingers",
        "a photo of a hand with fused fingers, grown together",
        "a photo of a mutated hand, fingers bent the wrong way",
    ),
    "face": (
        "a photo of a distorted face, eyes at different heights",
        "a photo of a deformed face, crooked mouth, asymmetric eyes",
        "a photo of a melted, disfigured face",
        "a photo of a face with a displaced nose and misaligned eyes",
    ),
    "arm": (
        "a photo of a broken arm, bent where there is no joint",
        "a photo of a deformed arm with two elbows",
        "a photo of a person with an extra arm",
        "a photo of a twisted, boneless arm",
    ),
    "leg": (
        "a photo of a broken leg, bent where there is no joint",
        "a photo of a deformed leg with two knees",
        "a photo of a person with an extra leg",
        "a photo of a leg with the knee bent backwards",
    ),
}
"""Part or limb -> prompts. Which error comes of one is not known beforehand."""
STRENGTHS = {"hand": 1.0, "face": 0.85, "arm": 1.0, "leg": 1.0}
"""Of inpainting. A face keeps some of its own pixels, so that it stays the same person's."""

POSED = {
    "extra finger": "a photo of a hand with six fingers",
    "missing finger": "a photo of a hand with four fingers, one finger missing",
    "second hand": "a photo of an arm with two hands at one wrist",
    "extra limb": "a photo of a person with an extra limb",
    "missing limb": "a photo of a person whose limb ends in a stump",
    "broken bone": "a photo of a person with a limb bent where there is no joint",
    "third eye": "a photo of a face with three eyes",
}
"""Error of a skeleton -> prompt; for the others the error's name is put into a sentence."""
POSED_STRENGTH = 1.0
"""Nothing of the old part may shine through: it stood elsewhere."""


def provoking(part: str, rng: random.Random) -> Wish:
    """One of the wishes for a "hand", "face", "arm" or "leg"."""
    return Wish(rng.choice(PROVOKING[part]), SOUND, STRENGTHS[part])


def posed(part: str, error: str) -> Wish:
    """The wish for a part drawn after a skeleton with `error`."""
    what = "person" if part == "body" else part
    return Wish(POSED.get(error, f"a photo of a {what} with a {error}"), SOUND, POSED_STRENGTH)
