"""Errors of a face's skeleton: eyes, nose and mouth moved, turned or enlarged, halves unlike, a third eye.

Each is a pure function of a skeleton and a source of chance. Lengths are in distances between the eyes'
centres, as in the edits of photos. The body's own points of the eyes and the nose go with the face's.
"""

from __future__ import annotations

import math
import random
from typing import NamedTuple

import numpy as np

from asap.anatomy.keypoints import FACE_PARTS
from asap.anatomy.skeletons import (
    NotPossible,
    Skeleton,
    Transform,
    angle_between,
    only,
    rotated,
    scaled,
    with_extras,
    with_part,
)
from asap.records import Points

LARGEST_TURN = 0.31
"""Largest offset of the nose's tip from between the eyes, in eyes' distances: about 40 degrees of turning."""
BODY_POINTS = {"right_eye": [2], "left_eye": [1], "nose": [0]}
"""Part of a face -> which of the body's points lie on it; on other parts there is none."""
EYES = ("right_eye", "left_eye")


class Face(NamedTuple):
    """`points` (68, 2), and the face's own axes `right` and `down` (2,), both an eyes' distance long."""

    points: Points
    right: Points
    down: Points

    @property
    def spin(self) -> int:
        """1 if `down` is turned from `right` as +y is from +x, -1 if the face is a mirror image."""
        return 1 if angle_between(self.right, self.down) > 0 else -1

    def centre(self, part: str) -> Points:
        """(2,) the mean of the part's points."""
        return np.asarray(self.points[FACE_PARTS[part]].mean(axis=0))


def face_in_view(skeleton: Skeleton) -> Face:
    """The face, if its points are known and it looks to the viewer.

    Raises:
        NotPossible: it does not.
    """
    points = skeleton.face
    if not np.isfinite(points[17:]).all():
        raise NotPossible("face points missing")
    first, second = (points[FACE_PARTS[eye]].mean(axis=0) for eye in EYES)
    right, tip = second - first, points[30] - (first + second) / 2
    if abs(tip @ right) > LARGEST_TURN * (right @ right):
        raise NotPossible("face turned away")
    below = points[FACE_PARTS["mouth"]].mean(axis=0) - (first + second) / 2
    down = np.array([-right[1], right[0]])
    return Face(points, right, down if down @ below > 0 else -down)


def moved_part(skeleton: Skeleton, part: str, transform: Transform) -> Skeleton:
    """The skeleton with a part of the face, and the body's points on it, taken through `transform`."""
    face, body = skeleton.face.copy(), skeleton.body.copy()
    face[FACE_PARTS[part]] = transform(face[FACE_PARTS[part]])
    own = BODY_POINTS.get(part, [])
    body[own] = transform(body[own])
    return with_part(with_part(skeleton, "face", face), "body", body)


def lower_eye(skeleton: Skeleton, rng: random.Random) -> Skeleton:
    """One eye, without its brow, a quarter to a third of the eyes' distance too low."""
    face = face_in_view(skeleton)
    shift = rng.uniform(0.26, 0.34) * face.down
    return moved_part(skeleton, rng.choice(EYES), lambda points: points + shift)


def enlarge_eye(skeleton: Skeleton, rng: random.Random) -> Skeleton:
    """One eye 1.6 to 1.75 times as large."""
    face, eye, factor = face_in_view(skeleton), rng.choice(EYES), rng.uniform(1.6, 1.75)
    return moved_part(skeleton, eye, lambda points: scaled(points, face.centre(eye), factor))


def tilt_eye(skeleton: Skeleton, rng: random.Random) -> Skeleton:
    """One eye turned by 34 to 42 degrees."""
    face, eye = face_in_view(skeleton), rng.choice(EYES)
    turn = math.radians(rng.uniform(34, 42)) * rng.choice((-1, 1))
    return moved_part(skeleton, eye, lambda points: rotated(points, face.centre(eye), turn))


def twist_mouth(skeleton: Skeleton, rng: random.Random) -> Skeleton:
    """The mouth turned by 28 to 36 degrees."""
    face = face_in_view(skeleton)
    turn = math.radians(rng.uniform(28, 36)) * rng.choice((-1, 1))
    return moved_part(skeleton, "mouth", lambda points: rotated(points, face.centre("mouth"), turn))


def shift_mouth(skeleton: Skeleton, rng: random.Random) -> Skeleton:
    """The mouth about a third of the eyes' distance to one side."""
    shift = rng.uniform(0.32, 0.38) * rng.choice((-1, 1)) * face_in_view(skeleton).right
    return moved_part(skeleton, "mouth", lambda points: points + shift)


def displace_nose(skeleton: Skeleton, rng: random.Random) -> Skeleton:
    """The nose about a quarter of the eyes' distance to one side, its tip further, turned by 25 degrees."""
    face, side = face_in_view(skeleton), rng.choice((-1, 1))
    shift = rng.uniform(0.22, 0.28) * side * face.right
    turn = -side * face.spin * math.radians(25)
    return moved_part(skeleton, "nose", lambda points: rotated(points, face.centre("nose"), turn) + shift)


def unbalance_face(skeleton: Skeleton, rng: random.Random) -> Skeleton:
    """One half wrong: its eye and brow low, tilted and large, and the mouth pulled down on that side."""
    face, side = face_in_view(skeleton), rng.choice(("right", "left"))
    low, factor = rng.uniform(0.18, 0.24) * face.down, rng.uniform(1.25, 1.4)
    outwards = face.spin * (-1 if side == "right" else 1)
    tilt = outwards * math.radians(rng.uniform(14, 22))
    pull = outwards * math.radians(rng.uniform(20, 26))
    eye = face.centre(f"{side}_eye")
    for part in (f"{side}_eye", f"{side}_brow"):
        skeleton = moved_part(
            skeleton, part, lambda points: scaled(rotated(points, eye, tilt), eye, factor) + low
        )
    return moved_part(skeleton, "mouth", lambda points: rotated(points, face.centre("mouth"), pull))


def add_eye(skeleton: Skeleton, rng: random.Random) -> Skeleton:
    """A third eye on the forehead, well above the brows."""
    face, eye = face_in_view(skeleton), rng.choice(EYES)
    brows = np.stack([face.centre("right_brow"), face.centre("left_brow")])
    place = brows.mean(axis=0) - rng.uniform(0.32, 0.42) * face.down
    points = face.points[FACE_PARTS[eye]] + (place - face.centre(eye))
    return with_extras(skeleton, only("face", dict(enumerate(points, FACE_PARTS[eye].start))))
