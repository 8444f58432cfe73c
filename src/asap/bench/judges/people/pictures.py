"""Pictures of `mini-people` as their judges read them: 64 x 64 pixels, the scene that was asked for."""

from __future__ import annotations

from asap.errors import UserError
from asap.figures.people import world
from asap.figures.people.world import MiniScene
from asap.records import Sample

SIZE = 64


def scene_of(sample: Sample) -> MiniScene:
    """The scene in the sample's facts, or in a caption of that small world.

    Raises:
        UserError: there is none.
    """
    scene = world.scene_of(sample.facts) or world.read_caption(sample.text)
    if scene is None:
        judges = "figures or network" if "gesture" in sample.facts else "vlm"
        raise UserError(
            f"{sample.file_name}: no scene of mini-people in its facts or caption ({sample.text!r}); judge "
            f"such images with --judge {judges}"
        )
    return scene
