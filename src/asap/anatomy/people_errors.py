"""Errors of skeletons put into drawn people: a figure through its skeleton and back.

Depths, looks and framing are the figure's own, so that nothing but the points of the error changes.
"""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np

from asap.anatomy.skeleton_errors import SKELETON_ERRORS, NotPossible
from asap.anatomy.skeletons import Extra, Skeleton
from asap.figures.people.figure import PARTS, Figure
from asap.records import Points

# What does not read when drawn. Swapped hands: points alone do not tell a palm from a back, so the renderer
# paints a proper hand of that arm, turned round. A displaced nose and a tilted eye look like a turned head
# and an expression: the nose is little more than a shadow, and eyes are nearly round.
UNREADABLE = ("swapped_hands", "nose_displaced", "eye_tilted")
PEOPLE_ERRORS = tuple(name for name in SKELETON_ERRORS if name not in UNREADABLE)
"""The names in `SKELETON_ERRORS` that read at once in drawn people."""


def skeleton_of(figure: Figure) -> Skeleton:
    """The figure's points, in its unit frame."""
    extras = tuple(Extra(part, points) for part, points in figure.extras)
    return Skeleton(figure.body, figure.face, figure.left_hand, figure.right_hand, extras)


def with_skeleton(figure: Figure, skeleton: Skeleton) -> Figure:
    """The figure with the points and extras of `skeleton` in place of its own."""
    return replace(
        figure,
        body=skeleton.body,
        face=skeleton.face,
        left_hand=skeleton.left_hand,
        right_hand=skeleton.right_hand,
        extras=tuple((extra.part, extra.points) for extra in skeleton.extras),
    )


def with_error(figure: Figure, name: str, rng: random.Random) -> Figure:
    """The figure with the error `name` of `SKELETON_ERRORS`, whatever is in view.

    Raises:
        KeyError: no such error.
        NotPossible: its skeleton does not allow it, or an object would move or be lost with the part.
    """
    faulty = with_skeleton(figure, SKELETON_ERRORS[name].function(skeleton_of(figure), rng))
    if any(_differs(figure, faulty, part) for part in _holding(figure)):
        raise NotPossible("the object would go with the hand")
    if name == "misplaced_limb" and _legs_differ(figure, faulty):
        raise NotPossible("legs are painted behind the chest, from which this one would grow")
    if figure.look.object == "bench" and not np.array_equal(figure.body[[19, 22]], faulty.body[[19, 22]]):
        raise NotPossible("the bench stands where the heels are")
    return faulty


def _legs_differ(before: Figure, after: Figure) -> bool:
    return not np.array_equal(before.body[13:17], after.body[13:17])


def extent(before: Figure, after: Figure) -> float:
    """The longer side, in picture heights, of the box of the points in view that only one of both has."""
    points = np.concatenate([_lone(before, after), _lone(after, before)])
    seen = points[((points > 0) & (points < 1)).all(axis=1)]
    return float(np.ptp(seen, axis=0).max()) if len(seen) else 0.0


def _lone(figure: Figure, other: Figure) -> Points:
    """(K, 2) points of `figure`, and of its extras, that are not where `other` has them."""
    own = [(getattr(figure, part), getattr(other, part)) for part in PARTS]
    moved = [mine[(mine != theirs).any(axis=1)] for mine, theirs in own]
    return np.concatenate([*moved, *(points for _, points in figure.extras)])


def _holding(figure: Figure) -> tuple[str, ...]:
    """The hands by which the figure's object is placed."""
    if figure.look.object in ("none", "bench"):
        return ()
    return ("left_hand", "right_hand") if figure.look.object == "ball" else (f"{figure.look.holder}_hand",)


def _differs(before: Figure, after: Figure, part: str) -> bool:
    def points(figure: Figure) -> list[Points]:
        return [getattr(figure, part), *(extra for name, extra in figure.extras if name == part)]

    first, second = points(before), points(after)
    same = len(first) == len(second) and all(map(np.array_equal, first, second))
    return not same
