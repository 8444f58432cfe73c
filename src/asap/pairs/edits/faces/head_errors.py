"""Errors of the head as a whole: too small or too large for its body, on a long neck, with a huge ear.

All are warps, and what lies behind the head is warped with it: they want a plain background.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np

from asap.pairs.degradations import Unsuitable, first_possible
from asap.pairs.edits.faces.face import EYES, Frame, face_frame, not_skin, tone, within
from asap.pairs.edits.warp import (
    Bump,
    Field,
    box_around,
    length,
    paste,
    pixel_grid,
    ramp,
    rotation,
    sample,
    smoothstep,
)
from asap.records import Box, Image, Mask, Points, Region

CROWN = -2.0
"""Where most heads' hair ends, in eyes' distances below the eyes."""
SHADED, PALER = 90.0, 14.0
"""As `face.DARKER` and `face.COLOURED`, for a neck, which may lie in the chin's shadow but is no shirt."""
LEAST_BENT = 0.03
"""Eyes' distances by which a place is moved that counts as bent."""
MOST_TILTED = math.radians(25)
"""Angle of the line through the eyes at which a head is no longer upright."""

Moved = Callable[[Field], Field]
Plain = Callable[[Field], Mask]


class Head(NamedTuple):
    """A face with `eyes`, the point between them, and how far below it the `chin` is, in eyes' distances."""

    face: Frame
    eyes: Points
    chin: float


def find_head(image: Image, region: Region, below: float, apart: float = 4.5) -> Head:
    """The head of a face that is upright, with `below` eyes' distances of body beneath its chin.

    No middle of another face may be nearer than `apart` eyes' distances: it would be bent as well.

    Raises:
        Unsuitable: it has not, or the face is not suitable.
    """
    face = face_frame(image, region)
    eyes = (face.place(EYES[0]) + face.place(EYES[1])) / 2
    head = Head(face, eyes, float(face.local(face.points[8], eyes)[1]))
    check_room(image, head, (0.0, head.chin + below))
    if abs(face.angle) > MOST_TILTED:
        raise Unsuitable("head tilted")
    for left, top, right, bottom in region.context.get("faces", ()):
        other = face.local(np.array([(left + right) / 2, (top + bottom) / 2]), eyes)
        if np.hypot(*other) < apart:
            raise Unsuitable("another head beside it")
    return head


def check_room(image: Image, head: Head, *places: tuple[float, float]) -> None:
    """Refuse a head for which `places`, (right, down) of the eyes, are not all in the image."""
    for place in places:
        x, y = head.eyes + head.face.vector(*place)
        if not (0 <= x < image.shape[1] and 0 <= y < image.shape[0]):
            raise Unsuitable("no room around the head")


def small_head(image: Image, region: Region, rng: random.Random, *, strength: float = 1.0) -> Image:
    """The head about 0.6 times as large, on a neck that tapers."""
    head = find_head(image, region, 1.1)
    check_room(image, head, (-1.6, CROWN), (1.6, CROWN))
    more = strength * rng.uniform(0.6, 0.75)  # how much larger the original is
    base = head.chin + 0.75
    axes, inner = (3.1, 3.3), 0.37

    def moved(place: Field) -> Field:
        weight = 1 - ramp(radius(place, (0.0, base - 1.7), axes), inner, 1.0)
        weight = weight * (1 - smoothstep(place[..., 1], head.chin, head.chin + 1.1))
        return np.asarray(weight[..., None] * more * (place - (0.0, base)), np.float32)

    carried = (0.0, base - 2.7), (2.0, 2.2)
    return bend(image, head, moved, 5.2, lambda source: radius(source, *carried) > 1, 100.0)


def large_head(image: Image, region: Region, rng: random.Random, *, strength: float = 1.0) -> Image:
    """The head about 1.5 times as large."""
    head = find_head(image, region, 1.8)
    scale = 1 + strength * rng.uniform(0.45, 0.55)
    base = head.chin + 0.4
    check_room(image, head, (-1.3 * scale, 0.0), (1.3 * scale, 0.0), (0.0, base + (CROWN - base) * scale))

    def moved(place: Field) -> Field:
        weight = 1 - ramp(radius(place, (0.0, base - 2.0 * scale), (3.9, 4.4)), 0.55, 1.0)
        weight = weight * (1 - smoothstep(place[..., 1], head.chin + 0.3, head.chin + 1.3))
        return np.asarray(weight[..., None] * (1 / scale - 1) * (place - (0.0, base)), np.float32)

    carried = (0.0, base - 2.0), (2.0, 2.3)
    return bend(image, head, moved, 7.0, lambda source: radius(source, *carried) > 1, 500.0)


def long_neck(image: Image, region: Region, rng: random.Random, *, strength: float = 1.0) -> Image:
    """The head higher by most of its height, and the neck stretched."""
    head = find_head(image, region, 1.1)
    lift = strength * rng.uniform(1.3, 1.5)
    check_neck(image, head)
    check_room(image, head, (0.0, CROWN - lift), (-1.5, 0.0), (1.5, 0.0))

    def moved(place: Field) -> Field:
        x, y = np.abs(place[..., 0]), place[..., 1]
        weight = (1 - ramp(x, 1.5, 3.0)) * (1 - ramp(y, head.chin + 0.1 - lift, head.chin + 0.95))
        weight = weight * ramp(y, CROWN - 2.2 * lift - 0.6, CROWN - lift)
        return np.stack([np.zeros_like(weight), lift * weight], axis=-1)

    return bend(image, head, moved, 7.0, lambda source: radius(source, (0.0, 0.1), (1.7, 2.4)) > 1, 1100.0)


