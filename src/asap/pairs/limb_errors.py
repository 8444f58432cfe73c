"""Errors of arms and legs: one limb too many, a bone broken between its joints, a forearm without bones."""

from __future__ import annotations

import math
import random

import cv2
import numpy as np

from asap.pairs.degradations import Unsuitable, first_possible
from asap.pairs.fill import fill_parts, soft_edge
from asap.pairs.hand import to_bone
from asap.pairs.limb import (
    ARMS,
    LEGS,
    Limb,
    check_end,
    check_free,
    crumbs,
    find_limbs,
    largest_part,
    limb_pixels,
    people,
    twin_in_view,
)
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

MOST_OTHERS = 0.1
"""Fraction of a warp's disc that may show other people, or other limbs."""
STEEPEST = 800.0
"""Slope of the grey levels, per radius of the disc, that a warp may bend without being seen."""
LEAST_SEEN = 0.45
"""Fraction of an added limb that the body must not hide."""


def curve_forearm(image: Image, region: Region, rng: random.Random) -> Image:
    """One forearm curved like a noodle, by a turn of its middle; what lies behind it stays straight."""
    limbs = find_limbs(image, region, ARMS)
    turn = math.radians(rng.uniform(50, 58)) * rng.choice((-1, 1))
    return first_possible(rng.sample(limbs, len(limbs)), lambda limb: curl(image, region, limb, turn))


def break_limb(image: Image, region: Region, rng: random.Random) -> Image:
    """One forearm or shin broken at its middle and bent where no joint is."""
    limbs = find_limbs(image, region, ARMS + LEGS)
    turn = math.radians(rng.uniform(54, 62)) * rng.choice((-1, 1))
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
    check_free(region, limb, start=1)
    middle, radius = limb.joints[1:].mean(axis=0), 0.62 * limb.lengths[1]
    check_plain(image, region, limb, middle, radius)
    return apply_bumps(image, [Bump(middle, (radius, radius), 0.0, 0.1, turn=turn)])


def check_plain(image: Image, region: Region, limb: Limb, middle: Points, radius: float) -> None:
    """Refuse a limb in whose surroundings, a disc, other things would be seen to bend with it."""
    box = box_around(middle[None], radius, image.shape)
    left, top, right, bottom = box
    inside = np.hypot(*(pixel_grid(box) - middle).transpose(2, 0, 1)) < 0.9 * radius
    shown, own = people(region, box), limb_pixels(region, limb, box)
    behind = inside & ~(cv2.dilate(shown.astype(np.uint8), disc(0.05 * radius)) > 0)
    slopes = slope(image[top:bottom, left:right], 0.02 * radius)[behind]
    others = (shown & ~own & inside).sum() / inside.sum()
    if others > MOST_OTHERS or not slopes.size or np.quantile(slopes, 0.98) * radius > STEEPEST:
        raise Unsuitable("what lies behind would bend")


def slope(image: Image, sigma: float) -> Field:
    """(h, w) how steeply the grey levels change, per pixel, at a scale of `sigma` pixels."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    grey = cv2.GaussianBlur(grey, (0, 0), max(sigma, 1.0))
    steps = (cv2.Sobel(grey, cv2.CV_32F, *order) / 8 for order in ((1, 0), (0, 1)))
    return np.asarray(np.hypot(*steps), np.float32)


def bend_at_middle(image: Image, region: Region, limb: Limb, turn: float) -> Image:
    """A copy of `image` with the lower half of the limb's lower bone turned by `turn` radians."""
    check_free(region, limb, start=1)
    middle = limb.joints[1:].mean(axis=0)
    box = box_around(np.stack([middle, limb.joints[2]]), 1.3 * limb.lengths[1], image.shape)
    grid = pixel_grid(box)
    piece = limb_pixels(region, limb, box) & (to_bone(grid, middle, limb.joints[2])[0] > 0)
    check_end(piece, limb, box)
    ball = np.hypot(*(grid - middle).transpose(2, 0, 1)) < 0.12 * limb.lengths[1]
    turned = (grid - middle) @ rotation(turn) + middle
    gone = piece | crumbs(region, piece, box)
    return paste(
        image, box, carry(image, region, limb, piece | (ball & people(region, box)), gone, turned, box)
    )


