"""Errors of the face: eyes, nose and mouth moved, turned or scaled out of their places.

Points are the 68 of iBUG. "Left" and "right" are the image's. Lengths are in units of the distance between
the eyes' centres, so the amounts read equally well on large and small faces.
"""

from __future__ import annotations

import math
import random
from typing import NamedTuple

import cv2
import numpy as np

from asap.anatomy.keypoints import FACE_PARTS
from asap.pairs.degradations import Unsuitable, first_possible
from asap.pairs.warp import Bump, apply_bumps, apply_mirror, box_around, rotation
from asap.records import Image, Points, Region

SMALLEST = 24.0
"""Distance between the eyes, in pixels, below which an error does not read."""
LEAST_DETAIL = 6.0
"""Standard deviation of the Laplacian at 40 pixels between the eyes, in grey levels, of a face in focus."""
LARGEST_TURN = 0.31
"""Largest offset of the nose's tip from between the eyes, in eyes' distances: about 40 degrees of turning."""

MOST_HAIR = 0.2
"""Fraction of the skin above a brow that may be hair before a lowered eye drags it along."""
DARKER, COLOURED = 40.0, 18.0
"""How much darker than the cheek, or different in colour (Lab, 8 bits), a pixel is that is not skin."""

EYES = (FACE_PARTS["right_eye"], FACE_PARTS["left_eye"])  # from left to right in the image
NOSE = slice(29, 36)
MOUTH = FACE_PARTS["mouth"]


class Frame(NamedTuple):
    """The face's own axes: `unit` is the eyes' distance in pixels, `angle` that of the line through them."""

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
        Unsuitable: points missing, outside the image or degenerate; a face small, turned, or behind a hand.
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
    if detail(image, inner, unit) < LEAST_DETAIL:
        raise Unsuitable("face out of focus")
    offset = (points[30] - (first + second) / 2) @ across / unit**2
    if abs(offset) > LARGEST_TURN:
        raise Unsuitable("face turned away")
    hull = cv2.convexHull(inner.astype(np.float32))
    for hand in region.context.get("hands", ()):
        if any(cv2.pointPolygonTest(hull, (float(x), float(y)), False) > 0 for x, y in hand):
            raise Unsuitable("a hand before the face")
    return Frame(points, unit, math.atan2(across[1], across[0]))


def detail(image: Image, points: Points, unit: float) -> float:
    """Standard deviation of the Laplacian of the face's grey levels, scaled to 40 pixels between the eyes."""
    left, top, right, bottom = box_around(points, 0.0, image.shape)
    grey = cv2.cvtColor(image[top:bottom, left:right], cv2.COLOR_RGB2GRAY).astype(np.float32)
    size = [max(3, round(n * 40 / unit)) for n in (right - left, bottom - top)]
    small = cv2.resize(grey, size, interpolation=cv2.INTER_AREA if unit > 40 else cv2.INTER_CUBIC)
    return float(cv2.Laplacian(small, cv2.CV_32F).std())


def lower_eye(image: Image, region: Region, rng: random.Random) -> Image:
    """One eye, with its brow, a quarter of the eyes' distance too low."""
    face = face_frame(image, region)
    amount = rng.uniform(0.24, 0.30)

    def edit(eye: slice) -> Image:
        check_brow(image, face, eye)
        return apply_bumps(
            image, [face.bump(eye, (0.54, 0.78), 0.3)._replace(shift=face.vector(0.0, amount))]
        )

    return first_possible(rng.sample(EYES, 2), edit)


def check_brow(image: Image, face: Frame, eye: slice) -> None:
    """Refuse an eye with hair right above its brow, which would be pulled down with it.

    Raises:
        Unsuitable: more than a fifth of what is there is darker or otherwise coloured than the cheek.
    """
    centre = face.points[eye].mean(axis=0)
    above, cheek = (patch(image, face, centre, down) for down in ((-0.64, -0.48), (0.38, 0.56)))
    apart = above - np.median(cheek, axis=0)
    hair = (apart[:, 0] < -DARKER) | (np.hypot(apart[:, 1], apart[:, 2]) > COLOURED)
    if hair.mean() > MOST_HAIR:
        raise Unsuitable("hair over the brow")


def patch(image: Image, face: Frame, centre: Points, down: tuple[float, float]) -> Points:
    """(N, 3) Lab colours on a grid, .7 eyes' distances wide, from `down[0]` to `down[1]` below `centre`."""
    grid = [face.vector(x, y) for x in np.linspace(-0.35, 0.35, 15) for y in np.linspace(*down, 5)]
    columns, rows = np.clip(
        (centre + grid).round().astype(int), 0, (image.shape[1] - 1, image.shape[0] - 1)
    ).T
    colours = cv2.cvtColor(image[rows, columns][None], cv2.COLOR_RGB2LAB)[0]
    return np.asarray(colours, np.float64)