def check_neck(image: Image, head: Head) -> None:
    """Refuse a head below whose chin there is a collar or hair instead of a neck.

    Raises:
        Unsuitable: less than half of what is there is skin.
    """
    throat = Bump(
        head.eyes + head.face.vector(0.0, head.chin + 0.3), head.face.axes(0.3, 0.18), head.face.angle
    )
    if not_skin(within(image, throat), tone(image, head.face), SHADED, PALER).mean() > 0.5:
        raise Unsuitable("neck not in view")


def large_ear(image: Image, region: Region, rng: random.Random, *, strength: float = 1.0) -> Image:
    """One ear more than twice as large."""
    head = find_head(image, region, 0.0, 2.5)
    wide, high = (1 + strength * rng.uniform(*span) for span in ((1.1, 1.4), (0.5, 0.7)))

    def edit(side: int) -> Image:
        root, out = find_ear(image, head, side), 1 if side else -1

        def moved(place: Field) -> Field:
            x, y = out * (place[..., 0] - root[0]), place[..., 1] - root[1]
            weight = 1 - ramp(np.hypot((x - 0.25) / 0.95, y / 0.95).astype(np.float32), 0.4, 1.0)
            weight = weight * smoothstep(x, -0.12, 0.12)
            shift = np.stack([out * np.maximum(x, 0) * (1 / wide - 1), y * (1 / high - 1)], axis=-1)
            return np.asarray(weight[..., None] * shift, np.float32)

        return bend(image, head, moved, 4.0, lambda source: out * (source[..., 0] - root[0]) > 0.42, 350.0)

    return first_possible(rng.sample((0, 1), 2), edit)


def find_ear(image: Image, head: Head, side: int) -> Points:
    """(right, down) of the eyes, of the root of the ear on `side` (0: the image's left).

    Raises:
        Unsuitable: beside the face there is no skin, or not only an ear's breadth of it.
    """
    face, out = head.face, 1 if side else -1
    root = face.local(face.place(slice(14, 17) if side else slice(0, 3)), head.eyes)

    def skin(right: float, axes: tuple[float, float]) -> float:
        spot = head.eyes + face.vector(float(root[0]) + out * right, float(root[1]))
        colours = within(image, Bump(spot, face.axes(*axes), face.angle))
        return 1 - float(not_skin(colours, tone(image, face)).mean())

    if skin(0.12, (0.07, 0.22)) < 0.65 or skin(0.55, (0.12, 0.3)) > 0.3:
        raise Unsuitable("no ear in full view")
    return np.asarray(root)


def radius(place: Field, centre: tuple[float, float], axes: tuple[float, float]) -> Field:
    """(h, w) the distance from `centre` in half-axes of an ellipse."""
    return length((place - centre) / axes).astype(np.float32)


def bend(image: Image, head: Head, moved: Moved, reach: float, plain: Plain, steepest: float) -> Image:
    """`image` warped around a head: each place takes the colour `moved` of it away.

    Args:
        image: (H, W, 3).
        head: whose frame the places are in: (h, w, 2) right and down of the eyes, in eyes' distances.
        moved: from places to how far from each its colour comes.
        reach: half the width of what may change, in eyes' distances.
        plain: which places (h, w) must be plain where they are bent, down to the chin.
        steepest: the slope there, in grey levels per eyes' distance, from which on bending would be seen.

    Raises:
        Unsuitable: a twentieth of what is bent there is steeper.
    """
    face = head.face
    box = box_around(head.eyes[None], reach * face.unit, image.shape)
    grid = pixel_grid(box)
    place = face.local(grid, head.eyes).astype(np.float32)
    shift = moved(place)
    size = length(shift)
    bent = (size > LEAST_BENT) & plain(place + shift) & (place[..., 1] < head.chin - 0.2)
    source = (grid + face.unit * shift @ rotation(face.angle).T).astype(np.float32)
    found = sample(slope(image, box, face.unit), source - box[:2])[bent]
    if found.size and np.quantile(found, 0.95) > steepest:
        raise Unsuitable("what lies behind would bend")
    return paste(image, box, sample(image, source), size > 0)


def slope(image: Image, box: Box, unit: float) -> Field:
    """(h, w) how steeply the grey levels change in `box`, per `unit` pixels, at a scale of 0.03 of it."""
    left, top, right, bottom = box
    grey = cv2.cvtColor(image[top:bottom, left:right], cv2.COLOR_RGB2GRAY).astype(np.float32)
    grey = cv2.GaussianBlur(grey, (0, 0), max(1.0, 0.03 * unit))
    steps = (cv2.Sobel(grey, cv2.CV_32F, *order) * (unit / 8) for order in ((1, 0), (0, 1)))
    return np.asarray(np.hypot(*steps), np.float32)
