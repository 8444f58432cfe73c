"""Errors of arms and legs: one limb too many, a bone broken between its joints, a forearm without bones.

Points are the 17 joints of COCO, of which the six foot points are not used.
"""

from __future__ import annotations

import math
import random
from typing import NamedTuple

import cv2
import numpy as np

from asap.pairs.degradations import Unsuitable
from asap.pairs.fan import to_bone, to_line
from asap.pairs.fill import fill, soft_edge
from asap.pairs.warp import (
    Bump,
    Field,
    apply_bumps,
    box_around,
    disc,
    paste,
    pixel_grid,
    rotation,
    sample,
    to_bytes,
)
from asap.records import Box, Image, Mask, Points, Region

ARMS = ((5, 7, 9), (6, 8, 10))
LEGS = ((11, 13, 15), (12, 14, 16))
SMALLEST = 40.0
"""Length of a limb's bone, in pixels, below which an error does not read."""


class Limb(NamedTuple):
    """`joints` (3, 2): shoulder, elbow, wrist or hip, knee, ankle; `torso` the torso's length in pixels."""

    joints: Points
    torso: float

    @property
    def lengths(self) -> tuple[float, float]:
        """The lengths of the upper and the lower bone in pixels."""
        upper, lower = np.hypot(*np.diff(self.joints, axis=0).T)
        return float(upper), float(lower)


def find_limbs(image: Image, region: Region, chains: tuple[tuple[int, int, int], ...]) -> list[Limb]:
    """Those of `chains` that are wholly in the image, in the person's mask, and neither short nor folded."""
    points = np.asarray(region.keypoints, np.float64)
    if points.ndim != 2 or points.shape[0] < 17 or points.shape[1] != 2:
        raise Unsuitable("body points missing")
    torso = np.hypot(*(points[[5, 6]].mean(axis=0) - points[[11, 12]].mean(axis=0)))
    if not np.isfinite(torso) or torso < SMALLEST:
        raise Unsuitable("body too small or cut")
    limbs = [Limb(points[list(chain)], float(torso)) for chain in chains]
    limbs = [limb for limb in limbs if _usable(limb, image, region.mask)]
    if not limbs:
        raise Unsuitable("no limb in full view")
    return limbs


def _usable(limb: Limb, image: Image, mask: Mask) -> bool:
    height, width = image.shape[:2]
    if not np.isfinite(limb.joints).all() or (limb.joints < 0).any():
        return False
    if (limb.joints >= (width, height)).any() or min(limb.lengths) < max(SMALLEST, 0.3 * limb.torso):
        return False
    line = np.concatenate([np.linspace(a, b, 12) for a, b in zip(limb.joints, limb.joints[1:])]).astype(int)
    return bool(mask[line[:, 1], line[:, 0]].mean() > 0.9)


def curve_forearm(image: Image, region: Region, rng: random.Random) -> Image:
    """One forearm curved like a noodle, by a turn of its middle."""
    limb = rng.choice(find_limbs(image, region, ARMS))
    radius = 0.62 * limb.lengths[1]
    turn = math.radians(rng.uniform(50, 58)) * rng.choice((-1, 1))
    return apply_bumps(image, [Bump(limb.joints[1:].mean(axis=0), (radius, radius), 0.0, 0.1, turn=turn)])


def break_limb(image: Image, region: Region, rng: random.Random) -> Image:
    """One forearm or shin broken at its middle and bent where no joint is."""
    limb = rng.choice(find_limbs(image, region, ARMS + LEGS))
    middle = limb.joints[1:].mean(axis=0)
    turn = math.radians(rng.uniform(54, 62)) * rng.choice((-1, 1))
    box = box_around(np.stack([middle, limb.joints[2]]), 1.3 * limb.lengths[1], image.shape)
    left, top, right, bottom = box
    grid, person = pixel_grid(box), region.mask[top:bottom, left:right]
    piece = limb_pixels(region, limb, grid, person) & (to_bone(grid, middle, limb.joints[2])[0] > 0)
    stays = person & ~piece
    hole = (cv2.dilate(piece.astype(np.uint8), disc(0.04 * limb.lengths[1])) > 0) & ~stays
    crop = image[top:bottom, left:right]
    forbidden = cv2.dilate(stays.astype(np.uint8), disc(3)) > 0
    plate = paste(image, box, fill(crop, hole, forbidden & ~hole, 0.08 * limb.lengths[1]), hole | ~stays)
    ball = np.hypot(*(grid - middle).transpose(2, 0, 1)) < 0.12 * limb.lengths[1]
    return lay_turned(image, plate, box, piece | (ball & person), middle, turn)


