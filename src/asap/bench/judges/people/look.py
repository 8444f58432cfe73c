"""The look of a small model's pictures of people, which right and wrong ones have alike."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from asap.bench.judges.people.fields import TILE, Array, displaced, grown, smooth, tiled
from asap.bench.judges.people.pictures import SIZE
from asap.figures.photographic import photographic

GRADING = 0.4  # as people are drawn: of the photographic look's change of colours


def as_a_model(picture: Array, rng: np.random.Generator) -> NDArray[np.uint8]:
    """`picture` (64, 64, 3) as a small flow model might draw it: it wavers, is soft or rings at edges,
    speckled near them, uneven from tile to tile, and may have taken on part of the photographic look."""
    image = _coloured(_softened(_wavered(picture, rng), rng), rng)
    if rng.random() < 0.2:
        seed = np.asarray([rng.integers(2**31)])
        styled = photographic(_bytes(image)[None], rng.uniform(0, 1), seed, grading=GRADING)
        image = styled[0].astype(np.float32)
    return _bytes(image + _speckles(image, rng))


def _wavered(picture: Array, rng: np.random.Generator) -> Array:
    """Moved as a whole by a pixel, by smooth fields of some tenths of one, and a little by tiles."""
    large, small, tile = rng.uniform(0, [0.7, 0.45, 0.3])
    fields = []
    for _ in range(2):
        tiles = tiled(rng.standard_normal((SIZE // TILE, SIZE // TILE)).astype(np.float32))
        waves = smooth(rng, 4, large) + smooth(rng, 14, small)
        fields.append(np.asarray(rng.uniform(-1, 1) + waves + tile * tiles, np.float32))
    return displaced(picture, fields[0], fields[1])


def _softened(image: Array, rng: np.random.Generator) -> Array:
    """Blurred, or sharpened so that edges ring, here more and there less."""
    soft = np.asarray(cv2.GaussianBlur(image, (0, 0), rng.uniform(0.5, 0.9)), np.float32)
    share = rng.uniform(-0.6, 0.9) + smooth(rng, 6, rng.uniform(0, 0.3))
    return np.asarray(image + np.clip(share, -0.8, 1)[..., None] * (soft - image), np.float32)


def _coloured(image: Array, rng: np.random.Generator) -> Array:
    """Colours a little off: all over, in large patches, and from tile to tile."""
    even = rng.normal(0, 2.5, 3)
    patches = grown(rng.standard_normal((5, 5, 3)).astype(np.float32)) * rng.uniform(0, 3)
    tiles = tiled(rng.standard_normal((SIZE // TILE, SIZE // TILE, 3)).astype(np.float32))
    return np.asarray(
        image * rng.uniform(0.96, 1.04) + even + patches + tiles * rng.uniform(0, 1.2), np.float32
    )


def _speckles(image: Array, rng: np.random.Generator) -> Array:
    """Noise (64, 64, 3), stronger near edges, of one colour and of three."""
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    slope = np.hypot(cv2.Sobel(gray, cv2.CV_32F, 1, 0), cv2.Sobel(gray, cv2.CV_32F, 0, 1))
    near = np.clip(cv2.GaussianBlur(slope, (0, 0), 1.5) / 120, 0, 1)
    strength = rng.uniform(0, 2) + rng.uniform(0, 11) * near
    noise = rng.standard_normal((SIZE, SIZE, 3), np.float32)
    noise = noise + rng.standard_normal((SIZE, SIZE, 1), np.float32)
    if rng.random() < 0.5:
        noise = 2 * cv2.GaussianBlur(noise, (0, 0), 0.6)
    return np.asarray(0.7 * noise * strength[..., None], np.float32)


def _bytes(image: Array) -> NDArray[np.uint8]:
    return np.asarray(np.clip(image + 0.5, 0, 255), np.uint8)
