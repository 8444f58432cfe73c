"""A body part lifted out of its photo, reshaped along an axis, and laid back over a filled background."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from asap.pairs.edits.fill import soft_edge
from asap.pairs.edits.hands.hand import by_bone
from asap.pairs.edits.inpaint import inpaint
from asap.pairs.edits.warp import Field, disc, rotation, sample, smoothstep, to_bytes
from asap.records import Box, Image, Mask, Points

FAR = 12.0
"""How far from the axis' start, in its lengths, a profile goes on."""
STEP = 0.01
"""Distance between a profile's samples, in lengths of the axis."""


class Axis(NamedTuple):
    """A line from `start` (2,) to `end` (2,); pixels are told by how far along and across it they lie."""

    start: Points
    end: Points

    @property
    def length(self) -> float:
        """In pixels."""
        return float(np.hypot(*(self.end - self.start)))


class Profile(NamedTuple):
    """What becomes of a part along its axis: (N,) places before and after, in lengths, and widths' scales."""

    before: Field
    after: Field
    width: Field


def profile(
    low: float, high: float, *, along: float = 1.0, across: float = 1.0, ease: float = 0.2
) -> Profile:
    """The `Profile` that scales a part between `low` and `high`, in lengths, and leaves the rest as it is.

    Args:
        low, high: where the scaling begins and ends; `high` may be infinite: then all that follows is scaled.
        along, across: the scales.
        ease: over what distance the scaling sets in and fades.
    """
    before = np.arange(-FAR, FAR, STEP, dtype=np.float32)
    share = smoothstep(before, low, low + ease)
    if np.isfinite(high):
        share = share * (1 - smoothstep(before, high - ease, high))
    after = np.cumsum(1 + (along - 1) * share) * STEP
    after += low - np.interp(low, before, after)
    return Profile(before, after.astype(np.float32), 1 + (across - 1) * share)


def unshape(grid: Field, axis: Axis, shape: Profile) -> Field:
    """(h, w, 2) where each pixel of `grid` lay before the part was given its new `shape`."""
    along, old = by_bone(grid, axis.start, axis.end)
    before = np.asarray(np.interp(along, shape.after, shape.before), np.float32)
    across = old / np.asarray(np.interp(before, shape.before, shape.width), np.float32)
    way = (axis.end - axis.start) / axis.length
    normal = rotation(np.pi / 2) @ way
    place = np.empty((*along.shape, 2), np.float32)
    for i in (0, 1):  # broadcasting along so short an axis takes several times as long
        place[..., i] = axis.start[i] + before * (axis.end - axis.start)[i] + across * normal[i]
    return place


def turned(grid: Field, centre: Points, angle: float) -> Field:
    """(h, w, 2) where each pixel lay before a turn by `angle` radians (+x towards +y) about `centre`."""
    return np.asarray((grid - centre) @ rotation(angle) + centre, np.float32)


def mirrored(grid: Field, axis: Axis) -> Field:
    """(h, w, 2) each pixel's mirror image across the axis."""
    _, across = by_bone(grid, axis.start, axis.end)
    normal = rotation(np.pi / 2) @ (axis.end - axis.start) / axis.length
    return np.asarray(grid - 2 * across[..., None] * normal, np.float32)


def displaced(source: Field, grid: Field) -> Mask:
    """(h, w) the pixels whose `source` is elsewhere, by a third of a pixel and more."""
    apart = np.abs(source - grid)
    return np.asarray(np.maximum(apart[..., 0], apart[..., 1]) > 0.33)


def carried(image: Image, box: Box, piece: Mask, source: Field, fade: Field | None = None) -> Field:
    """(h, w, 4) colours and opacity (0 to 255, times `fade`) of `piece`, each pixel read at its `source`."""
    left, top, right, bottom = box
    opacity = soft_edge(cv2.erode(piece.astype(np.uint8), disc(1)) > 0, 1.0)
    if fade is not None:
        opacity = opacity * fade
    layers = np.dstack([image[top:bottom, left:right].astype(np.float32), 255 * opacity])
    return sample(layers, (source - (left, top)).astype(np.float32))


def laid(under: Image, layer: Field) -> Image:
    """`under` (h, w, 3) with a layer of `carried` over it."""
    alpha, below = np.clip(layer[..., 3:] / 255, 0, 1), under.astype(np.float32)
    return to_bytes(below + alpha * (layer[..., :3] - below))


def uncovered(crop: Image, layer: Field, gone: Mask, stays: Mask, width: float, least: float = 0.1) -> Image:
    """`crop` (h, w, 3) with background wherever `gone` is and the layer comes not to lie.

    `stays` is what else of people is in the crop: neither copied from nor painted over. `width` is the
    breadth of the rim that is blended, in pixels; gaps narrower than twice `least` of it stay as they are.

    Raises:
        Unsuitable: the background is not simple enough.
    """
    covered = cv2.erode((layer[..., 3] > 250).astype(np.uint8), disc(2)) > 0
    lost = cv2.morphologyEx((gone & ~covered).astype(np.uint8), cv2.MORPH_OPEN, disc(max(1, least * width)))
    hole = (cv2.dilate(lost, disc(0.9 * width)) > 0) & ~stays & ~covered
    forbidden = cv2.dilate((stays | gone).astype(np.uint8), disc(3)) > 0
    filled = inpaint(crop, hole, forbidden, width)
    return np.asarray(np.where(stays[..., None], crop, filled))
