"""The second mechanism: a part painted anew by a pose ControlNet, after a skeleton with an error."""

from __future__ import annotations

import random
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from asap.anatomy.keypoints import HAND_BONES, LIMBS, known, size_of
from asap.anatomy.masks import capsules, dilate, hull
from asap.anatomy.skeleton_errors import SKELETON_ERRORS, NotPossible
from asap.anatomy.skeletons import PARTS, Skeleton
from asap.pairs.degradations import Unsuitable
from asap.pairs.engines import models
from asap.pairs.engines.paint import painted, window_for
from asap.pairs.engines.prompts import posed
from asap.pairs.engines.scene import Scene, drawn, scene_of
from asap.pairs.engines.settings import Engines
from asap.records import Image, Mask, Points, Region

FLESH = {"hand": 0.11, "body": 0.17}
"""Half the thickness of a finger, in hand sizes, and of a limb, in torso lengths, as they are masked."""
ROOM = {"hand": 0.12, "face": 0.14, "body": 0.03}
"""How far the mask reaches beyond the old and the new place, in sizes of the part."""
FOOT_BONES = ((15, 17), (15, 19), (17, 19), (16, 20), (16, 22), (20, 22))
BONES = {
    "body": (*((a, b) for limb in LIMBS.values() for a, b in pairwise(limb)), *FOOT_BONES),
    "left_hand": HAND_BONES,
    "right_hand": HAND_BONES,
}
SAME = 0.5
"""Pixels by which a point may move and count as unchanged."""
IN_VIEW = 0.75
"""Least share of the points that differ that has to lie in the picture."""


def repose(image: Image, region: Region, rng: random.Random, *, engines: Engines, name: str) -> list[Image]:
    """`engines.candidates` edits of `image` (H, W, 3): the part repainted after a skeleton with an error.

    All have one wrong skeleton, and seeds of their own. Outside the old and the new place of the part they
    equal `image`.

    Args:
        name: of the error, in `SKELETON_ERRORS`.

    Raises:
        Unsuitable: the skeleton does not allow the error.
        UserError: the generator cannot be loaded or run.
    """
    scene = scene_of(region)
    part, error, put = SKELETON_ERRORS[name]
    try:
        wrong = put(scene.person, rng)
    except NotPossible as reason:
        raise Unsuitable(str(reason)) from None
    if share_in_view(scene.person, wrong, *image.shape[:2]) < IN_VIEW:
        raise Unsuitable("the error would lie outside the picture")
    mask = repainted(region, scene.person, wrong)
    painter = models.painter("pose_control", engines)
    window = window_for(painter, in_context(region, mask), engines)
    pose = drawn(Scene(wrong, scene.others), window.transform(), window.height, window.width)
    return painted(painter, image, mask, posed(part, error), rng, engines, (window, pose))


def repainted(region: Region, before: Skeleton, after: Skeleton) -> Mask:
    """(H, W) what has to be painted anew: the old and the new place of what differs between two skeletons.

    A hand is repainted whole, as its fingers hide and touch each other; of a face the features that moved,
    of a body the limbs.
    """
    height, width = region.mask.shape
    size = size_of(region.part, region.keypoints)
    mask = region.mask.copy() if region.part == "hand" else np.zeros((height, width), bool)
    for part in PARTS:
        for points, touched in _differing(before, after, part):
            if part == "face":
                mask |= hull(points[touched], height, width)
                continue
            flesh = FLESH["body"] * size if part == "body" else FLESH["hand"] * _hand_size(points, size)
            bones = [bone for bone in BONES[part] if touched[list(bone)].any()]
            mask |= capsules(points, bones, flesh, height, width)
    return dilate(mask, ROOM[region.part] * size)


def in_context(region: Region, mask: Mask) -> Mask:
    """(H, W) what the window lies around: for a feature of a face the whole face."""
    return mask | region.mask if region.part == "face" else mask


def share_in_view(before: Skeleton, after: Skeleton, height: int, width: int) -> float:
    """The share, in [0, 1], of the points that differ between two skeletons that lies in the picture."""
    found = [points[touched] for part in PARTS for points, touched in _differing(before, after, part)]
    points = known(np.concatenate(found))
    inside = (points >= 0).all(axis=1) & (points < (width, height)).all(axis=1)
    return float(inside.mean()) if len(points) else 0.0


def _differing(before: Skeleton, after: Skeleton, part: str) -> list[tuple[Points, NDArray[np.bool_]]]:
    """Points of `part` as they were, as they are, and of extras; each with those of them that differ."""
    old, new = before.part(part), after.part(part)
    same = np.linalg.norm(old - new, axis=1) < SAME
    same |= np.isnan(old).any(axis=1) & np.isnan(new).any(axis=1)
    extras = [extra.points for extra in after.extras if extra.part == part]
    return [(old, ~same), (new, ~same), *((points, np.isfinite(points).all(axis=1)) for points in extras)]


def _hand_size(points: Points, other: float) -> float:
    """The size of a hand, or of what it hangs from where it is not known."""
    size = size_of("hand", points)
    return size if np.isfinite(size) else other / 3
