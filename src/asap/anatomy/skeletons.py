"""Skeletons of one person: the parts of COCO-WholeBody, and partial copies of parts for what is too many.

A skeleton is a value: every function here returns a new one. Points are (K, 2) in pixels, NaN where unknown.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from asap.anatomy.keypoints import LIMBS, split
from asap.records import Points

PARTS = {"body": 23, "face": 68, "left_hand": 21, "right_hand": 21}
"""Part of a skeleton -> how many points it has, in the order of COCO-WholeBody."""
_FEET = {15: (17, 18, 19), 16: (20, 21, 22)}
_HANDS = {9: "left_hand", 10: "right_hand"}

Transform = Callable[[Points], Points]


class NotPossible(Exception):  # noqa: N818 (an answer rather than an error)
    """This skeleton does not allow what was asked; the text gives the reason in a few words."""


@dataclass(frozen=True, eq=False)
class Extra:
    """A partial copy of a part, NaN for all it lacks: a sixth finger is a second hand of one finger.

    Attributes:
        part: "body", "face", "left_hand" or "right_hand".
        points: (K, 2) as that part has them.
    """

    part: str
    points: Points


@dataclass(frozen=True, eq=False)
class Skeleton:
    """One person.

    Attributes:
        body: (23, 2) the 17 joints of COCO and six points of the feet.
        face: (68, 2) the points of iBUG.
        left_hand, right_hand: (21, 2) wrist, then four points a finger; left and right are the person's own.
        extras: what the person has too many of, as partial copies of parts.
    """

    body: Points
    face: Points
    left_hand: Points
    right_hand: Points
    extras: tuple[Extra, ...] = ()

    def part(self, name: str) -> Points:
        """(K, 2) the points of the part "body", "face", "left_hand" or "right_hand"."""
        return {
            "body": self.body,
            "face": self.face,
            "left_hand": self.left_hand,
            "right_hand": self.right_hand,
        }[name]


def from_wholebody(points: Points) -> Skeleton:
    """The skeleton of (133, 2) COCO-WholeBody points, copied.

    Raises:
        ValueError: `points` has another shape.
    """
    parts = {name: part.astype(np.float64) for name, part in split(np.asarray(points)).items()}
    return _assembled(parts)


def to_wholebody(skeleton: Skeleton) -> Points:
    """(133, 2) COCO-WholeBody points; `extras` have no place among them and are left out."""
    return np.concatenate([skeleton.part(name) for name in PARTS])


def with_part(skeleton: Skeleton, name: str, points: Points) -> Skeleton:
    """The skeleton with other points for the part `name`.

    Raises:
        ValueError: there is no such part.
    """
    if name not in PARTS:
        raise ValueError(f"no part {name!r}; there are {', '.join(PARTS)}")
    parts = {part: skeleton.part(part) for part in PARTS}
    return _assembled(parts | {name: points}, skeleton.extras)


def with_extras(skeleton: Skeleton, *extras: Extra) -> Skeleton:
    """The skeleton with `extras` after those it has."""
    return replace(skeleton, extras=(*skeleton.extras, *extras))


def only(part: str, points: dict[int, Points]) -> Extra:
    """The partial copy of `part` that has no more than `points`, by index."""
    blank = np.full((PARTS[part], 2), np.nan)
    for index, point in points.items():
        blank[index] = point
    return Extra(part, blank)


def transformed(skeleton: Skeleton, transform: Transform) -> Skeleton:
    """The skeleton with all its points, and those of its extras, taken through `transform`."""
    parts = {name: transform(skeleton.part(name)) for name in PARTS}
    return _assembled(parts, tuple(Extra(extra.part, transform(extra.points)) for extra in skeleton.extras))


def _assembled(parts: Mapping[str, Points], extras: tuple[Extra, ...] = ()) -> Skeleton:
    return Skeleton(parts["body"], parts["face"], parts["left_hand"], parts["right_hand"], extras)


def rotated(points: Points, centre: Points, angle: float) -> Points:
    """(..., 2) `points` turned by `angle` radians about `centre`, from +x towards +y."""
    cos, sin = math.cos(angle), math.sin(angle)
    return np.asarray((points - centre) @ np.array([[cos, sin], [-sin, cos]]) + centre)


def scaled(points: Points, centre: Points, factor: float) -> Points:
    """(..., 2) `points` at `factor` times their distance from `centre`."""
    return np.asarray(centre + factor * (points - centre))


def chain_scaled(chain: Points, factors: tuple[float, ...]) -> Points:
    """(K, 2) a chain of joints whose K - 1 bones are `factors` times as long and point where they did."""
    bones = np.diff(chain, axis=0) * np.asarray(factors)[:, None]
    return np.concatenate([chain[:1], chain[0] + np.cumsum(bones, axis=0)])


def hanging(joint: int) -> dict[str, list[int]]:
    """Part -> indices of the points that hang from one of a body's limb joints, the joint itself left out.

    An arm carries its hand (with the hand's own wrist point), a leg its foot.
    """
    limb = next(limb for limb in LIMBS.values() if joint in limb)
    below, end = list(limb[limb.index(joint) + 1 :]), limb[-1]
    if end in _HANDS:
        hand = _HANDS[end]
        return {"body": below, hand: list(range(PARTS[hand]))}
    return {"body": [*below, *_FEET[end]]}


def moved_below(skeleton: Skeleton, joint: int, transform: Transform) -> Skeleton:
    """The skeleton with what hangs from `joint` (as `hanging`) taken through `transform`."""
    for part, indices in hanging(joint).items():
        points = skeleton.part(part).copy()
        points[indices] = transform(points[indices])
        skeleton = with_part(skeleton, part, points)
    return skeleton


def taken_off_below(skeleton: Skeleton, joint: int) -> Skeleton:
    """The skeleton without what hangs from `joint` (as `hanging`)."""
    return moved_below(skeleton, joint, lambda points: np.full_like(points, np.nan))


def angle_between(first: Points, second: Points) -> float:
    """By how many radians, in [-pi, pi], vector `first` (2,) is to be turned to point as `second` does."""
    cross, dot = first[0] * second[1] - first[1] * second[0], first @ second
    return math.atan2(cross, dot)
