"""Drawing hands: signed distances to capsules, antialiased, shaded towards their edges.

The distance from p to a capsule from a to b of radius r is |p - a - s (b - a)| - r with
s = clamp((p - a).(b - a) / |b - a|^2, 0, 1) (Quilez, "2D distance functions"). Everything is a batch;
positions are in image widths, y down.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from asap.figures.hands import KNUCKLES, WRIST, Array, Hands

SKINS = {
    "pale": (247, 217, 196), "fair": (230, 184, 153), "tan": (198, 143, 104),
    "brown": (141, 92, 63), "dark": (92, 58, 40),
}  # fmt: skip
BACKGROUNDS = {
    "white": (236, 238, 240), "gray": (128, 134, 142), "blue": (70, 110, 176),
    "green": (74, 138, 96), "navy": (28, 38, 66), "violet": (128, 96, 168),
}  # fmt: skip
SLEEVES = {"black": (26, 26, 30), "red": (190, 44, 48), "yellow": (232, 190, 60), "teal": (28, 130, 136)}

CENTRE = (0.5, 0.59)
SIZE = 0.86
BATCH_PIXELS = 65536  # of the hands drawn at once, so that what is computed of each pixel fits the caches


@dataclass(frozen=True, eq=False)
class Colours:
    """RGB in [0, 255], each (N, 3)."""

    skin: Array
    background: Array
    sleeve: Array


def render(hands: Hands, colours: Colours, size: int) -> tuple[NDArray[np.uint8], Array]:
    """Images (N, size, size, 3) and the hands' coverage (N, size, size) in [0, 1].

    An image depends on its own skeleton and colours alone, not on its place in the batch.
    """
    images = np.empty((len(hands), size, size, 3), np.uint8)
    cover = np.empty((len(hands), size, size), np.float32)
    batch = max(1, BATCH_PIXELS // size**2)
    for start in range(0, len(hands), batch):
        part = slice(start, start + batch)
        images[part], cover[part] = _render(hands, colours, size, part)
    return images, cover


def _render(hands: Hands, colours: Colours, size: int, part: slice) -> tuple[NDArray[np.uint8], Array]:
    points = _pixel_centres(hands, size, part)
    pixel = (1.0 / (size * SIZE * hands.scale[part]))[:, None]
    count = len(points)
    image = np.repeat(colours.background[part, None], size * size, axis=1)
    total = np.zeros((count, size * size), np.float32)
    wrist = np.tile(np.asarray(WRIST, np.float32), (count, 1))
    sleeve = _capsule(points, wrist + _at(0, 0.16), wrist + _at(0, 0.7), 0.155)
    palm = _palm(points, wrist)
    layers = [
        (palm, 0.085),
        *((_finger(points, hands, part, i), 0.045) for i in range(hands.fingers.shape[1])),
    ]
    for distance, depth in layers:
        alpha = np.clip(0.5 - distance / pixel, 0, 1)
        shade = 0.70 + 0.30 * np.sqrt(np.clip(-distance / depth, 0, 1))
        image += alpha[..., None] * (colours.skin[part, None] * shade[..., None] - image)
        total = np.maximum(total, alpha)
    alpha = np.clip(0.5 - sleeve / pixel, 0, 1)
    image += alpha[..., None] * (colours.sleeve[part, None] - image)
    total *= 1 - alpha
    shape = (count, size, size)
    return (image + 0.5).astype(np.uint8).reshape(*shape, 3), total.reshape(shape)


def _pixel_centres(hands: Hands, size: int, part: slice) -> Array:
    """Pixel centres in each hand's own coordinates, (N, size * size, 2)."""
    line = (np.arange(size, dtype=np.float32) + 0.5) / size
    x = line[None, None, :] - CENTRE[0] - hands.shift[part, 0, None, None]
    y = line[None, :, None] - CENTRE[1] - hands.shift[part, 1, None, None]
    cos = (np.cos(hands.rotation[part]) / (SIZE * hands.scale[part]))[:, None, None]
    sin = (np.sin(hands.rotation[part]) / (SIZE * hands.scale[part]))[:, None, None]
    points = np.stack([cos * x + sin * y, -sin * x + cos * y], axis=-1)
    return points.reshape(len(points), size * size, 2).astype(np.float32)


def _at(x: float, y: float) -> Array:
    return np.asarray([x, y], np.float32)


def _capsule(points: Array, a: Array, b: Array, radius: float | Array) -> Array:
    """Signed distance (N, P) of `points` to the capsules from a to b, each (N, 2)."""
    ax, ay = a[:, 0, None], a[:, 1, None]
    dx, dy = b[:, 0, None] - ax, b[:, 1, None] - ay
    px, py = points[..., 0] - ax, points[..., 1] - ay
    share = np.clip((px * dx + py * dy) / np.maximum(dx * dx + dy * dy, 1e-9), 0, 1)
    distance: Array = np.hypot(px - share * dx, py - share * dy) - radius
    return distance


def _palm(points: Array, wrist: Array) -> Array:
    thumb, *knuckles = (np.tile(np.asarray(k, np.float32), (len(points), 1)) for k in KNUCKLES)
    inner = _at(0, 0.05)
    pieces = [_capsule(points, wrist + _at((i - 1.5) * 0.03, 0), k + inner, 0.08)
              for i, k in enumerate(knuckles)]  # fmt: skip
    pieces.append(_capsule(points, wrist, thumb + _at(0.04, 0.02), 0.075))
    pieces.append(_capsule(points, wrist, wrist + _at(0, 0.3), 0.105))
    palm: Array = np.minimum.reduce(pieces)
    return palm


def _finger(points: Array, hands: Hands, part: slice, finger: int) -> Array:
    joints, width = hands.fingers[part, finger], hands.widths[part, finger]
    taper = (1.0, 0.94, 0.86)
    bones = [_capsule(points, joints[:, i], joints[:, i + 1], (width * taper[i])[:, None]) for i in range(3)]
    distance = np.minimum.reduce(bones)
    return np.where(width[:, None] > 0, distance, np.float32(1))
