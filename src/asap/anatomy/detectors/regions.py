"""From what a detector found to `Region`s: masks, and what each part needs to know of the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np

from asap.anatomy.keypoints import bounds, box_of, known, size_of
from asap.anatomy.masks import body_mask, face_mask, hand_mask
from asap.records import Box, Image, Mask, Points, Region

T = TypeVar("T")

SMALLEST = {"hand": 24.0, "face": 24.0, "body": 32.0}
"""Size (`keypoints.size_of`, pixels) below which a part is left out."""


class Found(NamedTuple):
    """One part found.

    Attributes:
        points: (K, 2) in pixels, NaN where unknown.
        score: in [0, 1].
        side: of a hand, "left" or "right" as the person has it.
        mask: (H, W) its pixels, where the detector gives them; else they are made from the points.
        context: more for `Region.context`.
    """

    points: Points
    score: float
    side: str | None = None
    mask: Mask | None = None
    context: Mapping[str, Any] = {}


def in_order(found: Sequence[Found]) -> list[Found]:
    """From left to right; what has no known point comes last, as it was."""
    return sorted(found, key=lambda one: bounds(one.points) if len(known(one.points)) else (np.inf,))


def is_usable(part: str, points: Points, image: Image) -> bool:
    """Whether the size is known and not below `SMALLEST`, and a known point lies in the picture."""
    height, width = image.shape[:2]
    inside = (points >= 0).all(axis=1) & (points < (width, height)).all(axis=1)
    return size_of(part, points) >= SMALLEST[part] and bool(inside.any())


def assemble(
    image: Image,
    hands: Sequence[Found],
    faces: Sequence[Found],
    bodies: Sequence[Found],
    person: Mask | None,
) -> list[Region]:
    """The regions, hands first, then faces, then bodies, each in the order given.

    Args:
        image: (H, W, 3).
        hands, faces, bodies: with 21, 68 and 23 points; those without a mask are `is_usable`.
        person: (H, W) all people's pixels, which bodies without a mask of their own need.
    """
    points = [hand.points for hand in hands]
    boxes = [_box(face, image) for face in faces]
    around = {} if person is None else {"person": person}
    regions = []
    for index, hand in enumerate(hands):
        mask = hand_mask(image, hand.points) if hand.mask is None else hand.mask
        context = {"hands": _others(points, index), "faces": boxes, **around, **hand.context}
        regions.append(Region("hand", mask, hand.points, hand.score, hand.side, context))
    for index, face in enumerate(faces):
        mask = face_mask(face.points, *image.shape[:2]) if face.mask is None else face.mask
        context = {"hands": points, "faces": _others(boxes, index), **face.context}
        regions.append(Region("face", mask, face.points, face.score, None, context))
    for body in bodies:
        mask = body_mask(_needed(person), body.points) if body.mask is None else body.mask
        context = {"hands": points, "faces": boxes, **around, **body.context}
        regions.append(Region("body", mask, body.points, body.score, None, context))
    return regions


def _box(face: Found, image: Image) -> Box:
    points = face.points
    if face.mask is not None and not len(known(points)):
        points = np.argwhere(face.mask)[:, ::-1].astype(np.float64)
    return box_of(points, 0, *image.shape[:2])


def _needed(person: Mask | None) -> Mask:
    if person is None:
        raise ValueError("a body without a mask needs the mask of all people")
    return person


def _others(items: Sequence[T], index: int) -> list[T]:
    return [item for other, item in enumerate(items) if other != index]
