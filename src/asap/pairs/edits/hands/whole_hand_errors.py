"""Errors of a hand as a whole, open or closed: too large, too small, cut off, or twice at one wrist."""

from __future__ import annotations

import math
import random
from typing import NamedTuple

import cv2
import numpy as np

from asap.anatomy.hands import beyond
from asap.anatomy.keypoints import HAND_BONES, PALM, size_of
from asap.anatomy.masks import capsules, hull
from asap.pairs.degradations import Unsuitable, first_possible
from asap.pairs.edits.hands.finger_pieces import elsewhere
from asap.pairs.edits.hands.hand import by_bone, to_bone
from asap.pairs.edits.layers import (
    Axis,
    Profile,
    carried,
    displaced,
    laid,
    mirrored,
    profile,
    turned,
    uncovered,
    unshape,
)
from asap.pairs.edits.warp import box_around, disc, paste, pixel_grid, smoothstep
from asap.records import Box, Image, Mask, Points, Region

SMALLEST_WHOLE = 36.0
"""Size in pixels below which an error of a whole hand does not read."""
LARGEST_SPILL = 0.12
"""Largest part of the hand's mask that may lie beside its bones and palm: else it holds other things."""
LEAST_SEEN = 0.4
"""Fraction of an added hand that must be seen beside the first."""


class Whole(NamedTuple):
    """A hand of any pose: `points` (21, 2), `size` in pixels, `axis` from wrist to knuckles."""

    points: Points
    size: float
    axis: Axis


def swell_hand(image: Image, region: Region, rng: random.Random, *, strength: float = 1.0) -> Image:
    """A hand much too large for its arm."""
    hand = whole_hand(image, region)
    scale = 1 + strength * rng.uniform(0.75, 0.95)
    return reshape_hand(image, region, hand, profile(-0.1, math.inf, along=scale, across=scale, ease=0.5))


def shrink_hand(image: Image, region: Region, rng: random.Random, *, strength: float = 1.0) -> Image:
    """A hand half as large as it ought to be; background is copied to where it was."""
    hand = whole_hand(image, region)
    check_no_face(region, hand)
    scale = 1 / (1 + strength * rng.uniform(0.9, 1.1))
    return reshape_hand(image, region, hand, profile(0.0, math.inf, along=scale, across=scale, ease=0.5))


def double_hand(image: Image, region: Region, rng: random.Random, *, strength: float = 1.0) -> Image:
    """A second hand at the same wrist: a copy, turned and at times mirrored, behind the first."""
    hand = whole_hand(image, region)
    check_no_face(region, hand)
    angle = math.radians(min(strength * rng.uniform(58, 74), 100))
    options = [(angle * sign, mirror) for sign in (-1, 1) for mirror in (False, True)]
    return first_possible(
        rng.sample(options, len(options)), lambda option: lay_twice(image, region, hand, *option)
    )


def remove_hand(image: Image, region: Region, rng: random.Random) -> Image:
    """An arm that ends in a round stump at the wrist."""
    hand = whole_hand(image, region)
    check_no_face(region, hand)
    cut = rng.uniform(0.15, 0.25)
    behind = hand.axis.start - 0.6 * (hand.axis.end - hand.axis.start)
    if beyond(behind[None], image.shape).max() > 0:
        raise Unsuitable("no arm in the image to end in a stump")
    box = box_around(hand.points, 0.7 * hand.size, image.shape)
    along, across = by_bone(pixel_grid(box), hand.axis.start, hand.axis.end)
    piece = hand_pixels(region, hand, box)
    gone = piece & (along > cut - 0.9 * (across / hand.axis.length) ** 2)
    layer = np.zeros((*gone.shape, 4), np.float32)
    left, top, right, bottom = box
    crop = image[top:bottom, left:right]
    stays = surroundings(region, hand, box) & ~gone
    return paste(image, box, uncovered(crop, layer, gone, stays, 0.12 * hand.size))


def whole_hand(image: Image, region: Region) -> Whole:
    """The hand, if it is large enough, in the image, and told apart from other hands and things.

    Raises:
        Unsuitable: it is not.
    """
    points = np.asarray(region.keypoints, np.float64)
    if points.shape != (21, 2) or not np.isfinite(points).all():
        raise Unsuitable("hand points missing")
    size = size_of("hand", points)
    if size < SMALLEST_WHOLE:
        raise Unsuitable("hand too small")
    if beyond(points, image.shape).max() > 0:
        raise Unsuitable("hand cut by the image's edge")
    knuckles = points[[5, 9, 13, 17]].mean(axis=0)
    hand = Whole(points, size, Axis(points[0], knuckles))
    if hand.axis.length < 0.5 * size:
        raise Unsuitable("the palm is foreshortened")
    check_apart(region, hand, image.shape)
    return hand


