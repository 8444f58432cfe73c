"""Smooth local warps: bumps that move, turn or scale what lies under an ellipse and leave the rest alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from asap.records import Box, Image, Points

Field = NDArray[np.float32]
Array = TypeVar("Array", Image, Field)


class Bump(NamedTuple):
    """A similarity that acts in full on an ellipse's core and fades to nothing at its rim.

    Attributes:
        centre: (x, y) of what is to be moved, in pixels.
        axes: half-lengths of the ellipse in pixels, along the directions `angle` and `angle` + 90 degrees.
        angle: direction of the first axis in radians, from +x towards +y.
        plateau: fraction of the radius on which the action is full, in [0, 1).
        shift: (dx, dy) in pixels.
        turn: rotation in radians, from +x towards +y.
        scale: enlargement, > 0.
    """

    centre: Points
    axes: tuple[float, float]
    angle: float = 0.0
    plateau: float = 0.4
    shift: tuple[float, float] = (0.0, 0.0)
    turn: float = 0.0
    scale: float = 1.0


def smoothstep(x: Field, low: float = 0.0, high: float = 1.0) -> Field:
    """0 below `low`, 1 above `high`, and the cubic 3t^2 - 2t^3 between them."""
    t = np.clip((x - low) / (high - low), 0.0, 1.0)
    return np.asarray(t * t * (3.0 - 2.0 * t), np.float32)


def ramp(x: Field, low: float, high: float) -> Field:
    """0 below `low`, 1 above `high`, a line with rounded ends between.

    Its slope is at most 1.33 of the line's (smoothstep: 1.5): a warp stretches by 1 / (1 - slope), so the
    flatter ramp smears less.
    """
    end = 0.25
    t = np.clip((x - low) / (high - low), 0.0, 1.0)
    near = np.minimum(t, 1.0 - t)
    rounded = np.where(near < end, near * near / (2 * end), near - end / 2) / (1 - end)
    return np.asarray(np.where(t < 0.5, rounded, 1.0 - rounded), np.float32)


def pixel_grid(box: Box) -> Field:
    """(h, w, 2) the (x, y) of every pixel of `box`."""
    left, top, right, bottom = box
    grid = np.empty((bottom - top, right - left, 2), np.float32)
    grid[..., 0], grid[..., 1] = np.arange(left, right), np.arange(top, bottom)[:, None]
    return grid


def length(vectors: Points | Field) -> NDArray[Any]:
    """(h, w) of vectors (h, w, 2); `np.linalg.norm` takes ten times as long along so short an axis."""
    return np.asarray(np.sqrt(vectors[..., 0] ** 2 + vectors[..., 1] ** 2))


def coarse_grid(box: Box, step: float) -> Field:
    """(h', w', 2) the (x, y) of the centres of square cells of about `step` >= 1 pixels that fill `box`."""
    left, top, right, bottom = box
    width, height = (max(2, round(n / max(step, 1.0))) for n in (right - left, bottom - top))
    x = left - 0.5 + (np.arange(width) + 0.5) * ((right - left) / width)
    y = top - 0.5 + (np.arange(height) + 0.5) * ((bottom - top) / height)
    return np.stack(np.meshgrid(x, y), axis=-1).astype(np.float32)


def enlarge(field: Field, shape: tuple[int, ...]) -> Field:
    """A field on a `coarse_grid`, interpolated on the pixels of its box of `shape` (h, w, ...)."""
    return np.asarray(cv2.resize(field, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR), np.float32)


def box_around(points: Points, margin: float, shape: tuple[int, ...]) -> Box:
    """The box of `points` (N, 2), wider by `margin` pixels on every side, within an image of `shape`."""
    low = np.floor(points.min(axis=0) - margin)
    high = np.ceil(points.max(axis=0) + margin) + 1
    left, top = (int(v) for v in np.clip(low, 0, (shape[1], shape[0])))
    right, bottom = (int(v) for v in np.clip(high, (left, top), (shape[1], shape[0])))
    return left, top, right, bottom


def rotation(angle: float) -> Points:
    """(2, 2) the matrix that turns column vectors by `angle` radians, from +x towards +y."""
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([[cos, -sin], [sin, cos]])


def ellipse_weight(grid: Field, bump: Bump) -> Field:
    """(h, w) in [0, 1]: 1 on the core of the bump's ellipse, 0 outside it, a smooth ramp between.

    The ellipse is centred half way along the shift, so that the part leaves and arrives inside it.
    """
    offset = (grid - bump.centre - np.multiply(bump.shift, 0.5)) @ rotation(bump.angle)
    radius = np.hypot(offset[..., 0] / bump.axes[0], offset[..., 1] / bump.axes[1])
    return 1.0 - ramp(radius.astype(np.float32), bump.plateau, 1.0)


def displacement(grid: Field, bump: Bump) -> Field:
    """(h, w, 2) from each pixel to where its colour comes from: the bump's inverse, faded by its weight."""
    inverse = rotation(-bump.turn) / bump.scale
    source = (grid - bump.centre - bump.shift) @ inverse.T + bump.centre
    return np.asarray(ellipse_weight(grid, bump)[..., None] * (source - grid), np.float32)


