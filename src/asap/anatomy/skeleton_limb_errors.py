"""Errors of arms, legs and whole hands in a skeleton: too many, lost, broken, misplaced, mis-scaled, swapped.

Each is a pure function of a skeleton and a source of chance. What hangs from a limb goes with it: an arm
carries its hand, a leg its foot. A limb is named by its joints in the body's 17: root, middle, end.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import numpy as np

from asap.anatomy.keypoints import LIMBS, size_of
from asap.anatomy.skeleton_hands import hands_in_view
from asap.anatomy.skeletons import (
    Extra,
    NotPossible,
    Skeleton,
    Transform,
    angle_between,
    hanging,
    moved_below,
    only,
    rotated,
    scaled,
    taken_off_below,
    with_extras,
    with_part,
)
from asap.records import Points

Limb = tuple[int, int, int]

SHORTEST = 0.3
"""Length of a bone, in torso lengths, below which an error of a limb does not read."""
LEAST_APART = 0.35
"""Distance of an added limb's end from those of its kind, in its own lengths, that tells it from them."""
LEAST_BEND = math.radians(25)
"""Bend of a knee or elbow whose direction can be told."""


def limbs_in_view(skeleton: Skeleton) -> list[Limb]:
    """The limbs of which all three joints are known, no bone of them foreshortened.

    Raises:
        NotPossible: there is none.
    """
    torso = size_of("body", skeleton.body)
    bones = {limb: np.hypot(*np.diff(skeleton.body[list(limb)], axis=0).T) for limb in LIMBS.values()}
    found = [limb for limb, lengths in bones.items() if (lengths > SHORTEST * torso).all()]
    if not found:
        raise NotPossible("no limb in full view")
    return found


def choose_limb(skeleton: Skeleton, rng: random.Random, allowed: Callable[[Limb], bool], reason: str) -> Limb:
    """One of the limbs in view that is `allowed`.

    Raises:
        NotPossible: none is, for `reason`.
    """
    options = [limb for limb in limbs_in_view(skeleton) if allowed(limb)]
    if not options:
        raise NotPossible(reason)
    return rng.choice(options)


def copies_below(skeleton: Skeleton, joint: int, points: dict[int, Points], move: Transform) -> list[Extra]:
    """What hangs from `joint`, as extras taken through `move`; the body's one also has `points`."""
    extras = []
    for part, indices in hanging(joint).items():
        own = {index: move(skeleton.part(part)[index]) for index in indices}
        extra = only(part, own | points if part == "body" else own)
        if np.isfinite(extra.points).any():
            extras.append(extra)
    return extras


def add_limb(skeleton: Skeleton, rng: random.Random) -> Skeleton:
    """A third arm or leg: a copy of one, turned by 30 to 38 degrees about its root."""
    turn, options = math.radians(rng.uniform(30, 38)), []
    for limb in limbs_in_view(skeleton):
        root, end = skeleton.body[limb[0]], skeleton.body[limb[2]]
        ends = np.stack([end, skeleton.body[_twin(limb)[2]]])
        for angle in (-turn, turn):
            apart = np.hypot(*(ends - rotated(end, root, angle)).T)
            # an unknown twin is NaN and never apart enough: the copy could pass for it
            if (apart > LEAST_APART * math.dist(root, end)).all():
                options.append((limb[0], angle))
    if not options:
        raise NotPossible("another limb could be the hidden twin of this one")
    joint, angle = rng.choice(options)
    root = skeleton.body[joint]
    copies = copies_below(skeleton, joint, {joint: root}, lambda points: rotated(points, root, angle))
    return with_extras(skeleton, *copies)


def _twin(limb: Limb) -> Limb:
    first, second, third = (joint - 1 if joint % 2 == 0 else joint + 1 for joint in limb)
    return first, second, third


def remove_limb(skeleton: Skeleton, rng: random.Random) -> Skeleton:
    """An arm or leg that ends at its elbow or knee."""
    limb = rng.choice(limbs_in_view(skeleton))
    return taken_off_below(skeleton, limb[1])


