"""For patches of a picture their most similar ones elsewhere in it; `inpaint` fills holes with them.

Colours are those of a picture (h, w, C) padded by RADIUS. A place is the number of its pixel, row by row: so
a step of `dy` rows and `dx` columns is the number `dy * w + dx`. Places that may be copied (`valid`) lie
RADIUS or more from the border, and so a step of at most 2 RADIUS that leaves the picture, and would go on at
the row's other end, ends at a place that is not valid.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from asap.pairs.edits.warp import Field
from asap.records import Mask

Places = NDArray[np.intp]

RADIUS = 2
"""A patch has 2 RADIUS + 1 pixels a side."""
AT_ONCE = 2**18
"""Differences that `search` holds at a time: as many as a core's own memory does."""


class Patches(NamedTuple):
    """All patches of a picture: `rows` (P, K) by the number of their first pixel; `first` that of place 0."""

    rows: Field
    first: int

    def at(self, places: Places) -> Field:
        """(N, K) the patches around `places` (N,)."""
        return self.rows.take(places + self.first, axis=0)


class Wanted(NamedTuple):
    """The N patches to be matched: `places` (N,), the `weights` (N, K) of their values, their sums."""

    places: Places
    weights: Field
    total: Field


class Found(NamedTuple):
    """A place for each of the N patches, and its cost (N,): the mean square difference by the weights."""

    places: Places
    cost: Field


def patches(values: Field) -> Patches:
    """All patches of `values` (h, w) or (h, w, C). Those that would run over the border mean nothing."""
    layers = np.ascontiguousarray(values).reshape(*values.shape[:2], -1)
    (height, width, depth), (row, pixel, value) = layers.shape, layers.strides
    side = 2 * RADIUS + 1
    count = (height - side + 1) * width - side + 1
    windows = np.lib.stride_tricks.as_strided(layers, (count, side, side * depth), (pixel, row, value))
    return Patches(windows.reshape(count, -1), -RADIUS * (width + 1))


def wanted(trust: Field, places: Places) -> Wanted:
    """The patches around `places` (N,), each pixel weighing as much as its `trust` (h, w)."""
    weights = np.repeat(patches(trust).at(places), 3, axis=1)
    return Wanted(places, weights, np.maximum(weights.sum(axis=1), 3e-6))


def spots(mask: Mask) -> Places:
    """(N,) the places in `mask`, in order."""
    return np.flatnonzero(mask)


def inside(places: Places, shape: tuple[int, ...]) -> Mask:
    """(N,) whether the patch around each place lies in the picture."""
    rows, columns = np.divmod(places, shape[1])
    bottom, right = shape[0] - RADIUS, shape[1] - RADIUS
    return (rows >= RADIUS) & (rows < bottom) & (columns >= RADIUS) & (columns < right)


def search(every: Patches, targets: Wanted, valid: Mask) -> Found:
    """For each of `targets` the best of all places that are `valid`; `every` are the picture's patches.

    The weighted square of a difference, less its part that no choice changes, is one product of matrices:
    sum_k w_k (t_k^2 - 2 o_k t_k), with t a valid place's patch and o the target's own.
    """
    sources = spots(valid)
    theirs, own = every.at(sources), every.at(targets.places)
    squares = np.einsum("nkc,nkc->nk", *[theirs.reshape(len(sources), -1, 3)] * 2)
    offered = np.concatenate([squares, theirs], axis=1).T
    asked = np.concatenate([targets.weights[:, ::3], -2 * targets.weights * own], axis=1)
    best, rows = np.empty(len(own), np.intp), max(16, AT_ONCE // max(1, len(sources)))
    for first in range(0, len(own), rows):
        part = slice(first, first + rows)
        best[part] = sources[(asked[part] @ offered).argmin(axis=1)]
    return Found(best, distances(every, own, targets, best))


def refine(every: Patches, targets: Wanted, valid: Mask, places: Places, turn: int) -> Found:
    """`places` (N,), all valid, made better by what neighbours have found, and by small steps."""
    (height, width), best = valid.shape, places.copy()
    own = every.at(targets.places)
    cost = distances(every, own, targets, best)
    step = (4, 2, 1)[turn % 3]
    whole = np.arange(height * width)
    rows, columns = np.divmod(targets.places, width)
    for down, right in ((0, step), (0, -step), (step, 0), (-step, 0)):
        whole[targets.places] = best
        at = (rows + down).clip(0, height - 1) * width + (columns + right).clip(0, width - 1)
        keep_better(every, own, targets, valid, best, cost, whole[at] - (down * width + right))
        small = int(np.sign(down)) * width + int(np.sign(right))
        keep_better(every, own, targets, valid, best, cost, best + small)
    return Found(best, cost)


def keep_better(
    every: Patches, own: Field, targets: Wanted, valid: Mask, best: Places, cost: Field, other: Places
) -> None:
    """Write into `best` those of the places `other` that are valid and cost less, and into `cost` what."""
    tried = np.flatnonzero(valid.take(other, mode="wrap") & (other != best))
    if not len(tried):
        return
    some = Wanted(targets.places[tried], targets.weights[tried], targets.total[tried])
    new = distances(every, own[tried], some, other[tried])
    better = new < cost[tried]
    best[tried[better]], cost[tried[better]] = other[tried[better]], new[better]


def distances(every: Patches, own: Field, targets: Wanted, places: Places) -> Field:
    """(N,) mean square difference of the targets' `own` patches and those at `places`, by their weights."""
    apart = own - every.at(places)
    apart *= apart
    return np.asarray(np.einsum("nk,nk->n", apart, targets.weights) / targets.total)


def nearest_valid(wanted: Places, valid: Mask) -> Places:
    """(N,) the places `wanted`, each moved to the nearest that is `valid`."""
    _, labels = cv2.distanceTransformWithLabels(
        (~valid).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    place = np.zeros(labels.max() + 1, np.intp)
    place[labels[valid]] = spots(valid)
    return np.asarray(place[labels.reshape(-1)[wanted]])
