"""A hand's four fingers as a fan of polylines, and the warp that redraws the fan with others in their places.

The warp needs no cut-out and no fill: every pixel near the fan belongs to the nearest finger of the new fan
and fetches its colour from that finger's source, by the field morphing of Beier and Neely (1992).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from asap.pairs.degradations import Unsuitable
from asap.pairs.warp import Field, box_around, paste, pixel_grid, sample, smoothstep
from asap.records import Image, Points, Region

SMALLEST = 60.0
HALF_WIDTH = 0.115
"""Half a finger's width with a little of what lies beside it, in hand sizes."""
SEAM = 0.01
"""Softness of the border between two fingers' cells, in hand sizes."""


class Finger(NamedTuple):
    """A finger of the new fan.

    Attributes:
        target: (4, 2) its joints, from knuckle to tip, in pixels.
        source: (4, 2) the joints of the finger that it is drawn from.
        narrow: the width's scale on the side of (lower, higher) neighbours, <= 1.
    """

    target: Points
    source: Points
    narrow: tuple[float, float] = (1.0, 1.0)


class Hand(NamedTuple):
    """`points` (21, 2), `size` in pixels, and `fingers` (4, 4, 2): index to little, knuckle to tip."""

    points: Points
    size: float
    fingers: Points

    @property
    def wrist(self) -> Points:
        return np.asarray(self.points[0])


def hand_size(points: Points) -> float:
    """A hand's size in pixels, which bends and turns change little: the palm's length or its like."""
    palm = np.hypot(*(points[0] - points[9]))
    breadth = 1.35 * np.hypot(*(points[5] - points[17]))
    return float(max(palm, breadth, np.hypot(*(points[9] - points[12]))))


def open_hand(image: Image, region: Region) -> Hand:
    """The hand, if its four fingers are stretched, apart, and free of faces and other hands.

    Raises:
        Unsuitable: it is not such a hand, or its points are missing, degenerate or outside the image.
    """
    points = np.asarray(region.keypoints, np.float64)
    if points.shape != (21, 2) or not np.isfinite(points).all():
        raise Unsuitable("hand points missing")
    if (points < 0).any() or (points >= (image.shape[1], image.shape[0])).any():
        raise Unsuitable("hand cut by the image's edge")
    hand = Hand(points, hand_size(points), points[5:21].reshape(4, 4, 2))
    if hand.size < SMALLEST:
        raise Unsuitable("hand too small")
    _check_fingers(hand)
    _check_neighbours(hand, region)
    return hand


def _check_fingers(hand: Hand) -> None:
    bones = np.diff(hand.fingers, axis=1)
    lengths = np.hypot(bones[..., 0], bones[..., 1])
    if (lengths.sum(axis=1) < 0.5 * hand.size).any() or (lengths < 0.05 * hand.size).any():
        raise Unsuitable("a finger is foreshortened")
    cosine = (bones[:, 1:] * bones[:, :-1]).sum(axis=-1) / (lengths[:, 1:] * lengths[:, :-1])
    if (cosine < 0.5).any():
        raise Unsuitable("a finger is bent")
    first, second = hand.fingers[:-1], hand.fingers[1:]
    across = np.cross(bones[:-1, 1], second[:, 1] - first[:, 1])
    if not (np.all(across > 0) or np.all(across < 0)):
        raise Unsuitable("fingers cross")
    steps = np.linspace(0, 1, 7)
    for one, other in zip(polyline_points(first, steps), polyline_points(second, steps)):
        gaps = np.hypot(*(one[:, None] - other[None]).transpose(2, 0, 1))
        if gaps.min() < 0.10 * hand.size:
            raise Unsuitable("fingers overlap")


def _check_neighbours(hand: Hand, region: Region) -> None:
    hull = cv2.convexHull(hand.points.astype(np.float32))
    for other in region.context.get("hands", ()):
        inside = [cv2.pointPolygonTest(hull, (float(x), float(y)), True) for x, y in other]
        if max(inside) > -0.15 * hand.size:
            raise Unsuitable("another hand is too near")
    for left, top, right, bottom in region.context.get("faces", ()):
        box = np.array([(left, top), (right, top), (right, bottom), (left, bottom)], np.float32)
        if cv2.intersectConvexConvex(box, hull)[0] > 0:
            raise Unsuitable("before a face")


def polyline_points(lines: Points, fractions: NDArray[np.float64]) -> Points:
    """(N, F, 2) the points at `fractions` of the arc length of each of `lines` (N, K, 2)."""
    result = []
    for line in lines:
        lengths = np.hypot(*np.diff(line, axis=0).T)
        at = np.concatenate([[0], np.cumsum(lengths)]) / lengths.sum()
        result.append(np.stack([np.interp(fractions, at, line[:, i]) for i in (0, 1)], axis=-1))
    return np.stack(result)


