"""A piece of a picture laid elsewhere and lit as its new surroundings, or a part covered by them.

The difference of colour on the rim is spread inwards as a membrane, which is Poisson blending with the
piece's own gradients (Perez et al., "Poisson Image Editing", SIGGRAPH 2003, equation 5).
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from asap.pairs.edits.warp import (
    Bump,
    Field,
    box_around,
    ellipse_weight,
    paste,
    pixel_grid,
    rotation,
    sample,
    spread,
    to_bytes,
)
from asap.records import Box, Image, Mask, Points

RELAXATIONS = 12
"""Rounds of averaging at each size of the pyramid; more change no colour by a grey level."""


class Copy(NamedTuple):
    """An ellipse around `target` that shows what lies around `source`.

    Attributes:
        source, target: (x, y) in pixels.
        axes: half-lengths in pixels of the target's ellipse, along `angle` and across.
        angle: direction of the first axis in radians, from +x towards +y.
        plateau: fraction of the radius on which the copy is opaque, in [0, 1).
        scale: enlargement of the copy.
        turn: rotation of the copy in radians.
        flip: (along, across), -1 to mirror.
    """

    source: Points
    target: Points
    axes: tuple[float, float]
    angle: float = 0.0
    plateau: float = 0.6
    scale: float = 1.0
    turn: float = 0.0
    flip: tuple[int, int] = (1, 1)


def transplant(image: Image, copy: Copy, donor: Image | None = None) -> Image:
    """`image` (H, W, 3) with `copy` in it, of `donor` or of itself; outside its ellipse nothing changes."""
    box = box_around(copy.target[None], max(copy.axes), image.shape)
    grid = pixel_grid(box)
    opacity = ellipse_weight(grid, Bump(copy.target, copy.axes, copy.angle, copy.plateau))
    turn = rotation(copy.angle)
    local = (grid - copy.target) @ turn @ rotation(copy.turn) / copy.scale * copy.flip
    source = (local @ turn.T + copy.source).astype(np.float32)
    return lay(image, box, sample(image if donor is None else donor, source), opacity)


def erase(image: Image, hole: Bump, grain: float, seed: int) -> Image:
    """`image` without what the ellipse of `hole` shows: a membrane of its rim's colours, with grain.

    Args:
        image: (H, W, 3).
        hole: the ellipse and, as its plateau, the fraction of its radius that is gone altogether.
        grain: size of the skin's fine detail in grey levels (`face.grain`).
        seed: decides the grain.
    """
    box = left, top, right, bottom = box_around(hole.centre[None], max(hole.axes), image.shape)
    opacity = ellipse_weight(pixel_grid(box), hole)
    old, known = image[top:bottom, left:right].astype(np.float32), opacity < 0.1
    smooth = membrane(spread(old, known[..., None], max(0.8, 0.05 * max(hole.axes))), known)
    noise = np.random.default_rng(seed).normal(size=known.shape).astype(np.float32)
    noise = cv2.GaussianBlur(noise, (0, 0), 0.8)
    smooth += (grain / max(float(noise.std()), 1e-6) * noise)[..., None]
    return paste(image, box, to_bytes(old + opacity[..., None] * (smooth - old)), opacity > 0)


def lay(image: Image, box: Box, piece: Image, opacity: Field) -> Image:
    """A copy of `image` with `piece` (h, w, 3) over `box`, lit as its surroundings.

    Args:
        image: (H, W, 3).
        box: where to lay the piece.
        piece: its colours.
        opacity: (h, w) in [0, 1]; where it is below 0.1 the colours are to meet.
    """
    left, top, right, bottom = box
    old, new = image[top:bottom, left:right].astype(np.float32), piece.astype(np.float32)
    sigma = max(0.8, 0.01 * (right - left + bottom - top))
    new += membrane(cv2.GaussianBlur(old - new, (0, 0), sigma), opacity < 0.1)
    return paste(image, box, to_bytes(old + opacity[..., None] * (new - old)), opacity > 0)


def membrane(values: Field, known: Mask) -> Field:
    """`values` (h, w, C) where `known` (h, w), and between them what Laplace's equation makes of them."""
    if known.all() or not known.any():
        return values
    height, width = known.shape
    weight = known.astype(np.float32)
    if min(height, width) < 4:
        return np.where(known[..., None], values, (values * weight[..., None]).sum((0, 1)) / weight.sum())
    half = (width + 1) // 2, (height + 1) // 2
    total = cv2.resize(values * weight[..., None], half, interpolation=cv2.INTER_AREA)
    total = total.reshape(half[1], half[0], -1)  # OpenCV drops a single channel
    share = cv2.resize(weight, half, interpolation=cv2.INTER_AREA)
    rough = membrane(total / np.maximum(share, 1e-6)[..., None], share > 0)
    surface = np.where(known[..., None], values, cv2.resize(rough, (width, height)).reshape(values.shape))
    for _ in range(RELAXATIONS):
        surface = np.where(known[..., None], values, cv2.blur(surface, (3, 3)).reshape(values.shape))
    return np.asarray(surface, np.float32)
