"""Background for a large hole, from patches all around it, from coarse to fine.

Every patch that touches the hole is matched to a patch of the known background, the hole's colours are the
mean of what the matches propose, and both steps are repeated. Source: Wexler, Shechtman and Irani,
"Space-time completion of video", PAMI 29(3), 2007. On the coarse levels every place is compared, on finer
ones only those near the places found before and near those of neighbours (Barnes et al., "PatchMatch",
SIGGRAPH 2009).
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from asap.pairs.degradations import Unsuitable
from asap.pairs.edits.fill import soft_edge
from asap.pairs.edits.patch_match import (
    RADIUS,
    Places,
    distances,
    inside,
    nearest_valid,
    refine,
    search,
    spots,
)
from asap.pairs.edits.warp import Field, spread, to_bytes
from asap.records import Image, Mask

COARSEST, EXHAUSTIVE, FINEST = 40, 84, 160
"""Longest sides, in pixels: of the first level, of the last one searched in full, and of the last one."""
FADE = 0.75
"""How much less a pixel counts for every pixel that it lies deeper in the hole."""
WORST_MATCH = 11.0
"""Root mean square difference of patches at the rim, in grey levels, above which a seam would show."""


class Level(NamedTuple):
    """One size of the picture, padded by RADIUS: colours (h, w, 3), the pixels to fill, those known."""

    image: Field
    hole: Mask
    known: Mask


class Match(NamedTuple):
    """All patches' matches (h, w, 2), rows and columns; colours (h, w, 3); the cost on the hole's rim."""

    places: Places
    colours: Field
    cost: float


def inpaint(image: Image, hole: Mask, forbidden: Mask, width: float) -> Image:
    """A copy of `image` (H, W, 3) with `hole` filled by what is around it.

    Args:
        image: the crop to fill; all is copied from within it.
        hole: what to fill.
        forbidden: what must neither be copied nor continued, such as the person; the hole may lie in it.
        width: over how many pixels the hole's rim is lit as its surroundings.

    Raises:
        Unsuitable: there is too little background, or nothing in it that goes with the hole's rim.
    """
    if not hole.any():
        return image.copy()
    known = ~(hole | forbidden)
    if known.sum() < max(400, 0.5 * hole.sum()):
        raise Unsuitable("too little background to fill from")
    first, *others = level_sizes(max(image.shape[:2]))
    level = at_size(image, hole, known, first)
    found = solve(level, None, full=True)
    for size in others:
        level = at_size(image, hole, known, size)
        found = solve(level, found, full=size <= EXHAUSTIVE)
    if found.cost > WORST_MATCH:
        raise Unsuitable("background not simple enough to fill")
    return copied(image, hole, known, found.places, width)


def level_sizes(longest: int) -> list[int]:
    """The longest sides of the levels: doubled from the coarsest to the finest, none above `longest`."""
    last = min(longest, FINEST)
    sizes = [last]
    while sizes[0] > 1.5 * COARSEST:
        sizes.insert(0, max(COARSEST, sizes[0] // 2))
    return sizes


def at_size(image: Image, hole: Mask, known: Mask, size: int) -> Level:
    """The `Level` whose longest side is `size`; a pixel is known where all that it covers is."""
    scale = size / max(image.shape[:2])
    shape = tuple(max(2 * RADIUS + 2, round(n * scale)) for n in image.shape[1::-1])

    def small(values: NDArray[np.float32]) -> Field:
        resized = cv2.resize(values, shape, interpolation=cv2.INTER_AREA)
        return np.asarray(
            np.pad(resized, [(RADIUS, RADIUS)] * 2 + [(0, 0)] * (resized.ndim - 2), mode="edge")
        )

    sure, empty = (small(mask.astype(np.float32)) for mask in (known, hole))
    weighted = small(image.astype(np.float32) * known[..., None]) / np.maximum(sure, 1e-3)[..., None]
    inner = np.pad(np.ones(shape[::-1], bool), RADIUS)
    hole_s = (empty > 0.02) & inner
    return Level(weighted.astype(np.float32), hole_s, (sure > 0.98) & ~hole_s & inner)


def solve(level: Level, coarser: Match | None, *, full: bool) -> Match:
    """The matches of all patches that touch the hole; `full` compares all places."""
    shape = level.image.shape[:2]
    image = start(level, coarser)
    side = np.ones((2 * RADIUS + 1,) * 2, np.uint8)
    targets = spots(cv2.dilate(level.hole.astype(np.uint8), side) > 0)
    targets = targets[inside(targets, shape)]
    valid = cv2.erode(level.known.astype(np.uint8), side, borderValue=0) > 0
    if not valid.any():
        raise Unsuitable("too little background to fill from")
    depth = cv2.distanceTransform(level.hole.astype(np.uint8), cv2.DIST_L2, 3)
    trust = np.where(level.hole, FADE**depth, level.known).astype(np.float32)
    places = targets if coarser is None else nearest_valid(resized(coarser.places, shape), valid, targets)
    for turn in range(6 if coarser is None else 2):
        if full:
            places = search(image, trust, targets, valid)
        else:
            places = refine(image, trust, targets, valid, places, turn)
        image = vote(image, level, trust, targets, places)
    rim = cv2.dilate(level.known.astype(np.uint8), side)[tuple(targets.T)] > 0
    errors = distances(image, level.known.astype(np.float32), targets[rim], places[rim])
    whole = np.indices(shape).transpose(1, 2, 0).astype(np.int32)
    whole[tuple(targets.T)] = places
    return Match(whole, image, float(np.sqrt(np.quantile(errors, 0.9))) if rim.any() else 0.0)


def start(level: Level, coarser: Match | None) -> Field:
    """(h, w, 3) the colours to begin with: in the hole those of the coarser level, or a blur of its rim."""
    image = level.image.copy()
    if coarser is None:
        guess = spread(image, level.known[..., None], 0.15 * max(image.shape))
    else:
        guess = cv2.resize(coarser.colours, image.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    image[level.hole] = guess[level.hole]
    return image


def vote(image: Field, level: Level, trust: Field, targets: Places, places: Places) -> Field:
    """`image` with each pixel of the hole the mean of what its patches propose, the better ones more."""
    cost = distances(image, trust, targets, places)
    spread_of = max(float(np.quantile(cost, 0.75)), 1.0)
    weight = np.exp(-cost / (2 * spread_of)) * trust[tuple(targets.T)].clip(0.05)
    total, weights = np.zeros_like(image), np.zeros(image.shape[:2], np.float32)
    for row in range(-RADIUS, RADIUS + 1):
        for column in range(-RADIUS, RADIUS + 1):
            step = np.array((row, column), np.int32)
            to, source = targets + step, places + step
            total[tuple(to.T)] += weight[:, None] * image[tuple(source.T)]
            weights[tuple(to.T)] += weight
    result = image.copy()
    filled = level.hole & (weights > 0)
    result[filled] = total[filled] / weights[filled][:, None]
    return result


def resized(field: Places, shape: tuple[int, ...]) -> Places:
    """The matches of a coarser level on the pixels of a finer one, of `shape`, both padded."""
    old = np.array(field.shape[:2]) - 2 * RADIUS
    scale = (np.array(shape) - 2 * RADIUS) / old
    offsets = (field - np.indices(field.shape[:2]).transpose(1, 2, 0)) * scale
    rows, columns = (
        np.clip(((np.arange(n) - RADIUS + 0.5) / s).astype(int), 0, o - 1) + RADIUS
        for n, s, o in zip(shape, scale, old)
    )
    whole = np.indices(shape[:2]).transpose(1, 2, 0) + offsets[rows[:, None], columns[None]]
    return np.asarray(whole.round(), np.int32)


def copied(image: Image, hole: Mask, known: Mask, field: Places, width: float) -> Image:
    """`image` with each pixel of the hole copied, at full size, from where the finest level found it."""
    height, wide = image.shape[:2]
    padded = (height + 2 * RADIUS, wide + 2 * RADIUS)
    source = resized(field, padded)[RADIUS:-RADIUS, RADIUS:-RADIUS] - RADIUS
    valid = nearest_valid(source, known, spots(np.ones_like(known))).reshape(height, wide, 2)
    old = image.astype(np.float32)
    new = old[valid[..., 0], valid[..., 1]]
    proposal = np.where(hole[..., None], new, old)
    smooth = cv2.GaussianBlur(proposal, (0, 0), 0.7)
    edge = soft_edge(hole, 0.15 * width)[..., None]
    return to_bytes(old + edge * (smooth - old))
