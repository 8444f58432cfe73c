"""Errors of arms and legs: one limb too many, a bone broken between its joints, a forearm without bones."""

from __future__ import annotations

import math
import random

import cv2
import numpy as np

from asap.pairs.degradations import Unsuitable, first_possible
from asap.pairs.edits.fill import soft_edge
from asap.pairs.edits.hands.hand import by_bone
from asap.pairs.edits.layers import carried, laid, uncovered
from asap.pairs.edits.limbs.limb import (
    ARMS,
    LEGS,
    Limb,
    check_end,
    check_free,
    crumbs,
    find_limbs,
    largest_part,
    limb_pixels,
    lower_pixels,
    people,
    twin_in_view,
)
from asap.pairs.edits.limbs.limb_shape_errors import edit_limb
from asap.pairs.edits.warp import (
    Bump,
    Field,
    box_around,
    disc,
    displacement,
    paste,
    pixel_grid,
    rotation,
    to_bytes,
)
from asap.records import Image, Mask, Points, Region

LEAST_STRAIGHT = 0.25
"""Least cosine of the bend between the bones of a limb that is to curve."""
LEAST_SEEN = 0.45
"""Fraction of an added limb that the body must not hide."""


def curve_forearm(image: Image, region: Region, rng: random.Random, *, strength: float = 1.0) -> Image:
    """One forearm curved like a noodle, by a turn of its middle; what lies behind it stays straight."""
    limbs = find_limbs(image, region, ARMS)
    turn = math.radians(min(strength * rng.uniform(50, 58), 62)) * rng.choice((-1, 1))
    return first_possible(rng.sample(limbs, len(limbs)), lambda limb: curl(image, region, limb, turn))


def curve_shin(image: Image, region: Region, rng: random.Random, *, strength: float = 1.0) -> Image:
    """One shin curved like a noodle, by a turn of its middle; what lies behind it stays straight."""
    limbs = find_limbs(image, region, LEGS)
    turn = math.radians(min(strength * rng.uniform(50, 58), 62)) * rng.choice((-1, 1))
    return first_possible(rng.sample(limbs, len(limbs)), lambda limb: curl(image, region, limb, turn))


def break_limb(image: Image, region: Region, rng: random.Random, *, strength: float = 1.0) -> Image:
    """One forearm or shin broken at its middle and bent where no joint is."""
    limbs = find_limbs(image, region, ARMS + LEGS)
    turn = math.radians(min(strength * rng.uniform(54, 62), 80)) * rng.choice((-1, 1))
    return first_possible(
        rng.sample(limbs, len(limbs)), lambda limb: bend_at_middle(image, region, limb, turn)
    )


def add_limb(image: Image, region: Region, rng: random.Random) -> Image:
    """One arm or leg too many, behind the body: a copy of a limb, turned about its root."""
    limbs = [limb for limb in find_limbs(image, region, ARMS + LEGS) if twin_in_view(region, limb)]
    if not limbs:
        raise Unsuitable("another limb could be the hidden twin of this one")
    angle = math.radians(rng.uniform(30, 38))
    options = [(limb, angle * sign) for limb in limbs for sign in (-1, 1)]
    return first_possible(
        rng.sample(options, len(options)), lambda option: lay_behind(image, region, option[0], option[1])
    )


def curl(image: Image, region: Region, limb: Limb, turn: float) -> Image:
    """A copy of `image` with the middle of the limb's lower bone turned by `turn` radians, its ends left."""
    upper, lower = np.diff(limb.joints, axis=0)
    if upper @ lower < LEAST_STRAIGHT * limb.lengths[0] * limb.lengths[1]:
        raise Unsuitable("the limb is bent: its bones would be torn apart")
    middle, radius = limb.joints[1:].mean(axis=0), 0.62 * limb.lengths[1]
    box = box_around(
        np.stack([*limb.joints[1:], middle - radius, middle + radius]), 0.5 * radius, image.shape
    )

    def edit(piece: Mask) -> tuple[Field, Mask]:
        grid = pixel_grid(box)
        moved = displacement(grid, Bump(middle, (radius, radius), 0.0, 0.1, turn=turn))
        return carried(image, box, piece, grid + moved), piece & (np.abs(moved).max(axis=-1) > 0)

    return edit_limb(image, region, limb, box, edit)


def bend_at_middle(image: Image, region: Region, limb: Limb, turn: float) -> Image:
    """A copy of `image` with the lower half of the limb's lower bone turned by `turn` radians."""
    check_free(region, limb, start=1)
    middle = limb.joints[1:].mean(axis=0)
    box = box_around(np.stack([middle, limb.joints[2]]), 1.3 * limb.lengths[1], image.shape)
    grid = pixel_grid(box)
    piece = lower_pixels(region, limb, box) & (by_bone(grid, middle, limb.joints[2])[0] > 0)
    check_end(piece, limb, box)
    ball = np.hypot(*(grid - middle).transpose(2, 0, 1)) < 0.12 * limb.lengths[1]
    turned = (grid - middle) @ rotation(turn) + middle
    layer = carried(image, box, piece | (ball & people(region, box)), np.asarray(turned, np.float32))
    gone = piece | crumbs(region, piece, box)
    left, top, right, bottom = box
    crop, stays = image[top:bottom, left:right], people(region, box) & ~gone
    return paste(image, box, laid(uncovered(crop, layer, gone, stays, 0.08 * limb.lengths[1]), layer))


def lay_behind(
    image: Image, region: Region, limb: Limb, turn: float, shift: Points | tuple[float, float] = (0.0, 0.0)
) -> Image:
    """A copy of `image` with the limb once more, behind the person, turned by `turn` radians about its root.

    `shift` moves the root to another place of the body, in pixels.

    Raises:
        Unsuitable: too little of it would be seen, or it would be torn apart by what is before it.
    """
    check_free(region, limb, start=0)
    root = limb.joints[0] + shift
    end = root + rotation(turn) @ (limb.joints[2] - limb.joints[0]) * 1.25
    if (end < 0).any() or (end >= (image.shape[1], image.shape[0])).any():
        raise Unsuitable("no room for another limb")
    box = box_around(np.concatenate([limb.joints, np.stack([root, end])]), 0.8 * limb.lengths[1], image.shape)
    left, top, right, bottom = box
    piece = limb_pixels(region, limb, box)
    lower_pixels(region, limb, box)
    person = people(region, box)
    turned = (pixel_grid(box) - root) @ rotation(turn) + limb.joints[0]
    check_end(piece, limb, box)
    edited = laid(image[top:bottom, left:right], carried(image, box, piece, turned))
    behind = 1 - soft_edge(cv2.dilate(person.astype(np.uint8), disc(1)) > 0, 1.0)[..., None]
    old, new = image[top:bottom, left:right].astype(np.float32), edited.astype(np.float32)
    seen = (np.abs(new - old).max(axis=-1) > 8) & ~person
    seen = cv2.morphologyEx(seen.astype(np.uint8), cv2.MORPH_OPEN, disc(2)) > 0
    if seen.sum() < LEAST_SEEN * piece.sum() or largest_part(seen).sum() < 0.85 * seen.sum():
        raise Unsuitable("another limb would hardly be seen")
    return paste(image, box, to_bytes(old + behind * (new - old)), behind[..., 0] > 0)