def check_apart(region: Region, hand: Whole, shape: tuple[int, ...]) -> None:
    """Refuse a hand that touches another, or whose mask spills over other things."""
    near = cv2.convexHull(hand.points.astype(np.float32))
    for other in region.context.get("hands", ()):
        inside = [cv2.pointPolygonTest(near, (float(x), float(y)), True) for x, y in other]
        if max(inside) > -0.1 * hand.size:
            raise Unsuitable("another hand is too near")
    box = box_around(hand.points, 0.3 * hand.size, shape)
    left, top, right, bottom = box
    points = hand.points - (left, top)
    own = capsules(points, HAND_BONES, 0.16 * hand.size, bottom - top, right - left)
    own |= hull(points[list(PALM)], bottom - top, right - left)
    mask = hand_pixels(region, hand, box)
    if not mask.any() or (mask & ~own).sum() > LARGEST_SPILL * mask.sum():
        raise Unsuitable("the hand is not told from what it touches")


def hand_pixels(region: Region, hand: Whole, box: Box) -> Mask:
    """(h, w) the hand's mask in `box`, from just behind the wrist on."""
    left, top, right, bottom = box
    mask = region.mask[top:bottom, left:right]
    return np.asarray(mask & (by_bone(pixel_grid(box), hand.axis.start, hand.axis.end)[0] > -0.45))


def surroundings(region: Region, hand: Whole, box: Box) -> Mask:
    """(h, w) the forearm, and other hands and faces, in `box`: what must not be taken for background."""
    start, way = hand.axis.start, hand.axis.end - hand.axis.start
    behind = to_bone(pixel_grid(box), start - 0.35 * way, start - 2.5 * way)[2] < 0.42 * hand.size
    others = elsewhere(region, box)
    if others.any():
        behind |= cv2.distanceTransform((~others).astype(np.uint8), cv2.DIST_L2, 5) < 0.3 * hand.size
    return np.asarray(behind)


def check_no_face(region: Region, hand: Whole) -> None:
    """Refuse a hand before or beside a face: there another does not read, and nothing can be filled in."""
    near = cv2.convexHull(hand.points.astype(np.float32))
    for left, top, right, bottom in region.context.get("faces", ()):
        side = 0.25 * (right - left)
        low, high = (left - side, top - side), (right + side, bottom + side)
        box = np.array([low, (high[0], low[1]), high, (low[0], high[1])], np.float32)
        if cv2.intersectConvexConvex(box, near)[0] > 0:
            raise Unsuitable("before a face")


def reshape_hand(image: Image, region: Region, hand: Whole, shape: Profile) -> Image:
    """A copy of `image` with the hand given a new `shape` along its axis."""
    grow = max(1.0, float(shape.width.max()))
    box = box_around(hand.points, (0.4 + 2.2 * (grow - 1)) * hand.size, image.shape)
    left, top, right, bottom = box
    if np.mean(beyond(moved_points(hand, shape), image.shape) > 0) > 0.3:
        raise Unsuitable("no room for so large a hand")
    grid = pixel_grid(box)
    source = unshape(grid, hand.axis, shape)
    piece = hand_pixels(region, hand, box)
    along, _ = by_bone(grid, hand.axis.start, hand.axis.end)
    if grow > 1:
        piece = cv2.morphologyEx(piece.astype(np.uint8), cv2.MORPH_CLOSE, disc(0.1 * hand.size)) > 0
    layer = carried(image, box, piece, source, smoothstep(along, -0.4, -0.25))
    gone = piece & displaced(source, grid)
    stays = surroundings(region, hand, box) & ~gone
    crop = image[top:bottom, left:right]
    return paste(
        image,
        box,
        laid(uncovered(crop, layer, gone, stays, 0.1 * hand.size, 0.1 if grow == 1 else 0.35), layer),
    )


def moved_points(hand: Whole, shape: Profile) -> Points:
    """(21, 2) where the hand's points come to lie in its new `shape`."""
    along, across = by_bone(hand.points[:, None].astype(np.float32), hand.axis.start, hand.axis.end)
    way = hand.axis.end - hand.axis.start
    normal = np.array([-way[1], way[0]]) / hand.axis.length
    new = np.interp(along, shape.before, shape.after)
    wide = across * np.interp(along, shape.before, shape.width)
    return np.asarray((hand.axis.start + new[..., None] * way + wide[..., None] * normal)[:, 0])


def lay_twice(image: Image, region: Region, hand: Whole, angle: float, mirror: bool) -> Image:
    """A copy of `image` with the hand once more, turned by `angle` about the wrist, behind the first.

    Raises:
        Unsuitable: there is no room for it, or too little of it would be seen.
    """
    centre = hand.axis.start
    box = box_around(hand.points, 1.6 * hand.size, image.shape)
    left, top, right, bottom = box
    grid = pixel_grid(box)
    source = turned(grid, centre, angle)
    if mirror:
        source = mirrored(source, hand.axis)
    piece = hand_pixels(region, hand, box)
    along, across = by_bone(grid, hand.axis.start, hand.axis.end)
    heel = across / hand.axis.length
    layer = carried(image, box, piece, source, smoothstep(along - 2.0 * heel**2, -0.12, 0.0))
    first = cv2.GaussianBlur(piece.astype(np.float32), (0, 0), 0.8)
    layer[..., 3] *= 1 - first
    seen = (layer[..., 3] > 128).sum() / max(1, piece.sum())
    if seen < LEAST_SEEN:
        raise Unsuitable("another hand would hardly be seen")
    return paste(image, box, laid(image[top:bottom, left:right], layer), layer[..., 3] > 0)
