"""Poses of the whole body; `asap.figures.people.catalogue` names and captions them."""

from __future__ import annotations

from dataclasses import replace

from asap.figures.people.arms import IN_LAP, IN_PRAYER, RAISED, SEATED, STRETCHED, VIEWER
from asap.figures.people.poses import Arm, Leg, Pose, both

WALKING = Pose(
    left_arm=Arm(upper=(14, 22), fore=(-4, 46)),
    right_arm=Arm(upper=(16, -20), fore=(12, 8)),
    left_leg=Leg(upper=(4, -12), lower=(5, -42), out=12, drop=0.9),
    right_leg=Leg(upper=(-2, 22), lower=(-1, 2), out=12),
)
WALKING_ASIDE = replace(
    WALKING,
    left_arm=Arm(upper=(14, -42), fore=(10, -10), palm=(-1, 0, 0)),
    right_arm=Arm(upper=(4, 44), fore=(-6, 66), palm=(-1, 0, 0)),
    turn=-46,
    yaw=30,
)
JUMPING = both(
    Arm(upper=(132, 0), fore=(150, 0), gesture="open palm", palm=VIEWER),
    Leg(upper=(38, 20), lower=(-12, -38), out=50, drop=1.0),
    height=0.09,
)
JUMPING_JACK = both(replace(RAISED, upper=(135, 0), fore=(140, 0)), Leg(upper=(28, 0), lower=(26, 0), out=55))
WARRIOR = Pose(
    left_arm=STRETCHED,
    right_arm=STRETCHED,
    left_leg=Leg(upper=(66, 10), lower=(0, 0), out=80),
    right_leg=Leg(upper=(46, 0), lower=(44, 0), out=30),
    yaw=18,
)
TREE = both(replace(IN_PRAYER), right_leg=Leg(upper=(62, 20), lower=(-66, -6), out=-10, drop=1.0))
CROSS_LEGGED = both(
    Arm(
        reach=(0.16, -0.015, 0.12),
        elbow=(1, 0.6, -0.3),
        gesture="okay sign",
        palm=(0, -0.6, 1),
        bend=(40, 55),
    ),
    Leg(upper=(76, 42), lower=(-78, 12), out=-70, drop=0.2),
)
DANCING = Pose(
    left_arm=Arm(upper=(140, 0), fore=(200, 0), gesture="flat hand", palm=VIEWER),
    right_arm=Arm(upper=(82, 0), fore=(52, 10), gesture="flat hand", palm=(0, 1, 0.6)),
    left_leg=Leg(upper=(6, 0), lower=(4, 0)),
    right_leg=Leg(upper=(40, 12), lower=(2, -25), out=45, drop=0.8),
    lean=-8,
    tilt=-6,
)
KNEELING = Pose(
    left_leg=Leg(upper=(74, 34), lower=(-2, 0), out=40),
    right_leg=Leg(upper=(8, 6), lower=(86, -40), out=80, drop=0.6),
    left_arm=Arm(reach=(0.17, 0.02, 0.15), elbow=(1, 0.2, -0.2), palm=(0, 1, -0.8), bend=(20, 40)),
)
ARMS_CROSSED = Pose(
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
)
SITTING = both(IN_LAP, SEATED)
