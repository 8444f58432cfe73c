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
    Found,
    Places,
    Wanted,
    distances,
    inside,
    nearest_valid,
    patches,
    refine,
    search,
    spots,
    wanted,
)
from asap.pairs.edits.warp import Field, spread, to_bytes
from asap.records import Image, Mask

COARSEST, EXHAUSTIVE, FINEST = 40, 84, 160
"""Longest sides, in pixels: of the first level, of the last one searched in full, and of the last one."""
FADE = 0.75
"""How much less a pixel counts for every pixel that it lies deeper in the hole."""
WORST_MATCH = 11.0
"""Root mean square difference of patches at the rim, in grey levels, above which a seam would show."""
HOPELESS = 16.0
"""The same on a level before the finest, above which no hole was seen to come to `WORST_MATCH`."""


class Level(NamedTuple):
    """One size of the picture, padded by RADIUS: colours (h, w, 3), the pixels to fill, those known."""

    image: Field
    hole: Mask
    known: Mask


class Match(NamedTuple):
    """All patches' matches (h, w, 2), steps in rows and columns; colours (h, w, 3); the cost on the rim."""

    steps: NDArray[np.int32]
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
        if size > COARSEST and found.cost > HOPELESS:
            break
    if found.cost > WORST_MATCH:
        raise Unsuitable("background not simple enough to fill")
    return copied(image, hole, known, found.steps, width)


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
    spread_out = spots(cv2.dilate(level.hole.astype(np.uint8), side) > 0)
    targets = wanted(trust_of(level), spread_out[inside(spread_out, shape)])
    valid = cv2.erode(level.known.astype(np.uint8), side, borderValue=0) > 0
    if not valid.any():
        raise Unsuitable("too little background to fill from")
    places = targets.places
    if coarser is not None:
        places = nearest_valid(moved(places, shape, coarser.steps), valid)
    for turn in range(6 if coarser is None else 2):
        every = patches(image)
        found = search(every, targets, valid) if full else refine(every, targets, valid, places, turn)
        image, places = vote(image, level, targets, found), found.places
    steps = np.zeros((shape[0] * shape[1], 2), np.int32)
    steps[targets.places] = np.stack(np.divmod(places, shape[1]), 1) - np.stack(
        np.divmod(targets.places, shape[1]), 1
    )
    return Match(steps.reshape(*shape, 2), image, rim_cost(image, level, targets.places, places))


def trust_of(level: Level) -> Field:
    """(h, w) how much each pixel counts in a patch: 1 where it is known, less the deeper in the hole."""
    depth = cv2.distanceTransform(level.hole.astype(np.uint8), cv2.DIST_L2, 3)
    return np.where(level.hole, FADE**depth, level.known).astype(np.float32)


def rim_cost(image: Field, level: Level, targets: Places, places: Places) -> float:
    """Root of the mean square difference that nine tenths of the patches on the hole's rim keep to."""
    side = np.ones((2 * RADIUS + 1,) * 2, np.uint8)
    rim = cv2.dilate(level.known.astype(np.uint8), side).reshape(-1)[targets] > 0
    if not rim.any():
        return 0.0
    every = patches(image)
    at_rim = wanted(level.known.astype(np.float32), targets[rim])
    errors = distances(every, every.at(at_rim.places), at_rim, places[rim])
    return float(np.sqrt(np.quantile(errors, 0.9)))


def start(level: Level, coarser: Match | None) -> Field:
    """(h, w, 3) the colours to begin with: in the hole those of the coarser level, or a blur of its rim."""
    image = level.image.copy()
    if coarser is None:
        guess = spread(image, level.known[..., None], 0.15 * max(image.shape))
    else:
        guess = cv2.resize(coarser.colours, image.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    image[level.hole] = guess[level.hole]
    return image


def vote(image: Field, level: Level, targets: Wanted, found: Found) -> Field:
    """`image` with each pixel of the hole the mean of what its patches propose, the better ones more."""
    places, cost = found
    spread_of = max(float(np.quantile(cost, 0.75)), 1.0)
    middle = targets.weights[:, targets.weights.shape[1] // 2]
    weight = np.exp(-cost / (2 * spread_of)) * middle.clip(0.05)
    colours, width = image.reshape(-1, 3), image.shape[1]
    weight_at, place_at = np.zeros(len(colours), np.float32), np.arange(len(colours))
    weight_at[targets.places], place_at[targets.places] = weight, places
    hole = spots(level.hole)
    total, weights = np.zeros((len(hole), 3), np.float32), np.zeros(len(hole), np.float32)
    for row in range(-RADIUS, RADIUS + 1):
        for column in range(-RADIUS, RADIUS + 1):
            step = row * width + column
            around = hole - step
            share = weight_at[around]
            total += share[:, None] * colours.take(place_at[around] + step, axis=0)
            weights += share
    result, filled = image.copy(), weights > 0
    result.reshape(-1, 3)[hole[filled]] = total[filled] / weights[filled][:, None]
    return result


def moved(places: Places, shape: tuple[int, ...], steps: NDArray[np.int32]) -> Places:
    """(N,) where `places` of a picture of `shape` come to lie by the `steps` of a coarser level, both padded;
    what leaves the picture comes to its border."""
    old = np.array(steps.shape[:2]) - 2 * RADIUS
    scale = (np.array(shape) - 2 * RADIUS) / old
    rows, columns = np.divmod(places, shape[1])
    coarse = (
        np.clip(((at - RADIUS + 0.5) / s).astype(int), 0, o - 1) + RADIUS
        for at, s, o in zip((rows, columns), scale, old)
    )
    row_step, column_step = (steps[tuple(coarse)] * scale).T
    ends = zip((rows + row_step, columns + column_step), shape)
    row, column = (np.clip(end.round().astype(np.intp), 0, n - 1) for end, n in ends)
    return np.asarray(row * shape[1] + column)


def copied(image: Image, hole: Mask, known: Mask, steps: NDArray[np.int32], width: float) -> Image:
    """`image` with each pixel of the hole copied, at full size, from where the finest level found it."""
    height, wide = image.shape[:2]
    rows, columns = np.nonzero(hole)
    inner, padded = wide + 2 * RADIUS, (height + 2 * RADIUS, wide + 2 * RADIUS)
    found = moved((rows + RADIUS) * inner + columns + RADIUS, padded, steps)
    row, column = np.divmod(found, inner)
    row, column = (row - RADIUS).clip(0, height - 1), (column - RADIUS).clip(0, wide - 1)
    source = nearest_valid(row * wide + column, known)
    old = image.astype(np.float32)
    proposal = old.copy()
    proposal[rows, columns] = old.reshape(-1, 3)[source]
    smooth = cv2.GaussianBlur(proposal, (0, 0), 0.7)
    edge = soft_edge(hole, 0.15 * width)[..., None]
    return to_bytes(old + edge * (smooth - old))
