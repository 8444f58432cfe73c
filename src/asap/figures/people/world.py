"""The small world that the embedded model draws: few poses and looks, plain walls, short captions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from asap.figures.people import scenes
from asap.figures.people.catalogue import CATEGORIES, POSES
from asap.figures.people.figure import Look
from asap.records import Prompt
from asap.store import content_id, seed_of

FRAMINGS = {
    "standing": "full body", "portrait": "portrait", "open palm": "hand",
    "waving": "half body", "peace sign": "hand", "three fingers": "hand",
    "hands on hips": "half body", "hands on head": "half body",
    "holding flower": "half body", "holding balloon": "half body",
    "arms raised": "full body", "arms wide": "full body", "jumping jack": "full body", "warrior": "full body",
}  # fmt: skip
"""Pose -> how it is framed; "hand" is the close-up of the hand that shows."""
GENDERS = {
    "woman": Look(gender="woman", hair="long", hair_colour="brown", bottom_colour="black"),
    "man": Look(gender="man", hair="short", hair_colour="black", bottom_colour="black"),
}
"""Gender -> all of the look that this world does not vary."""
SKINS = ("fair", "tan", "dark")
TOPS = ("red", "blue", "green", "yellow")
BACKGROUNDS = ("gray", "cream", "blue", "violet")


@dataclass(frozen=True)
class MiniScene(scenes.Scene):
    """A scene of the small world; its caption names all of it but the side and the joints."""

    @property
    def caption(self) -> str:
        look, words = self.look, POSES[self.pose].words
        person = f"a {look.skin}-skinned {look.gender}"
        if self.framing.endswith("hand"):
            return f"close-up of {person}'s hand: {words}, {look.background} background"
        return f"{person} in {look.top} {words}, {self.framing}, {look.background} background"


def scene(seed: int, pose: str | None = None) -> MiniScene:
    """A random scene by seed, of a given `pose` where one is named.

    Raises:
        KeyError: no such pose in this world.
    """
    rng = np.random.default_rng(seed)
    pose = pose or str(rng.choice(list(FRAMINGS)))
    side = str(rng.choice(["left", "right"]))
    framing = FRAMINGS[pose].replace("hand", f"{side} hand")
    look = replace(
        GENDERS[str(rng.choice(list(GENDERS)))],
        skin=str(rng.choice(SKINS)), top=str(rng.choice(TOPS)), background=str(rng.choice(BACKGROUNDS)),
        object=POSES[pose].object, holder=side,
    )  # fmt: skip
    return MiniScene(seed, pose, framing, "smiling", side, look)


def scene_of(facts: Mapping[str, Any]) -> MiniScene | None:
    """The scene that has these facts, with seed 0; None where they are not of this world."""
    choices = {
        "pose": FRAMINGS, "side": ("left", "right"), "gender": GENDERS,
        "skin": SKINS, "top": TOPS, "background": BACKGROUNDS,
    }  # fmt: skip
    named = {name: facts.get(name) for name in choices}
    if not all(isinstance(value, str) and value in choices[name] for name, value in named.items()):
        return None
    pose, side = str(named["pose"]), str(named["side"])
    look = replace(
        GENDERS[str(named["gender"])],
        **{name: str(named[name]) for name in ("skin", "top", "background")},
        object=POSES[pose].object, holder=side,
    )  # fmt: skip
    return MiniScene(0, pose, FRAMINGS[pose].replace("hand", f"{side} hand"), "smiling", side, look)


def read_caption(caption: str) -> MiniScene | None:
    """A scene with that caption, of seed 0; None where it is not one of this world.

    What the caption does not tell is set: the side is left, and the shirt of a close-up red.
    """
    found = _CLOSE_UP.fullmatch(caption.strip()) or _PERSON.fullmatch(caption.strip())
    if not found:
        return None
    told = {name: value.lower() for name, value in found.groupdict().items()}
    pose = next((name for name in FRAMINGS if POSES[name].words == told["words"]), None)
    made = scene_of({"side": "left", "top": TOPS[0], "pose": pose, **told})
    return made if made and made.caption == caption.strip().lower() else None


_LOOK = r"an? (?P<skin>\w+)-skinned (?P<gender>\w+)"
_PERSON = re.compile(
    rf"{_LOOK} in (?P<top>\w+) (?P<words>[^,]+), [^,]+, (?P<background>\w+) background", re.IGNORECASE
)
_CLOSE_UP = re.compile(
    rf"close-up of {_LOOK}'s hand: (?P<words>[^,]+), (?P<background>\w+) background", re.IGNORECASE
)


def prompts(count: int, seed: int) -> list[Prompt]:
    """`count` prompts of random scenes with their facts, the categories in turn."""
    made = []
    for i in range(count):
        own = seed_of(seed, "small world prompt", i)
        category = CATEGORIES[i % len(CATEGORIES)]
        poses = [name for name in FRAMINGS if POSES[name].category == category]
        drawn = scene(own, str(np.random.default_rng([own, 2]).choice(poses)))
        made.append(Prompt(content_id(seed, i, drawn.caption), drawn.caption, category, drawn.facts))
    return made
