"""How much an image changed where it should not have: outside the judged region."""

from __future__ import annotations

import numpy as np

from asap.records import Box, Image, Mask


def box_mask(box: Box, height: int, width: int) -> Mask:
    """(height, width) mask of `box`, clipped to the image."""
    left, top, right, bottom = box
    mask = np.zeros((height, width), dtype=np.bool_)
    mask[max(0, top) : max(0, bottom), max(0, left) : max(0, right)] = True
    return mask


def drift(base: Image, image: Image, region: Mask | None) -> float:
    """Mean absolute change of channel values outside `region`, in [0, 1] of full range; over the whole image
    where `region` is None, not a number where it covers everything.

    Args:
        base, image: (H, W, 3).
        region: (H, W), True where change is expected.

    Raises:
        ValueError: unequal sizes.
    """
    if base.shape != image.shape:
        raise ValueError(f"the images differ in size: {base.shape[:2]} and {image.shape[:2]}")
    change = np.abs(base.astype(np.int16) - image.astype(np.int16)).mean(axis=2) / 255
    outside = change if region is None else change[~region]
    return float(outside.mean()) if outside.size else float("nan")
