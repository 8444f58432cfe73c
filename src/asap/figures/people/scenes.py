"""Drawn people by seed: pose, look and framing, with the caption and the facts of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np

from asap.figures.people.catalogue import CATEGORIES, POSES
from asap.figures.people.figure import Figure, Look
from asap.figures.people.framing import framed
from asap.figures.people.looks import BACKGROUNDS, BOTTOMS, CLOTHES, HAIRS, SHOES, SKINS, STYLES
from asap.figures.people.poses import Pose, mirrored, solve, varied
from asap.records import Prompt
from asap.store import content_id, seed_of

EXPRESSIONS = ("neutral", "smiling", "smiling", "laughing")
# poses whose thighs a skirt would have to follow
WITHOUT_SKIRT = {"sitting", "cross-legged", "kneeling", "walking", "warrior", "tree pose", "jumping",
                 "walking turned", "sitting turned"}  # fmt: skip
CLOSE_UPS = {"open palm", "fist", "peace sign", "rock sign", "three fingers", "four fingers", "okay sign",
             "pointing up"}  # fmt: skip

# what photos show most: each kind of framing and error has a pose among them
COMMON = ("standing", "portrait", "open palm", "peace sign", "waving", "arms wide", "walking", "sitting",
          "dancing")  # fmt: skip
FEW = 2  # skins, and backgrounds, of a biased collection


@dataclass(frozen=True)
class Scene:
    """One person to draw.

    Attributes:
        seed: gives the small variation of joints.
        pose: its name in `catalogue.POSES`.
        framing: one of `framing.FRAMINGS`.
        expression: one of `faces.EXPRESSIONS`.
        side: the hand that shows or holds, where one does.
        look: what they wear.
    """

    seed: int
    pose: str
    framing: str
    expression: str
    side: str
    look: Look

    @property
    def category(self) -> str:
        """The pose's category, one of `catalogue.CATEGORIES`."""
        return POSES[self.pose].category

    @property
    def caption(self) -> str:
        """What is seen, in words."""
        look, words = self.look, POSES[self.pose].words
        if self.framing.endswith("hand"):
            return f"close-up of a {look.gender}'s hand, {look.skin} skin: {words}, {_place(look)}"
        mood = "" if self.expression == "neutral" else f"{self.expression} "
        person = f"a {mood}{look.gender} with {_hair(look)} and {look.skin} skin"
        return f"{person} in {_clothes(look, self.framing)} {words}, {self.framing}, {_place(look)}"

    @property
    def facts(self) -> dict[str, object]:
        """All that a judge may check."""
        facts: dict[str, object] = {
            name: getattr(self, name) for name in ("category", "pose", "framing", "expression", "side")
        }
        return {**facts, **asdict(self.look)}


def _hair(look: Look) -> str:
    if look.hair == "bald":
        return "a bald head"
    return (
        f"{look.hair_colour} hair in a bun" if look.hair == "bun" else f"{look.hair} {look.hair_colour} hair"
    )


def _clothes(look: Look, framing: str) -> str:
    top = f"a {look.sleeves}-sleeved {look.top} shirt"
    if framing == "portrait":
        return top
    lower = (
        f"a {look.bottom_colour} skirt" if look.bottom == "skirt" else f"{look.bottom_colour} {look.bottom}"
    )
    if framing != "full body":
        return f"{top} and {lower}"
    return f"{top}, {lower} and " + ("bare feet" if look.feet == "bare" else f"{look.shoe_colour} shoes")


def _place(look: Look) -> str:
    if look.scenery == "park":
        return "in a park"
    return f"in a {look.background} room" if look.scenery == "room" else f"{look.background} background"


def scene(seed: int, pose: str | None = None, framing: str | None = None, *, biased: bool = False) -> Scene:
    """A random scene by seed, of a given `pose` or `framing` where they are named.

    `biased` keeps to two skins, two backgrounds and the poses of `COMMON`, as photos may.

    Raises:
        KeyError: no such pose.
    """
    rng = np.random.default_rng(seed)
    pose = pose or str(rng.choice(list(COMMON if biased else POSES)))
    entry = POSES[pose]
    side = str(rng.choice(["left", "right"]))
    close = (f"{side} hand",) if pose in CLOSE_UPS else ()
    framing = framing or str(rng.choice([*entry.framings, *close]))
    look = replace(_look(rng, pose, biased=biased), object=entry.object, holder=side)
    return Scene(seed, pose, framing, str(rng.choice(list(EXPRESSIONS))), side, look)


def prompts(count: int, seed: int) -> list[Prompt]:
    """`count` prompts of random scenes with their facts, the categories in turn."""
    made = []
    for i in range(count):
        own = seed_of(seed, "person prompt", i)
        category = CATEGORIES[i % len(CATEGORIES)]
        poses = [name for name, entry in POSES.items() if entry.category == category]
        drawn = scene(own, str(np.random.default_rng([own, 2]).choice(poses)))
        made.append(Prompt(content_id(seed, i, drawn.caption), drawn.caption, category, drawn.facts))
    return made


def _look(rng: np.random.Generator, pose: str, *, biased: bool) -> Look:
    gender = str(rng.choice(["woman", "man"]))
    hair = ("short", "long", "bun") if gender == "woman" else ("short", "short", "bald")
    bottom = STYLES["bottom"] if gender == "woman" and pose not in WITHOUT_SKIRT else ("trousers", "shorts")
    names = {
        "skin": list(SKINS), "hair": hair, "hair_colour": list(HAIRS), "top": list(CLOTHES),
        "sleeves": STYLES["sleeves"], "bottom": bottom, "bottom_colour": list(BOTTOMS),
        "feet": STYLES["feet"], "shoe_colour": list(SHOES), "background": list(BACKGROUNDS),
        "scenery": STYLES["scenery"],
    }  # fmt: skip
    if biased:
        names |= {name: list(names[name])[:FEW] for name in ("skin", "background")}
        names["scenery"] = ("plain", "room")  # which have a background to choose
    return Look(gender=gender, **{name: str(rng.choice(choices)) for name, choices in names.items()})


def figure(scene: Scene) -> Figure:
    """The figure of a scene; the same scene always gives the same points."""
    rng = np.random.default_rng([scene.seed, 1])
    pose = _posed(scene)
    return framed(solve(varied(pose, rng), rng), scene.framing, scene.look, height=pose.height)


def _posed(scene: Scene) -> Pose:
    pose = POSES[scene.pose].pose
    pose = replace(pose, woman=scene.look.gender == "woman", expression=scene.expression)
    return mirrored(pose) if scene.side == "right" else pose


def figures(scenes: Sequence[Scene]) -> list[Figure]:
    """The figure of each scene."""
    return [figure(each) for each in scenes]
