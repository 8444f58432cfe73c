"""Background for a large hole, from patches all around it, from coarse to fine.

Every patch that touches the hole is matched to a patch of the known background, the hole's colours are the mean
of what the matches propose, and both steps are repeated. Source: Wexler, Shechtman and Irani, "Space-time
completion of video", PAMI 29(3), 2007; on the coarse levels every place is compared, on finer ones only places
near those found before and near those of neighbours (Barnes et al., "PatchMatch", SIGGRAPH 2009).
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from asap.pairs.degradations import Unsuitable
from asap.pairs.fill import soft_edge
from asap.pairs.warp import Field, spread, to_bytes
from asap.records import Image, Mask

RADIUS = 2
"""A patch has 2 RADIUS + 1 pixels a side."""
COARSEST, EXHAUSTIVE, FINEST = 40, 84, 160
"""Longest sides, in pixels: of the first level, of the last one searched in full, and of the last one."""
FADE = 0.75
"""How much less a pixel counts for every pixel that it lies deeper in the hole."""
WORST_MATCH = 11.0
"""Root mean square difference of patches at the hole's rim, in grey levels, above which the seam would show."""

Places = NDArray[np.int32]


class Level(NamedTuple):
    """One size of the picture, padded by RADIUS: colours (h, w, 3), which pixels to fill, and which are known."""

    image: Field
    hole: Mask
    known: Mask


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
    sizes = level_sizes(max(image.shape[:2]))
    field: Places | None = None
    colours: Field | None = None
    for size in sizes:
        level = at_size(image, hole, known, size)
        field, colours, cost = solve(level, field, colours, full=size <= EXHAUSTIVE)
    if cost > WORST_MATCH:
        raise Unsuitable("background not simple enough to fill")
    return copied(image, hole, known, field, level, width)


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
        return np.asarray(np.pad(resized, [(RADIUS, RADIUS)] * 2 + [(0, 0)] * (resized.ndim - 2), mode="edge"))

    sure, empty = (small(mask.astype(np.float32)) for mask in (known, hole))
    weighted = small(image.astype(np.float32) * known[..., None]) / np.maximum(sure, 1e-3)[..., None]
    inner = np.pad(np.ones(shape[::-1], bool), RADIUS)
    hole_s = (empty > 0.02) & inner
    return Level(weighted, hole_s, (sure > 0.98) & ~hole_s & inner)


def solve(
    level: Level, field: Places | None, colours: Field | None, *, full: bool
) -> tuple[Places, Field, float]:
    """The matches (h, w, 2) of all patches, rows and columns; the colours; and the cost on the hole's rim."""
    image = level.image.copy()
    shape = image.shape[:2]
    if colours is None:
        image[level.hole] = spread(image, level.known[..., None], 0.15 * max(shape))[level.hole]
    else:
        image[level.hole] = cv2.resize(colours, shape[::-1], interpolation=cv2.INTER_LINEAR)[level.hole]
    side = np.ones((2 * RADIUS + 1,) * 2, np.uint8)
    targets = np.argwhere(cv2.dilate(level.hole.astype(np.uint8), side) > 0)
    targets = targets[inside(targets, shape)]
    valid = cv2.erode(level.known.astype(np.uint8), side, borderValue=0) > 0
    if not valid.any():
        raise Unsuitable("too little background to fill from")
    depth = cv2.distanceTransform(level.hole.astype(np.uint8), cv2.DIST_L2, 3)
    trust = np.where(level.hole, FADE**depth, level.known).astype(np.float32)
    places = nearest_valid(resized(field, shape), valid, targets) if field is not None else None
    for turn in range(6 if field is None else 2):
        places = search(image, trust, targets, valid) if full else refine(image, trust, targets, valid, places, turn)
        image = vote(image, level, trust, targets, places)
    rim = cv2.dilate(level.known.astype(np.uint8), side)[tuple(targets.T)] > 0
    errors = distances(image, level.known.astype(np.float32), targets[rim], places[rim])
    whole = np.indices(shape).transpose(1, 2, 0).astype(np.int32)
    whole[tuple(targets.T)] = places
    return whole, image, float(np.sqrt(np.quantile(errors, 0.9)))


def inside(places: Places, shape: tuple[int, ...]) -> Mask:
    """(N,) whether the patch around each place lies in the picture."""
    return np.asarray(((places >= RADIUS) & (places < np.array(shape) - RADIUS)).all(axis=1))


def patches(values: Field, places: Places) -> Field:
    """(N, K) the patches of `values` (h, w) or (h, w, C) around `places` (N, 2)."""
    window = np.arange(-RADIUS, RADIUS + 1)
    rows, columns = (places[:, axis, None] + window for axis in (0, 1))
    return values[rows[:, :, None], columns[:, None, :]].reshape(len(places), -1)


