"""The photographic look of drawn pictures, in a dose of 0 (none) to 1: camera, texture, defocus.

Whatever the look does to a pixel depends on the pixel and on (seed, place) alone, or is done to a backdrop
before anything that may be wrong is painted over it. So both pictures of a pair stay equal where they were.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

LUMA = np.asarray([0.299, 0.587, 0.114], np.float32)
WARM = np.asarray([1.10, 1.0, 0.82], np.float32)
FINEST = 1.5  # pixels; smaller cells of noise would alias


def photographic(
    images: NDArray[np.uint8], dose: float, seeds: NDArray[np.int64], *, grading: float = 1.0
) -> NDArray[np.uint8]:
    """A camera's look on (N, H, W, 3): warm grading, less colour, side light, vignette, sensor noise.

    Each image's light and noise depend on its seed alone; `dose` 0 is no change, 1 the full look, in which
    `grading` is the share of the change of colours. Equal pixels at equal places stay equal under equal
    seeds, so that a pair still differs in its mask only.
    """
    if dose == 0:
        return images
    count, height, width, _ = images.shape
    styled = np.empty_like(images)
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    for i in range(count):
        rng = np.random.default_rng(seeds[i])
        angle = rng.uniform(0, 2 * np.pi)
        light = 1 + dose * 0.22 * (x * np.cos(angle) + y * np.sin(angle))
        vignette = 1 - dose * 0.22 * (x * x + y * y)
        noise = dose * 5.0 * rng.standard_normal((height, width, 3))
        image = images[i].astype(np.float32)
        gray = image @ LUMA
        image += 0.40 * dose * grading * (gray[..., None] - image)
        image *= 1 + dose * grading * (WARM - 1)
        image = image * (light * vignette)[..., None] + noise
        styled[i] = np.clip(image + 0.5, 0, 255).astype(np.uint8)
    return styled


def grain(rng: np.random.Generator, size: int, cell: tuple[float, float]) -> Array:
    """Smooth noise (size, size), mean about 0, deviation about 0.85: a cubic surface through normal values.

    `cell` is the distance of those values in pixels, (across, down), at least `FINEST`.
    """
    across, down = (max(FINEST, float(side)) for side in cell)
    columns, rows = int(size / across) + 4, int(size / down) + 4
    knots = rng.standard_normal((rows, columns), dtype=np.float32)
    left, top = rng.uniform(0, 1, 2)  # so that no picture has its knots where all have
    moved = np.asarray([[across, 0, -(1 + left) * across], [0, down, -(1 + top) * down]], np.float64)
    surface = cv2.warpAffine(knots, moved, (size, size), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    return np.asarray(surface, np.float32)


def defocused(image: Array, deviation: float, sharp: Array) -> Array:
    """`image` (S, S, 3) under a Gaussian of `deviation` pixels, where the rows' `sharp` (S, 1) is not 1."""
    if deviation < 0.3:
        return image
    soft = cv2.GaussianBlur(image, (0, 0), deviation, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(soft + sharp[..., None] * (image - soft), np.float32)
