"""A face as its photo shows it: its own axes, whether it is large and frontal enough, and where it is bare.

Points are the 68 of iBUG. "Left" and "right" are the image's. Lengths are in units of the distance between
the eyes' centres, so the amounts read equally well on large and small faces.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from asap.anatomy.keypoints import FACE_PARTS
from asap.pairs.degradations import Unsuitable
from asap.pairs.edits.warp import Bump, Field, box_around, length, pixel_grid, rotation, sample
from asap.records import Image, Points, Region

SMALLEST = 24.0
"""Distance between the eyes, in pixels, below which an error does not read."""
LEAST_DETAIL = 6.0
"""Standard deviation of the Laplacian at 40 pixels between the eyes, in grey levels, of a face in focus."""
LARGEST_TURN = 0.31
"""Largest offset of the nose's tip from between the eyes, in eyes' distances: about 40 degrees of turning."""

DARKER, COLOURED = 40.0, 18.0
"""How much darker than the cheek, or different in colour (Lab, 8 bits), a pixel is that is not skin."""

FRAME = 45.0
"""How far, in grey levels, the bridge of the nose strays from its smooth shading under a pair of glasses."""
MOST_GRAIN = 3.0
"""Grey levels; more is no skin's."""
MOST_ELSE = 0.08
"""Fraction of an ellipse that may be no skin where bare skin is needed."""

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

    def place(self, part: slice | list[int]) -> Points:
        """The mean of `part`'s points."""
        return np.asarray(self.points[part].mean(axis=0), np.float64)

    def axes(self, along: float, across: float) -> tuple[float, float]:
        """Half-lengths of an ellipse in pixels, given in units of the eyes' distance."""
        return along * self.unit, across * self.unit

    def local(self, points: Points | Field, centre: Points) -> Points:
        """`points` (..., 2) as (right, down) of `centre`, in units of the eyes' distance."""
        return np.asarray((points - centre) @ rotation(self.angle) / self.unit)

    def bump(self, part: slice, axes: tuple[float, float], plateau: float) -> Bump:
        """A bump around the mean of `part`'s points; `axes` in units of the eyes' distance."""
        return Bump(self.place(part), self.axes(*axes), self.angle, plateau)


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


def patch(image: Image, face: Frame, centre: Points, down: tuple[float, float]) -> Points:
    """(N, 3) Lab colours on a grid, .7 eyes' distances wide, from `down[0]` to `down[1]` below `centre`."""
    grid = [face.vector(x, y) for x in np.linspace(-0.35, 0.35, 15) for y in np.linspace(*down, 5)]
    columns, rows = np.clip(
        (centre + grid).round().astype(int), 0, (image.shape[1] - 1, image.shape[0] - 1)
    ).T
    colours = cv2.cvtColor(image[rows, columns][None], cv2.COLOR_RGB2LAB)[0]
    return np.asarray(colours, np.float64)


def tone(image: Image, face: Frame) -> Points:
    """(3,) the Lab colour of the cheeks: the median of what lies below both eyes."""
    cheeks = [patch(image, face, face.place(eye), (0.38, 0.56)) for eye in EYES]
    return np.asarray(np.median(np.concatenate(cheeks), axis=0))


def not_skin(
    colours: Points, skin: Points, darker: float = DARKER, coloured: float = COLOURED
) -> NDArray[np.bool_]:
    """(N,) which Lab colours (N, 3) are darker or otherwise coloured than `skin` (3,)."""
    apart = colours - skin
    return np.asarray((apart[:, 0] < -darker) | (np.hypot(apart[:, 1], apart[:, 2]) > coloured))


def within(image: Image, place: Bump, inner: float = 0.0) -> Points:
    """(N, 3) Lab colours of the pixels in the ellipse of `place`, from `inner` of its radius outwards.

    Raises:
        Unsuitable: the ellipse reaches beyond the image.
    """
    reach = max(place.axes)
    if (place.centre < reach).any() or (place.centre + reach > (image.shape[1], image.shape[0])).any():
        raise Unsuitable("face cut by the image's edge")
    box = left, top, right, bottom = box_around(place.centre[None], reach, image.shape)
    radius = length((pixel_grid(box) - place.centre) @ rotation(place.angle) / place.axes)
    ring = (radius >= inner) & (radius < 1)
    colours = cv2.cvtColor(image[top:bottom, left:right], cv2.COLOR_RGB2LAB)[ring]
    return np.asarray(colours, np.float64)


def check_bare(image: Image, face: Frame, place: Bump, inner: float = 0.0, most: float = MOST_ELSE) -> None:
    """Refuse an ellipse of which, from `inner` of its radius outwards, more than `most` is no skin.

    Raises:
        Unsuitable: it does; hair, a beard, glasses, a hard shadow or the background.
    """
    colours = within(image, place, inner)
    if not len(colours) or not_skin(colours, tone(image, face)).mean() > most:
        raise Unsuitable("hair, a beard or glasses in the way")


def grain(image: Image, face: Frame) -> float:
    """Median size of the fine detail of the smoother cheek, in grey levels: robust to wrinkles and spots."""
    found = []
    for eye in EYES:
        spot = face.place(eye) + face.vector(0.0, 0.5)
        left, top, right, bottom = box_around(spot[None], 0.15 * face.unit, image.shape)
        grey = cv2.cvtColor(image[top:bottom, left:right], cv2.COLOR_RGB2GRAY).astype(np.float32)
        found.append(np.median(np.abs(grey - cv2.GaussianBlur(grey, (0, 0), 1.5))))
    return min(MOST_GRAIN, float(min(found)))


def check_no_glasses(image: Image, face: Frame) -> None:
    """Refuse a face with glasses: a line across the bridge of the nose.

    Raises:
        Unsuitable: in most columns between the eyes some pixel differs by `FRAME` from those above and below.
    """
    middle = (face.place(EYES[0]) + face.place(EYES[1])) / 2
    grid = np.stack(np.meshgrid(np.linspace(-0.13, 0.13, 9), np.linspace(-0.2, 0.4, 61)), axis=-1)
    source = middle + face.unit * grid @ rotation(face.angle).T
    grey = cv2.cvtColor(sample(image, source.astype(np.float32)), cv2.COLOR_RGB2GRAY).astype(np.float32)
    lines = grey - cv2.GaussianBlur(grey, (1, 25), 0.1, sigmaY=7)
    if np.median(np.ptp(lines, axis=0)) > FRAME:
        raise Unsuitable("glasses in the way")
