"""A hand as its photo shows it: size, fingers, and whether they can be told apart; distances to its bones."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np

from asap.anatomy.hands import Hand, beyond, faults
from asap.anatomy.keypoints import known, size_of
from asap.anatomy.masks import capsules
from asap.pairs.degradations import Unsuitable
from asap.pairs.edits.warp import Field
from asap.records import Box, Image, Mask, Points, Region

SMALLEST = 32.0
"""Hand size in pixels below which an error does not read."""


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


def cover_fingers(hand: Hand, box: Box) -> Mask:
    """(h, w) the pixels of `box` within .11 hand sizes of the fingers' bones: surely all of the fingers."""
    left, top, right, bottom = box
    points = hand.fingers.reshape(-1, 2) - (left, top)
    bones = [(i, i + 1) for i in range(len(points) - 1) if (i + 1) % 4]
    return capsules(points, bones, 0.11 * hand.size, bottom - top, right - left)


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
