"""Where the person is in a picture of drawn people before a plain wall, drawn or generated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np

from asap.records import Image, Mask

UNLIKE = (
    22  # steps of 255 between wall and person; the photographic look shades a wall by less over its width
)


def person_mask(image: Image, facts: Mapping[str, Any]) -> Mask:
    """What differs from the wall, and what that encloses, with a margin of one pixel in thirty-two; (S, S).

    The wall is read from the picture itself, along its upper border. `facts` are not needed; they are there
    for `asap.bench.drift.PartMask`.
    """
    size = image.shape[0]
    strip = max(1, size // 21)
    wall = np.median(image[:strip].reshape(-1, 3).astype(np.float32), axis=0)
    unlike = np.abs(image.astype(np.float32) - wall).max(axis=2) > UNLIKE
    width = 2 * max(1, round(size / 32)) + 1
    closed = cv2.morphologyEx(unlike.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((width, width), np.uint8))
    return np.asarray(cv2.dilate(closed, np.ones((width, width), np.uint8)) > 0)