def sample(image: Array, source: Field) -> Array:
    """`image` (H, W, C) read at `source` (h, w, 2), bicubic; beyond the border its edge goes on."""
    x, y = source[..., 0].astype(np.float32), source[..., 1].astype(np.float32)
    result: Array = cv2.remap(image, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return result


def apply_bumps(image: Image, bumps: Sequence[Bump]) -> Image:
    """A copy of `image` warped by the sum of `bumps`; pixels outside their ellipses stay bit-equal."""
    reach = max(max(b.axes) + float(np.hypot(*b.shift)) for b in bumps)
    box = box_around(np.array([b.centre for b in bumps]), reach, image.shape)
    grid = pixel_grid(box)
    moved = np.sum([displacement(grid, bump) for bump in bumps], axis=0, dtype=np.float32)
    return paste(image, box, sample(image, grid + moved), np.any(moved != 0, axis=-1))


def paste(image: Image, box: Box, patch: Image, where: NDArray[np.bool_] | None = None) -> Image:
    """A copy of `image` with `patch` laid over `box`, at the pixels `where` or all."""
    result = image.copy()
    left, top, right, bottom = box
    here = np.s_[:] if where is None else where
    result[top:bottom, left:right][here] = patch[here]
    return result


def apply_mirror(image: Image, bump: Bump) -> Image:
    """A copy of `image` with the inside of the bump's ellipse mirrored across the ellipse's first axis.

    The mirrored patch is lit as its new surroundings: the difference on the rim, spread inwards, is added.
    """
    box = box_around(np.array([bump.centre]), max(bump.axes), image.shape)
    grid = pixel_grid(box)
    weight = ellipse_weight(grid, bump)[..., None]
    turn = rotation(bump.angle)
    source = ((grid - bump.centre) @ turn * (1.0, -1.0)) @ turn.T + bump.centre
    left, top, right, bottom = box
    old = image[top:bottom, left:right].astype(np.float32)
    new = sample(image, source.astype(np.float32)).astype(np.float32)
    new += spread(old - new, (weight > 0) & (weight < 0.5), max(bump.axes) / 2)
    mixed = old + weight * (new - old)
    return paste(image, box, to_bytes(mixed), weight[..., 0] > 0)


def spread(values: Field, known: NDArray[np.bool_], sigma: float) -> Field:
    """`values` (h, w, C) averaged from the pixels `known` (h, w, 1) by a Gaussian of `sigma` pixels."""
    mask = known.astype(np.float32)
    total = cv2.GaussianBlur(values * mask, (0, 0), sigma).reshape(values.shape)
    weight = cv2.GaussianBlur(mask, (0, 0), sigma)[..., None]
    return np.asarray(total / np.maximum(weight, 1e-6), np.float32)


def to_bytes(values: Field) -> Image:
    """Colours rounded and clipped to `uint8`."""
    return np.asarray(np.clip(values + 0.5, 0, 255), np.uint8)


def disc(radius: float) -> Image:
    """A round structuring element of at least one pixel."""
    size = 2 * round(radius) + 1
    element: Image = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    return element
