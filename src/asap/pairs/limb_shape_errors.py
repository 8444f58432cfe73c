"""Errors of a limb's shape: swollen, pinched, stretched, shortened or ending in a stump; feet too large or too small."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import numpy as np

from asap.pairs.degradations import Unsuitable, first_possible
from asap.pairs.hand import beyond, to_bone
from asap.pairs.layers import Axis, Profile, carried, displaced, laid, profile, uncovered, unshape
from asap.pairs.limb import ARMS, LEGS, Limb, check_end, check_free, crumbs, find_limbs, limb_pixels, people
from asap.pairs.warp import box_around, paste, pixel_grid, smoothstep
from asap.records import Image, Region


def swell_limb(image: Image, region: Region, rng: random.Random, strength: float = 1.0) -> Image:
    """A forearm or shin swollen to twice its breadth between its joints."""
    across = 1 + strength * rng.uniform(1.0, 1.3)
    return of_one_limb(image, region, rng, ARMS + LEGS, profile(0.1, 0.95, across=across, ease=0.35))


def pinch_limb(image: Image, region: Region, rng: random.Random, strength: float = 1.0) -> Image:
    """A forearm or shin as thin as a stick between its joints."""
    across = 1 / (1 + strength * rng.uniform(1.8, 2.4))
    return of_one_limb(image, region, rng, ARMS + LEGS, profile(0.1, 0.95, across=across, ease=0.3))


def stretch_limb(image: Image, region: Region, rng: random.Random, strength: float = 1.0) -> Image:
    """A forearm or shin nearly twice as long."""
    along = 1 + strength * rng.uniform(0.9, 1.15)
    return of_one_limb(image, region, rng, ARMS + LEGS, profile(0.1, 0.95, along=along, ease=0.15))


def shorten_limb(image: Image, region: Region, rng: random.Random, strength: float = 1.0) -> Image:
    """A forearm or shin of a third of its length: the hand or foot follows soon after elbow or knee."""
    along = 1 / (1 + strength * rng.uniform(2.5, 3.5))
    return of_one_limb(image, region, rng, ARMS + LEGS, profile(0.05, 0.95, along=along, ease=0.1))


def of_one_limb(
    image: Image, region: Region, rng: random.Random, chains: tuple[tuple[int, int, int], ...], shape: Profile
) -> Image:
    """A copy of `image` with the lower bone of the first limb, in an order of chance, that allows it in `shape`."""
    limbs = find_limbs(image, region, chains)
    return first_possible(
        rng.sample(limbs, len(limbs)), lambda limb: reshape_limb(image, region, limb, shape)
    )


def reshape_limb(image: Image, region: Region, limb: Limb, shape: Profile) -> Image:
    """A copy of `image` with the limb's lower bone, and all that follows it, given a new `shape`.

    Raises:
        Unsuitable: the limb is not free, leaves the image, or uncovers a background that cannot be filled.
    """
    check_free(region, limb, start=1)
    axis = Axis(limb.joints[1], limb.joints[2])
    tip = axis.start + np.interp(1.35, shape.before, shape.after) * (axis.end - axis.start)
    if beyond(tip[None], image.shape).max() > 0:
        raise Unsuitable("no room for so long a limb")
    box = box_around(np.concatenate([limb.joints[1:], tip[None]]), 0.9 * axis.length, image.shape)
    left, top, right, bottom = box
    grid = pixel_grid(box)
    source = unshape(grid, axis, shape)
    piece = limb_pixels(region, limb, box)
    check_end(piece, limb, box)
    along = to_bone(source, axis.start, axis.end)[0]
    layer = carried(image, box, piece, source, smoothstep(along, -0.1, 0.0))
    gone = (piece & displaced(source, grid)) | crumbs(region, piece, box)
    stays = people(region, box) & ~gone
    crop = image[top:bottom, left:right]
    return paste(image, box, laid(uncovered(crop, layer, gone, stays, 0.08 * axis.length), layer))
