"""Errors of fingers in a skeleton: too many, lost, grown together, broken, too short or long, misplaced.

Each is a pure function of a skeleton and a source of chance. Lengths are in hand sizes, and fingers numbered,
as in `skeleton_hands`.
"""

from __future__ import annotations

import math
import random

import numpy as np

from asap.anatomy.skeleton_hands import Hand, choose_finger, hands_in_view
from asap.anatomy.skeletons import Skeleton, chain_scaled, rotated, with_extras

FUSED_GAP = 0.12
"""Between the bones of two fingers grown together."""
FUSED_WEIGHTS = (0.0, 0.5, 0.95, 1.0)
"""How far each joint of a fused finger, knuckle to tip, has gone over to the common line."""


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

    def are_apart(hand: Hand, number: int) -> bool:
        if number + 1 not in hand.stretched:
            return False
        return math.dist(hand.finger(number)[3], hand.finger(number + 1)[3]) > 1.5 * FUSED_GAP * hand.size

    hand, number = choose_finger(skeleton, rng, are_apart)
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
