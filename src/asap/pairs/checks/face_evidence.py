"""Evidence of errors of the face: how far its parts have moved, turned and grown, from the pixels.

A face mesh damps what is out of place by half and more, for it has learned where things belong. Templates
have not: each part of the photo, turned and scaled by steps, is looked for in the negative by normalised
cross-correlation, which does not mind another light or colour.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from asap.anatomy.keypoints import FACE_PARTS
from asap.records import Image, Points, Region

EYES = ("right_eye", "left_eye")
Grey = NDArray[np.float32]

UNIT = 40.0
"""Distance between the eyes at which faces are compared, in pixels."""
SMALLEST = 14.0
"""Distance between the eyes below which parts cannot be told, in pixels."""
SIDE = 200
MIDDLE = (100.0, 84.0)
"""Side of the square in which faces are compared, and where the middle between the eyes comes to lie."""
HALF = {"right_eye": (0.34, 0.22), "left_eye": (0.34, 0.22), "nose": (0.36, 0.30), "mouth": (0.62, 0.34)}
"""Half the width and height of each part's template, in eyes' distances."""
LIPS = (0.5, 0.2)
"""The same of the mouth alone, without nose and chin, which stay when it is turned upside down."""
REACH = 0.5
"""How far a part is looked for, in eyes' distances."""
LEAST_MATCH = 0.6
"""Correlation below which a part counts as not found again."""
STILL = 0.06
"""Motion up to which a part counts as having stayed."""
GAIN = 0.03
"""Correlation by which another place must be better than the old one."""
TURNS, SCALES = (-40, -27, -14, 0, 14, 27, 40), (1.0, 1.19, 1.41, 1.68)


class Motion(NamedTuple):
    """What became of a part: (right, down) in eyes' distances, radians, enlargement, and the correlation."""

    shift: tuple[float, float] = (0.0, 0.0)
    turn: float = 0.0
    scale: float = 1.0
    match: float = 0.0


def displaced_eye(image: Image, negative: Image, region: Region) -> float | None:
    """How far the eye that moved most did, in eyes' distances."""
    return largest(motions(image, negative, region, EYES), lambda motion: math.hypot(*motion.shift))


def displaced_mouth(image: Image, negative: Image, region: Region) -> float | None:
    """How far the mouth moved, in eyes' distances."""
    return largest(motions(image, negative, region, ("mouth",)), lambda motion: math.hypot(*motion.shift))


def displaced_nose(image: Image, negative: Image, region: Region) -> float | None:
    """How far the nose moved, in eyes' distances."""
    return largest(motions(image, negative, region, ("nose",)), lambda motion: math.hypot(*motion.shift))


def twisted_mouth(image: Image, negative: Image, region: Region) -> float | None:
    """By how many radians the mouth is turned."""
    return largest(motions(image, negative, region, ("mouth",)), lambda motion: abs(motion.turn))


def tilted_eye(image: Image, negative: Image, region: Region) -> float | None:
    """By how many radians the eye that turned most did."""
    return largest(motions(image, negative, region, EYES), lambda motion: abs(motion.turn))


def enlarged_eye(image: Image, negative: Image, region: Region) -> float | None:
    """By how much the eye that grew most did: 0 is not at all, 1 twice as large."""
    return largest(motions(image, negative, region, EYES), lambda motion: motion.scale - 1)


def unbalanced_face(image: Image, negative: Image, region: Region) -> float | None:
    """The smaller of an eye's shift, in eyes' distances, and of a third of the mouth's turn in radians."""
    eye, mouth = displaced_eye(image, negative, region), twisted_mouth(image, negative, region)
    return None if eye is None or mouth is None else min(eye, mouth / 3)


def mirrored_mouth(image: Image, negative: Image, region: Region) -> float | None:
    """By how much the mouth upside down correlates better with the negative's mouth than the mouth does."""
    faces = _aligned(image, negative, region)
    if faces is None:
        return None
    before, after, points = faces
    centre = points[FACE_PARTS["mouth"]].mean(axis=0)
    mouth = _template(before, centre, LIPS, 0.0, 1.0)
    upright, turned = (_search(after, each, centre, 0.25)[1] for each in (mouth, mouth[::-1].copy()))
    return turned - upright if max(upright, turned) >= LEAST_MATCH else None


def largest(found: Sequence[Motion] | None, size: Callable[[Motion], float]) -> float | None:
    """The largest `size` of the motions; None where a part was not found again and the others lie still."""
    known = [size(motion) for motion in found or () if motion.match >= LEAST_MATCH]
    most = max(known, default=0.0)
    return None if found is None or (len(known) < len(found) and most < STILL) else most