def break_limb(skeleton: Skeleton, rng: random.Random) -> Skeleton:
    """A forearm or shin bent at its middle by 54 to 62 degrees.

    The body's wrist or ankle is then the place of the break; what lies beyond it is an extra that goes on
    from there as from another elbow or knee, with the hand or foot.
    """
    limb = rng.choice(limbs_in_view(skeleton))
    turn = math.radians(rng.uniform(54, 62)) * rng.choice((-1, 1))
    middle = skeleton.body[list(limb[1:])].mean(axis=0)
    beyond = copies_below(skeleton, limb[1], {limb[1]: middle}, lambda points: rotated(points, middle, turn))
    body = taken_off_below(skeleton, limb[1]).body.copy()
    body[limb[2]] = middle
    return with_extras(with_part(taken_off_below(skeleton, limb[1]), "body", body), *beyond)


def reverse_joint(skeleton: Skeleton, rng: random.Random) -> Skeleton:
    """A bent knee, or elbow of a person seen from the side, bent the other way, by 45 degrees or more."""
    body = skeleton.body
    from_the_side = math.dist(body[5], body[6]) < 0.35 * size_of("body", body)

    def bend(limb: Limb) -> float:
        return angle_between(body[limb[1]] - body[limb[0]], body[limb[2]] - body[limb[1]])

    def allowed(limb: Limb) -> bool:
        return LEAST_BEND < abs(bend(limb)) < math.radians(130) and (limb[0] > 10 or from_the_side)

    limb = choose_limb(skeleton, rng, allowed, "no joint is bent so that its direction is seen")
    was, joint = bend(limb), body[limb[1]]
    turn = -was - math.copysign(max(abs(was), math.radians(45)), was)
    return moved_below(skeleton, limb[1], lambda points: rotated(points, joint, turn))


def misplace_limb(skeleton: Skeleton, rng: random.Random) -> Skeleton:
    """An arm that grows from the waist, or a leg that grows from the chest, on its own side."""
    body, share = skeleton.body, rng.uniform(0.65, 0.8)
    limb = choose_limb(
        skeleton, rng, lambda limb: bool(np.isfinite(body[_opposite(limb)]).all()), "the trunk is not seen"
    )
    root = body[limb[0]]
    shift = share * (body[_opposite(limb)] - root)
    copies = copies_below(skeleton, limb[0], {limb[0]: root + shift}, lambda points: points + shift)
    return with_extras(taken_off_below(skeleton, limb[0]), *copies)


def _opposite(limb: Limb) -> int:
    """The hip of an arm's side, the shoulder of a leg's."""
    return limb[0] + 6 if limb[0] < 11 else limb[0] - 6


def rescale_limb(skeleton: Skeleton, rng: random.Random) -> Skeleton:
    """A whole arm or leg, with its hand or foot, half as large or more than one and a half times as large."""
    limb = rng.choice(limbs_in_view(skeleton))
    root, factor = skeleton.body[limb[0]], rng.choice((rng.uniform(0.45, 0.55), rng.uniform(1.6, 1.8)))
    return moved_below(skeleton, limb[0], lambda points: scaled(points, root, factor))


def add_hand(skeleton: Skeleton, rng: random.Random) -> Skeleton:
    """A second hand at the same wrist, turned by 70 to 100 degrees, not back along the forearm."""
    hand = rng.choice(hands_in_view(skeleton))
    turn = math.radians(rng.uniform(70, 100)) * rng.choice((-1, 1))
    elbow, wrist = skeleton.body[7 if hand.part == "left_hand" else 8], hand.points[0]
    if np.isfinite(elbow).all():
        back = angle_between(hand.points[9] - wrist, elbow - wrist)
        if abs(math.remainder(back - turn, math.tau)) < math.radians(45):
            turn = -turn
    return with_extras(skeleton, Extra(hand.part, rotated(hand.points, wrist, turn)))


def swap_hands(skeleton: Skeleton, rng: random.Random) -> Skeleton:
    """Each hand at the other's arm, of that hand's size and direction: the thumbs are on the wrong sides."""
    hands = hands_in_view(skeleton)
    if len(hands) < 2:
        raise NotPossible("only one hand is seen")
    left, right = hands
    if left.side == right.side:
        raise NotPossible("one palm and one back are seen, so a swap would not be")
    swapped = with_part(skeleton, "left_hand", _laid_on(right.points, left.points))
    return with_part(swapped, "right_hand", _laid_on(left.points, right.points))


def _laid_on(hand: Points, other: Points) -> Points:
    """(21, 2) `hand` with the wrist, the size and the direction of `other`."""
    turn = angle_between(hand[9] - hand[0], other[9] - other[0])
    factor = size_of("hand", other) / size_of("hand", hand)
    return rotated(scaled(hand, hand[0], factor) + (other[0] - hand[0]), other[0], turn)
