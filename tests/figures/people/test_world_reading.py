"""Scenes of the small world from facts and from captions."""

from __future__ import annotations

import pytest

from asap.figures.people import world


@pytest.mark.parametrize("pose", list(world.FRAMINGS))
def test_facts_and_caption_give_the_scene(pose: str) -> None:
    for seed in range(20):
        drawn = world.scene(seed, pose)
        told = world.scene_of(drawn.facts)
        assert told is not None and (told.caption, told.facts) == (drawn.caption, drawn.facts)
        read = world.read_caption(drawn.caption.capitalize() + " ")
        assert read is not None and read.caption == drawn.caption


@pytest.mark.parametrize(
    "caption",
    [
        "", "a person", "a fair-skinned woman in red waves", "a hand showing palm, fair skin",
        "a green-skinned woman in red waves, half body, gray background",
        "a fair-skinned woman in red waves, full body, gray background",
        "a fair-skinned woman in red flies, half body, gray background",
    ],
)  # fmt: skip
def test_other_captions_give_none(caption: str) -> None:
    assert world.read_caption(caption) is None


def test_other_facts_give_none() -> None:
    facts = world.scene(3).facts
    assert world.scene_of({**facts, "pose": "sitting"}) is None
    assert world.scene_of({**facts, "skin": ["fair"]}) is None
    assert world.scene_of({"gesture": "palm"}) is None
