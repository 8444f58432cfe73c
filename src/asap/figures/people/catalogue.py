"""The poses by name, in the five categories of HAF-Bench, each with the words that caption it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from asap.figures.people.arms import (
    AROUND_BALL,
    AT_EAR,
    CALLING,
    HOLDING,
    IN_PRAYER,
    ON_CHEEK,
    ON_HEAD,
    ON_HEART,
    ON_HIPS,
    RAISED,
    SHOWING,
    STRETCHED,
    THUMB_UP,
    WAVING,
)
from asap.figures.people.poses import Arm, Leg, Pose, both
from asap.figures.people.postures import (
    ARMS_CROSSED,
    CROSS_LEGGED,
    DANCING,
    JUMPING,
    JUMPING_JACK,
    KNEELING,
    SITTING,
    TREE,
    WALKING,
    WALKING_ASIDE,
    WARRIOR,
)

CATEGORIES = (
    "basic anatomy", "semantic gestures", "self-interaction", "object interaction", "full body",
)  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """One pose: what it belongs to, the framings it suits, the words for it, and the object held, if any."""

    category: str
    pose: Pose
    words: str
    framings: tuple[str, ...] = ("half body", "full body")
    object: str = "none"


STANDING = both()


def _one(arm: Arm, **other: object) -> Pose:
    return replace(STANDING, left_arm=arm, **other)  # type: ignore[arg-type]


def _two(arm: Arm, leg: Leg | None = None, **other: object) -> Pose:
    return both(arm, leg, **other)


def _showing(gesture: str, **other: object) -> Pose:
    return _one(replace(SHOWING, gesture=gesture), **other)


POSES: dict[str, Entry] = {
    "standing": Entry("basic anatomy", STANDING, "stands with arms at the sides"),
    "portrait": Entry("basic anatomy", STANDING, "looks at the viewer", ("portrait",)),
    "turned portrait": Entry(
        "basic anatomy", replace(STANDING, yaw=24, tilt=5), "looks to one side", ("portrait",)
    ),
    "open palm": Entry("basic anatomy", _showing("open palm"), "shows an open palm"),
    "both palms": Entry(
        "basic anatomy", _two(replace(SHOWING, upper=(30, 5), fore=(150, 30))), "shows both open palms"
    ),
    "waving": Entry("semantic gestures", _one(WAVING, tilt=4), "waves"),
    **{
        name: Entry("semantic gestures", _showing(name), f"shows {article}{name}")
        for article, name in (
            ("a ", "fist"),
            ("a ", "peace sign"),
            ("a ", "rock sign"),
            ("", "three fingers"),
            ("", "four fingers"),
            ("an ", "okay sign"),
        )
    },
    "pointing up": Entry("semantic gestures", _showing("pointing finger"), "points up with one finger"),
    "thumbs up": Entry("semantic gestures", _one(THUMB_UP), "gives a thumbs up"),
    "call sign": Entry("semantic gestures", _one(CALLING, tilt=3), "makes a call sign"),
    "two peace signs": Entry(
        "semantic gestures",
        _two(replace(SHOWING, upper=(34, 5), fore=(152, 30), gesture="peace sign")),
        "shows two peace signs",
    ),
    "hands on hips": Entry("self-interaction", _two(ON_HIPS), "stands with hands on hips"),
    "arms crossed": Entry("self-interaction", ARMS_CROSSED, "stands with arms crossed"),
    "praying": Entry("self-interaction", _two(IN_PRAYER), "presses both palms together"),
    "hands on head": Entry("self-interaction", _two(ON_HEAD), "holds both hands on the head"),
    "hand on heart": Entry("self-interaction", _one(ON_HEART), "lays a hand on the heart"),
    "hand on cheek": Entry("self-interaction", _one(ON_CHEEK, tilt=8), "rests a cheek on a hand"),
    **{
        f"holding {name}": Entry("object interaction", _one(arm), f"holds {words}", object=name)
        for name, words, arm in (
            ("cup", "a cup", HOLDING),
            ("flower", "a flower", HOLDING),
            ("apple", "an apple", replace(SHOWING, gesture="grip")),
            ("balloon", "a balloon", HOLDING),
            ("umbrella", "an umbrella", HOLDING),
        )
    },
    "phone call": Entry("object interaction", _one(AT_EAR, tilt=4), "talks on a phone", object="phone"),
    "holding ball": Entry(
        "object interaction", _two(AROUND_BALL), "holds a ball with both hands", object="ball"
    ),
    "arms raised": Entry("full body", _two(RAISED), "raises both arms", ("full body",)),
    "arms wide": Entry("full body", _two(STRETCHED), "stretches both arms out", ("full body",)),
    "walking": Entry("full body", WALKING, "walks towards the viewer", ("full body",)),
    "jumping": Entry("full body", JUMPING, "jumps with arms up", ("full body",)),
    "jumping jack": Entry("full body", JUMPING_JACK, "does a jumping jack", ("full body",)),
    "warrior": Entry("full body", WARRIOR, "holds the warrior pose", ("full body",)),
    "tree pose": Entry("full body", TREE, "holds the tree pose on one leg", ("full body",)),
    "sitting": Entry("full body", SITTING, "sits on a bench", ("full body",), "bench"),
    "cross-legged": Entry("full body", CROSS_LEGGED, "sits cross-legged on the floor", ("full body",)),
    "dancing": Entry("full body", DANCING, "dances", ("full body",)),
    "kneeling": Entry("full body", KNEELING, "kneels on one knee", ("full body",)),
    "standing turned": Entry(
        "basic anatomy", replace(STANDING, turn=38, yaw=-26), "stands turned to one side, arms at the sides"
    ),
    "waving turned": Entry("semantic gestures", _one(WAVING, turn=30, yaw=-20), "waves, turned to one side"),
    "walking turned": Entry("full body", WALKING_ASIDE, "walks to one side", ("full body",)),
    "sitting turned": Entry(
        "full body", replace(SITTING, turn=-38, yaw=24), "sits turned on a bench", ("full body",), "bench"
    ),
}
