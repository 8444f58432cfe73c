"""Poses by forward kinematics: angles of limbs to a body's 23 points, a face and two hands, in 3 dimensions.

World units: 1 is the person's stature, the middle of the hips at the origin; x right, y down, z towards the
viewer. A limb's bone is (angle, towards): degrees outwards from straight down, degrees towards the viewer.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from asap.figures.people import faces, hands
from asap.records import Points

Bone = tuple[float, float]
SPINE, SHOULDER, HIP, NECK = 0.285, 0.098, 0.052, 0.118
UPPER_ARM, FOREARM, THIGH, SHIN, FOOT = 0.165, 0.145, 0.235, 0.225, 0.10
FARTHEST = 26.0  # degrees that a head turns from the viewer; beyond, its far eye would leave the face
HEAD, HAND = 0.080, 0.130  # half of the head's height; both a little large, to be read at small sizes


@dataclass(frozen=True)
class Arm:
    """One arm: bones, the hand's gesture, where its palm faces (outwards, down, to the viewer), its bend.

    `reach` in place of bones puts the wrist at (outwards, down, to the viewer) from the hips' middle; the
    elbow then points as `elbow` says.
    """

    upper: Bone = (10, 0)
    fore: Bone = (5, 12)
    gesture: str = "relaxed hand"
    palm: tuple[float, float, float] = (-1, 0, 0.5)
    bend: Bone | None = None
    reach: tuple[float, float, float] | None = None
    elbow: tuple[float, float, float] = (1, 0.3, 0)


@dataclass(frozen=True)
class Leg:
    """One leg: bones, and how far the foot turns out (degrees) and points down (0 to 1)."""

    upper: Bone = (3, 0)
    lower: Bone = (1, 0)
    out: float = 30
    drop: float = 0.0


@dataclass(frozen=True)
class Pose:
    """A whole person.

    Angles are in degrees: `lean` and `tilt` clockwise as seen, `yaw` to the image's right, `pitch` down.
    `turn` turns the whole body to the image's right; `height` is how far the lower foot is off the ground,
    in statures.
    """

    left_arm: Arm = field(default_factory=Arm)
    right_arm: Arm = field(default_factory=Arm)
    left_leg: Leg = field(default_factory=Leg)
    right_leg: Leg = field(default_factory=Leg)
    lean: float = 0.0
    tilt: float = 0.0
    yaw: float = 0.0
    pitch: float = 0.0
    expression: str = "neutral"
    woman: bool = False
    height: float = 0.0
    turn: float = 0.0


def mirrored(pose: Pose) -> Pose:
    """`pose` as in a mirror: left and right change places."""
    return replace(
        pose, left_arm=pose.right_arm, right_arm=pose.left_arm,
        left_leg=pose.right_leg, right_leg=pose.left_leg,
        lean=-pose.lean, tilt=-pose.tilt, yaw=-pose.yaw, turn=-pose.turn,
    )  # fmt: skip


def varied(pose: Pose, rng: np.random.Generator) -> Pose:
    """`pose` with its head and limbs turned by a few degrees; hands that reach for a place stay there."""
    turn = rng.normal(0, 1, 11)
    limbs: dict[str, Arm | Leg] = {}
    for i, side in enumerate(("left", "right")):
        arm, leg = getattr(pose, f"{side}_arm"), getattr(pose, f"{side}_leg")
        upper = (arm.upper[0] + 3 * turn[4 * i], arm.upper[1])
        limbs[f"{side}_arm"] = replace(
            arm, upper=upper, fore=(arm.fore[0] + 3 * turn[4 * i + 1], arm.fore[1])
        )
        swing = 1.5 * turn[4 * i + 2]
        limbs[f"{side}_leg"] = replace(
            leg, upper=(leg.upper[0] + swing, leg.upper[1]), out=leg.out + 4 * turn[4 * i + 3]
        )
    head = {
        "tilt": pose.tilt + 2.5 * turn[8],
        "yaw": float(np.clip(pose.yaw + 5 * turn[9], -FARTHEST - pose.turn, FARTHEST - pose.turn)),
        "pitch": pose.pitch + 2 * turn[10],
    }
    return replace(pose, **limbs, **head)  # type: ignore[arg-type]


def both(arm: Arm | None = None, leg: Leg | None = None, **other: object) -> Pose:
    """A symmetrical pose."""
    arm, leg = arm or Arm(), leg or Leg()
    pose = Pose(left_arm=arm, right_arm=arm, left_leg=leg, right_leg=leg)
    return replace(pose, **other)  # type: ignore[arg-type]


def solve(pose: Pose, rng: np.random.Generator | None = None) -> dict[str, Points]:
    """The points of the pose by part, each (K, 3): body 23, face 68, left_hand and right_hand 21."""
    body = np.zeros((23, 3))
    up = direction(180 + pose.lean, 0, 1) * SPINE
    level = np.asarray([-up[1], up[0], 0.0]) / SPINE
    parts: dict[str, Points] = {}
    for side, sign in (("left", 1), ("right", -1)):
        first = 0 if side == "left" else 1
        body[11 + first] = [sign * HIP, 0, 0]
        body[5 + first] = up + level * sign * SHOULDER * (0.92 if pose.woman else 1.04)
        arm = getattr(pose, f"{side}_arm")
        body[7 + first], body[9 + first], along = _arm(arm, body[5 + first], sign)
        shape = hands.gesture(arm.gesture, rng)
        palm = np.asarray(arm.palm, float) * [sign, 1, 1]
        parts[f"{side}_hand"] = hands.placed(
            shape, body[9 + first], along, palm, left=sign > 0, length=HAND * (0.94 if pose.woman else 1)
        )
        _leg(getattr(pose, f"{side}_leg"), body, first, sign)
    parts["face"] = _head(pose, body, up * (1 + NECK / SPINE))
    return {name: faces.turn(points, 0, pose.turn) for name, points in {"body": body, **parts}.items()}


def direction(angle: float, towards: float, sign: int) -> Points:
    """The unit vector (3,) `angle` degrees outwards (times `sign`) from straight down, turned `towards`."""
    a, b = np.radians([angle, towards])
    return np.asarray([sign * np.sin(a) * np.cos(b), np.cos(a) * np.cos(b), np.sin(b)])


def _arm(arm: Arm, shoulder: Points, sign: int) -> tuple[Points, Points, Points]:
    """Elbow, wrist and the direction of the hand."""
    if arm.reach is None:
        elbow = shoulder + UPPER_ARM * direction(*arm.upper, sign)
        wrist = elbow + FOREARM * direction(*arm.fore, sign)
    else:
        mirror = np.asarray([sign, 1, 1])
        elbow, wrist = _reach(shoulder, np.multiply(arm.reach, mirror), np.multiply(arm.elbow, mirror))
    along = wrist - elbow if arm.bend is None else direction(*arm.bend, sign)
    return elbow, wrist, along


def _reach(shoulder: Points, target: Points, pole: Points) -> tuple[Points, Points]:
    """Elbow and wrist of an arm that reaches for `target`, as far as it goes, its elbow towards `pole`."""
    line = target - shoulder
    distance = float(np.clip(np.linalg.norm(line), 0.06, 0.995 * (UPPER_ARM + FOREARM)))
    line = line / np.linalg.norm(line)
    side = pole - (pole @ line) * line
    side = side / np.linalg.norm(side)
    along = (distance**2 + UPPER_ARM**2 - FOREARM**2) / (2 * distance)
    across = np.sqrt(max(UPPER_ARM**2 - along**2, 0.0))
    return shoulder + along * line + across * side, shoulder + distance * line


def _leg(leg: Leg, body: Points, first: int, sign: int) -> None:
    """Knee, ankle and foot, put into `body`."""
    knee = body[11 + first] + THIGH * direction(*leg.upper, sign)
    ankle = knee + SHIN * direction(*leg.lower, sign)
    body[13 + first], body[15 + first] = knee, ankle
    out = np.radians(leg.out)
    slope = 0.40 + 0.5 * leg.drop
    ahead = np.asarray([sign * np.sin(out), slope * (0.45 + 0.55 * np.cos(out)), np.cos(out)])
    across = np.asarray([sign * np.cos(out), -slope * 0.8 * np.sin(out), -np.sin(out)])
    sole = np.add(ankle, [0, 0.026, 0])
    body[17 + 3 * first] = sole + FOOT * 0.72 * ahead - FOOT * 0.16 * across
    body[18 + 3 * first] = sole + FOOT * 0.58 * ahead + FOOT * 0.22 * across
    body[19 + 3 * first] = sole - FOOT * 0.22 * ahead


def _head(pose: Pose, body: Points, centre: Points) -> Points:
    """The face's points; those of the body's nose, eyes and ears go into `body`."""
    angles = (pose.tilt + 0.5 * pose.lean, pose.yaw, pose.pitch)
    face = centre + HEAD * faces.turn(faces.face(pose.expression), *angles)
    body[3:5] = centre + HEAD * faces.turn(faces.EARS, *angles)
    body[0], body[1], body[2] = face[30], face[42:48].mean(axis=0), face[36:42].mean(axis=0)
    return face
