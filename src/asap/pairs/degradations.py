"""The table of degradations: functions that put one anatomical error into a photo, without any model.

    Degradation = Callable[[Image, Region, random.Random], Image]

takes an RGB photo (H, W, 3) and one body part found in it, and returns a new image of the same shape that
differs near that part only. The photo is never written to. Where the part does not allow the error to come
out plainly, the function raises `Unsuitable`, and the next entry may be tried.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from asap.records import Image, Region

T = TypeVar("T")

Degradation = Callable[[Image, Region, random.Random], Image]


class Unsuitable(Exception):  # noqa: N818 (an answer rather than an error)
    """This region does not allow this degradation; the text gives the reason in a few words."""


def first_possible(options: Sequence[T], edit: Callable[[T], Image]) -> Image:
    """`edit` of the first option that is not unsuitable.

    Raises:
        Unsuitable: none is; with the last one's reason.
    """
    for option in options[:-1]:
        with contextlib.suppress(Unsuitable):
            return edit(option)
    return edit(options[-1])


@dataclass(frozen=True)
class Entry:
    """One row of the table.

    Attributes:
        part: the part it degrades, as in `Region.part`.
        error: what a person would call the error; it goes into the pair.
        function: where the `Degradation` lies, as "module:name", so that only those in use are imported.
    """

    part: str
    error: str
    function: str


DEGRADATIONS: dict[str, Entry] = {
    "extra_finger": Entry("hand", "extra finger", "asap.pairs.hand_errors:add_finger"),
    "missing_finger": Entry("hand", "missing finger", "asap.pairs.finger_errors:cut_finger"),
    "broken_finger": Entry("hand", "broken finger", "asap.pairs.finger_errors:break_finger"),
    "short_finger": Entry("hand", "shortened finger", "asap.pairs.finger_errors:shorten_finger"),
    "fused_fingers": Entry("hand", "fused fingers", "asap.pairs.finger_errors:fuse_fingers"),
    "long_finger": Entry("hand", "stretched finger", "asap.pairs.finger_errors:stretch_finger"),
    "mouth_twisted": Entry("face", "twisted mouth", "asap.pairs.face_errors:twist_mouth"),
    "eye_lowered": Entry("face", "displaced eye", "asap.pairs.face_errors:lower_eye"),
    "face_unbalanced": Entry("face", "asymmetric face", "asap.pairs.face_errors:unbalance_face"),
    "nose_displaced": Entry("face", "displaced nose", "asap.pairs.face_errors:displace_nose"),
    "mouth_shifted": Entry("face", "displaced mouth", "asap.pairs.face_errors:shift_mouth"),
    "eye_enlarged": Entry("face", "enlarged eye", "asap.pairs.face_errors:enlarge_eye"),
    "eye_tilted": Entry("face", "tilted eye", "asap.pairs.face_errors:tilt_eye"),
    "mouth_upside_down": Entry("face", "mouth upside down", "asap.pairs.face_errors:flip_mouth"),
    "face_melted": Entry("face", "melted face", "asap.pairs.face_errors:melt_face"),
    "third_eye": Entry("face", "third eye", "asap.pairs.eye_errors:third_eye"),
    "cheek_eye": Entry("face", "third eye", "asap.pairs.eye_errors:cheek_eye"),
    "missing_eye": Entry("face", "missing eye", "asap.pairs.eye_errors:remove_eye"),
    "upright_eye": Entry("face", "upright eye", "asap.pairs.eye_errors:upright_eye"),
    "iris_shifted": Entry("face", "eyes looking apart", "asap.pairs.eye_errors:shift_iris"),
    "second_mouth": Entry("face", "extra mouth", "asap.pairs.mouth_errors:second_mouth"),
    "missing_mouth": Entry("face", "missing mouth", "asap.pairs.mouth_errors:remove_mouth"),
    "missing_nose": Entry("face", "missing nose", "asap.pairs.mouth_errors:remove_nose"),
    "double_nose": Entry("face", "double nose", "asap.pairs.mouth_errors:double_nose"),
    "double_teeth": Entry("face", "two rows of teeth", "asap.pairs.mouth_errors:double_teeth"),
    "small_head": Entry("face", "head too small", "asap.pairs.head_errors:small_head"),
    "large_head": Entry("face", "head too large", "asap.pairs.head_errors:large_head"),
    "long_neck": Entry("face", "stretched neck", "asap.pairs.head_errors:long_neck"),
    "large_ear": Entry("face", "enlarged ear", "asap.pairs.head_errors:large_ear"),
    "extra_limb": Entry("body", "extra limb", "asap.pairs.limb_errors:add_limb"),
    "broken_limb": Entry("body", "broken bone", "asap.pairs.limb_errors:break_limb"),
    "curved_forearm": Entry("body", "boneless forearm", "asap.pairs.limb_errors:curve_forearm"),
}
"""Name -> entry, for each part in the order in which they are to be preferred."""
