"""Where a model says that people and their parts are, as boxes in pixels."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from asap.bench.judges.protocols.reading import form
from asap.records import Box

SCALE = 1000
"""Models are asked for coordinates from 0 to this, whatever the image's size."""
SMALLEST = 12  # pixels of a box's longer side below which nothing in it can be told
SAME = 0.7  # intersection over union from which two boxes are one part

_COORDINATE = {"type": "integer"}
BOX = form(dict.fromkeys(("left", "top", "right", "bottom"), _COORDINATE))
"""Named, because models differ in the order of bare numbers."""


class Places(NamedTuple):
    """The boxes of parts, largest first, and how many were left out, by reason."""

    boxes: list[Box]
    left_out: dict[str, int]


def places(found: Sequence[Mapping[str, int]], size: tuple[int, int], most: int) -> Places:
    """The boxes that a model `found`, in pixels of an image of `size` (width, height); at most `most`.

    Left out are those that are no box, those that are too small to tell anything, and repeated ones.
    """
    boxes: list[Box] = []
    left_out = {"no box": 0, "too small": 0, "repeated": 0, "too many": 0}
    for one in found:
        box = in_pixels(one, size)
        if box is None:
            left_out["no box"] += 1
        elif max(box[2] - box[0], box[3] - box[1]) < SMALLEST:
            left_out["too small"] += 1
        elif any(overlap(box, other) >= SAME for other in boxes):
            left_out["repeated"] += 1
        else:
            boxes.append(box)
    boxes.sort(key=area, reverse=True)
    left_out["too many"] = max(0, len(boxes) - most)
    return Places(boxes[:most], {reason: count for reason, count in left_out.items() if count})


def in_pixels(box: Mapping[str, int], size: tuple[int, int]) -> Box | None:
    """A box of [0, SCALE] coordinates in pixels, rounded outwards; None where it is no such box."""
    left, top, right, bottom = (box[name] for name in ("left", "top", "right", "bottom"))
    if not (0 <= left < right <= SCALE and 0 <= top < bottom <= SCALE):
        return None
    width, height = size
    return (
        math.floor(left * width / SCALE),
        math.floor(top * height / SCALE),
        math.ceil(right * width / SCALE),
        math.ceil(bottom * height / SCALE),
    )


def area(box: Box) -> int:
    """In pixels."""
    return (box[2] - box[0]) * (box[3] - box[1])


def overlap(one: Box, other: Box) -> float:
    """Intersection over union, in [0, 1]."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(0, width) * max(0, height)
    return shared / (area(one) + area(other) - shared)


def around(boxes: Sequence[Any]) -> Box:
    """The smallest box that holds all `boxes`, one at least."""
    left, top, right, bottom = zip(*boxes, strict=True)
    return min(left), min(top), max(right), max(bottom)
