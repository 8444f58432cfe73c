"""Errors of fingers in a skeleton: too many, lost, grown together, broken, too short or long, misplaced.

Each is a pure function of a skeleton and a source of chance. Lengths are in hand sizes (`size_of`), angles in
radians. A finger is numbered 0 (thumb) to 4 (little finger) and has four joints, from its knuckle to its tip.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from asap.anatomy.keypoints import size_of
from asap.anatomy.skeletons import (
    Extra,
    NotPossible,
    Skeleton,
    angle_between,
    chain_scaled,
    only,
    rotated,
    with_extras,
    with_part,
)
from asap.records import Points

SHORTEST = 0.45
"""Knuckle to tip of a finger seen as stretched."""
LARGEST_BEND = math.radians(60)
"""Between the bones of a finger seen as stretched."""
FUSED_GAP = 0.12
"""Between the bones of two fingers grown together."""
FUSED_WEIGHTS = (0.0, 0.5, 0.95, 1.0)
"""How far each joint of a fused finger, knuckle to tip, has gone over to the common line."""


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
    """Numbers of the fingers, 0 the thumb, that are neither bent nor foreshortened."""
    return tuple(number for number in range(5) if _is_stretched(hand, number))


def _is_stretched(hand: Points, number: int) -> bool:
    joints = hand[1 + 4 * number : 5 + 4 * number]
    bends = [abs(angle_between(a, b)) for a, b in pairwise(np.diff(joints, axis=0))]
    if max(bends) > LARGEST_BEND:
        return False
    if number:
        return math.dist(joints[0], joints[3]) > SHORTEST * size_of("hand", hand)
    # a thumb laid across the palm is straight too, but its tip comes nearer to the little finger
    return math.dist(joints[3], hand[17]) > math.dist(joints[0], hand[17])


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


def add_finger(skeleton: Skeleton, rng: random.Random) -> Skeleton:
    """A sixth finger: neighbours fanned out anew with one more among them, or a lone one doubled."""
    fans = [(hand, run) for hand in hands_in_view(skeleton) if len(run := _longest_run(hand)) > 1]
    apart = math.radians(rng.uniform(6, 10))
    if fans:
        return _fan_out(skeleton, *rng.choice(fans), apart)
    hand, number = choose_finger(skeleton, rng)
    away, wrist, joints = (
        rng.choice(_free_sides(hand, number)) * hand.side,
        hand.points[0],
        hand.finger(number),
    )
    leaning = hand.replaced(skeleton, {number: rotated(joints, wrist, -away * apart)})
    return with_extras(leaning, hand.sixth(number, rotated(joints, wrist, away * apart)))


def _fan_out(skeleton: Skeleton, hand: Hand, run: tuple[int, ...], apart: float) -> Skeleton:
    """One finger more than `run` has, at even distances, the whole `apart` radians wider than it was."""
    before = np.stack([hand.finger(number) for number in run])
    fan = []
    for share in np.linspace(0, 1, len(run) + 1):
        low, rest = divmod(share * (len(run) - 1), 1)
        joints = (1 - rest) * before[int(low)] + rest * before[min(int(low) + 1, len(run) - 1)]
        fan.append(rotated(joints, hand.points[0], hand.side * apart * (share - 0.5)))
    extra = fan.pop(len(run) // 2)
    fanned = hand.replaced(skeleton, dict(zip(run, fan, strict=True)))
    return with_extras(fanned, hand.sixth(run[len(run) // 2 - 1], extra))


def _longest_run(hand: Hand) -> tuple[int, ...]:
    """The most long fingers in a row that are stretched."""
    runs = [tuple(range(a, b)) for a in range(1, 5) for b in range(a + 1, 6)]
    return max((run for run in runs if set(run) <= set(hand.stretched)), key=len, default=())


def _free_sides(hand: Hand, number: int) -> list[int]:
    """On which sides, -1 towards the thumb and 1 away from it, no stretched long finger stands."""
    return [side for side in (-1, 1) if number + side not in set(hand.stretched) - {0}]


def remove_finger(skeleton: Skeleton, rng: random.Random) -> Skeleton:
    """A stretched finger gone from its knuckle on."""
    hand, number = choose_finger(skeleton, rng)
    joints = hand.finger(number).copy()
    joints[1:] = np.nan
    return hand.replaced(skeleton, {number: joints})


def fuse_fingers(skeleton: Skeleton, rng: random.Random) -> Skeleton:
    """Two stretched neighbours grown together along their length."""
    hand, number = choose_finger(skeleton, rng, lambda hand, number: number + 1 in hand.stretched)
    one, other = hand.finger(number), hand.finger(number + 1)
    middle = (one + other) / 2
    along = middle[3] - middle[0]
    across = np.array([-along[1], along[0]]) / math.hypot(*along) * hand.size * FUSED_GAP / 2 * hand.side
    weights = np.array(FUSED_WEIGHTS)[:, None]
    near, far = one + weights * (middle - across - one), other + weights * (middle + across - other)
    return hand.replaced(skeleton, {number: near, number + 1: far})


def break_finger(skeleton: Skeleton, rng: random.Random) -> Skeleton:
    """A stretched finger turned sideways at its middle joint, away from others, by 65 to 95 degrees."""
    hand, number = choose_finger(skeleton, rng, lambda hand, number: bool(_free_sides(hand, number)))
    turn = math.radians(rng.uniform(65, 95)) * hand.side * rng.choice(_free_sides(hand, number))
    joints = hand.finger(number).copy()
    joints[2:] = rotated(joints[2:], joints[1], turn)
    return hand.replaced(skeleton, {number: joints})


def shorten_finger(skeleton: Skeleton, rng: random.Random) -> Skeleton:
    """A stretched finger about half as long."""
    return _rescale(skeleton, rng, (rng.uniform(0.5, 0.6), 0.2, 0.8))


def stretch_finger(skeleton: Skeleton, rng: random.Random) -> Skeleton:
    """A stretched finger about one and a half times as long."""
    return _rescale(skeleton, rng, (rng.uniform(1.5, 1.6), 1.55, 1.25))


def _rescale(skeleton: Skeleton, rng: random.Random, factors: tuple[float, float, float]) -> Skeleton:
    hand, number = choose_finger(skeleton, rng)
    return hand.replaced(skeleton, {number: chain_scaled(hand.finger(number), factors)})


def misconnect_finger(skeleton: Skeleton, rng: random.Random) -> Skeleton:
    """An outer finger that grows from the palm's side, near the wrist, and stands off it."""

    def is_outer(hand: Hand, number: int) -> bool:
        return number == 4 or (number == 1 and 0 not in hand.stretched)

    hand, number = choose_finger(skeleton, rng, is_outer)
    wrist, joints = hand.points[0], hand.finger(number)
    outwards = hand.side * (1 if number == 4 else -1)
    root = rotated(wrist + rng.uniform(0.35, 0.5) * (joints[0] - wrist), wrist, outwards * math.radians(25))
    turned = rotated(joints, joints[0], outwards * math.radians(rng.uniform(45, 65)))
    return hand.replaced(skeleton, {number: turned + (root - joints[0])})
