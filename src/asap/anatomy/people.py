"""Whose hands and faces: regions put together to people, each with the 133 points of COCO-WholeBody."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from asap.anatomy.keypoints import size_of
from asap.records import Points, Region

NEAR = {"hand": 1.2, "face": 1.0}
"""How far a hand's root may lie from its wrist, and a face's nose from its body's, in sizes of the part."""
OTHER_SIDE = 0.4
"""What counts against a wrist of the other side than that which the hand is said to be of, in its sizes."""
WRISTS = {"left_hand": 9, "right_hand": 10}
COUNTS = {"body": 23, "face": 68, "left_hand": 21, "right_hand": 21}


class Person(NamedTuple):
    """The regions of one person, None where there is none."""

    body: Region | None = None
    face: Region | None = None
    left_hand: Region | None = None
    right_hand: Region | None = None

    @property
    def points(self) -> Points:
        """(133, 2) in pixels, NaN where unknown."""
        parts = (
            np.full((count, 2), np.nan) if region is None else region.keypoints
            for region, count in zip(self, COUNTS.values())
        )
        return np.concatenate(list(parts))


def people_of(regions: Sequence[Region]) -> list[Person]:
    """The people in `regions`: each body with its face and its hands, then faces and hands that have no body.

    A hand belongs to the nearest free wrist and is of that wrist's side, whatever its own `side` says; a face
    belongs to the nearest nose. The nearest go first, and `NEAR` bounds how far. A hand without a body is of
    its own `side`; where that is None too, it is in nobody's hands and left out.
    """
    bodies = [region for region in regions if region.part == "body"]
    slots: dict[tuple[int, str], Region] = {}
    placed: set[int] = set()
    for _, index, owner, slot in sorted(_matches(regions, bodies)):
        if index not in placed and (owner, slot) not in slots:
            slots[owner, slot] = regions[index]
            placed.add(index)
    people = [
        Person(body, *(slots.get((owner, slot)) for slot in list(COUNTS)[1:]))
        for owner, body in enumerate(bodies)
    ]
    return people + list(_alone(region for index, region in enumerate(regions) if index not in placed))


def _matches(regions: Sequence[Region], bodies: Sequence[Region]) -> Iterator[tuple[float, int, int, str]]:
    """Distance in sizes of the part, region, body, slot: all that are near enough."""
    for index, region in enumerate(regions):
        for owner, body in enumerate(bodies):
            for slot, apart in _distances(region, body.keypoints):
                if apart < NEAR[region.part]:
                    yield apart, index, owner, slot


def _distances(region: Region, body: Points) -> Iterator[tuple[str, float]]:
    size = size_of(region.part, region.keypoints)
    if region.part == "face":
        yield "face", float(np.hypot(*(region.keypoints[30] - body[0]))) / size
    elif region.part == "hand":
        for slot, wrist in WRISTS.items():
            apart = float(np.hypot(*(region.keypoints[0] - body[wrist]))) / size
            yield slot, apart + OTHER_SIDE * (region.side is not None and region.side not in slot)


def _alone(regions: Iterable[Region]) -> Iterator[Person]:
    for region in regions:
        if region.part == "face":
            yield Person(face=region)
        elif region.part == "hand" and region.side == "left":
            yield Person(left_hand=region)
        elif region.part == "hand" and region.side == "right":
            yield Person(right_hand=region)