def enlarge_eye(image: Image, region: Region, rng: random.Random) -> Image:
    """One eye about 1.7 times as large."""
    face = face_frame(image, region)
    bump = face.bump(rng.choice(EYES), (0.52, 0.52), 0.35)
    return apply_bumps(image, [bump._replace(scale=rng.uniform(1.6, 1.75))])


def tilt_eye(image: Image, region: Region, rng: random.Random) -> Image:
    """One eye turned by about 38 degrees."""
    face = face_frame(image, region)
    bump = face.bump(rng.choice(EYES), (0.50, 0.56), 0.4)
    return apply_bumps(image, [bump._replace(turn=_turn(rng, 34, 42))])


def twist_mouth(image: Image, region: Region, rng: random.Random) -> Image:
    """The mouth turned by about 32 degrees."""
    face = face_frame(image, region)
    return apply_bumps(image, [face.bump(MOUTH, (0.78, 0.62), 0.5)._replace(turn=_turn(rng, 28, 36))])


def shift_mouth(image: Image, region: Region, rng: random.Random) -> Image:
    """The mouth a third of the eyes' distance to one side."""
    face = face_frame(image, region)
    shift = face.vector(rng.uniform(0.28, 0.32) * rng.choice((-1, 1)), 0.0)
    return apply_bumps(image, [face.bump(MOUTH, (0.94, 0.54), 0.36)._replace(shift=shift)])


def displace_nose(image: Image, region: Region, rng: random.Random) -> Image:
    """The nose to one side by a quarter of the eyes' distance, and turned."""
    face = face_frame(image, region)
    side = rng.choice((-1, 1))
    shift, turn = face.vector(side * rng.uniform(0.20, 0.24), 0.0), side * math.radians(rng.uniform(20, 28))
    return apply_bumps(image, [face.bump(NOSE, (0.62, 0.64), 0.28)._replace(shift=shift, turn=turn)])


def unbalance_face(image: Image, region: Region, rng: random.Random) -> Image:
    """One half of the face wrong: its eye low, tilted and large, and the mouth pulled down on that side."""
    face = face_frame(image, region)
    amounts = (rng.uniform(0.18, 0.24), rng.uniform(14, 22), rng.uniform(1.25, 1.4), rng.uniform(20, 26))

    def edit(side: int) -> Image:
        check_brow(image, face, EYES[side])
        return apply_bumps(image, unbalance(face, side, *amounts))

    return first_possible(rng.sample((0, 1), 2), edit)


def unbalance(face: Frame, side: int, low: float, tilt: float, scale: float, pull: float) -> list[Bump]:
    """One eye (0: the image's left) `low`, tilted and scaled, and the mouth turned, both in degrees."""
    outward = 1 if side else -1
    eye = face.bump(EYES[side], (0.54, 0.74), 0.3)._replace(
        shift=face.vector(0.0, low), turn=outward * math.radians(tilt), scale=scale
    )
    mouth = face.bump(MOUTH, (0.80, 0.60), 0.45)._replace(turn=outward * math.radians(pull))
    return [eye, mouth]


def flip_mouth(image: Image, region: Region, rng: random.Random) -> Image:
    """The mouth upside down, if it is open or curved enough to tell.

    Raises:
        Unsuitable: it is not, or the face is not suitable.
    """
    face = face_frame(image, region)
    mouth = face.points[MOUTH]
    down = rotation(face.angle)[:, 1] / face.unit
    curve = (mouth[[0, 6]].mean(axis=0) - mouth[[3, 9]].mean(axis=0)) @ down
    if abs(curve) < 0.06 and (mouth[18] - mouth[14]) @ down < 0.10:
        raise Unsuitable("mouth alike both ways up")
    centre = (mouth.max(axis=0) + mouth.min(axis=0)) / 2
    half = np.ptp((mouth - centre) @ rotation(face.angle), axis=0) / 2
    axes = (float(half[0]) + 0.20 * face.unit, float(half[1]) + 0.16 * face.unit)
    return apply_mirror(image, Bump(centre, axes, face.angle, rng.uniform(0.62, 0.68)))


def _turn(rng: random.Random, low: float, high: float) -> float:
    return math.radians(rng.uniform(low, high)) * rng.choice((-1, 1))