def lay_behind(image: Image, region: Region, limb: Limb, turn: float) -> Image:
    """A copy of `image` with the limb once more, turned by `turn` radians about its root, behind the person.

    Raises:
        Unsuitable: too little of it would be seen, or it would be torn apart by what is before it.
    """
    check_free(region, limb, start=0)
    end = limb.joints[0] + rotation(turn) @ (limb.joints[2] - limb.joints[0]) * 1.25
    if (end < 0).any() or (end >= (image.shape[1], image.shape[0])).any():
        raise Unsuitable("no room for another limb")
    box = box_around(np.concatenate([limb.joints, end[None]]), 0.8 * limb.lengths[1], image.shape)
    left, top, right, bottom = box
    piece = limb_pixels(region, limb, box)
    person = people(region, box)
    turned = (pixel_grid(box) - limb.joints[0]) @ rotation(turn) + limb.joints[0]
    check_end(piece, limb, box)
    edited = laid(image[top:bottom, left:right], carried(image, box, piece, turned))
    behind = 1 - soft_edge(cv2.dilate(person.astype(np.uint8), disc(1)) > 0, 1.0)[..., None]
    old, new = image[top:bottom, left:right].astype(np.float32), edited.astype(np.float32)
    seen = (np.abs(new - old).max(axis=-1) > 8) & ~person
    seen = cv2.morphologyEx(seen.astype(np.uint8), cv2.MORPH_OPEN, disc(2)) > 0
    if seen.sum() < LEAST_SEEN * piece.sum() or largest_part(seen).sum() < 0.85 * seen.sum():
        raise Unsuitable("another limb would hardly be seen")
    return paste(image, box, to_bytes(old + behind * (new - old)), behind[..., 0] > 0)


def carry(  # the plain values that a picture needs
    image: Image, region: Region, limb: Limb, piece: Mask, gone: Mask, source: Field, box: Box
) -> Image:
    """(h, w, 3) the image in `box` with the pixels `piece` of the limb read at `source`, each pixel's origin,
    and background where `gone` is and nothing comes to lie.

    Raises:
        Unsuitable: the background is not simple enough.
    """
    left, top, right, bottom = box
    crop, stays = image[top:bottom, left:right], people(region, box) & ~gone
    layer = carried(image, box, piece, source)
    covered = cv2.erode((layer[..., 3] > 250).astype(np.uint8), disc(2)) > 0
    around = cv2.dilate(gone.astype(np.uint8), disc(0.07 * limb.lengths[1])) > 0
    forbidden = cv2.dilate((stays | gone).astype(np.uint8), disc(3)) > 0
    filled = fill_parts(crop, around & ~stays & ~covered, forbidden, 0.08 * limb.lengths[1])
    return laid(np.where(stays[..., None], crop, filled), layer)


def carried(image: Image, box: Box, piece: Mask, source: Field) -> Field:
    """(h, w, 4) colours and opacity (0 to 255) of the pixels `piece`, each pixel read at its `source`."""
    left, top, right, bottom = box
    opacity = soft_edge(cv2.erode(piece.astype(np.uint8), disc(1)) > 0, 1.0)
    layers = np.dstack([image[top:bottom, left:right].astype(np.float32), 255 * opacity])
    return sample(layers, (source - (left, top)).astype(np.float32))


def laid(under: Image, layer: Field) -> Image:
    """`under` (h, w, 3) with a layer of `carried` over it."""
    alpha, below = np.clip(layer[..., 3:] / 255, 0, 1), under.astype(np.float32)
    return to_bytes(below + alpha * (layer[..., :3] - below))
