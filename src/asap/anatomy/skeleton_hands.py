"""Hands of a skeleton: their sizes and sides, and which of their fingers an error may be put on.

Lengths are in hand sizes (`size_of`), angles in radians. Fingers are numbered from 0, the thumb, to 4, the
little finger, and have four joints, from the knuckle to the tip.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from asap.anatomy.keypoints import RAYS, size_of
from asap.anatomy.skeletons import Extra, NotPossible, Skeleton, angle_between, only, with_part
from asap.records import Points

SHORTEST = 0.45
"""Knuckle to tip of a finger seen as stretched."""
LARGEST_BEND = math.radians(60)
"""Between the bones of a finger seen as stretched."""
LEAST_APART = 0.10
"""Between a finger seen as stretched and its neighbours."""


class Hand(NamedTuple):
    """`part` of the skeleton, its `points` (21, 2), and the `stretched` fingers among its five."""

    part: str
    points: Points
    stretched: tuple[int, ...]

    @property
    def size(self) -> float:
        return size_of("hand", self.points)

    @property
    def side(self) -> int:
        """1 if the knuckles, index to little finger, run from +x towards +y about the wrist, else -1."""
        index, little = self.points[5] - self.points[0], self.points[17] - self.points[0]
        return 1 if angle_between(index, little) > 0 else -1

    def finger(self, number: int) -> Points:
        """(4, 2) its joints, from knuckle to tip."""
        return self.points[1 + 4 * number : 5 + 4 * number]

    def replaced(self, skeleton: Skeleton, fingers: dict[int, Points]) -> Skeleton:
        """The skeleton with other joints (4, 2) for some of this hand's fingers."""
        points = self.points.copy()
        for number, joints in fingers.items():
            points[1 + 4 * number : 5 + 4 * number] = joints
        return with_part(skeleton, self.part, points)

    def sixth(self, number: int, joints: Points) -> Extra:
        """One more finger (4, 2) at this hand's wrist, in the colours of finger `number`."""
        return only(self.part, {0: self.points[0], **dict(enumerate(joints, 1 + 4 * number))})


def hands_in_view(skeleton: Skeleton) -> list[Hand]:
    """The hands of which all points are known.

    Raises:
        NotPossible: there is none.
    """
    parts = ("left_hand", "right_hand")
    whole = [part for part in parts if np.isfinite(skeleton.part(part)).all()]
    if not whole:
        raise NotPossible("hand points missing")
    return [Hand(part, skeleton.part(part), stretched_fingers(skeleton.part(part))) for part in whole]


def stretched_fingers(hand: Points) -> tuple[int, ...]:
    """Numbers of the fingers, 0 the thumb, that are neither bent nor foreshortened nor upon another."""
    return tuple(number for number in range(5) if _is_stretched(hand, number))


def _is_stretched(hand: Points, number: int) -> bool:
    ray, size = hand[list(RAYS[number])], size_of("hand", hand)
    bends = [abs(angle_between(a, b)) for a, b in pairwise(np.diff(ray, axis=0))]
    if max(bends[0 if number else 1 :]) > LARGEST_BEND:
        return False
    if number == 0:
        # a thumb laid across the palm is straight too, but its tip comes nearer to the little finger
        return math.dist(ray[4], hand[17]) > math.dist(ray[1], hand[17])
    others = [_along(hand, other) for other in range(1, 5) if other != number]
    nearest = np.linalg.norm(np.concatenate(others)[:, None] - _along(hand, number)[None], axis=-1).min()
    return math.dist(ray[1], ray[4]) > SHORTEST * size and nearest > LEAST_APART * size


def _along(hand: Points, number: int) -> Points:
    """(10, 2) points on a finger from its middle joint to its tip."""
    joints = hand[list(RAYS[number][2:])]
    return np.concatenate([np.linspace(a, b, 5) for a, b in pairwise(joints)])


def choose_finger(
    skeleton: Skeleton, rng: random.Random, allowed: Callable[[Hand, int], bool] = lambda hand, number: True
) -> tuple[Hand, int]:
    """A hand and one of its stretched long fingers (1 to 4) that is `allowed`.

    Raises:
        NotPossible: there is none.
    """
    options = [
        (hand, number)
        for hand in hands_in_view(skeleton)
        for number in hand.stretched
        if number and allowed(hand, number)
    ]
    if not options:
        raise NotPossible("no finger is stretched as this error needs it")
    return rng.choice(options)
