"""What a drawn person is: the points of COCO-WholeBody by part, their depths, and the looks.

Points are (K, 2) arrays of (x, y) in the unit frame: 0 to 1 over the picture, y down. Depths are (K,) arrays,
larger nearer to the viewer, and only order what is painted. Left and right are the person's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from asap.records import Points

PARTS = {"body": 23, "face": 68, "left_hand": 21, "right_hand": 21}
"""How many points each part has."""


@dataclass(frozen=True)
class Look:
    """What a person wears and how they look, by name; see `asap.figures.people.looks`."""

    gender: str = "woman"
    skin: str = "fair"
    hair: str = "long"
    hair_colour: str = "brown"
    top: str = "red"
    sleeves: str = "short"
    bottom: str = "trousers"
    bottom_colour: str = "blue"
    feet: str = "shoes"
    shoe_colour: str = "white"
    background: str = "gray"
    scenery: str = "plain"
    object: str = "none"
    holder: str = "left"


@dataclass(frozen=True, eq=False)
class Figure:
    """One person to paint.

    Attributes:
        body: (23, 2); 17 joints and 6 points of the feet.
        face: (68, 2), in iBUG's order.
        left_hand, right_hand: (21, 2).
        depths: (K,) by part; a part without an entry is painted at depth 0.
        scale: the person's stature in picture heights; widths follow it, so that no moved joint changes them.
        ground: (x, y) of the ground under them; beyond 1 it is not seen.
        look: what they wear.
        extras: (part, points) drawn on top of those above, such as a second thumb; points that are not of
            the extra are NaN.
    """

    body: Points
    face: Points
    left_hand: Points
    right_hand: Points
    depths: Mapping[str, Points]
    scale: float
    ground: tuple[float, float] = (0.5, 2.0)
    look: Look = field(default_factory=Look)
    extras: tuple[tuple[str, Points], ...] = ()

    def depth(self, part: str) -> Points:
        """The depths (K,) of `part`."""
        return self.depths.get(part, np.zeros(PARTS[part]))
