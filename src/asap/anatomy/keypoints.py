"""The COCO-WholeBody vocabulary of 133 keypoints: names, parts, bones, and sizes to scale edits by.

Order: body 0-16, feet 17-22, face 23-90 (the 68 of iBUG), left hand 91-111, right hand 112-132. Left and
right are the person's own. Points are (K, 2) arrays of (x, y) in pixels; a point that is not known is NaN.
Reference: Jin et al., "Whole-Body Human Pose Estimation in the Wild", ECCV 2020.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from asap.records import Box, Points

BODY = slice(0, 17)
FEET = slice(17, 23)
FACE = slice(23, 91)
LEFT_HAND = slice(91, 112)
RIGHT_HAND = slice(112, 133)

_SIDES = ("left", "right")
JOINTS = (
    "nose",
    *(
        f"{side}_{name}"
        for name in ("eye", "ear", "shoulder", "elbow", "wrist")
        for side in ("left", "right")
    ),
    *(f"{side}_{name}" for name in ("hip", "knee", "ankle") for side in _SIDES),
)
TOES = tuple(f"{side}_{name}" for side in _SIDES for name in ("big_toe", "small_toe", "heel"))
FINGERS = ("thumb", "index", "middle", "ring", "little")
HAND = ("hand_root", *(f"{finger}_{joint}" for finger in FINGERS for joint in range(1, 5)))
NAMES = (
    *JOINTS,
    *TOES,
    *(f"face_{index}" for index in range(68)),
    *(f"left_{name}" for name in HAND),
    *(f"right_{name}" for name in HAND),
)
"""Name of each of the 133 keypoints."""

RAYS = tuple((0, *range(first, first + 4)) for first in range(1, 21, 4))
"""For each finger its points in a hand's 21: wrist, knuckle, two joints, tip."""
HAND_BONES = tuple((a, b) for ray in RAYS for a, b in pairwise(ray))
PALM = (0, 1, 5, 9, 13, 17)
"""The outline of the palm in a hand's 21 points."""

FACE_PARTS = {
    "jaw": slice(0, 17),
    "right_brow": slice(17, 22),
    "left_brow": slice(22, 27),
    "nose": slice(27, 36),
    "right_eye": slice(36, 42),
    "left_eye": slice(42, 48),
    "mouth": slice(48, 68),
}
"""Parts of a face's 68 points."""

LIMBS = {
    "left_arm": (5, 7, 9),
    "right_arm": (6, 8, 10),
    "left_leg": (11, 13, 15),
    "right_leg": (12, 14, 16),
}
"""Root, middle and end joint of each limb in a body's 17."""
BODY_BONES = (
    *((a, b) for limb in LIMBS.values() for a, b in pairwise(limb)),
    *((5, 6), (11, 12), (5, 11), (6, 12), (0, 5), (0, 6)),
    *((15, 17), (15, 19), (17, 19), (16, 20), (16, 22), (20, 22)),
)
"""Bones of a body's 23 points (17 joints and 6 of the feet)."""


def split(points: Points) -> dict[str, Points]:
    """The parts "body" (23), "face" (68), "left_hand" and "right_hand" (21 each) of (133, 2) points.

    Raises:
        ValueError: `points` has another shape.
    """
    if points.shape != (133, 2):
        raise ValueError(f"COCO-WholeBody has (133, 2) points, not {points.shape}")
    body = points[slice(BODY.start, FEET.stop)]
    return {
        "body": body,
        "face": points[FACE],
        "left_hand": points[LEFT_HAND],
        "right_hand": points[RIGHT_HAND],
    }


def known(points: Points) -> Points:
    """Those of `points` that are not NaN."""
    return points[np.isfinite(points).all(axis=1)]


def bounds(points: Points) -> tuple[float, float, float, float]:
    """(left, top, right, bottom) of the known `points`.

    Raises:
        ValueError: none is known.
    """
    left, top = known(points).min(axis=0)
    right, bottom = known(points).max(axis=0)
    return float(left), float(top), float(right), float(bottom)


def box_of(points: Points, margin: float, height: int, width: int) -> Box:
    """The box of the known `points` widened by `margin` pixels, cut to an image of `height` by `width`."""
    left, top, right, bottom = bounds(points)
    xs = np.clip((np.floor(left - margin), np.ceil(right + margin) + 1), 0, width).astype(int)
    ys = np.clip((np.floor(top - margin), np.ceil(bottom + margin) + 1), 0, height).astype(int)
    return int(xs[0]), int(ys[0]), int(xs[1]), int(ys[1])


def size_of(part: str, points: Points) -> float:
    """A length in pixels that grows with a part as seen and hardly changes with its pose.

    hand: the largest of wrist to middle knuckle, 1.35 x index to little knuckle, and 1 x the middle finger's
    first two bones and tip (9 to 12). face: 1.9 x the distance between the eyes. body: shoulders to hips, or
    2 x the shoulders' width where the hips are unknown. NaN where the points needed are unknown.
    """
    if part == "hand":
        spans = (_span(points, 0, 9), 1.35 * _span(points, 5, 17), _span(points, 9, 12))
        return float(np.fmax.reduce(spans))
    if part == "face":
        eyes = [points[FACE_PARTS[name]].mean(axis=0) for name in ("right_eye", "left_eye")]
        return 1.9 * float(np.linalg.norm(eyes[0] - eyes[1]))
    torso = float(np.linalg.norm((points[5] + points[6] - points[11] - points[12]) / 2))
    return torso if np.isfinite(torso) else 2 * _span(points, 5, 6)


def _span(points: Points, a: int, b: int) -> float:
    return float(np.linalg.norm(points[a] - points[b]))
