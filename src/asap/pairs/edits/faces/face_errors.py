"""Errors of the face: eyes, nose and mouth moved, turned or scaled out of their places.

Points are the 68 of iBUG. "Left" and "right" are the image's. Lengths are in units of the distance between
the eyes' centres, so the amounts read equally well on large and small faces.
"""

from __future__ import annotations

import math
import random

import numpy as np

from asap.pairs.degradations import Unsuitable, first_possible
from asap.pairs.edits.faces.face import (
    EYES,
    MOUTH,
    NOSE,
    Frame,
    check_bare,
    check_no_glasses,
    face_frame,
    not_skin,
    patch,
)
from asap.pairs.edits.warp import (
    Bump,
    apply_bumps,
    apply_mirror,
    box_around,
    ellipse_weight,
    paste,
    pixel_grid,
    rotation,
    sample,
)
from asap.records import Image, Points, Region

RIM = 0.75, 0.5
"""Where the rim of a mouth's ellipse begins, and how much of it may be no skin: beard, hair, hands."""
MELTED = 0.135
"""Root mean square of how far a melted face's points are moved, in eyes' distances."""
MOST_HAIR = 0.2
"""Fraction of the skin above a brow that may be hair before a lowered eye drags it along."""


def lower_eye(image: Image, region: Region, rng: random.Random, *, strength: float = 1.0) -> Image:
    """One eye, with its brow, a quarter of the eyes' distance too low."""
    face = face_frame(image, region)
    check_no_glasses(image, face)
    amount = strength * rng.uniform(0.24, 0.30)

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
    if not_skin(above, np.median(cheek, axis=0)).mean() > MOST_HAIR:
        raise Unsuitable("hair over the brow")


def enlarge_eye(image: Image, region: Region, rng: random.Random, *, strength: float = 1.0) -> Image:
    """One eye about 1.7 times as large."""
    face = face_frame(image, region)
    check_no_glasses(image, face)
    bump = face.bump(rng.choice(EYES), (0.52, 0.52), 0.35)
    return apply_bumps(image, [bump._replace(scale=1 + strength * rng.uniform(0.6, 0.75))])


def tilt_eye(image: Image, region: Region, rng: random.Random, *, strength: float = 1.0) -> Image:
    """One eye turned by about 38 degrees."""
    face = face_frame(image, region)
    check_no_glasses(image, face)
    bump = face.bump(rng.choice(EYES), (0.50, 0.56), 0.4)
    return apply_bumps(image, [bump._replace(turn=strength * _turn(rng, 34, 42))])


def twist_mouth(image: Image, region: Region, rng: random.Random, *, strength: float = 1.0) -> Image:
    """The mouth turned by about 32 degrees."""
    face = face_frame(image, region)
    turn = strength * _turn(rng, 28, 36)
    bump = face.bump(MOUTH, (0.78, 0.62), 0.5)
    check_bare(image, face, bump, *RIM)
    return apply_bumps(image, [bump._replace(turn=turn)])


def shift_mouth(image: Image, region: Region, rng: random.Random, *, strength: float = 1.0) -> Image:
    """The mouth a third of the eyes' distance to one side."""
    face = face_frame(image, region)
    shift = face.vector(strength * rng.uniform(0.28, 0.32) * rng.choice((-1, 1)), 0.0)
    bump = face.bump(MOUTH, (0.94, 0.54), 0.36)
    check_bare(image, face, bump, *RIM)
    return apply_bumps(image, [bump._replace(shift=shift)])


def displace_nose(image: Image, region: Region, rng: random.Random, *, strength: float = 1.0) -> Image:
    """The nose to one side by a quarter of the eyes' distance, and turned."""
    face = face_frame(image, region)
    check_no_glasses(image, face)
    side = strength * rng.choice((-1, 1))
    shift, turn = face.vector(side * rng.uniform(0.20, 0.24), 0.0), side * math.radians(rng.uniform(20, 28))
    return apply_bumps(image, [face.bump(NOSE, (0.62, 0.64), 0.28)._replace(shift=shift, turn=turn)])


def unbalance_face(image: Image, region: Region, rng: random.Random, *, strength: float = 1.0) -> Image:
    """One half of the face wrong: its eye low, tilted and large, and the mouth pulled down on that side."""
    face = face_frame(image, region)
    check_no_glasses(image, face)
    low, tilt, more, pull = (
        strength * rng.uniform(*span) for span in ((0.18, 0.24), (14, 22), (0.25, 0.4), (20, 26))
    )

    def edit(side: int) -> Image:
        check_brow(image, face, EYES[side])
        return apply_bumps(image, unbalance(face, side, low, tilt, 1 + more, pull))

    return first_possible(rng.sample((0, 1), 2), edit)


def unbalance(face: Frame, side: int, low: float, tilt: float, scale: float, pull: float) -> list[Bump]:
    """One eye (0: the image's left) `low`, tilted and scaled, and the mouth turned, both in degrees."""
    outward = 1 if side else -1
    eye = face.bump(EYES[side], (0.54, 0.74), 0.3)._replace(
        shift=face.vector(0.0, low), turn=outward * math.radians(tilt), scale=scale
    )
    mouth = face.bump(MOUTH, (0.80, 0.60), 0.45)._replace(turn=outward * math.radians(pull))
    return [eye, mouth]


def melt_face(image: Image, region: Region, rng: random.Random, *, strength: float = 1.0) -> Image:
    """The whole face run out of shape by smooth waves of chance, which fade towards its outline."""
    face = face_frame(image, region)
    middle = face.place(slice(17, 68))
    bump = Bump(middle, face.axes(1.05, 1.3), face.angle, 0.5)
    box = box_around(middle[None], max(bump.axes), image.shape)
    grid = pixel_grid(box)
    moved = strength * MELTED * face.unit * waves(face.local(grid, middle), rng)
    weight = ellipse_weight(grid, bump)
    source = grid + weight[..., None] * moved
    return paste(image, box, sample(image, source.astype(np.float32)), weight > 0)


def waves(points: Points, rng: random.Random, count: int = 8) -> Points:
    """(..., 2) a smooth vector field at `points` (..., 2): the sum of `count` plane waves of chance.

    Its root mean square is about 1; the waves are about as long as the points' unit.
    """
    field = np.zeros(points.shape)
    for _ in range(count):
        heading, way, phase = (rng.uniform(0, 2 * math.pi) for _ in range(3))
        along = points @ (math.cos(heading), math.sin(heading)) * rng.uniform(3.3, 7.7)
        field += np.sin(along + phase)[..., None] * (math.cos(way), math.sin(way))
    return field * math.sqrt(2 / count)


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
