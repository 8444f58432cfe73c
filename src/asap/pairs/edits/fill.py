"""Background for a hole: one patch copied from near by, with its colours bent to meet the hole's rim."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from asap.pairs.degradations import Unsuitable
from asap.pairs.edits.warp import Field, disc, smoothstep, spread, to_bytes
from asap.records import Image, Mask

WORST_RIM = 20.0
"""Root mean square difference on the rim, in grey levels, above which the copy would show."""


def fill(image: Image, hole: Mask, forbidden: Mask, width: float) -> Image:
    """A copy of `image` (H, W, 3) with `hole` filled from one place of the same image.

    The hole's edge is blended over a few tenths of `width`, so make the hole that much wider than the thing.

    Args:
        image: the crop to fill; the copy comes from within it.
        hole: what to fill.
        forbidden: what must not be copied and does not count as rim, such as the rest of the hand.
        width: breadth of the rim that must match, in pixels.

    Raises:
        Unsuitable: no place of the crop matches the rim without the forbidden pixels.
    """
    rim = cv2.dilate(hole.astype(np.uint8), disc(width)).astype(bool) & ~hole & ~forbidden
    if rim.sum() < 30 or not hole.any():
        raise Unsuitable("no background around the finger")
    dx, dy = best_offset(image, hole, rim, forbidden | hole)
    shift = np.array([[1, 0, -dx], [0, 1, -dy]], np.float32)
    size = (image.shape[1], image.shape[0])
    old = image.astype(np.float32)
    new = cv2.warpAffine(image, shift, size, borderMode=cv2.BORDER_REPLICATE).astype(np.float32)
    new += spread(old - new, rim[..., None], 1.5 * width)
    return to_bytes(old + soft_edge(hole, 0.2 * width)[..., None] * (new - old))


def fill_parts(image: Image, hole: Mask, forbidden: Mask, width: float) -> Image:
    """As `fill`, for a hole of several parts, each filled from a place of its own.

    `forbidden` may overlap the hole. Specks narrower than a tenth of `width` are left as they are.
    """
    opened = cv2.morphologyEx(hole.astype(np.uint8), cv2.MORPH_OPEN, disc(max(1, width / 10)))
    count, labels = cv2.connectedComponents(opened)
    for label in range(1, count):
        part = labels == label
        image = fill(image, part, (forbidden | hole) & ~part, width)
    return image


def soft_edge(mask: Mask, sigma: float) -> Field:
    """(h, w) in [0, 1]: the mask with its jags rounded off and an edge about `sigma` pixels wide."""
    return smoothstep(cv2.GaussianBlur(mask.astype(np.float32), (0, 0), max(sigma, 0.8)), 0.25, 0.75)


def best_offset(image: Image, hole: Mask, rim: Mask, forbidden: Mask) -> tuple[int, int]:
    """The (dx, dy) whose copy matches best on the rim and takes nothing forbidden into the hole.

    Searched on a reduced image: every shift that keeps the hole's box within the crop.
    """
    rows, columns = np.nonzero(hole | rim)
    top, bottom, left, right = rows.min(), rows.max() + 1, columns.min(), columns.max() + 1
    scale = min(1.0, 48.0 / max(bottom - top, right - left))
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA).astype(np.float32)
    hole_s, rim_s, forbidden_s = (_shrink(m, small) for m in (hole, rim, forbidden))
    y, x = slice(int(top * scale), int(bottom * scale) + 1), slice(int(left * scale), int(right * scale) + 1)
    window = np.repeat((rim_s[y, x] > 0.5).astype(np.float32)[..., None], 3, axis=2)
    if window.sum() == 0:
        raise Unsuitable("no background around the finger")
    cost = cv2.matchTemplate(small, small[y, x], cv2.TM_SQDIFF, mask=window) / window.sum()
    taken = cv2.matchTemplate(forbidden_s, hole_s[y, x], cv2.TM_CCORR) / max(float(hole_s[y, x].sum()), 1.0)
    cost = np.where(taken > 0.01, np.inf, np.maximum(cost, 0.0))
    row, column = np.unravel_index(int(np.argmin(cost)), cost.shape)
    if not cost[row, column] < WORST_RIM**2:
        raise Unsuitable("background not simple enough to fill")
    return round((column - x.start) / scale), round((row - y.start) / scale)


def _shrink(mask: NDArray[np.bool_], like: Field) -> Field:
    size = (like.shape[1], like.shape[0])
    return np.asarray(cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA))