def motions(image: Image, negative: Image, region: Region, parts: Sequence[str]) -> list[Motion] | None:
    """What became of each of `parts` of a face; None where it is too small or its points are missing."""
    faces = _aligned(image, negative, region)
    if faces is None:
        return None
    before, after, points = faces
    return [_motion(before, after, points[FACE_PARTS[name]].mean(axis=0), HALF[name]) for name in parts]


def _aligned(image: Image, negative: Image, region: Region) -> tuple[Grey, Grey, Points] | None:
    """Both faces upright at `UNIT`, grey, and the photo's points there."""
    points = np.asarray(region.keypoints, np.float64)
    if points.shape != (68, 2) or not np.isfinite(points[17:]).all():
        return None
    first, second = (points[FACE_PARTS[eye]].mean(axis=0) for eye in ("right_eye", "left_eye"))
    across = second - first
    unit = float(np.hypot(*across))
    if unit < SMALLEST:
        return None
    (dx, dy), (x, y) = across * UNIT / unit**2, (first + second) / 2
    turn = np.array([[dx, dy], [-dy, dx]])
    matrix = np.column_stack([turn, np.array(MIDDLE) - turn @ (x, y)])
    flags = cv2.INTER_AREA if unit > UNIT else cv2.INTER_CUBIC
    before, after = (
        cv2.warpAffine(
            cv2.GaussianBlur(cv2.cvtColor(each, cv2.COLOR_RGB2GRAY), (0, 0), max(0.3, 0.35 * unit / UNIT)),
            matrix, (SIDE, SIDE), flags=flags, borderMode=cv2.BORDER_REPLICATE,
        ).astype(np.float32)
        for each in (image, negative)
    )  # fmt: skip
    return before, after, points @ turn.T + matrix[:, 2]


def _motion(before: Grey, after: Grey, centre: Points, half: tuple[float, float]) -> Motion:
    """The similarity under which the template at `centre` matches best: by a grid, then by a finer one."""
    still = _at(before, after, centre, half, 0.0, 1.0, reach=0.02)
    grid = [_at(before, after, centre, half, math.radians(turn), scale) for turn in TURNS for scale in SCALES]
    best = max([still, *grid], key=lambda motion: motion.match)
    steps = [(dt, f) for dt in (-7, 0, 7) for f in (0.95, 1.0, 1.09)]
    fine = [_at(before, after, centre, half, best.turn + math.radians(dt), best.scale * f) for dt, f in steps]
    best = max([best, *fine], key=lambda motion: motion.match)
    return best if best.match > still.match + GAIN else still


def _at(  # the plain values of one hypothesis
    before: Grey, after: Grey, centre: Points, half: tuple[float, float], turn: float, scale: float,
    reach: float = REACH,
) -> Motion:  # fmt: skip
    place, match = _search(after, _template(before, centre, half, turn, scale), centre, reach)
    shift = (place - centre) / UNIT
    return Motion((float(shift[0]), float(shift[1])), turn, scale, match)


def _template(face: Grey, centre: Points, half: tuple[float, float], turn: float, scale: float) -> Grey:
    """The part at `centre` as it looks when turned and scaled, upright rectangle of `half` times `scale`."""
    wide, high = (2 * round(side * UNIT * max(1.0, min(scale, 1.3))) // 2 * 2 + 1 for side in half)
    cos, sin = math.cos(turn) / scale, math.sin(turn) / scale
    matrix = np.array([[cos, sin, 0.0], [-sin, cos, 0.0]])
    matrix[:, 2] = centre - matrix[:, :2] @ (wide // 2, high // 2)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(
        cv2.warpAffine(face, matrix, (wide, high), flags=flags, borderMode=cv2.BORDER_REPLICATE), np.float32
    )


def _search(face: Grey, template: Grey, centre: Points, reach: float = REACH) -> tuple[Points, float]:
    """Where around `centre` (x, y) the template matches best, and its normalised cross-correlation there."""
    far = round(reach * UNIT) + 1
    high, wide = template.shape
    left, top = round(float(centre[0])) - wide // 2 - far, round(float(centre[1])) - high // 2 - far
    padded = cv2.copyMakeBorder(face, 100, 100, 100, 100, cv2.BORDER_REPLICATE)
    window = padded[top + 100 : top + 100 + high + 2 * far, left + 100 : left + 100 + wide + 2 * far]
    scores = cv2.matchTemplate(window, template, cv2.TM_CCOEFF_NORMED)
    _, best, _, (x, y) = cv2.minMaxLoc(scores)
    return np.array([left + x + wide // 2, top + y + high // 2], np.float64), float(best)
