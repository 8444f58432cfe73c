"""The small world that `mini` learns: all categories, short captions of few words."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from asap.backbones.mini import PEOPLE, words_of
from asap.figures.people import scenes, world
from asap.figures.people.catalogue import CATEGORIES, POSES
from asap.figures.people.framing import FRAMINGS

DRAWN = [world.scene(seed) for seed in range(400)]


def test_every_category_has_poses() -> None:
    assert {POSES[name].category for name in world.FRAMINGS} == set(CATEGORIES)
    assert Counter(scene.pose for scene in DRAWN).keys() == world.FRAMINGS.keys()


def test_captions_fit_the_model_and_keep_to_few_words() -> None:
    captions = [scene.caption for scene in DRAWN]
    assert max(len(words_of(caption)) for caption in captions) <= PEOPLE.words
    assert len({word for caption in captions for word in words_of(caption)}) < 64


def test_the_caption_names_all_of_the_look_that_this_world_varies() -> None:
    for scene in DRAWN:
        look = scene.look
        told = [f"{look.skin}-skinned", look.gender, f"{look.background} background", POSES[scene.pose].words]
        told += [] if scene.framing.endswith("hand") else [f"in {look.top}", scene.framing]
        assert all(words in scene.caption for words in told)


def test_the_same_caption_is_the_same_scene_but_for_side_joints_and_a_sleeve() -> None:
    """So a picture that shows what its caption says shows all that the facts say."""
    seen: dict[str, dict[str, object]] = {}
    for scene in DRAWN:
        facts = {k: v for k, v in scene.facts.items() if k not in ("side", "holder")}
        if scene.framing.endswith("hand"):
            facts |= {"framing": "hand", "top": None, "hair": None, "hair_colour": None}
        assert seen.setdefault(scene.caption, facts) == facts
    assert len(seen) < len(DRAWN)


def test_framings_are_known_and_close_ups_show_the_scenes_own_side() -> None:
    for scene in DRAWN:
        assert scene.framing in FRAMINGS
        if scene.framing.endswith("hand"):
            hand = getattr(scenes.figure(scene), f"{scene.side}_hand")
            assert hand.min() > 0 and hand.max() < 1 and np.ptp(hand[:, 1]) > 0.4


def test_prompts_go_through_the_categories_and_carry_facts() -> None:
    prompts = world.prompts(10, seed=3)
    assert Counter(prompt.category for prompt in prompts) == dict.fromkeys(CATEGORIES, 2)
    assert prompts == world.prompts(10, seed=3) != world.prompts(10, seed=4)
    assert all(POSES[str(prompt.facts["pose"])].words in prompt.text for prompt in prompts)


def test_a_pose_of_the_large_world_alone() -> None:
    with pytest.raises(KeyError):
        world.scene(0, "kneeling")
