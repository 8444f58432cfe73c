"""The table of anatomical errors of a skeleton.

An error takes a `Skeleton` and a source of chance and returns another, wrong in one way; the given one is not
written to. A person turned, or twice as large, gets the same error, turned or twice as large. Where the
skeleton does not allow the error to be seen, it raises `NotPossible`.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import NamedTuple

from asap.anatomy import skeleton_face_errors as faces
from asap.anatomy import skeleton_finger_errors as fingers
from asap.anatomy import skeleton_limb_errors as limbs
from asap.anatomy.skeletons import NotPossible, Skeleton

__all__ = ["SKELETON_ERRORS", "NotPossible", "SkeletonError"]


class SkeletonError(NamedTuple):
    """One row: the part ("hand", "face", "body"), what a person would call the error, and its function."""

    part: str
    error: str
    function: Callable[[Skeleton, random.Random], Skeleton]


SKELETON_ERRORS: dict[str, SkeletonError] = {
    "extra_finger": SkeletonError("hand", "extra finger", fingers.add_finger),
    "missing_finger": SkeletonError("hand", "missing finger", fingers.remove_finger),
    "fused_fingers": SkeletonError("hand", "fused fingers", fingers.fuse_fingers),
    "broken_finger": SkeletonError("hand", "broken finger", fingers.break_finger),
    "short_finger": SkeletonError("hand", "shortened finger", fingers.shorten_finger),
    "long_finger": SkeletonError("hand", "stretched finger", fingers.stretch_finger),
    "misconnected_finger": SkeletonError("hand", "misconnected finger", fingers.misconnect_finger),
    "second_hand": SkeletonError("hand", "second hand", limbs.add_hand),
    "swapped_hands": SkeletonError("hand", "swapped hands", limbs.swap_hands),
    "extra_limb": SkeletonError("body", "extra limb", limbs.add_limb),
    "missing_limb": SkeletonError("body", "missing limb", limbs.remove_limb),
    "broken_limb": SkeletonError("body", "broken bone", limbs.break_limb),
    "reversed_joint": SkeletonError("body", "reversed joint", limbs.reverse_joint),
    "misplaced_limb": SkeletonError("body", "misplaced limb", limbs.misplace_limb),
    "misscaled_limb": SkeletonError("body", "mis-scaled limb", limbs.rescale_limb),
    "eye_lowered": SkeletonError("face", "displaced eye", faces.lower_eye),
    "mouth_shifted": SkeletonError("face", "displaced mouth", faces.shift_mouth),
    "mouth_twisted": SkeletonError("face", "twisted mouth", faces.twist_mouth),
    "nose_displaced": SkeletonError("face", "displaced nose", faces.displace_nose),
    "eye_enlarged": SkeletonError("face", "enlarged eye", faces.enlarge_eye),
    "eye_tilted": SkeletonError("face", "tilted eye", faces.tilt_eye),
    "face_unbalanced": SkeletonError("face", "asymmetric face", faces.unbalance_face),
    "third_eye": SkeletonError("face", "third eye", faces.add_eye),
}
"""Name -> its part, error and function; named as the degradations of photos where these have the error."""
