"""Errors of mouth and nose: a second one, none at all, or two rows of teeth."""

from __future__ import annotations

import random

import cv2
import numpy as np

from asap.pairs.degradations import Unsuitable
from asap.pairs.edits.faces.face import (
    MOUTH,
    NOSE,
    Frame,
    check_bare,
    check_no_glasses,
    face_frame,
    grain,
    not_skin,
    tone,
    within,
)
from asap.pairs.edits.transplant import Copy, erase, transplant
from asap.pairs.edits.warp import Bump, box_around, paste, pixel_grid, ramp, sample, smoothstep, to_bytes
from asap.records import Image, Points, Region

LEAST_LIPS = 0.3
"""Fraction of a mouth that must differ from skin for its copy to be seen."""
NOSTRILS = (60.0, 160.0)
"""Range of lightness (8 bits) around the nostrils of a nose whose copy is seen, without a hard shadow."""
OPENING = (0.13, 0.30)
"""Height of an open mouth that shows teeth and little else, in eyes' distances."""


def extent(face: Frame, points: Points) -> tuple[Points, float, float]:
    """The middle of `points` in pixels and their half width and height, in eyes' distances."""
    local = face.local(points, points[0])
    low, high = local.min(axis=0), local.max(axis=0)
    middle = points[0] + np.array(face.vector(*((low + high) / 2)))
    return middle, float(high[0] - low[0]) / 2, float(high[1] - low[1]) / 2


def second_mouth(image: Image, region: Region, rng: random.Random) -> Image:
    """A second, smaller mouth on the chin."""
    face = face_frame(image, region)
    middle, wide, high = extent(face, face.points[MOUTH])
    lips = within(image, Bump(middle, face.axes(0.8 * wide, 0.8 * high), face.angle))
    if not_skin(lips, tone(image, face)).mean() < LEAST_LIPS:
        raise Unsuitable("lips hard to see")
    chin = float(face.local(face.points[8], middle)[1])
    scale = rng.uniform(0.9, 1.0) * min(0.85, (chin - high - 0.16) / (2 * high))
    if scale < 0.5:
        raise Unsuitable("no room on the chin")
    down = high * (1 + scale) + 0.09
    axes = face.axes(wide * scale + 0.09, high * scale + 0.09)
    target = middle + np.array(face.vector(0.0, down))
    check_bare(image, face, Bump(target, axes, face.angle), most=0.25)
    return transplant(image, Copy(middle, target, axes, face.angle, 0.75, scale))


def remove_mouth(image: Image, region: Region, rng: random.Random) -> Image:
    """No mouth; bare skin is in its place."""
    face = face_frame(image, region)
    middle, wide, high = extent(face, face.points[MOUTH])
    hole = Bump(middle, face.axes(wide + 0.16, high + 0.13), face.angle, 0.75)
    check_bare(image, face, hole, 0.8, 0.2)
    return erase(image, hole, grain(image, face), rng.getrandbits(32))


def remove_nose(image: Image, region: Region, rng: random.Random) -> Image:
    """No nose; the face is flat from cheek to cheek."""
    face = face_frame(image, region)
    check_no_glasses(image, face)
    middle, wide, high = extent(face, face.points[27:36])
    lip = float(face.local(face.points[51], face.points[33])[1])
    hole = Bump(middle, face.axes(wide + 0.26, high + min(0.14, 0.6 * lip)), face.angle, 0.75)
    check_bare(image, face, hole, 0.85, 0.25)
    return erase(image, hole, grain(image, face), rng.getrandbits(32))


def double_nose(image: Image, region: Region, rng: random.Random) -> Image:
    """Two noses side by side."""
    face = face_frame(image, region)
    tip = within(image, Bump(face.place(slice(31, 36)), face.axes(0.3, 0.16), face.angle))[:, 0]
    if not NOSTRILS[0] < np.percentile(tip, 90) - np.percentile(tip, 5) < NOSTRILS[1]:
        raise Unsuitable("nose hard to see, or in a hard shadow")
    middle, _, high = extent(face, face.points[NOSE])
    lip = float(face.local(face.points[51], face.points[33])[1])
    apart, axes = rng.uniform(0.27, 0.31), face.axes(0.38, high + min(0.14, 0.8 * lip))
    left, right = (
        transplant(image, Copy(middle, middle + face.vector(x, 0.0), axes, face.angle, 0.6, 1.0))
        for x in (-apart, apart)
    )
    box = x0, y0, x1, y1 = box_around(middle[None], max(axes) + apart * face.unit, image.shape)
    across = face.local(pixel_grid(box), middle)[..., 0].astype(np.float32)
    share = smoothstep(across, -0.04, 0.04)[..., None]
    first, second = (half[y0:y1, x0:x1].astype(np.float32) for half in (left, right))
    return paste(image, box, to_bytes(first + share * (second - first)))


def double_teeth(image: Image, region: Region, rng: random.Random) -> Image:
    """A second row of teeth below the first in an open mouth; the lower lip and the chin make room."""
    face = face_frame(image, region)
    lips = face.local(face.points[MOUTH], face.place(MOUTH))
    inner = lips[12:]
    gap = float((inner[5:8, 1] - inner[[3, 2, 1], 1]).max())
    if not OPENING[0] < gap < OPENING[1]:
        raise Unsuitable("no teeth, or more than teeth, to be seen")
    check_teeth(image, face)
    fade = rng.uniform(0.65, 0.75)
    box = box_around(face.points[MOUTH], 1.0 * face.unit, image.shape)
    grid = pixel_grid(box)
    x, y = face.local(grid, face.place(MOUTH)).astype(np.float32).transpose(2, 0, 1)
    upper = np.interp(x, inner[:5, 0], inner[:5, 1])
    lower = np.interp(x, inner[[0, 7, 6, 5, 4], 0], inner[[0, 7, 6, 5, 4], 1])
    depth = np.where((x > inner[0, 0]) & (x < inner[4, 0]), np.maximum(lower - upper, 0), 0)
    below = (y - lower - depth).astype(np.float32)
    moved = np.where(y < lower, 0, depth * (1 - ramp(below, 0.08, fade)))
    source = grid - moved[..., None] * face.vector(0.0, 1.0)
    return paste(image, box, sample(image, source.astype(np.float32)), moved > 0)


def check_teeth(image: Image, face: Frame) -> None:
    """Refuse a mouth whose opening is not mostly bright and grey: teeth.

    Raises:
        Unsuitable: it is not.
    """
    inner = face.points[MOUTH][12:]
    left, top, right, bottom = box_around(inner, 1.0, image.shape)
    mask = np.zeros((bottom - top, right - left), np.uint8)
    cv2.fillPoly(mask, [np.round(inner - (left, top)).astype(np.int32)], 1)
    lab = cv2.cvtColor(image[top:bottom, left:right], cv2.COLOR_RGB2LAB).astype(np.float32)[mask > 0]
    lips = cv2.cvtColor(image, cv2.COLOR_RGB2LAB)[tuple(face.points[MOUTH][[3, 9]].astype(int).T[::-1])]
    bright = lab[:, 0] > lips[:, 0].mean() + 8
    if bright.mean() < 0.5:
        raise Unsuitable("no teeth, or more than teeth, to be seen")
