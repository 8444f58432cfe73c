"""Errors of a limb's shape: swollen, pinched, stretched, shortened, cut to a stump; feet of a wrong size."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import numpy as np

from asap.anatomy.hands import beyond
from asap.pairs.degradations import Unsuitable, first_possible
from asap.pairs.edits.fill import soft_edge
from asap.pairs.edits.hands.hand import by_bone
from asap.pairs.edits.layers import Axis, Profile, carried, displaced, laid, profile, uncovered, unshape
from asap.pairs.edits.limbs.limb import (
    ARMS,
    LEGS,
    Limb,
    check_end,
    check_free,
    crumbs,
    find_limbs,
    lower_pixels,
    people,
)
from asap.pairs.edits.warp import Field, box_around, paste, pixel_grid, smoothstep
from asap.records import Box, Image, Mask, Region

ROUND = 0.85
"""How far a stump's end bulges, in half its breadth."""
SHADE = 0.3
"""How much darker its rim is, where it turns away."""


def swell_limb(image: Image, region: Region, rng: random.Random, *, strength: float = 1.0) -> Image:
    """A forearm or shin swollen to twice its breadth between its joints."""
    across = 1 + strength * rng.uniform(1.0, 1.3)
    return of_one_limb(image, region, rng, ARMS + LEGS, profile(0.1, 0.95, across=across, ease=0.35))


def pinch_limb(image: Image, region: Region, rng: random.Random, *, strength: float = 1.0) -> Image:
    """A forearm or shin as thin as a stick between its joints."""
    across = 1 / (1 + strength * rng.uniform(1.8, 2.4))
    return of_one_limb(image, region, rng, ARMS + LEGS, profile(0.1, 0.95, across=across, ease=0.3))


def stretch_limb(image: Image, region: Region, rng: random.Random, *, strength: float = 1.0) -> Image:
    """A forearm or shin nearly twice as long."""
    along = 1 + strength * rng.uniform(0.9, 1.15)
    return of_one_limb(image, region, rng, ARMS + LEGS, profile(0.1, 0.95, along=along, ease=0.15))


def shorten_limb(image: Image, region: Region, rng: random.Random, *, strength: float = 1.0) -> Image:
    """A forearm or shin of a third of its length: the hand or foot follows soon after elbow or knee."""
    along = 1 / (1 + strength * rng.uniform(2.5, 3.5))
    return of_one_limb(image, region, rng, ARMS + LEGS, profile(0.05, 0.95, along=along, ease=0.1))


def swell_foot(image: Image, region: Region, rng: random.Random, *, strength: float = 1.0) -> Image:
    """A foot twice too large for its leg."""
    scale = 1 + strength * rng.uniform(0.85, 1.1)
    return of_one_limb(image, region, rng, LEGS, profile(0.8, math.inf, along=scale, across=scale, ease=0.25))


def shrink_foot(image: Image, region: Region, rng: random.Random, *, strength: float = 1.0) -> Image:
    """A foot half as large as it ought to be."""
    scale = 1 / (1 + strength * rng.uniform(0.9, 1.2))
    return of_one_limb(
        image, region, rng, LEGS, profile(0.75, math.inf, along=scale, across=scale, ease=0.25)
    )


def cut_limb(image: Image, region: Region, rng: random.Random) -> Image:
    """A forearm or shin that ends in a round stump half way to the hand or foot."""
    limbs, keep = find_limbs(image, region, ARMS + LEGS), rng.uniform(0.3, 0.55)
    return first_possible(rng.sample(limbs, len(limbs)), lambda limb: end_limb(image, region, limb, keep))


def end_limb(image: Image, region: Region, limb: Limb, keep: float) -> Image:
    """A copy of `image` with the limb's lower bone in a stump that ends soon after `keep` of its length."""
    axis = Axis(limb.joints[1], limb.joints[2])
    box = box_around(limb.joints[1:], 1.1 * axis.length, image.shape)

    def edit(piece: Mask) -> tuple[Field, Mask]:
        grid = pixel_grid(box)
        along, across = by_bone(grid, axis.start, axis.end)
        ring = across[piece & (np.abs(along - keep) < 0.03)]
        if not ring.size:
            raise Unsuitable("the limb is not told from what it touches")
        low, high = ring.min(), ring.max()
        half = max(float(high - low) / 2, 1.0)
        x, y = (across - (low + high) / 2) / half, (along - keep) * axis.length / (ROUND * half)
        away = np.where(y > 0, np.hypot(x, y), 0.0)
        layer = carried(image, box, piece, grid)
        layer[..., :3] *= 1 - SHADE * (smoothstep(away, 0.2, 1.0) * np.clip(y, 0, 1))[..., None]
        layer[..., 3] *= soft_edge(away < 1, 1.0)
        return layer, piece & (away >= 1)

    return edit_limb(image, region, limb, box, edit)


def of_one_limb(
    image: Image, region: Region, rng: random.Random, chains: tuple[tuple[int, int, int], ...], shape: Profile
) -> Image:
    """A copy of `image` with the lower bone of one limb, the first that allows it, in `shape`."""
    limbs = find_limbs(image, region, chains)
    return first_possible(
        rng.sample(limbs, len(limbs)), lambda limb: reshape_limb(image, region, limb, shape)
    )


def reshape_limb(image: Image, region: Region, limb: Limb, shape: Profile) -> Image:
    """A copy of `image` with the limb's lower bone, and all that follows it, given a new `shape`.

    Raises:
        Unsuitable: the limb is not free, leaves the image, or uncovers a background that cannot be filled.
    """
    axis = Axis(limb.joints[1], limb.joints[2])
    reach = 1.6 if limb.arm else 1.2
    place = float(np.interp(reach, shape.before, shape.after))
    tip = axis.start + place * (axis.end - axis.start)
    if place > reach + 0.05 and beyond(tip[None], image.shape).max() > 0:
        raise Unsuitable("no room for so long a limb")
    box = box_around(np.concatenate([limb.joints[1:], tip[None]]), 0.9 * axis.length, image.shape)

    def edit(piece: Mask) -> tuple[Field, Mask]:
        grid = pixel_grid(box)
        source = unshape(grid, axis, shape)
        return carried(image, box, piece, source), piece & displaced(source, grid)

    return edit_limb(image, region, limb, box, edit, 0.1 if shape.width.max() <= 1 else 0.35)


def edit_limb(  # the plain values that a picture needs
    image: Image,
    region: Region,
    limb: Limb,
    box: Box,
    edit: Callable[[Mask], tuple[Field, Mask]],
    least: float = 0.1,
) -> Image:
    """A copy of `image` with the limb's lower bone, hand or foot edited: see `layers.uncovered`.

    `edit` gets their pixels (h, w) in `box`, and returns the layer to lay and the pixels that are gone. It is
    called where the limb is free alone, and most are not: what costs much belongs into it.
    """
    check_free(region, limb, start=1)
    left, top, right, bottom = box
    piece = lower_pixels(region, limb, box)
    check_end(piece, limb, box)
    layer, gone = edit(piece)
    gone = gone | crumbs(region, piece, box)
    crop, stays = image[top:bottom, left:right], people(region, box) & ~gone
    return paste(image, box, laid(uncovered(crop, layer, gone, stays, 0.08 * limb.lengths[1], least), layer))
