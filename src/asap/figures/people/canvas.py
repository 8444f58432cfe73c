"""Antialiased shapes, shaded like rounded bodies: chains of tapered bones, smooth outlines, strokes.

The distance from p to a tapered bone from a to b is |p - a - s (b - a)| - r(s) with
s = clamp((p - a).(b - a) / |b - a|^2, 0, 1) (Quilez, "2D distance functions"). A shape is evaluated in
its own bounding box only. Coordinates here are pixels, pixel centres at halves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from asap.figures.people.shading import Array, Finish, Shape, light_on

FINE = 4  # an outline's coverage is counted on a grid this much finer


class Canvas:
    """A square picture being painted, `image` (S, S, 3) in 0 to 255 and `labels` (S, S).

    `textures`, (S, S) by name, are what colours of those surfaces are multiplied by.
    """

    def __init__(self, image: Array, textures: Mapping[str, Array] | None = None) -> None:
        self.image = image
        self.textures = textures or {}
        self.size = len(image)
        self.labels = np.zeros(image.shape[:2], np.uint8)

    def paint(self, shape: Shape | None, finish: Finish, within: Shape | None = None) -> None:
        """Lay `shape` over what is there; `within` cuts it to another shape."""
        if shape is None:
            return
        alpha = shape.cover if within is None else shape.cover * _cut(within, shape)
        tint = np.asarray(finish.colour, np.float32) * light_on(shape, finish)[..., None]
        if finish.texture in self.textures:
            tint *= self.textures[finish.texture][shape.window][..., None]
        region = self.image[shape.window]
        region += alpha[..., None] * (tint - region)
        if finish.label:
            self.labels[shape.window][alpha > 0.5] = finish.label

    def chain(self, points: ArrayLike, radii: ArrayLike) -> Shape | None:
        """The union of tapered bones between successive `points` (K, 2) with `radii` (K,)."""
        knots, widths = np.asarray(points, np.float32), np.asarray(radii, np.float32)
        box = self._box(knots, float(widths.max()))
        if box is None:
            return None
        left, top, right, bottom = box
        x = np.arange(left, right, dtype=np.float32)[None] + np.float32(0.5)
        y = np.arange(top, bottom, dtype=np.float32)[:, None] + np.float32(0.5)
        inside = _bone(
            x, y, knots[0], knots[min(1, len(knots) - 1)], widths[0], widths[min(1, len(knots) - 1)]
        )
        for i in range(1, len(knots) - 1):
            inside = np.maximum(inside, _bone(x, y, knots[i], knots[i + 1], widths[i], widths[i + 1]))
        return Shape(left, top, np.clip(inside + np.float32(0.5), 0, 1), np.maximum(inside, 0))

    def outline(self, points: ArrayLike, *, smooth: bool = True, grow: float = 0.0) -> Shape | None:
        """The inside of a closed outline (K, 2), through its points smoothly or not, `grow` pixels wider."""
        knots = np.asarray(points, np.float64)
        knots = closed_curve(knots) if smooth else knots
        box = self._box(knots, grow + 1)
        if box is None:
            return None
        left, top, right, bottom = box
        rows, columns = (bottom - top) * FINE, (right - left) * FINE
        mask = np.zeros((rows, columns), np.uint8)
        fixed = np.round(((knots - [left, top]) * FINE - 0.5) * 16).astype(np.int32)
        cv2.fillPoly(mask, [fixed], 1, shift=4)
        if grow > 0:
            reach = cv2.distanceTransform(1 - mask, cv2.DIST_L2, 3)
            mask = (reach <= grow * FINE).astype(np.uint8)
        depth = cv2.distanceTransform(
            cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_REPLICATE), cv2.DIST_L2, 3
        )
        cells = (bottom - top, FINE, right - left, FINE)
        cover = mask.reshape(cells).mean(axis=(1, 3), dtype=np.float32)
        middle = depth[1 + FINE // 2 : -1 : FINE, 1 + FINE // 2 : -1 : FINE] / FINE
        return Shape(left, top, cover, np.asarray(middle, np.float32))

    def _box(self, knots: NDArray[np.floating], margin: float) -> tuple[int, int, int, int] | None:
        """The pixels that `knots` widened by `margin` can touch; None outside the picture or for NaN."""
        if not np.isfinite(knots).all():
            return None
        low = np.floor(knots.min(axis=0) - margin - 1).clip(0, self.size).astype(int)
        high = np.ceil(knots.max(axis=0) + margin + 1).clip(0, self.size).astype(int)
        if (high <= low).any():
            return None
        return int(low[0]), int(low[1]), int(high[0]), int(high[1])


def closed_curve(points: NDArray[np.float64], steps: int = 6) -> NDArray[np.float64]:
    """A closed Catmull-Rom curve through `points` (K, 2): (K * steps, 2)."""
    t = np.linspace(0, 1, steps, endpoint=False)[:, None, None]
    before, after, second = (np.roll(points, -k, axis=0)[None] for k in (-1, 1, 2))
    here = points[None]
    curve = (
        2 * here + (after - before) * t
        + (2 * before - 5 * here + 4 * after - second) * t**2
        + (3 * here - before - 3 * after + second) * t**3
    ) / 2  # fmt: skip
    return np.asarray(curve.transpose(1, 0, 2).reshape(-1, 2))


def between(points: ArrayLike, share: float) -> NDArray[np.float64]:
    """The point `share` of the way from the first of two points (2, 2) to the second."""
    a, b = np.asarray(points, np.float64)
    return np.asarray(a + share * (b - a))


def hull(points: Sequence[ArrayLike] | ArrayLike) -> NDArray[np.float64]:
    """The convex hull (H, 2) of points (K, 2)."""
    corners = cv2.convexHull(np.asarray(points, np.float32))
    return np.asarray(corners[:, 0], np.float64)


def _bone(x: Array, y: Array, a: Array, b: Array, start: float, end: float) -> Array:
    """Depth inside a tapered bone (negative outside), (h, w)."""
    dx, dy = b - a
    px, py = x - a[0], y - a[1]
    share = np.clip((px * dx + py * dy) / max(float(dx * dx + dy * dy), 1e-6), 0, 1)
    qx, qy = px - share * dx, py - share * dy
    depth: Array = start + share * (end - start) - np.sqrt(qx * qx + qy * qy)
    return depth


def _cut(shape: Shape, onto: Shape) -> Array:
    """The coverage of `shape` on the window of `onto`."""
    cut = np.zeros_like(onto.cover)
    left, top = max(shape.left, onto.left), max(shape.top, onto.top)
    right = min(shape.left + shape.cover.shape[1], onto.left + cut.shape[1])
    bottom = min(shape.top + shape.cover.shape[0], onto.top + cut.shape[0])
    if right > left and bottom > top:
        cut[top - onto.top : bottom - onto.top, left - onto.left : right - onto.left] = shape.cover[
            top - shape.top : bottom - shape.top, left - shape.left : right - shape.left
        ]
    return cut