def search(image: Field, trust: Field, targets: Places, valid: Mask) -> Places:
    """(N, 2) for each of `targets` the best of all places that are `valid`."""
    sources = np.argwhere(valid)
    theirs = patches(image, sources)
    weights = np.repeat(patches(trust, targets), 3, axis=1)
    own = patches(image, targets)
    best = np.empty((len(targets), 2), np.int32)
    for start in range(0, len(targets), 1024):
        part = slice(start, start + 1024)
        cost = weights[part] @ (theirs**2).T - 2 * (weights[part] * own[part]) @ theirs.T
        best[part] = sources[cost.argmin(axis=1)]
    return best


def refine(
    image: Field, trust: Field, targets: Places, valid: Mask, places: Places | None, turn: int
) -> Places:
    """(N, 2) `places` made better by what neighbours have found, and by small steps."""
    assert places is not None
    shape = valid.shape
    best = places.copy()
    cost = distances(image, trust, targets, best)
    step = (4, 2, 1)[turn % 3]
    whole = np.indices(shape).transpose(1, 2, 0).astype(np.int32)
    for offset in ((0, step), (0, -step), (step, 0), (-step, 0)):
        whole[tuple(targets.T)] = best
        at = np.clip(targets + offset, 0, np.array(shape) - 1)
        cost = keep_better(image, trust, targets, valid, best, cost, whole[tuple(at.T)] - offset)
        cost = keep_better(image, trust, targets, valid, best, cost, best + np.sign(offset).astype(np.int32))
    return best


def keep_better(
    image: Field, trust: Field, targets: Places, valid: Mask, best: Places, cost: Field, other: Places
) -> Field:
    """Write into `best` those of the places `other` that cost less; returns the costs."""
    allowed = inside(other, valid.shape)
    allowed[allowed] = valid[tuple(other[allowed].T)]
    if not allowed.any():
        return cost
    new = cost.copy()
    new[allowed] = distances(image, trust, targets[allowed], other[allowed])
    better = new < cost
    best[better] = other[better]
    return np.minimum(new, cost)


def distances(image: Field, trust: Field, targets: Places, places: Places) -> Field:
    """(N,) mean square difference of the patches at `targets` and `places`, weighted by the targets' trust."""
    weights = patches(trust, targets)
    apart = (patches(image, targets) - patches(image, places)).reshape(*weights.shape, 3)
    return np.asarray(((apart**2).mean(axis=2) * weights).sum(axis=1) / np.maximum(weights.sum(axis=1), 1e-6))


def vote(image: Field, level: Level, trust: Field, targets: Places, places: Places) -> Field:
    """`image` with each pixel of the hole the mean of what the patches over it propose, the better ones more."""
    cost = distances(image, trust, targets, places)
    spread_of = max(float(np.quantile(cost, 0.75)), 1.0)
    weight = np.exp(-cost / (2 * spread_of)) * trust[tuple(targets.T)].clip(0.05)
    total, weights = np.zeros_like(image), np.zeros(image.shape[:2], np.float32)
    for row in range(-RADIUS, RADIUS + 1):
        for column in range(-RADIUS, RADIUS + 1):
            to, source = targets + (row, column), places + (row, column)
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


def nearest_valid(field: Places, valid: Mask, targets: Places) -> Places:
    """(N, 2) the matches at `targets`, each moved to the nearest place that is `valid`."""
    _, labels = cv2.distanceTransformWithLabels(
        (~valid).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    spots = np.zeros((labels.max() + 1, 2), np.int32)
    spots[labels[valid]] = np.argwhere(valid)
    wanted = np.clip(field[tuple(targets.T)], 0, np.array(valid.shape) - 1)
    return np.asarray(spots[labels[tuple(wanted.T)]])


def copied(image: Image, hole: Mask, known: Mask, field: Places, level: Level, width: float) -> Image:
    """`image` with each pixel of the hole copied, at full size, from where its match of the finest level says."""
    height, wide = image.shape[:2]
    padded = (height + 2 * RADIUS, wide + 2 * RADIUS)
    source = resized(field, padded)[RADIUS:-RADIUS, RADIUS:-RADIUS] - RADIUS
    valid = nearest_valid(source, known, np.argwhere(np.ones_like(known))).reshape(height, wide, 2)
    old = image.astype(np.float32)
    new = old[valid[..., 0], valid[..., 1]]
    proposal = np.where(hole[..., None], new, old)
    smooth = cv2.GaussianBlur(proposal, (0, 0), 0.7)
    edge = soft_edge(hole, 0.15 * width)[..., None]
    return to_bytes(old + edge * (smooth - old))
