"""From an edited photo to the exact pair: the mask of what changed, and the edit laid back through it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from asap.anatomy.masks import disc
from asap.records import Box, Image, Mask

NOTICED = 2
"""Grey levels; a smaller difference is not part of the edit."""
MARGIN = 0.04
"""How far the mask reaches beyond the difference, in sizes of the body part."""


def composite(chosen: Image, edited: Image, size: float) -> tuple[Image, Mask] | None:
    """Lay the change of `edited` over `chosen` through the mask of the change, softly inside its border.

    The mask M is where any channel differs by more than 2, opened (specks are no edit), grown by 0.04 `size`,
    closed, its holes filled. The negative is `chosen + a (edited - chosen)` with `a` rising from 0 at the
    border of M to 1 at 0.04 `size` inside it; outside M every pixel of it equals that of `chosen`.

    Args:
        chosen, edited: (H, W, 3).
        size: the body part's size in pixels (`keypoints.size_of`).

    Returns:
        The negative and M, or None where nothing changed noticeably.

    Raises:
        ValueError: the two differ in shape.
    """
    if chosen.shape != edited.shape:
        raise ValueError(f"an edit made {edited.shape} of {chosen.shape}")
    changed = np.asarray(_largest(cv2.absdiff(chosen, edited)) > NOTICED)
    reach = max(2.0, MARGIN * size)
    box = crop_box(changed, round(5 * reach) + 5)
    if box is None:
        return None
    left, top, right, bottom = box
    opened = cv2.morphologyEx(changed[top:bottom, left:right].astype(np.uint8), cv2.MORPH_OPEN, disc(1))
    patch = _grown(opened, reach)
    if not patch.any():
        return None
    inside, outside = edited[top:bottom, left:right].astype(np.float32), chosen[top:bottom, left:right]
    mixed = outside + feather(patch, reach)[..., None] * (inside - outside)
    rejected, mask = chosen.copy(), np.zeros(chosen.shape[:2], bool)
    rejected[top:bottom, left:right][patch] = np.round(mixed).astype(np.uint8)[patch]
    mask[top:bottom, left:right] = patch
    return rejected, mask


def region_of(changed: Mask, reach: float) -> Mask:
    """(H, W) a clean shape that holds all of `changed`: grown by `reach` pixels, closed, its holes filled."""
    box = crop_box(changed, round(5 * reach) + 5)
    mask = np.zeros(changed.shape, bool)
    if box is not None:
        left, top, right, bottom = box
        mask[top:bottom, left:right] = _grown(changed[top:bottom, left:right].astype(np.uint8), reach)
    return mask


def crop_box(mask: Mask, margin: int = 0) -> Box | None:
    """The bounding box of `mask`, wider by `margin` within the picture; None for an empty mask."""
    columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
    if not columns.size:
        return None
    height, width = mask.shape
    left, top = max(0, int(columns[0]) - margin), max(0, int(rows[0]) - margin)
    return left, top, min(width, int(columns[-1]) + 1 + margin), min(height, int(rows[-1]) + 1 + margin)


def _largest(image: Image) -> NDArray[np.uint8]:
    """(H, W) the largest of the three channels; NumPy takes ten times as long along so short an axis."""
    red, green, blue = cv2.split(image)
    return np.asarray(cv2.max(cv2.max(red, green), blue))


def _grown(changed: NDArray[np.uint8], reach: float) -> Mask:
    grown = cv2.morphologyEx(cv2.dilate(changed, disc(reach)), cv2.MORPH_CLOSE, disc(2 * reach))
    outlines, _ = cv2.findContours(grown, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return np.asarray(cv2.drawContours(grown, outlines, -1, 1, cv2.FILLED) > 0)


def feather(mask: Mask, width: float) -> NDArray[np.float32]:
    """0 outside `mask`, rising to 1 at `width` pixels inside; the picture's own edge is no border."""
    if mask.all():
        return np.ones(mask.shape, np.float32)
    depth = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(np.clip(depth / (width + 1), 0, 1), np.float32)
