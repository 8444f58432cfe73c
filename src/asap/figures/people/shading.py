"""Shapes on a pixel grid and the light on them: rounded bodies, darker edges, roots that merge."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
LIGHT = np.asarray([-0.6, -0.8], np.float32)  # where it comes from: up and the image's left
LIT = 1.03  # brightness of what faces the viewer
SOFT = 4.0  # pixels


@dataclass(frozen=True, eq=False)
class Shape:
    """Coverage in [0, 1] and depth below the edge in pixels, both (h, w), at (left, top) of a picture."""

    left: int
    top: int
    cover: Array
    depth: Array

    @property
    def window(self) -> tuple[slice, slice]:
        """Rows and columns of the shape in the picture."""
        rows, columns = self.cover.shape
        return slice(self.top, self.top + rows), slice(self.left, self.left + columns)


@dataclass(frozen=True)
class Finish:
    """How a shape is painted.

    Attributes:
        colour: RGB in 0 to 255.
        label: its number in the label picture; 0 leaves what was there.
        round: pixels from the edge over which it curves away; 0 is flat.
        edge: width in pixels of the darker outline; 0 is none.
        ink: how much of its colour the outline keeps.
        root: (x, y, ahead x, ahead y, radius) in pixels where the shape grows out of another of its colour:
            within the radius and behind the point it is flat and has no outline.
        texture: its surface, a key of `textures.TEXTURES`, which the photographic look shows; "" is none.
    """

    colour: tuple[float, float, float]
    label: int = 0
    round: float = 0.0
    edge: float = 0.0
    ink: float = 0.5
    root: tuple[float, float, float, float, float] | None = None
    texture: str = ""


def light_on(shape: Shape, finish: Finish) -> Array:
    """Brightness (h, w): darker where the body curves away, lighter towards the light, inked at the edge."""
    light: Array = np.ones_like(shape.depth)
    if finish.round > 0 and min(shape.depth.shape) > 1:
        light = _rounded(shape.depth, finish.round)
    if finish.edge > 0:
        near = np.clip(1.15 - shape.depth / finish.edge, 0, 1)
        light = np.asarray(light * (1 - (1 - finish.ink) * near), np.float32)
    if finish.root is None:
        return light
    return np.asarray(LIT + _away(shape, *finish.root) * (light - LIT), np.float32)


def _rounded(depth: Array, reach: float) -> Array:
    """The light on a body that curves away over `reach` pixels from its edge."""
    slope: Array = np.asarray(1 - np.clip(depth / reach, 0, 1), np.float32)
    if reach > SOFT:  # the ridges of a large body's depth would show as creases
        blurred = cv2.GaussianBlur(slope, (0, 0), 0.3 * reach, borderType=cv2.BORDER_REPLICATE)
        slope = np.asarray(blurred, np.float32)
    gy, gx = np.gradient(slope * reach)
    facing = (gx * LIGHT[0] + gy * LIGHT[1]).clip(-1, 1)
    return np.asarray(LIT - 0.17 * slope * slope + 0.15 * slope * facing, np.float32)


def _away(shape: Shape, x: float, y: float, ahead_x: float, ahead_y: float, radius: float) -> Array:
    """0 behind a root, rising to 1 ahead of it or more than its radius away, (h, w)."""
    rows, columns = shape.cover.shape
    px = np.arange(shape.left, shape.left + columns, dtype=np.float32)[None] + np.float32(0.5 - x)
    py = np.arange(shape.top, shape.top + rows, dtype=np.float32)[:, None] + np.float32(0.5 - y)
    ahead = (px * ahead_x + py * ahead_y) / radius
    far = np.sqrt(px * px + py * py) / radius
    return np.asarray(np.clip(np.maximum(2 * ahead + 0.2, 2.5 * far - 2.2), 0, 1), np.float32)
