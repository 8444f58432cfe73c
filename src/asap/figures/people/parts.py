"""Where the person is in a picture of drawn people before a plain wall, drawn or generated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from asap.records import Image, Mask

UNLIKE = 0.16  # difference of logarithms of a channel between wall and person
ROUNDS = 4


def person_mask(image: Image, facts: Mapping[str, Any]) -> Mask:
    """What differs from the wall, and what that encloses, with a margin of one pixel in thirty-two; (S, S).

    The wall is read from the picture itself, with the uneven light of the photographic look. `facts` are not
    needed; they are there for `asap.bench.drift.PartMask`.
    """
    size = image.shape[0]
    blurred = cv2.GaussianBlur(image, (3, 3), 0).astype(np.float32)
    unlike = (_from_wall(np.log(blurred + 8)) > UNLIKE).astype(np.uint8)
    unlike = cv2.medianBlur(unlike, 3)  # grains of noise
    width = 2 * max(1, round(size / 32)) + 1
    kernel = np.ones((width, width), np.uint8)
    return np.asarray(cv2.dilate(cv2.morphologyEx(unlike, cv2.MORPH_CLOSE, kernel), kernel) > 0)


def _from_wall(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """How far each pixel of (S, S, 3) lies from a quadratic fitted to the wall, the largest of its channels;
    (S, S). The fit begins at the upper and side borders and then takes in all that lies close to it."""
    size = values.shape[0]
    line = np.linspace(-1, 1, size, dtype=np.float32)
    y, x = np.meshgrid(line, line, indexing="ij")
    basis = np.stack([np.ones_like(x), x, y, x * x, y * y, x * y], axis=-1).reshape(-1, 6)
    flat = values.reshape(-1, 3)
    keep = ((np.abs(x) > 0.85) | (y < -0.85)).ravel()
    keep &= (np.abs(flat - np.median(flat[keep], axis=0)) < 0.5).all(axis=1)
    far = np.zeros(len(flat), np.float32)
    for _ in range(ROUNDS):
        fit = np.linalg.lstsq(basis[keep], flat[keep], rcond=None)[0]
        far = np.abs(flat - basis @ fit).max(axis=1)
        keep = far < max(0.05, 2.5 * float(np.median(far[keep])))
    return far.reshape(size, size)
