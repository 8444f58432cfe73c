"""The part of a photo that a generator sees: cut out with context, scaled to its resolution, laid back."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from asap.anatomy.skeletons import Transform
from asap.pairs.composite import crop_box, feather
from asap.pairs.degradations import Unsuitable
from asap.records import Box, Image, Mask

CONTEXT = 2.2
"""Side of the window, in longer sides of what is repainted."""
ENLARGED = 4.0
"""How many times larger than in the photo a window is painted at most; a small part gets more context."""
FEATHER = 0.05
"""Width of the soft border inside the mask, in the mask's shorter side."""


class Window(NamedTuple):
    """A rectangle of the photo and the size at which it is painted.

    Attributes:
        box: in the photo's pixels.
        height, width: of the painting, in pixels.
    """

    box: Box
    height: int
    width: int

    def cut(self, image: Image) -> Image:
        """(height, width, 3) the window of `image` (H, W, 3)."""
        left, top, right, bottom = self.box
        smaller = self.width < right - left
        how = cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
        return np.asarray(
            cv2.resize(image[top:bottom, left:right], (self.width, self.height), interpolation=how)
        )

    def cut_mask(self, mask: Mask) -> Mask:
        """(height, width) the window of `mask` (H, W)."""
        left, top, right, bottom = self.box
        crop = mask[top:bottom, left:right].astype(np.float32)
        return np.asarray(cv2.resize(crop, (self.width, self.height), interpolation=cv2.INTER_LINEAR) > 0.5)

    def transform(self) -> Transform:
        """From points (K, 2) of the photo to points of the painting."""
        left, top, right, bottom = self.box
        scale = np.array([self.width / (right - left), self.height / (bottom - top)])
        return lambda points: np.asarray((points - (left, top)) * scale)

    def paste(self, image: Image, painting: Image, mask: Mask) -> Image:
        """`image` with `painting` (height, width, 3) in `mask`, softly inside its border.

        Every pixel outside `mask` equals that of `image`.
        """
        left, top, right, bottom = self.box
        size = right - left, bottom - top
        how = cv2.INTER_AREA if size[0] < self.width else cv2.INTER_CUBIC
        painted = cv2.resize(painting, size, interpolation=how).astype(np.float32)
        inside = mask[top:bottom, left:right]
        alpha = feather(inside, FEATHER * _shorter_side(mask))[..., None]
        before = image[top:bottom, left:right]
        mixed = np.round(before + alpha * (painted - before)).astype(np.uint8)
        edited = image.copy()
        edited[top:bottom, left:right][inside] = mixed[inside]
        return edited


def window_around(mask: Mask, size: int, multiple: int) -> Window:
    """A window around `mask` with its context, as near to a square as the photo allows.

    It is painted with as many pixels as a square of `size` has, or fewer, and at most 4 times enlarged where
    the photo is large enough for a wider window; its sides are multiples of `multiple`.

    Raises:
        Unsuitable: `mask` is empty.
    """
    box = crop_box(mask)
    if box is None:
        raise Unsuitable("nothing of it lies in the picture")
    left, top, right, bottom = box
    side = max(CONTEXT * max(right - left, bottom - top), size / ENLARGED)
    height, width = mask.shape
    xs, ys = _span((left + right) / 2, side, width), _span((top + bottom) / 2, side, height)
    wide, high = xs[1] - xs[0], ys[1] - ys[0]
    scale = size / (wide * high) ** 0.5
    sides = (max(multiple, int(length * scale + 1e-6) // multiple * multiple) for length in (high, wide))
    return Window((xs[0], ys[0], xs[1], ys[1]), *sides)


def _span(centre: float, side: float, length: int) -> tuple[int, int]:
    """A stretch of `side` pixels about `centre`, moved or cut to lie in [0, length]."""
    side = min(round(side), length)
    start = min(max(0, round(centre - side / 2)), length - side)
    return start, start + side


def _shorter_side(mask: Mask) -> int:
    left, top, right, bottom = crop_box(mask) or (0, 0, 0, 0)
    return min(right - left, bottom - top)
