"""A hand as its photo shows it: size, fingers, and whether they can be told apart; distances to its bones."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from asap.anatomy.keypoints import known, size_of
from asap.pairs.degradations import Unsuitable
from asap.pairs.edits.warp import Field
from asap.records import Image, Mask, Points, Region

SMALLEST = 32.0
"""Hand size in pixels below which an error does not read."""


class Hand(NamedTuple):
    """`points` (21, 2), `size` in pixels, and `fingers` (4, 4, 2): index to little, knuckle to tip."""

    points: Points
    size: float
    fingers: Points

    @property
    def wrist(self) -> Points:
        return np.asarray(self.points[0])

    @property
    def handedness(self) -> float:
        """1 if the fan runs from index to little finger from +x towards +y, else -1."""
        index, little = self.fingers[0], self.fingers[-1]
        return float(np.sign(cross(index[1] - index[0], little[1] - index[0])))


def open_hand(image: Image, region: Region) -> Hand:
    """The hand, if its four fingers are stretched, apart, and free of faces and other hands.

    Raises:
        Unsuitable: it is not such a hand (`faults`), or as `find_hand`.
    """
    hand = find_hand(image, region)
    for fault in faults(hand, image.shape):
        if fault:
            raise Unsuitable(fault)
    return hand


def free_fingers(image: Image, region: Region) -> tuple[Hand, list[int]]:
    """The hand, and which of its fingers (0 the index, 3 the little finger) are stretched and apart.

    Raises:
        Unsuitable: fewer than two are (the points of a fist are guesses), or as `find_hand`.
    """
    hand = find_hand(image, region)
    found = faults(hand, image.shape)
    free = [index for index, fault in enumerate(found) if fault is None]
    if len(free) < 2:
        raise Unsuitable(next(fault for fault in found if fault))
    return hand, free


def find_hand(image: Image, region: Region) -> Hand:
    """The hand, if it is large enough and free of faces and other hands.

    Raises:
        Unsuitable: it is not, or its points are missing, degenerate or far outside the image.
    """
    points = np.asarray(region.keypoints, np.float64)
    if points.shape != (21, 2) or not np.isfinite(points).all():
        raise Unsuitable("hand points missing")
    hand = Hand(points, size_of("hand", points), points[5:21].reshape(4, 4, 2))
    if beyond(points, image.shape).max() > 0.5 * hand.size:
        raise Unsuitable("hand cut by the image's edge")
    if hand.size < SMALLEST:
        raise Unsuitable("hand too small")
    _check_neighbours(hand, region)
    return hand


def beyond(points: Points, shape: tuple[int, ...]) -> Points:
    """(N,) how far `points` lie outside an image of `shape`, in pixels; negative inside."""
    return np.asarray(np.maximum(-points, points - (shape[1] - 1, shape[0] - 1)).max(axis=1))


def faults(hand: Hand, shape: tuple[int, ...]) -> list[str | None]:
    """For each of the four fingers why it is not stretched and apart, None if it is."""
    steps = polyline_points(hand.fingers, np.linspace(0, 1, 7))
    return [_fault(hand, index, steps, shape) for index in range(4)]


def _fault(hand: Hand, index: int, steps: Points, shape: tuple[int, ...]) -> str | None:
    bones = np.diff(hand.fingers[index], axis=0)
    lengths = np.hypot(*bones.T)
    others = [other for other in range(4) if other != index]
    if beyond(hand.fingers[index], shape).max() > 0:
        return "hand cut by the image's edge"
    if lengths.sum() < 0.5 * hand.size or (lengths < 0.05 * hand.size).any():
        return "a finger is foreshortened"
    if ((bones[1:] * bones[:-1]).sum(axis=1) < 0.77 * lengths[1:] * lengths[:-1]).any():
        return "a finger is bent"
    if any(
        np.sign(_side(hand, index, other)) != np.sign(other - index) * hand.handedness for other in others
    ):
        return "fingers cross"
    apart = [np.hypot(*(steps[index][:, None] - steps[other][None]).transpose(2, 0, 1)) for other in others]
    return "fingers overlap" if np.min(apart) < 0.10 * hand.size else None


def _side(hand: Hand, index: int, other: int) -> float:
    """On which side of finger `index` the middle of `other`'s first bone lies; its sign is the side."""
    base, joint = hand.fingers[index, :2]
    return float(cross(joint - base, hand.fingers[other, :2].mean(axis=0) - base))


def _check_neighbours(hand: Hand, region: Region) -> None:
    hull = cv2.convexHull(hand.points.astype(np.float32))
    for other in region.context.get("hands", ()):
        if size_of("hand", np.asarray(other)) < 0.5 * hand.size:
            continue
        inside = [cv2.pointPolygonTest(hull, (float(x), float(y)), True) for x, y in known(other)]
        if max(inside, default=-np.inf) > -0.15 * hand.size:
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


def cover_fingers(hand: Hand, grid: Field) -> Mask:
    """(h, w) the pixels within .11 hand sizes of the fingers' bones: surely all of the fingers."""
    distance = np.min([to_line(grid, finger) for finger in hand.fingers], axis=0)
    return np.asarray(distance < 0.11 * hand.size)


def to_line(grid: Field, line: Points) -> Field:
    """(h, w) the distance in pixels of each pixel to a polyline (K, 2)."""
    distance: Field = np.min([to_bone(grid, a, b)[2] for a, b in pairwise(line)], axis=0)
    return distance


def to_bone(grid: Field, start: Points, end: Points) -> tuple[Field, Field, Field]:
    """For each pixel: the fraction along the bone, pixels across it (signed), and the distance to it."""
    along, across = by_bone(grid, start, end)
    beyond = (np.clip(along, 0, 1) - along) * float(np.hypot(*(end - start)))
    return along, across, np.hypot(across, beyond)


def by_bone(grid: Field, start: Points, end: Points) -> tuple[Field, Field]:
    """For each pixel: the fraction along the bone, and pixels across it (signed)."""
    bone = end - start
    length = float(np.hypot(*bone))
    rows = np.ascontiguousarray(grid).reshape(len(grid), -1)  # subtracting along an axis of 2 is slow
    offset = (rows - np.resize(start.astype(np.float32), rows.shape[1])).reshape(grid.shape)
    along = offset @ (bone / length**2).astype(np.float32)
    across = offset @ (np.array([-bone[1], bone[0]]) / length).astype(np.float32)
    return along, across


def cross(a: Points, b: Points) -> Points:
    """(...,) the cross product of vectors (..., 2), positive if `b` is turned from `a` as +y is from +x."""
    return np.asarray(a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0])
