"""Scenes by seed: the same seed the same figure; captions tell what is drawn."""

from __future__ import annotations

import numpy as np

from asap.figures.people import scenes
from asap.figures.people.catalogue import CATEGORIES, POSES
from asap.figures.people.figure import PARTS


def test_a_seed_gives_the_same_scene_and_points() -> None:
    first, again, other = scenes.scene(5), scenes.scene(5), scenes.scene(6)
    assert first == again != other
    for part in PARTS:
        assert np.array_equal(getattr(scenes.figure(first), part), getattr(scenes.figure(again), part))


def test_every_category_has_poses_and_every_gesture_word_is_in_its_caption() -> None:
    assert {entry.category for entry in POSES.values()} == set(CATEGORIES)
    for name, entry in POSES.items():
        scene = scenes.scene(0, name, entry.framings[0])
        assert entry.words in scene.caption
        assert scene.facts["pose"] == name
        assert scene.facts["category"] == entry.category


def test_the_caption_names_what_the_look_has() -> None:
    scene = scenes.scene(11, "standing", "full body")
    look = scene.look
    for word in (look.gender, look.skin, look.top, look.bottom_colour, "full body"):
        assert word in scene.caption


def test_points_have_their_shapes_and_people_stay_in_the_picture() -> None:
    for seed, (name, entry) in enumerate(POSES.items()):
        if "full body" not in entry.framings:
            continue
        figure = scenes.figure(scenes.scene(seed, name, "full body"))
        for part, count in PARTS.items():
            points = getattr(figure, part)
            assert points.shape == (count, 2)
            assert points.min() > 0
            assert points.max() < 1


def test_left_and_right_are_the_persons_own() -> None:
    figure = scenes.figure(scenes.scene(1, "arms wide", "full body"))
    assert figure.left_hand[:, 0].min() > figure.right_hand[:, 0].max()
    assert figure.body[5, 0] > figure.body[6, 0]
    assert figure.face[45, 0] > figure.face[36, 0]


def test_the_hand_that_shows_is_the_one_of_the_scenes_side() -> None:
    for seed in range(6):
        scene = scenes.scene(seed, "open palm", "half body")
        figure = scenes.figure(scene)
        higher = "left" if figure.body[9, 1] < figure.body[10, 1] else "right"
        assert higher == scene.side
