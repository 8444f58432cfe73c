"""Errors of the trunk: a waist drawn in, an arm that grows from the hip."""

from __future__ import annotations

import math
import random

import numpy as np

from asap.anatomy.hands import beyond
from asap.anatomy.keypoints import size_of
from asap.pairs.degradations import Unsuitable, first_possible
from asap.pairs.edits.hands.hand import by_bone
from asap.pairs.edits.layers import Axis, carried, displaced, laid, profile, uncovered, unshape
from asap.pairs.edits.limbs.limb import ARMS, SMALLEST, find_limbs, people, smoothed
from asap.pairs.edits.limbs.limb_errors import lay_behind
from asap.pairs.edits.warp import Field, box_around, paste, pixel_grid
from asap.records import Box, Image, Mask, Points, Region

BESIDE = 8
"""Pixels of people in two lines beside a trunk above which it is not free."""


def pinch_waist(image: Image, region: Region, rng: random.Random, *, strength: float = 1.0) -> Image:
    """A trunk drawn in at the waist to two fifths of its breadth."""
    points = np.asarray(region.keypoints, np.float64)
    if points.ndim != 2 or points.shape[0] < 17 or points.shape[1] != 2:
        raise Unsuitable("body points missing")
    if not np.isfinite(points[[5, 6, 11, 12]]).all() or not size_of("body", points) > SMALLEST:
        raise Unsuitable("the trunk is too small or not in full view")
    if beyond(points[[5, 6, 11, 12]], image.shape).max() > 0:
        raise Unsuitable("the trunk is cut by the image's edge")
    axis = Axis(points[[5, 6]].mean(axis=0), points[[11, 12]].mean(axis=0))
    across = 1 / (1 + strength * rng.uniform(1.2, 1.6))
    source_shape = profile(0.2, 1.05, across=across, ease=0.4)
    box = box_around(points[[5, 6, 11, 12]], 0.6 * axis.length, image.shape)
    left, top, right, bottom = box
    grid = pixel_grid(box)
    piece = trunk_pixels(region, points, axis, grid, box)
    source = unshape(grid, axis, source_shape)
    layer = carried(image, box, piece, source)
    gone = piece & displaced(source, grid)
    crop, stays = image[top:bottom, left:right], people(region, box) & ~gone
    return paste(image, box, laid(uncovered(crop, layer, gone, stays, 0.08 * axis.length), layer))


def trunk_pixels(region: Region, points: Points, axis: Axis, grid: Field, box: Box) -> Mask:
    """(h, w) the trunk's pixels, and those of what lies on it, from chest to hip.

    Raises:
        Unsuitable: arms or other things go on beside the trunk.
    """
    left, top, right, bottom = box
    place, offset = by_bone(grid, axis.start, axis.end)
    half = 0.75 * max(float(np.hypot(*(points[5] - points[6]))), 0.5 * axis.length)
    rim = (place > 0.25) & (place < 1.0) & (np.abs(np.abs(offset) - half) < 3)
    surely = region.context.get("surely")  # told without the person's mask, which takes long to make
    if surely is not None and _smooth(surely[top:bottom, left:right], axis)[rim].sum() > BESIDE:
        raise Unsuitable("the trunk is not free at its sides")
    shown = _smooth(people(region, box), axis)
    if shown[rim].sum() > BESIDE:
        raise Unsuitable("the trunk is not free at its sides")
    return np.asarray(shown & (place > 0.15) & (place < 1.1) & (np.abs(offset) < half))


def _smooth(mask: Mask, axis: Axis) -> Mask:
    return smoothed(mask, 0.015 * axis.length)


def misplace_arm(image: Image, region: Region, rng: random.Random) -> Image:
    """A third arm that grows from the hip: a copy of an arm, behind the body."""
    points = np.asarray(region.keypoints, np.float64)
    limbs = find_limbs(image, region, ARMS)
    hips = [(limb, points[hip]) for limb in limbs for hip in (11, 12) if np.isfinite(points[hip]).all()]
    turns = [math.radians(angle) for angle in range(0, 360, 30)]
    options = [(limb, hip, turn) for limb, hip in hips for turn in turns]
    if not options:
        raise Unsuitable("hips not seen")
    return first_possible(
        rng.sample(options, len(options)),
        lambda option: lay_behind(image, region, option[0], option[2], option[1] - option[0].joints[0]),
    )
