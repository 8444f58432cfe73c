"""Pictures at half the size, and the light on one picture by what it ought to show."""

from __future__ import annotations

import cv2
import numpy as np

from asap.figures.people.shading import Array

ROUNDS = 3
DOUBT = 15.0  # levels from which on a difference is rather an error than light
EVEN, FLAT = 1e3, 3e4  # how strongly gains are drawn to 1 and slopes to 0, in squared levels
FAINT, WIDE = 15.0, 5.0  # levels, and the deviation in pixels of what is wide
GAINS, LEVELS = (0.75, 1.3), (0.3, 1.7)


def halved(image: Array) -> Array:
    """`image` (H, W) or (H, W, C) softened, at half the size."""
    soft = cv2.GaussianBlur(image, (0, 0), 1.2)
    return np.asarray(
        cv2.resize(soft, (image.shape[1] // 2, image.shape[0] // 2), interpolation=cv2.INTER_AREA), np.float32
    )


def light_on(picture: Array, ought: Array, weights: Array) -> Array:
    """The light (S, S, 3) on `picture` (S, S, 3), whose quotient compares with `ought` (S/2, S/2, 3).

    The light is g_c + a x + b y + (v + d x + e y) (x^2 + y^2) with a gain g for each channel: a camera's
    grading, and its side light times its vignette. It is fitted by least squares of
    halved(picture) = light * ought, reweighted (Cauchy's weights) so that errors of the picture hardly count.
    `weights` (S/2, S/2) are of pixels.
    """
    seen = halved(picture)
    columns = [_columns(ought[..., c], c, _field(len(ought))) for c in range(3)]
    terms, values = np.concatenate(columns), seen.transpose(2, 0, 1).ravel()
    own = np.tile(weights.ravel(), 3)
    pull, towards = np.diag([EVEN] * 3 + [FLAT] * 5), np.asarray([EVEN] * 3 + [0.0] * 5)
    trust = own
    for _ in range(ROUNDS):
        weighted = terms * trust[:, None]
        fit = np.linalg.solve(weighted.T @ terms + pull, weighted.T @ values + towards)
        trust = own / (1 + np.square((terms @ fit - values) / DOUBT))
    light = np.clip(fit[:3], *GAINS) + np.tensordot(_field(len(picture)), fit[3:], axes=1)[..., None]
    return np.asarray(np.clip(light, *LEVELS), np.float32)


def evened(picture: Array, ought: Array, weights: Array) -> Array:
    """`picture` (S, S, 3) without what it adds to `ought` (S, S, 3) over wide areas, as texture does.

    What it adds is cut to `FAINT` levels first, so that a piece too many or missing hardly counts.
    """
    faint = np.clip(picture - ought, -FAINT, FAINT) * weights[..., None]
    wide = cv2.GaussianBlur(faint, (0, 0), WIDE) / (cv2.GaussianBlur(weights, (0, 0), WIDE)[..., None] + 1e-3)
    return np.asarray(picture - wide, np.float32)


def _columns(ought: Array, channel: int, field: Array) -> Array:
    """What one unit of each unknown adds to the pixels of a channel: (P, 8)."""
    gains = np.zeros((*ought.shape, 3), np.float32)
    gains[..., channel] = 1
    return np.asarray((np.concatenate([gains, field], axis=2) * ought[..., None]).reshape(-1, 8))


def _field(size: int) -> Array:
    """x, y, r = x^2 + y^2, x r and y r of every pixel, x and y from -1 to 1: (size, size, 5)."""
    line = (np.arange(size, dtype=np.float32) + 0.5) * 2 / size - 1
    x, y = np.meshgrid(line, line)
    far = x * x + y * y
    return np.stack([x, y, far, x * far, y * far], axis=2)
