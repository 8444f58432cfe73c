"""Pictures of drawn hands as their judges read them: 24 x 24 pixels, the gesture that was asked for."""

from __future__ import annotations

import re

from asap.errors import UserError
from asap.figures.hands import GESTURES
from asap.figures.people import world
from asap.records import Sample

SIZE = 24
CAPTION = re.compile(r"a hand showing ([^,]+?)\s*(,|$)", re.IGNORECASE)  # as `Scene.caption` begins


def gesture_of(sample: Sample) -> str:
    """The gesture in the sample's facts, or in a caption that is a figure's.

    Raises:
        UserError: there is none.
    """
    gesture = sample.facts.get("gesture")
    if gesture is None and (named := CAPTION.match(sample.text)):
        gesture = named[1].lower()
    if not isinstance(gesture, str) or gesture not in GESTURES:
        people = world.scene_of(sample.facts) or world.read_caption(sample.text)
        judges = "figures-people or network-people" if people else "vlm"
        raise UserError(
            f"{sample.file_name}: no figure's gesture in its facts or caption ({sample.text!r}); judge "
            f"such images with --judge {judges}"
        )
    return gesture