def interpolate(fingers: Points, position: float) -> Points:
    """(4, 2) the finger at `position` in the fan: 0 the index, 3 the little finger, between them a blend."""
    low = min(int(position), len(fingers) - 2)
    return np.asarray(fingers[low] + (position - low) * (fingers[low + 1] - fingers[low]))


def redraw_fan(image: Image, hand: Hand, fan: Sequence[Finger]) -> Image:
    """A copy of `image` with the hand's four fingers replaced by `fan`, ordered from index to little finger.

    The warp fades to nothing across the palm and within a quarter of the hand's size around the fingers.
    """
    box = box_around(np.concatenate([hand.points, *(f.target for f in fan)]), 0.4 * hand.size, image.shape)
    grid = pixel_grid(box)
    near = _nearness(hand, fan, grid)
    weights = cells([f.target for f in fan], hand.wrist, grid, SEAM * hand.size)
    left, top, right, bottom = box
    mixed = np.zeros((*grid.shape[:2], 3), np.float32)
    for finger, weight in zip(fan, weights):
        moved = (morph(grid, finger, hand) - grid) * (near * _palm_fade(grid, finger.target, hand.wrist))[
            ..., None
        ]
        mixed += weight[..., None] * sample(image, grid + moved)
    changed = (near > 0) & (np.abs(mixed - image[top:bottom, left:right]).max(axis=-1) > 0.5)
    return paste(image, box, np.clip(mixed + 0.5, 0, 255).astype(np.uint8), changed)


def _nearness(hand: Hand, fan: Sequence[Finger], grid: Field) -> Field:
    """(h, w) 1 within .14 hand sizes of any finger, old or new, and of the palm's rays; 0 beyond .26."""
    lines = [*(finger.target for finger in fan), *hand.fingers]
    distance = np.min([to_line(grid, np.concatenate([hand.wrist[None], line])) for line in lines], axis=0)
    return 1.0 - smoothstep(distance / hand.size, 0.14, 0.26)


def _palm_fade(grid: Field, target: Points, wrist: Points) -> Field:
    """(h, w) 1 on the finger, fading to 0 at three quarters of the way from its knuckle to the wrist."""
    axis = wrist - target[0]
    along = (grid - target[0]) @ (axis / (axis @ axis))
    return 1.0 - smoothstep(along.astype(np.float32), 0.02, 0.75)


def cells(targets: Sequence[Points], wrist: Points, grid: Field, softness: float) -> Field:
    """(N, h, w) each pixel's share in each of N fingers: a softmax of the distances to their polylines."""
    distance = np.stack([to_line(grid, np.concatenate([wrist[None], target])) for target in targets])
    weight = np.exp((distance.min(axis=0) - distance) / softness)
    return np.asarray(weight / weight.sum(axis=0), np.float32)


def to_line(grid: Field, line: Points) -> Field:
    """(h, w) the distance in pixels of each pixel to a polyline (K, 2)."""
    distance: Field = np.min([to_bone(grid, a, b)[2] for a, b in pairwise(line)], axis=0)
    return distance


def to_bone(grid: Field, start: Points, end: Points) -> tuple[Field, Field, Field]:
    """For each pixel: the fraction along the bone, pixels across it (signed), and the distance to it."""
    bone = end - start
    length = float(np.hypot(*bone))
    offset = grid - start.astype(np.float32)
    along = offset @ (bone / length**2).astype(np.float32)
    across = offset @ (np.array([-bone[1], bone[0]]) / length).astype(np.float32)
    beyond = (np.clip(along, 0, 1) - along) * length
    return along, across, np.hypot(across, beyond)


def morph(grid: Field, finger: Finger, hand: Hand) -> Field:
    """(h, w, 2) where each pixel's colour lies if `finger.target` is drawn from `finger.source`.

    Beier and Neely's field of bones: each bone proposes a place, weighted by 1 / (2 px + distance)^3.
    """
    anchor = hand.wrist
    target = np.concatenate([anchor[None], finger.target])
    source = np.concatenate([anchor[None], finger.source])
    total = np.zeros_like(grid)
    weights = np.zeros(grid.shape[:2], np.float32)
    for i in range(4):
        along, across, distance = to_bone(grid, target[i], target[i + 1])
        bone = source[i + 1] - source[i]
        normal = np.array([-bone[1], bone[0]]) / np.hypot(*bone)
        across = _widen(across, finger.narrow, HALF_WIDTH * hand.size)
        weight = 1.0 / (2.0 + distance) ** 3
        place = source[i] + along[..., None] * bone + across[..., None] * normal
        total += weight[..., None] * place.astype(np.float32)
        weights += weight
    return total / weights[..., None]


def _widen(across: Field, narrow: tuple[float, float], half: float) -> Field:
    """Undo the narrowing of a finger: stretch `across` up to its half-width, shift it beyond."""
    scale = np.where(across < 0, narrow[0], narrow[1]).astype(np.float32)
    size = np.abs(across)
    return np.asarray(np.sign(across) * np.minimum(size / scale, size + half * (1 - scale)), np.float32)
