"""The poses by name, in the five categories of HAF-Bench, each with the words that caption it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from asap.figures.people.arms import (
    AROUND_BALL,
    AT_EAR,
    CALLING,
    HOLDING,
    IN_LAP,
    IN_PRAYER,
    ON_CHEEK,
    ON_HEAD,
    ON_HEART,
    ON_HIPS,
    RAISED,
    SEATED,
    SHOWING,
    STRETCHED,
    THUMB_UP,
    VIEWER,
    WAVING,
)
from asap.figures.people.poses import Arm, Leg, Pose, both

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
    "arms crossed": Entry(
        "self-interaction",
        Pose(
            left_arm=Arm(
                reach=(-0.07, -0.145, 0.125),
                elbow=(1, 0.7, 0),
                gesture="flat hand",
                palm=(0, 0, -1),
                bend=(-106, 0),
            ),
            right_arm=Arm(
                reach=(-0.06, -0.15, 0.085),
                elbow=(1, 0.7, 0),
                gesture="flat hand",
                palm=(0, 0, -1),
                bend=(-122, -10),
            ),
        ),
        "stands with arms crossed",
    ),
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
    "walking": Entry(
        "full body",
        Pose(
            left_arm=Arm(upper=(14, 22), fore=(-4, 46)),
            right_arm=Arm(upper=(16, -20), fore=(12, 8)),
            left_leg=Leg(upper=(4, -12), lower=(5, -42), out=12, drop=0.9),
            right_leg=Leg(upper=(-2, 22), lower=(-1, 2), out=12),
        ),
        "walks towards the viewer",
        ("full body",),
    ),
    "jumping": Entry(
        "full body",
        both(
            Arm(upper=(132, 0), fore=(150, 0), gesture="open palm", palm=VIEWER),
            Leg(upper=(38, 20), lower=(-12, -38), out=50, drop=1.0),
            height=0.09,
        ),
        "jumps with arms up",
        ("full body",),
    ),
    "jumping jack": Entry(
        "full body",
        both(replace(RAISED, upper=(135, 0), fore=(140, 0)), Leg(upper=(28, 0), lower=(26, 0), out=55)),
        "does a jumping jack",
        ("full body",),
    ),
    "warrior": Entry(
        "full body",
        Pose(
            left_arm=STRETCHED,
            right_arm=STRETCHED,
            left_leg=Leg(upper=(66, 10), lower=(0, 0), out=80),
            right_leg=Leg(upper=(46, 0), lower=(44, 0), out=30),
            yaw=18,
        ),
        "holds the warrior pose",
        ("full body",),
    ),
    "tree pose": Entry(
        "full body",
        both(replace(IN_PRAYER), right_leg=Leg(upper=(62, 20), lower=(-66, -6), out=-10, drop=1.0)),
        "holds the tree pose on one leg",
        ("full body",),
    ),
    "sitting": Entry("full body", both(IN_LAP, SEATED), "sits on a bench", ("full body",), "bench"),
    "cross-legged": Entry(
        "full body",
        both(
            Arm(
                reach=(0.16, -0.015, 0.12),
                elbow=(1, 0.6, -0.3),
                gesture="okay sign",
                palm=(0, -0.6, 1),
                bend=(40, 55),
            ),
            Leg(upper=(76, 42), lower=(-78, 12), out=-70, drop=0.2),
        ),
        "sits cross-legged on the floor",
        ("full body",),
    ),
    "dancing": Entry(
        "full body",
        Pose(
            left_arm=Arm(upper=(140, 0), fore=(200, 0), gesture="flat hand", palm=VIEWER),
            right_arm=Arm(upper=(82, 0), fore=(52, 10), gesture="flat hand", palm=(0, 1, 0.6)),
            left_leg=Leg(upper=(6, 0), lower=(4, 0)),
            right_leg=Leg(upper=(40, 12), lower=(2, -25), out=45, drop=0.8),
            lean=-8,
            tilt=-6,
        ),
        "dances",
        ("full body",),
    ),
    "kneeling": Entry(
        "full body",
        Pose(
            left_leg=Leg(upper=(22, 72), lower=(4, -4), out=15),
            right_leg=Leg(upper=(6, 4), lower=(2, -76), out=10, drop=0.9),
            left_arm=Arm(reach=(0.10, -0.01, 0.2), elbow=(1, 0.4, 0), palm=(0, 1, -0.8), bend=(-10, 30)),
        ),
        "kneels on one knee",
        ("full body",),
    ),
}