def add_limb(image: Image, region: Region, rng: random.Random) -> Image:
    """One arm or leg too many, behind the body: a copy of a limb, turned about its root."""
    limb = rng.choice(find_limbs(image, region, ARMS + LEGS))
    turn = math.radians(rng.uniform(30, 38)) * rng.choice((-1, 1))
    box = box_around(limb.joints[:1], 1.5 * sum(limb.lengths), image.shape)
    left, top, right, bottom = box
    grid, person = pixel_grid(box), region.mask[top:bottom, left:right]
    piece = limb_pixels(region, limb, grid, person)
    end = limb.joints[0] + rotation(turn) @ (limb.joints[2] - limb.joints[0]) * 1.1
    if (end < 0).any() or (end >= (image.shape[1], image.shape[0])).any():
        raise Unsuitable("no room for another limb")
    edited = lay_turned(image, image, box, piece, limb.joints[0], turn)
    behind = 1 - soft_edge(cv2.dilate(person.astype(np.uint8), disc(1)) > 0, 1.0)[..., None]
    old, new = (x[top:bottom, left:right].astype(np.float32) for x in (image, edited))
    return paste(image, box, to_bytes(old + behind * (new - old)), behind[..., 0] > 0)


def limb_pixels(region: Region, limb: Limb, grid: Field, person: Mask) -> Mask:
    """(h, w) the person's pixels that are nearer to this limb than to the rest of the skeleton."""
    hand = limb.joints[2] + 0.5 * (limb.joints[2] - limb.joints[1])
    own = to_line(grid, np.concatenate([limb.joints, hand[None]]))
    others = [to_line(grid, line) for line in other_bones(region, limb)]
    nearest = own < np.min(others, axis=0) if others else np.ones_like(person)
    return np.asarray(person & nearest & (own < 0.3 * max(limb.lengths)))


def other_bones(region: Region, limb: Limb) -> list[Points]:
    """The skeleton's other lines (2, 2): the trunk's sides, the other limbs, the head."""
    points = np.asarray(region.keypoints, np.float64)
    pairs = [(5, 6), (11, 12), (5, 11), (6, 12), (0, 5), (0, 6)]
    pairs += [
        pair
        for a, b, c in ARMS + LEGS
        if not np.array_equal(points[c], limb.joints[2])
        for pair in ((a, b), (b, c))
    ]
    lines = [points[list(pair)] for pair in pairs]
    return [line for line in lines if np.isfinite(line).all()]


def lay_turned(  # the plain values that a picture needs
    image: Image, plate: Image, box: Box, piece: Mask, pivot: Points, turn: float
) -> Image:
    """A copy of `plate` with the pixels `piece` of `image` laid over it, turned by `turn` radians about `pivot`."""
    left, top, right, bottom = box
    grid = pixel_grid(box)
    opacity = soft_edge(cv2.erode(piece.astype(np.uint8), disc(1)) > 0, 1.0)
    layers = np.dstack([image[top:bottom, left:right].astype(np.float32), 255 * opacity])
    source = (grid - pivot) @ rotation(turn) + pivot - (left, top)
    moved = sample(layers, source.astype(np.float32))
    alpha = np.clip(moved[..., 3:] / 255, 0, 1)
    under = plate[top:bottom, left:right].astype(np.float32)
    return paste(plate, box, to_bytes(under + alpha * (moved[..., :3] - under)), alpha[..., 0] > 0.002)
