"""The table of degradations: functions that put one anatomical error into a photo, without any model.

    Degradation = Callable[[Image, Region, random.Random], Image | Iterable[Image]]

takes an RGB photo (H, W, 3) and one body part found in it, and returns a new image of the same shape that
differs near that part only, or several, of which the best is kept (`candidates`). One that also takes
`strength: float = 1.0` by keyword is tried weaker or stronger where its edit turns out too much or too
little. The photo is never written to. Where the part does not allow the error to come out plainly, the
function raises `Unsuitable`, and the next entry may be tried.
"""

from __future__ import annotations

import contextlib
import functools
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from asap.lookup import choose
from asap.records import Image, Region

T = TypeVar("T")

Degradation = Callable[[Image, Region, random.Random], Image]


class Unsuitable(Exception):  # noqa: N818 (an answer rather than an error)
    """This region does not allow this degradation; the text gives the reason in a few words.

    `way` is 1 where a stronger edit may do, -1 where a weaker may, 0 where that is not known.
    """

    def __init__(self, reason: str = "", way: int = 0) -> None:
        super().__init__(reason)
        self.way = way


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
        options: what it is to be given by keyword, such as the settings of a generator.
    """

    part: str
    error: str
    function: str
    options: Mapping[str, Any] = field(default_factory=dict)

    def load(self, name: str) -> Callable[..., Image | list[Image]]:
        """The function, imported, its options bound; it may return several pictures to choose from."""
        function: Callable[..., Image | list[Image]] = choose({name: self.function}, name, "degradation")
        return functools.partial(function, **self.options) if self.options else function


DEGRADATIONS: dict[str, Entry] = {
    "extra_finger": Entry("hand", "extra finger", "asap.pairs.edits.hands.hand_errors:add_finger"),
    "missing_finger": Entry("hand", "missing finger", "asap.pairs.edits.hands.finger_errors:cut_finger"),
    "broken_finger": Entry("hand", "broken finger", "asap.pairs.edits.hands.finger_errors:break_finger"),
    "short_finger": Entry("hand", "shortened finger", "asap.pairs.edits.hands.finger_errors:shorten_finger"),
    "fused_fingers": Entry("hand", "fused fingers", "asap.pairs.edits.hands.finger_errors:fuse_fingers"),
    "long_finger": Entry("hand", "stretched finger", "asap.pairs.edits.hands.finger_errors:stretch_finger"),
    "extra_hand": Entry("hand", "extra hand", "asap.pairs.edits.hands.whole_hand_errors:double_hand"),
    "large_hand": Entry("hand", "oversized hand", "asap.pairs.edits.hands.whole_hand_errors:swell_hand"),
    "small_hand": Entry("hand", "undersized hand", "asap.pairs.edits.hands.whole_hand_errors:shrink_hand"),
    "missing_hand": Entry("hand", "missing hand", "asap.pairs.edits.hands.whole_hand_errors:remove_hand"),
    "mouth_twisted": Entry("face", "twisted mouth", "asap.pairs.edits.faces.face_errors:twist_mouth"),
    "eye_lowered": Entry("face", "displaced eye", "asap.pairs.edits.faces.face_errors:lower_eye"),
    "face_unbalanced": Entry("face", "asymmetric face", "asap.pairs.edits.faces.face_errors:unbalance_face"),
    "nose_displaced": Entry("face", "displaced nose", "asap.pairs.edits.faces.face_errors:displace_nose"),
    "mouth_shifted": Entry("face", "displaced mouth", "asap.pairs.edits.faces.face_errors:shift_mouth"),
    "eye_enlarged": Entry("face", "enlarged eye", "asap.pairs.edits.faces.face_errors:enlarge_eye"),
    "eye_tilted": Entry("face", "tilted eye", "asap.pairs.edits.faces.face_errors:tilt_eye"),
    "mouth_upside_down": Entry("face", "mouth upside down", "asap.pairs.edits.faces.face_errors:flip_mouth"),
    "face_melted": Entry("face", "melted face", "asap.pairs.edits.faces.face_errors:melt_face"),
    "third_eye": Entry("face", "third eye", "asap.pairs.edits.faces.eye_errors:third_eye"),
    "cheek_eye": Entry("face", "third eye", "asap.pairs.edits.faces.eye_errors:cheek_eye"),
    "missing_eye": Entry("face", "missing eye", "asap.pairs.edits.faces.eye_errors:remove_eye"),
    "upright_eye": Entry("face", "upright eye", "asap.pairs.edits.faces.eye_errors:upright_eye"),
    "iris_shifted": Entry("face", "eyes looking apart", "asap.pairs.edits.faces.eye_errors:shift_iris"),
    "second_mouth": Entry("face", "extra mouth", "asap.pairs.edits.faces.mouth_errors:second_mouth"),
    "missing_mouth": Entry("face", "missing mouth", "asap.pairs.edits.faces.mouth_errors:remove_mouth"),
    "missing_nose": Entry("face", "missing nose", "asap.pairs.edits.faces.mouth_errors:remove_nose"),
    "double_nose": Entry("face", "double nose", "asap.pairs.edits.faces.mouth_errors:double_nose"),
    "double_teeth": Entry("face", "two rows of teeth", "asap.pairs.edits.faces.mouth_errors:double_teeth"),
    "small_head": Entry("face", "head too small", "asap.pairs.edits.faces.head_errors:small_head"),
    "large_head": Entry("face", "head too large", "asap.pairs.edits.faces.head_errors:large_head"),
    "long_neck": Entry("face", "stretched neck", "asap.pairs.edits.faces.head_errors:long_neck"),
    "large_ear": Entry("face", "enlarged ear", "asap.pairs.edits.faces.head_errors:large_ear"),
    "extra_limb": Entry("body", "extra limb", "asap.pairs.edits.limbs.limb_errors:add_limb"),
    "broken_limb": Entry("body", "broken bone", "asap.pairs.edits.limbs.limb_errors:break_limb"),
    "curved_forearm": Entry("body", "boneless forearm", "asap.pairs.edits.limbs.limb_errors:curve_forearm"),
    "curved_shin": Entry("body", "boneless leg", "asap.pairs.edits.limbs.limb_errors:curve_shin"),
    "swollen_limb": Entry("body", "swollen limb", "asap.pairs.edits.limbs.limb_shape_errors:swell_limb"),
    "pinched_limb": Entry("body", "pinched limb", "asap.pairs.edits.limbs.limb_shape_errors:pinch_limb"),
    "long_limb": Entry("body", "stretched limb", "asap.pairs.edits.limbs.limb_shape_errors:stretch_limb"),
    "short_limb": Entry("body", "shortened limb", "asap.pairs.edits.limbs.limb_shape_errors:shorten_limb"),
    "missing_limb": Entry("body", "missing limb", "asap.pairs.edits.limbs.limb_shape_errors:cut_limb"),
    "large_foot": Entry("body", "oversized foot", "asap.pairs.edits.limbs.limb_shape_errors:swell_foot"),
    "small_foot": Entry("body", "undersized foot", "asap.pairs.edits.limbs.limb_shape_errors:shrink_foot"),
    "misplaced_arm": Entry("body", "misplaced limb", "asap.pairs.edits.limbs.trunk_errors:misplace_arm"),
    "pinched_waist": Entry("body", "pinched waist", "asap.pairs.edits.limbs.trunk_errors:pinch_waist"),
}
"""Name -> entry, for each part in the order in which they are to be preferred."""
