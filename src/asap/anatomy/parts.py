"""Masks of every part of one person, by name, from the 133 points of COCO-WholeBody.

A part is a union of convex outlines, each round about its points: tapered capsules along limbs and fingers,
hulls of the palm, the trunk, the foot and the features of the face. Widths follow the person's stature, the
hand's size or the distance between the eyes, each taken as the largest that any known length suggests, for
what is foreshortened is only ever seen too short. A part whose points are unknown, or that lies outside the
picture, is absent. "Left" and "right" are the person's own.

Lengths as fractions of the stature: Winter, "Biomechanics and Motor Control of Human Movement", 4th edition,
figure 4.1 (after Drillis and Contini 1964). Widths are those of limbs in clothes, read off drawn people.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from asap.anatomy.keypoints import FACE_PARTS, FINGERS, HAND_BONES, PALM, RAYS, known, size_of, split
from asap.anatomy.outlines import Outlines, blob, capsule, chain, filled
from asap.records import Mask, Points

SIDES = ("left", "right")
HEAD_PARTS = ("head", "face", "left_eye", "right_eye", "nose", "mouth", "left_ear", "right_ear", "neck")
LIMB_PARTS = ("upper_arm", "forearm", "thigh", "shin", "foot", "toes")
HAND_PARTS = ("hand", "palm", *FINGERS)
PARTS = (
    *HEAD_PARTS,
    "torso",
    *(f"{side}_{part}" for side in SIDES for part in (*LIMB_PARTS, *HAND_PARTS)),
)
"""Names of all parts, those of limbs and hands with their side: "left_upper_arm", "right_index"."""

STATURES = {(5, 7): 0.186, (6, 8): 0.186, (7, 9): 0.146, (8, 10): 0.146, (11, 13): 0.245, (12, 14): 0.245,
            (13, 15): 0.246, (14, 16): 0.246, (5, 11): 0.288, (6, 12): 0.288, (5, 6): 0.259}  # fmt: skip
"""Bones of a body, and their lengths in statures."""
EYES_APART = 0.037
"""Distance between the eyes in statures."""
LIMB_WIDTHS = {"upper_arm": (0.034, 0.028), "forearm": (0.028, 0.020), "thigh": (0.056, 0.040),
               "shin": (0.040, 0.026)}  # fmt: skip
"""Radii at the upper and the lower end, in statures."""
FINGER_WIDTHS = (0.115, 0.085)
"""Radii at the knuckle and the tip, in sizes of the hand."""


def part_masks(points: Points, height: int, width: int, person: Mask | None = None) -> dict[str, Mask]:
    """Name -> (height, width) mask of each part in `PARTS` that is known and in the picture.

    Masks of parts that lie over each other overlap (an eye is part of the face, the face of the head), those
    of one hand's fingers do not: each pixel goes to the nearest.

    Args:
        points: (133, 2) of one person, in pixels; NaN where unknown.
        height, width: of the picture, in pixels.
        person: (height, width) the person's, or all people's, pixels; parts are cut to it.

    Raises:
        ValueError: `points` has another shape.
    """
    masks = {name: filled(lines, height, width) for name, lines in part_outlines(points).items()}
    if "neck" in masks and "head" in masks:
        masks["neck"] &= ~masks["head"]
    for side in SIDES:
        _tell_fingers_apart(masks, split(points)[f"{side}_hand"], side)
    if person is not None:
        masks = {name: mask & person for name, mask in masks.items()}
    return {name: masks[name] for name in PARTS if name in masks and masks[name].any()}


def silhouette(points: Points, height: int, width: int) -> Mask:
    """(height, width) the union of all parts of one person: roughly their pixels."""
    outlines = part_outlines(points).values()
    return filled([outline for lines in outlines for outline in lines], height, width)


def part_outlines(points: Points) -> dict[str, Outlines]:
    """Name -> outlines of each part that is known, for the (133, 2) points of one person.

    Raises:
        ValueError: `points` has another shape.
    """
    parts = split(np.where(np.isfinite(points).all(axis=-1, keepdims=True), points, np.nan))
    body, face = parts["body"], parts["face"]
    eyes = eyes_apart(face, body)
    tall = stature(body)
    tall = tall if np.isfinite(tall) else eyes / EYES_APART
    outlines = {**_head(body, face, tall, eyes), "torso": _torso(body, tall)}
    for index, side in enumerate(SIDES):
        for part, lines in {
            **_limbs(body, index, tall),
            **_foot(body, index, tall),
            **_hand(parts[f"{side}_hand"], tall),
        }.items():
            outlines[f"{side}_{part}"] = lines
    return {name: lines for name, lines in outlines.items() if lines}


def stature(body: Points) -> float:
    """A person's height in pixels, were they to stand upright, as the longest known bone suggests it.

    NaN where none of the bones of the (23, 2) points is known.
    """
    lengths = [_apart(body[a], body[b]) / share for (a, b), share in STATURES.items()]
    return _longest(lengths)


def eyes_apart(face: Points, body: Points) -> float:
    """The distance between a person's eyes in pixels, were they to look this way; NaN where nothing tells it.

    The largest of what the eyes, the face's height (1.8 of it), its width (2.1), the body's eyes and its ears
    (2.3) suggest; where all are unknown, what the stature suggests.
    """
    right, left = (_mean(face[FACE_PARTS[name]]) for name in ("right_eye", "left_eye"))
    of_face = (_apart(right, left), _apart(face[27], face[8]) / 1.8, _apart(face[0], face[16]) / 2.1)
    of_body = (_apart(body[1], body[2]), _apart(body[3], body[4]) / 2.3)
    for lengths in (of_face, of_body):
        if np.isfinite(longest := _longest(lengths)):
            return longest
    return EYES_APART * stature(body)


def _head(body: Points, face: Points, tall: float, eyes: float) -> dict[str, Outlines]:
    shoulders = (body[5] + body[6]) / 2
    centre = _mean(body[:5]) if len(known(body[:5])) else _mean(face)
    up = _up(face, centre, shoulders, eyes)
    skull = np.stack([_mean(face[17:27]) + 0.2 * up, _mean(body[1:5]) + 0.5 * up])
    forehead = face[17:27] + 0.76 * up
    mouth = face[FACE_PARTS["mouth"]]
    around = blob(np.concatenate([face, body[:5]]), 0.25 * eyes, least=2)
    return {
        "head": [np.concatenate([*around, *blob(skull, 1.2 * eyes)])] if around else [],
        "face": blob(np.concatenate([face, forehead]), 0.02 * eyes, least=30) or _small_face(body, eyes),
        "left_eye": _feature(face[FACE_PARTS["left_eye"]], body[1], 0.16 * eyes),
        "right_eye": _feature(face[FACE_PARTS["right_eye"]], body[2], 0.16 * eyes),
        "nose": _feature(face[FACE_PARTS["nose"]], body[0], 0.14 * eyes),
        "mouth": blob(mouth, 0.12 * eyes, least=3),
        "left_ear": blob(body[3:4], 0.38 * eyes),
        "right_ear": blob(body[4:5], 0.38 * eyes),
        "neck": capsule(shoulders + 0.15 * (centre - shoulders), centre, 0.034 * tall, 0.033 * tall),
    }


def _up(face: Points, centre: Points, shoulders: Points, eyes: float) -> Points:
    """(2,) as long as the distance between the eyes, towards the crown; NaN where nothing tells it."""
    for foot, top in ((face[8], face[27]), (shoulders, centre)):
        length = _apart(foot, top)
        if length > 0:
            return np.asarray(eyes * (top - foot) / length)
    return np.full(2, np.nan)


def _small_face(body: Points, eyes: float) -> Outlines:
    """From the nose and the eyes of a body alone: down to where the mouth will be."""
    between = _mean(body[1:3])
    mouth = body[0] + 0.9 * (body[0] - between)
    return blob(np.stack([body[0], body[1], body[2], mouth]), 0.5 * eyes, least=3)


def _feature(points: Points, joint: Points, margin: float) -> Outlines:
    """About the face's own points, or where they are unknown more coarsely about the body's."""
    return blob(points, margin, least=3) or blob(joint[None], 2 * margin)


def _torso(body: Points, tall: float) -> Outlines:
    return blob(body[[5, 6, 11, 12]], 0.034 * tall, least=3)


def _limbs(body: Points, index: int, tall: float) -> dict[str, Outlines]:
    arm, leg = body[[5 + index, 7 + index, 9 + index]], body[[11 + index, 13 + index, 15 + index]]
    bones = dict(zip(LIMB_WIDTHS, (*pairwise(arm), *pairwise(leg))))
    return {
        part: capsule(a, b, *(tall * width for width in LIMB_WIDTHS[part])) for part, (a, b) in bones.items()
    }


def _foot(body: Points, index: int, tall: float) -> dict[str, Outlines]:
    ankle, (big, small, heel) = body[15 + index], body[17 + 3 * index : 20 + 3 * index]
    sole, radius = np.stack([big, small, heel]), 0.022 * tall
    tips = np.stack([big, small])
    back = tips + 0.22 * ((heel if np.isfinite(heel).all() else ankle) - tips)
    return {
        "foot": blob(np.concatenate([sole, ankle[None]]), radius) if len(known(sole)) else [],
        "toes": blob(np.concatenate([tips, back]), radius) if len(known(tips)) else [],
    }


def _hand(hand: Points, tall: float) -> dict[str, Outlines]:
    size = size_of("hand", hand)
    if not np.isfinite(size):  # too few points: what the body suggests, or the longest bone known
        size = 0.06 * tall if np.isfinite(tall) else 2.5 * _longest_bone(hand)
    shapes = {"palm": _palm(hand, size)}
    for finger, ray in zip(FINGERS, RAYS):
        shapes[finger] = chain(hand[list(ray[1:])], *(width * size for width in FINGER_WIDTHS))
    return {"hand": [outline for lines in shapes.values() for outline in lines], **shapes}


def _palm(hand: Points, size: float) -> Outlines:
    """The hull of the knuckles and the wrist, whose breadth the one point of it does not show."""
    palm = blob(hand[list(PALM)], 0.12 * size, least=3)
    return [np.concatenate([*palm, *blob(hand[:1], 0.25 * size)])] if palm else []


def _longest_bone(hand: Points) -> float:
    return _longest([_apart(hand[a], hand[b]) for a, b in HAND_BONES])


def _tell_fingers_apart(masks: dict[str, Mask], hand: Points, side: str) -> None:
    """Give each pixel of several of a hand's fingers to that whose bones are nearest."""
    rays = {f"{side}_{finger}": hand[list(ray[1:])] for finger, ray in zip(FINGERS, RAYS)}
    rays = {name: ray for name, ray in rays.items() if name in masks and masks[name].any()}
    if len(rays) < 2:
        return
    rows, columns = np.nonzero(np.any([masks[name] for name in rays], axis=0))
    box = np.s_[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    corner = np.array([columns.min(), rows.min()])
    shape = masks[next(iter(rays))][box].shape
    nearest = np.argmin([_distance(ray - corner, shape) for ray in rays.values()], axis=0)
    for index, name in enumerate(rays):
        masks[name][box] &= nearest == index


def _distance(ray: Points, shape: Sequence[int]) -> NDArray[np.float32]:
    """(h, w) how far each pixel lies from the known bones of a ray, in pixels."""
    blank = np.ones(tuple(shape), np.uint8)
    for a, b in pairwise(ray.round().clip(-9999, 9999)):
        if np.isfinite([*a, *b]).all():
            cv2.line(blank, tuple(a.astype(int).tolist()), tuple(b.astype(int).tolist()), 0)
    return np.asarray(cv2.distanceTransform(blank, cv2.DIST_L2, 5), np.float32)


def _mean(points: Points) -> Points:
    """(2,) the mean of the known points, NaN for none."""
    kept = known(points)
    return np.asarray(kept.mean(axis=0)) if len(kept) else np.full(2, np.nan)


def _apart(a: Points, b: Points) -> float:
    return float(np.hypot(*(a - b)))


def _longest(lengths: Sequence[float]) -> float:
    """The largest of the known lengths; NaN where none is."""
    return float(np.fmax.reduce(np.asarray(lengths, np.float64)))
