"""Errors of the face: eyes, nose and mouth moved, turned or scaled out of their places.

Points are the 68 of iBUG. "Left" and "right" are the image's. Lengths are in units of the distance between
the eyes' centres, so the amounts read equally well on large and small faces.
"""

from __future__ import annotations

import math
import random
from typing import NamedTuple

import numpy as np

from asap.pairs.degradations import Unsuitable
from asap.pairs.warp import Bump, apply_bumps
from asap.records import Image, Points, Region

SMALLEST = 18.0
"""Distance between the eyes, in pixels, below which an error does not read."""
LARGEST_TURN = 0.62
"""Largest |nose's offset| from the middle of the eyes, as a fraction of half the eyes' span: about 40 degrees."""

EYES = (slice(36, 42), slice(42, 48))
NOSE = slice(29, 36)
MOUTH = slice(48, 68)


class Frame(NamedTuple):
    """The face's own axes: `unit` the distance between the eyes in pixels, `angle` of the line through them."""

    points: Points
    unit: float
    angle: float

    def vector(self, right: float, down: float) -> tuple[float, float]:
        """A vector of the face's frame, in units of the eyes' distance, as (dx, dy) in pixels."""
        cos, sin = math.cos(self.angle), math.sin(self.angle)
        return self.unit * (right * cos - down * sin), self.unit * (right * sin + down * cos)

    def bump(self, part: slice, axes: tuple[float, float], plateau: float) -> Bump:
        """A bump around the mean of `part`'s points; `axes` in units of the eyes' distance."""
        return Bump(
            self.points[part].mean(axis=0), (axes[0] * self.unit, axes[1] * self.unit), self.angle, plateau
        )


def face_frame(image: Image, region: Region) -> Frame:
    """The frame of a face that is large and frontal enough.

    Raises:
        Unsuitable: points missing, outside the image or degenerate; a face too small or turned too far.
    """
    points = np.asarray(region.keypoints, np.float64)
    if points.shape != (68, 2) or not np.isfinite(points).all():
        raise Unsuitable("face points missing")
    inner = points[17:]
    if (inner < 0).any() or (inner >= (image.shape[1], image.shape[0])).any():
        raise Unsuitable("face cut by the image's edge")
    first, second = (points[eye].mean(axis=0) for eye in EYES)
    across = second - first
    unit = float(np.hypot(*across))
    if unit < SMALLEST:
        raise Unsuitable("face too small")
    offset = (points[30] - (first + second) / 2) @ across / unit**2
    if abs(offset) > LARGEST_TURN / 2:
        raise Unsuitable("face turned away")
    return Frame(points, unit, math.atan2(across[1], across[0]))


def lower_eye(image: Image, region: Region, rng: random.Random) -> Image:
    """One eye, with its brow, a quarter of the eyes' distance too low."""
    face = face_frame(image, region)
    bump = face.bump(rng.choice(EYES), (0.50, 0.62), 0.35)
    return apply_bumps(image, [bump._replace(shift=face.vector(0.0, rng.uniform(0.24, 0.30)))])


def twist_mouth(image: Image, region: Region, rng: random.Random) -> Image:
    """The mouth turned by about 32 degrees."""
    face = face_frame(image, region)
    turn = math.radians(rng.uniform(28, 36)) * rng.choice((-1, 1))
    return apply_bumps(image, [face.bump(MOUTH, (0.78, 0.62), 0.5)._replace(turn=turn)])
