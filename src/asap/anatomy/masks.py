"""Masks from keypoints: capsules and hulls, and GrabCut where a mask should follow the pixels.

All masks are bool (H, W); points (x, y) in pixels, NaN where unknown.
"""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from asap.anatomy.keypoints import BODY_BONES, HAND_BONES, PALM, bounds, box_of, known, size_of
from asap.records import Image, Mask, Points

GRABCUT_HAND = 110.0
"""Hand size in pixels above which GrabCut works on a smaller copy."""
GRABCUT_PERSON = 320
"""Longest side on which GrabCut looks for people."""
SURELY = 0.95
"""Likelihood of a person's pixel above which GrabCut may not take it away."""


def capsules(
    points: Points, bones: Iterable[tuple[int, int]], radius: float, height: int, width: int
) -> Mask:
    """Pixels within `radius` of a bone, a pair of indices into `points`; none where an end is unknown."""
    canvas = np.zeros((height, width), np.uint8)
    thickness = max(1, round(2 * radius))
    for a, b in bones:
        if np.isfinite(points[[a, b]]).all():
            ends = [tuple(int(v) for v in np.clip(points[i].round(), -9999, 99999)) for i in (a, b)]
            cv2.line(canvas, ends[0], ends[1], 1, thickness)
    return canvas > 0


def hull(points: Points, height: int, width: int) -> Mask:
    """The convex hull of the known `points`, filled; empty for fewer than three."""
    canvas = np.zeros((height, width), np.uint8)
    if len(corners := known(points).round().clip(-9999, 99999).astype(np.int32)) >= 3:
        cv2.fillConvexPoly(canvas, cv2.convexHull(corners), 1)
    return canvas > 0


def disc(radius: float) -> NDArray[np.uint8]:
    """A round structuring element of `radius` pixels, at least one."""
    side = 2 * max(1, round(radius)) + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)), np.uint8)


def dilate(mask: Mask, radius: float) -> Mask:
    """`mask` grown by `radius` pixels."""
    return np.asarray(cv2.dilate(mask.astype(np.uint8), disc(radius)) > 0)


def face_mask(points: Points, height: int, width: int) -> Mask:
    """The hull of 68 face points, stretched up over the forehead."""
    brows = points[17:27]
    up = (points[27] - points[8]) * 0.42
    return hull(np.concatenate([points, brows + up]), height, width)


def hand_mask(image: Image, points: Points) -> Mask:
    """A hand's pixels by GrabCut around its 21 points, in Lab.

    With S the hand's size: surely hand are capsules of 0.045 S and the palm's core, probably hand capsules of
    0.11 S, surely not what is farther than 0.30 S from every bone. Only components that hold a keypoint stay.
    """
    height, width = image.shape[:2]
    size = size_of("hand", points)
    left, top, right, bottom = box_of(points, 0.55 * size, height, width)
    scale = min(1.0, GRABCUT_HAND / size)
    crop = cv2.resize(image[top:bottom, left:right], None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    high, wide = crop.shape[:2]
    scaled, unit = (points - (left, top)) * (wide / (right - left), high / (bottom - top)), size * scale
    labels = np.full((high, wide), cv2.GC_BGD, np.uint8)
    labels[capsules(scaled, HAND_BONES, 0.30 * unit, high, wide)] = cv2.GC_PR_BGD
    palm = hull(scaled[list(PALM)], high, wide)
    labels[capsules(scaled, HAND_BONES, 0.11 * unit, high, wide) | palm] = cv2.GC_PR_FGD
    core = cv2.erode(palm.astype(np.uint8), disc(0.06 * unit)) > 0
    labels[capsules(scaled, HAND_BONES, 0.045 * unit, high, wide) | core] = cv2.GC_FGD
    found = _components_at(_grabcut(crop, labels), scaled)
    whole = np.zeros((height, width), bool)
    whole[top:bottom, left:right] = _resize(found, right - left, bottom - top)
    return whole


def person_mask(image: Image, likely: NDArray[np.float32], bodies: Iterable[Points]) -> Mask:
    """All people's pixels: a coarse likelihood made to follow the picture by GrabCut.

    Args:
        image: (H, W, 3).
        likely: (h, w) in [0, 1], any size: how likely a pixel shows a person.
        bodies: 23 points each; their bones are people for sure.
    """
    height, width = image.shape[:2]
    scale = min(1.0, GRABCUT_PERSON / max(height, width))
    crop = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    high, wide = crop.shape[:2]
    likely = cv2.resize(likely, (wide, high), interpolation=cv2.INTER_LINEAR)
    labels = np.select([likely > SURELY, likely > 0.5, likely > 0.05], [1, 3, 2], 0).astype(np.uint8)
    for points in bodies:
        size = size_of("body", points)
        radius = 0.03 * (size if np.isfinite(size) else 0.0) * scale
        labels[capsules(points * scale, BODY_BONES, 4 * radius, high, wide) & (labels == cv2.GC_BGD)] = (
            cv2.GC_PR_BGD
        )
        labels[capsules(points * scale, BODY_BONES, radius, high, wide)] = cv2.GC_FGD
    return _resize(_grabcut(crop, labels), width, height)


def body_mask(person: Mask, points: Points) -> Mask:
    """Of all people's pixels those near one body's bones: within 0.28 torso lengths."""
    return person & capsules(points, BODY_BONES, 0.28 * breadth(points), *person.shape)


def breadth(points: Points) -> float:
    """A body's size in pixels (`keypoints.size_of`), or where it is unknown half its box's longer side."""
    size = size_of("body", points)
    if np.isfinite(size):
        return float(size)
    left, top, right, bottom = bounds(points)
    return float(max(right - left, bottom - top)) / 2


def _grabcut(image: Image, labels: NDArray[np.uint8], rounds: int = 2) -> Mask:
    """GrabCut from `labels` (its GC_ constants); the labels as they are where one of the sides is missing."""
    sure = labels & 1 == 1
    if sure.all() or not sure.any():
        return np.asarray(sure)
    cv2.setRNGSeed(0)  # its mixture models start from k-means
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB)
    cv2.grabCut(lab, labels, None, np.zeros((1, 65)), np.zeros((1, 65)), rounds, cv2.GC_INIT_WITH_MASK)
    return np.asarray(labels & 1 == 1)


def _components_at(mask: Mask, points: Points) -> Mask:
    _, numbers = cv2.connectedComponents(mask.astype(np.uint8))
    columns, rows = known(points).round().astype(int).T
    inside = (columns >= 0) & (rows >= 0) & (columns < mask.shape[1]) & (rows < mask.shape[0])
    kept = np.unique(numbers[rows[inside], columns[inside]])
    return np.asarray(np.isin(numbers, kept[kept > 0]))


def _resize(mask: Mask, width: int, height: int) -> Mask:
    return np.asarray(
        cv2.resize(mask.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR) > 0.5
    )
