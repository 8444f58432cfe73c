"""For patches of a picture their most similar ones elsewhere in it; `inpaint` fills holes with them.

Places are rows and columns. Colours are those of a picture padded by RADIUS.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from asap.pairs.edits.warp import Field
from asap.records import Mask

Places = NDArray[np.int32]

RADIUS = 2
"""A patch has 2 RADIUS + 1 pixels a side."""


def spots(mask: Mask) -> Places:
    """(N, 2) the rows and columns of the pixels in `mask`."""
    return np.argwhere(mask).astype(np.int32)


def inside(places: Places, shape: tuple[int, ...]) -> Mask:
    """(N,) whether the patch around each place lies in the picture."""
    return np.asarray(((places >= RADIUS) & (places < np.array(shape) - RADIUS)).all(axis=1))


def patches(values: Field, places: Places) -> Field:
    """(N, K) the patches of `values` (h, w) or (h, w, C) around `places` (N, 2)."""
    window = np.arange(-RADIUS, RADIUS + 1)
    rows, columns = (places[:, axis, None] + window for axis in (0, 1))
    picked: Field = values[rows[:, :, None], columns[:, None, :]].reshape(len(places), -1)
    return picked


def search(image: Field, trust: Field, targets: Places, valid: Mask) -> Places:
    """(N, 2) for each of `targets` the best of all places that are `valid`."""
    sources = spots(valid)
    theirs = patches(image, sources)
    weights = np.repeat(patches(trust, targets), 3, axis=1)
    own = patches(image, targets)
    best = np.empty((len(targets), 2), np.int32)
    for first in range(0, len(targets), 1024):
        part = slice(first, first + 1024)
        cost = weights[part] @ (theirs**2).T - 2 * (weights[part] * own[part]) @ theirs.T
        best[part] = sources[cost.argmin(axis=1)]
    return best


def refine(image: Field, trust: Field, targets: Places, valid: Mask, places: Places, turn: int) -> Places:
    """(N, 2) `places` made better by what neighbours have found, and by small steps."""
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
    """(N,) mean square difference of the patches at `targets` and `places`, by the targets' trust."""
    weights = patches(trust, targets)
    apart = (patches(image, targets) - patches(image, places)).reshape(*weights.shape, 3)
    return np.asarray(((apart**2).mean(axis=2) * weights).sum(axis=1) / np.maximum(weights.sum(axis=1), 1e-6))


def nearest_valid(field: Places, valid: Mask, targets: Places) -> Places:
    """(N, 2) the matches at `targets`, each moved to the nearest place that is `valid`."""
    _, labels = cv2.distanceTransformWithLabels(
        (~valid).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    place = np.zeros((labels.max() + 1, 2), np.int32)
    place[labels[valid]] = spots(valid)
    wanted = np.clip(field[tuple(targets.T)], 0, np.array(valid.shape) - 1)
    return np.asarray(place[labels[tuple(wanted.T)]])
