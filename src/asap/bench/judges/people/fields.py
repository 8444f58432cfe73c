"""Weights and displacements over a picture of a drawn person: what its faults and its look are made with."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from asap.bench.judges.people.pictures import SIZE

Array = NDArray[np.float32]
TILE = 8  # pixels a side of a patch, which small transformers draw as one
X, Y = np.meshgrid(np.arange(SIZE, dtype=np.float32), np.arange(SIZE, dtype=np.float32))


def grown(knots: Array) -> Array:
    """A smooth field (64, 64) through `knots` (K, K)."""
    return np.asarray(cv2.resize(knots, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC), np.float32)


def smooth(rng: np.random.Generator, knots: int, spread: float) -> Array:
    """A smooth random field (64, 64) of that standard deviation at its `knots` a side."""
    return grown(rng.standard_normal((knots, knots)).astype(np.float32) * np.float32(spread))


def tiled(values: Array) -> Array:
    """(8, 8) or (8, 8, C) values, one for each tile, as a field (64, 64) or (64, 64, C)."""
    return np.repeat(np.repeat(values, TILE, axis=0), TILE, axis=1)


def circle(centre: tuple[float, float], radius: float, rng: np.random.Generator) -> Array:
    """A weight (64, 64): 1 within a ragged circle, 0 outside, its border soft by a pixel or two."""
    ragged = smooth(rng, 9, rng.uniform(0, 0.25) * radius)
    inside = radius + ragged - np.hypot(X - centre[0], Y - centre[1])
    return np.asarray(np.clip(0.5 + inside / rng.uniform(1.0, 3.0), 0, 1), np.float32)


def patchy(rng: np.random.Generator, strength: float) -> Array:
    """A weight (64, 64) up to `strength`: even, in tiles, in shreds, or growing across the picture."""
    kind = rng.random()
    if kind < 0.4:
        field = np.ones((SIZE, SIZE), np.float32)
    elif kind < 0.6:
        field = tiled((rng.random((SIZE // TILE, SIZE // TILE)) < rng.uniform(0.4, 0.9)).astype(np.float32))
    elif kind < 0.85:
        ragged = smooth(rng, int(rng.integers(12, 30)), 1.0)
        field = np.clip(0.5 + (ragged + rng.uniform(-0.3, 0.8)) * rng.uniform(1, 4), 0, 1)
    else:
        angle = rng.uniform(0, 2 * np.pi)
        across = (X - rng.uniform(16, 48)) * np.cos(angle) + (Y - rng.uniform(16, 48)) * np.sin(angle)
        field = np.clip(0.5 + across / rng.uniform(3, 20), 0, 1)
    return np.asarray(strength * field, np.float32)


def blended(below: Array, above: Array, weight: Array) -> Array:
    """`weight` (64, 64) of `above` over `below`, (64, 64, 3) each."""
    return np.asarray(below + weight[..., None] * (above - below), np.float32)


def displaced(image: Array, dx: Array, dy: Array) -> Array:
    """`image` (64, 64, ...) read at (x + dx, y + dy) of each pixel; its borders are repeated."""
    read = cv2.remap(image, X + dx, Y + dy, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(read, np.float32)


def turned(image: Array, centre: tuple[float, float], angle: float, shift: tuple[float, float]) -> Array:
    """`image` (64, 64, ...) turned by `angle` degrees about a point and moved; beyond its borders, 0."""
    matrix = cv2.getRotationMatrix2D(centre, angle, 1.0)
    matrix[:, 2] += shift
    return np.asarray(cv2.warpAffine(image, matrix, (SIZE, SIZE), flags=cv2.INTER_LINEAR), np.float32)


def vector(rng: np.random.Generator, length: float) -> tuple[float, float]:
    """A step of `length` pixels in any direction."""
    angle = rng.uniform(0, 2 * np.pi)
    return float(length * np.cos(angle)), float(length * np.sin(angle))


def whirled(image: Array, centre: tuple[float, float], radius: float, rng: np.random.Generator) -> Array:
    """`image` twisted, swollen, pinched or bent within `radius` of a point."""
    x, y = X - centre[0], Y - centre[1]
    fall = np.clip(1 - np.hypot(x, y) / radius, 0, 1) ** rng.uniform(0.6, 1.2)
    kind = rng.random()
    if kind < 0.35:
        angle = fall * rng.choice([-1, 1]) * rng.uniform(1.2, 2.8)
        dx, dy = np.cos(angle) * x - np.sin(angle) * y - x, np.sin(angle) * x + np.cos(angle) * y - y
    elif kind < 0.7:
        share = fall * rng.choice([rng.uniform(-0.8, -0.55), rng.uniform(0.9, 2.0)])
        dx, dy = share * x, share * y
    else:
        step = vector(rng, rng.uniform(0.35, 0.7) * radius)
        dx, dy = fall * step[0], fall * step[1]
    return displaced(image, np.asarray(dx, np.float32), np.asarray(dy, np.float32))
