"""Errors of the eyes: one too many, one gone, one turned upright, one that looks elsewhere."""

from __future__ import annotations

import math
import random

import cv2
import numpy as np

from asap.pairs.degradations import Unsuitable, first_possible
from asap.pairs.edits.faces.face import EYES, Frame, check_bare, check_no_glasses, face_frame, grain, within
from asap.pairs.edits.transplant import Copy, erase, membrane, transplant
from asap.pairs.edits.warp import Bump, box_around, paste, pixel_grid, sample, smoothstep, to_bytes
from asap.records import Image, Points, Region

LEAST_CONTRAST = 70.0
"""Range of lightness (5th to 95th percentile, 8 bits) in an eye that is seen to be one."""
IRIS = 0.095
"""Radius of an iris in eyes' distances: 11.7 mm across at 63 mm."""
LARGE = 45.0
"""Distance between the eyes, in pixels, from which an iris reads."""
DARK = 40.0
"""How much darker an iris is than the white, in grey levels, where it is where it was found."""
FARTHEST = 0.14
"""How far from the middle of the eye, in eyes' distances, an iris may lie and still be seen in full."""
LEAST_OPEN = 0.22
"""Height of an open eye in its own widths."""


def third_eye(image: Image, region: Region, rng: random.Random) -> Image:
    """A third eye, on a bare forehead."""
    face = face_frame(image, region)
    target = face.place(slice(20, 24)) + face.vector(0.0, -rng.uniform(0.34, 0.40))
    return copy_eye(image, face, target, rng)


def cheek_eye(image: Image, region: Region, rng: random.Random) -> Image:
    """A third eye, below one of the two, on a bare cheek."""
    face = face_frame(image, region)
    down = rng.uniform(0.46, 0.54)
    return first_possible(
        rng.sample(EYES, 2),
        lambda eye: copy_eye(image, face, face.place(eye) + face.vector(0.0, down), rng),
    )


def copy_eye(image: Image, face: Frame, target: Points, rng: random.Random) -> Image:
    """A copy of one eye at `target`, where there must be skin."""
    scale = rng.uniform(1.0, 1.15)
    spot = Bump(target, face.axes(0.38, 0.24), face.angle, 0.6)
    check_bare(image, face, spot)

    def edit(eye: slice) -> Image:
        check_eye(image, face, eye)
        return transplant(image, Copy(face.place(eye), spot.centre, spot.axes, face.angle, 0.6, scale))

    return first_possible(rng.sample(EYES, 2), edit)


def check_eye(image: Image, face: Frame, eye: slice) -> None:
    """Refuse an eye that is closed, in the dark, or behind glasses.

    Raises:
        Unsuitable: the eye's colours are much the same, or its surroundings are not skin.
    """
    inside = within(image, Bump(face.place(eye), face.axes(0.22, 0.10), face.angle))
    low, high = np.percentile(inside[:, 0], (5, 95))
    if high - low < LEAST_CONTRAST or openness(face, eye) < LEAST_OPEN:
        raise Unsuitable("eye closed or hard to see")
    check_bare(image, face, Bump(face.place(eye), face.axes(0.38, 0.24), face.angle), 0.85, 0.3)


def openness(face: Frame, eye: slice) -> float:
    """Height of an eye's opening in its own widths."""
    outline = face.local(face.points[eye], face.place(eye))
    return float((outline[4:6, 1].mean() - outline[1:3, 1].mean()) / np.ptp(outline[:, 0]))


def remove_eye(image: Image, region: Region, rng: random.Random) -> Image:
    """One eye gone; bare skin is in its place."""
    face = face_frame(image, region)
    seed = rng.getrandbits(32)
    return first_possible(rng.sample((0, 1), 2), lambda side: without_eye(image, face, side, seed))


def without_eye(image: Image, face: Frame, side: int, seed: int) -> Image:
    """A copy of `image` with the eye on `side` (0: the image's left) covered by skin."""
    eye = EYES[side]
    check_no_glasses(image, face)
    check_bare(image, face, Bump(face.place(eye), face.axes(0.44, 0.30), face.angle), 0.85, 0.3)
    brow = face.points[17 + 5 * side : 22 + 5 * side]
    gap = -float(face.local(brow, face.place(eye))[:, 1].max())
    hole = Bump(face.place(eye), face.axes(0.40, max(0.18, min(0.27, gap))), face.angle, 0.7)
    return erase(image, hole, grain(image, face), seed)


def upright_eye(image: Image, region: Region, rng: random.Random) -> Image:
    """One eye turned by a right angle."""
    face = face_frame(image, region)
    turn, seed = math.radians(rng.uniform(80, 100)) * rng.choice((-1, 1)), rng.getrandbits(32)

    def edit(side: int) -> Image:
        check_eye(image, face, EYES[side])
        bare, eye = without_eye(image, face, side, seed), face.place(EYES[side])
        return transplant(bare, Copy(eye, eye, face.axes(0.20, 0.34), face.angle, 0.65, turn=turn), image)

    return first_possible(rng.sample((0, 1), 2), edit)


def shift_iris(image: Image, region: Region, rng: random.Random) -> Image:
    """One iris moved sideways under its lids, so that the two eyes look apart."""
    face = face_frame(image, region)
    irises = region.context.get("irises")
    if irises is None:
        raise Unsuitable("irises not found")
    if face.unit < LARGE:
        raise Unsuitable("face too small")
    amount = rng.uniform(0.11, 0.13)
    options = [(side, way) for side in (0, 1) for way in (-1, 1)]

    def edit(option: tuple[int, int]) -> Image:
        side, way = option
        check_eye(image, face, EYES[side])
        return move_iris(image, face, EYES[side], np.asarray(irises[side]), face.vector(way * amount, 0.0))

    return first_possible(rng.sample(options, 4), edit)


def move_iris(image: Image, face: Frame, eye: slice, iris: Points, shift: tuple[float, float]) -> Image:
    """The iris at `iris` moved by `shift` pixels within the eye's opening; white fills its place."""
    outline, radius = face.points[eye], IRIS * face.unit
    if abs(face.local(iris + shift, outline.mean(axis=0))[0]) > FARTHEST:
        raise Unsuitable("the iris would go under the lids")
    box = left, top, right, bottom = box_around(outline, 0.1 * face.unit, image.shape)
    grid = pixel_grid(box)
    opening = np.zeros((bottom - top, right - left), np.uint8)
    cv2.fillPoly(opening, [np.round((outline - (left, top)) * 16).astype(np.int32)], 1, shift=4)
    before, after = (np.hypot(*(grid - iris - move).transpose(2, 0, 1)) for move in ((0, 0), shift))
    white = (opening > 0) & (before > 1.25 * radius)
    if white.sum() < 0.2 * opening.sum():
        raise Unsuitable("no white of the eye")
    old = image[top:bottom, left:right].astype(np.float32)
    if np.median(old[white]) - np.median(old[(opening > 0) & (before < 0.6 * radius)]) < DARK:
        raise Unsuitable("iris hard to see")
    empty = membrane(old, white)
    moved = sample(image, (grid - shift).astype(np.float32)).astype(np.float32)
    inside = smoothstep((1.25 * radius - after).astype(np.float32), 0.0, 0.35 * radius)[..., None]
    soft = cv2.GaussianBlur(opening.astype(np.float32), (0, 0), max(0.6, 0.012 * face.unit))
    new = empty + inside * (moved - empty)
    return paste(image, box, to_bytes(old + soft[..., None] * (new - old)), soft > 0)
