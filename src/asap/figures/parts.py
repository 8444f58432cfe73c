"""Where the hand is in a picture of a figure, drawn or generated, without its skeleton."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from asap.figures.hands import Array
from asap.records import Image, Mask

SHADES = (0.72, 0.85, 1.0)  # the renderer darkens skin towards edges


def soft_cover(images: NDArray[np.uint8]) -> Array:
    """How much each pixel looks like the hand's skin rather than background or sleeve: (N, S, S) in [0, 1].

    The three colours are read from the picture itself, where pictures of figures have them (background along
    the upper border, skin in the palm, sleeve at the wrist), after uneven light has been divided out, so that
    a photographic look matters little.

    Args:
        images: (N, S, S, 3).
    """
    pixels = evenly_lit(images)
    skin, others = _skin(pixels), np.stack([_background(pixels), _sleeve(pixels)], axis=1)
    shaded = np.stack([skin * shade for shade in SHADES], axis=1)
    near, far = (_distance(pixels, colours) for colours in (shaded, others))
    return stretch(far / np.maximum(near + far, 1e-3))


def stretch(cover: Array) -> Array:
    """Coverage as `soft_cover` reports it: 0 up to a quarter, 1 from three quarters on."""
    stretched: Array = np.clip((cover - 0.25) * 2, 0, 1)
    return stretched


def evenly_lit(images: NDArray[np.uint8]) -> Array:
    """`images` (N, S, S, 3) divided by the light on their background, a quadratic fitted to the borders."""
    size = images.shape[1]
    pixels: Array = images.astype(np.float32) + 1
    line = np.linspace(-1, 1, size, dtype=np.float32)
    y, x = np.meshgrid(line, line, indexing="ij")
    basis: Array = np.stack([np.ones_like(x), x, y, x * x, y * y, x * y], axis=-1).reshape(-1, 6)
    edge = (np.abs(x) > 0.7) | (y < -0.7)
    edge[y > 0.85] = False
    gray = np.log(pixels.mean(axis=-1)).reshape(len(pixels), -1)
    light = np.stack([basis[:, 1:] @ _robust_fit(basis[edge.ravel()], row[edge.ravel()])[1:] for row in gray])
    return np.asarray(pixels / np.exp(light).reshape(-1, size, size, 1), np.float32)


def _robust_fit(basis: Array, values: Array) -> Array:
    """Least squares, twice again without what lies far off (fingers that reach the border)."""
    keep = np.abs(values - np.median(values)) < 0.5
    for _ in range(3):
        weights = np.asarray(np.linalg.lstsq(basis[keep], values[keep], rcond=None)[0], np.float32)
        off = np.abs(values - basis @ weights)
        keep = off < max(0.05, 3 * float(np.median(off)))
    return weights


def _skin(pixels: Array) -> Array:
    size = pixels.shape[1]
    palm = pixels[:, int(0.54 * size) : int(0.68 * size), int(0.42 * size) : int(0.58 * size)]
    return _bright(palm)


def _background(pixels: Array) -> Array:
    size = pixels.shape[1]
    corner = size // 6
    upper = [pixels[:, : 2 * corner, :corner], pixels[:, : 2 * corner, -corner:]]
    return _median(np.concatenate(upper, axis=2))


def _sleeve(pixels: Array) -> Array:
    size = pixels.shape[1]
    return _median(pixels[:, -max(1, size // 12) :, int(0.45 * size) : int(0.55 * size)])


def _median(patch: Array) -> Array:
    return np.median(patch.reshape(len(patch), -1, 3), axis=1).astype(np.float32)


def _bright(patch: Array) -> Array:
    """The colour of the patch's brighter half: skin without its creases."""
    return np.quantile(patch.reshape(len(patch), -1, 3), 0.7, axis=1).astype(np.float32)


def _distance(pixels: Array, colours: Array) -> Array:
    """Distance (N, S, S) of each pixel to the nearest of its picture's `colours` (N, K, 3)."""
    each = [np.linalg.norm(pixels - colours[:, k, None, None], axis=-1) for k in range(colours.shape[1])]
    nearest: Array = np.minimum.reduce(each)
    return nearest


def part_mask(image: Image, facts: Mapping[str, Any]) -> Mask:
    """The hand's pixels in one picture, with a margin of one pixel in twenty-four; (S, S)."""
    cover = soft_cover(image[None])[0] > 0.4
    width = 2 * max(1, round(image.shape[0] / 24)) + 1
    grown = cv2.dilate(cover.astype(np.uint8), np.ones((width, width), np.uint8))
    return np.asarray(grown > 0)
