"""Outlines of parts: point sets whose convex hulls, together, are the part's shape.

Points (x, y) in pixels, NaN where unknown; lengths in pixels.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from asap.anatomy.keypoints import known
from asap.anatomy.masks import hull
from asap.records import Mask, Points

Outlines = list[Points]
"""Each (N, 2)."""
TURN = np.linspace(0, 2 * np.pi, 20, endpoint=False)
AROUND = np.stack([np.cos(TURN), np.sin(TURN)], axis=1)
"""(20, 2) points of the unit circle."""


def chain(joints: Points, first: float, last: float) -> Outlines:
    """Capsules along a chain of joints, from radius `first` to `last`, where both ends are known."""
    radii = np.linspace(first, last, len(joints))
    capsules = (capsule(*ends, *wide) for ends, wide in zip(pairwise(joints), pairwise(radii)))
    return [outline for lines in capsules for outline in lines]


def capsule(a: Points, b: Points, first: float, last: float) -> Outlines:
    """A tapered capsule, as the points of the circles at its ends."""
    if not np.isfinite([*a, *b, first, last]).all():
        return []
    return [np.concatenate([_circle(a, first), _circle(b, last)])]


def blob(points: Points, radius: float, least: int = 1) -> Outlines:
    """What the hull of circles about the known `points` encloses; nothing for fewer than `least` of them."""
    if len(kept := known(points)) < least or not np.isfinite(radius):
        return []
    return [np.concatenate([_circle(point, radius) for point in kept])]


def _circle(centre: Points, radius: float) -> Points:
    return np.asarray(centre + radius * AROUND)


def filled(outlines: Outlines, height: int, width: int) -> Mask:
    """(height, width) the pixels inside any of the outlines' hulls."""
    mask = np.zeros((height, width), bool)
    for outline in outlines:
        mask |= hull(outline, height, width)
    return mask
