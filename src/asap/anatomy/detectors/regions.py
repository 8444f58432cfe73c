"""From what a detector found to `Region`s: masks, and what each part needs to know of the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from typing import Any, NamedTuple, TypeVar

import numpy as np

from asap.anatomy.keypoints import FACE, LEFT_HAND, RIGHT_HAND, bounds, box_of, known, size_of, split
from asap.anatomy.lazily import Lazily
from asap.anatomy.masks import body_mask, dilate, face_mask, hand_mask, person_mask
from asap.anatomy.parts import eyes_apart, silhouette
from asap.records import Box, Image, Mask, Points, Region

T = TypeVar("T")

SMALLEST = {"hand": 24.0, "face": 24.0, "body": 32.0}
"""Size (`keypoints.size_of`, pixels) below which a part is left out."""


ENDS = (FACE.start, LEFT_HAND.start, RIGHT_HAND.start)
"""Where the parts of `keypoints.split` end in the 133 points."""


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


class WholeBody(NamedTuple):
    """One person found whole.

    Attributes:
        points: (133, 2) in pixels, NaN where unknown.
        scores: (133,) one for each point, about 0 to 1.
        mask: (H, W) the person's pixels, where the detector gives them.
    """

    points: Points
    scores: Points
    mask: Mask | None = None


def of_people(image: Image, people: Sequence[WholeBody]) -> list[Region]:
    """The regions of people that were found whole: their hands, faces and bodies that are `is_usable`."""
    found: dict[str, list[Found]] = {"hand": [], "face": [], "body": []}
    for person in people:
        parts = zip(split(person.points).items(), np.split(person.scores, ENDS))
        for (name, points), scores in parts:
            side, _, part = name.rpartition("_")
            if is_usable(part, points, image):
                score = float(scores[np.isfinite(points).all(axis=1)].mean().clip(0, 1))
                mask = person.mask if part == "body" else None
                found[part].append(Found(points, score, side or None, mask))
    hands, faces, bodies = (in_order(found[part]) for part in ("hand", "face", "body"))
    return assemble(image, hands, faces, bodies, partial(pixels_of, image, people) if bodies else None)


def pixels_of(image: Image, people: Sequence[WholeBody]) -> Mask:
    """(H, W) the pixels of all people: of each the mask, or where there is none what GrabCut makes of their
    `parts.silhouette`."""
    height, width = image.shape[:2]
    pixels, likely = np.zeros((height, width), bool), np.zeros((height, width), np.float32)
    bodies = []
    for points, _, mask in people:
        if mask is not None:
            pixels |= mask
            continue
        parts = split(points)
        reach = 1.2 * eyes_apart(parts["face"], parts["body"])
        inner = silhouette(points, height, width)
        outer = dilate(inner, reach if np.isfinite(reach) else 1.0)
        likely = np.maximum(likely, np.select([inner, outer], [0.7, 0.3], 0.0).astype(np.float32))
        bodies.append(parts["body"])
    return pixels | person_mask(image, likely, bodies) if bodies else pixels


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
    person: Mask | Callable[[], Mask] | None,
    surely: Callable[[], Mask] | None = None,
) -> list[Region]:
    """The regions, hands first, then faces, then bodies, each in the order given.

    Masks that no detector gave are made when they are asked for: many a hand or body has no room for an
    error that needs its mask, and GrabCut takes long.

    Args:
        image: (H, W, 3).
        hands, faces, bodies: with 21, 68 and 23 points; those without a mask are `is_usable`.
        person: (H, W) all people's pixels, or what makes them; bodies without a mask of their own need it.
        surely: what makes (H, W) some of these pixels at little cost: what lies on them needs no `person`.
    """
    everyone = None if person is None else cache(person if callable(person) else lambda: person)
    points = [hand.points for hand in hands]
    boxes = [_box(face, image) for face in faces]
    around = {} if everyone is None else {"person": everyone}
    regions: list[Region] = []
    mask: Mask | Callable[[], Mask]
    for index, hand in enumerate(hands):
        mask = cache(partial(hand_mask, image, hand.points)) if hand.mask is None else hand.mask
        known = {"hands": _others(points, index), "faces": boxes, **hand.context}
        regions.append(Region("hand", mask, hand.points, hand.score, hand.side, Lazily(known, around)))
    for index, face in enumerate(faces):
        mask = face_mask(face.points, *image.shape[:2]) if face.mask is None else face.mask
        context = {"hands": points, "faces": _others(boxes, index), **face.context}
        regions.append(Region("face", mask, face.points, face.score, None, context))
    for body in bodies:
        mask = _body_mask(everyone, body.points) if body.mask is None else body.mask
        known = {"hands": points, "faces": boxes, **body.context}
        makers = around | ({} if surely is None else {"surely": _body_mask(surely, body.points)})
        regions.append(Region("body", mask, body.points, body.score, None, Lazily(known, makers)))
    return regions


def _box(face: Found, image: Image) -> Box:
    points = face.points
    if face.mask is not None and not len(known(points)):
        points = np.argwhere(face.mask)[:, ::-1].astype(np.float64)
    return box_of(points, 0, *image.shape[:2])


def _body_mask(everyone: Callable[[], Mask] | None, points: Points) -> Callable[[], Mask]:
    if everyone is None:
        raise ValueError("a body without a mask needs the mask of all people")
    return cache(lambda: body_mask(everyone(), points))


def _others(items: Sequence[T], index: int) -> list[T]:
    return [item for other, item in enumerate(items) if other != index]
