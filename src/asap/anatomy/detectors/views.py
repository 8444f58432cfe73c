"""Views of a photo: no larger than wanted; squares about boxes, and about the hands that arms point at."""

from __future__ import annotations

import cv2
import numpy as np

from asap.anatomy.keypoints import LIMBS, size_of
from asap.records import Box, Image, Points


def around(box: Box, factor: float, image: Image) -> Box:
    """A square of `factor` times the longer side of `box` about its centre, cut to the picture."""
    left, top, right, bottom = box
    half = factor * max(right - left, bottom - top) / 2
    x, y = (left + right) / 2, (top + bottom) / 2
    height, width = image.shape[:2]
    xs = np.clip((round(x - half), round(x + half)), (0, 1), (width - 1, width))
    ys = np.clip((round(y - half), round(y + half)), (0, 1), (height - 1, height))
    return int(xs[0]), int(ys[0]), max(int(xs[1]), int(xs[0]) + 1), max(int(ys[1]), int(ys[0]) + 1)


def hand_squares(body: Points, image: Image) -> dict[str, Box]:
    """For "left" and "right" a square around the hand, 2.4 forearms wide, where elbow and wrist are known."""
    squares = {}
    for side in ("left", "right"):
        _, elbow, wrist = LIMBS[f"{side}_arm"]
        forearm = body[wrist] - body[elbow]
        if np.isfinite(forearm).all():
            centre, reach = body[wrist] + 0.25 * forearm, 0.6 * float(np.linalg.norm(forearm))
            reach = max(reach, 0.3 * size_of("body", body), 32.0)
            squares[side] = around((*(centre - reach).astype(int), *(centre + reach).astype(int)), 1.0, image)
    return squares


def shrunk(image: Image, longest: int) -> Image:
    """(H, W, 3) the image, or a smaller copy whose longer side is `longest` pixels."""
    height, width = image.shape[:2]
    factor = longest / max(height, width)
    if factor >= 1:
        return image
    size = max(1, round(width * factor)), max(1, round(height * factor))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
