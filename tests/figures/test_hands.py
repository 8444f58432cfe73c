"""Figures: exact truth, the same bytes for the same seed, errors that are what they are called."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from asap.figures import hands, scenes
from asap.figures.parts import part_mask, soft_cover
from asap.figures.photographic import photographic
from asap.store import seed_of

EVERY = [(gesture, error) for gesture in hands.GESTURES for error in hands.possible_errors(gesture)]


def drawing(
    gesture: str, error: str | None, size: int = 24, look: float = 0.0, seed: int = 1
) -> scenes.Drawing:
    scene = scenes.Scene(gesture, "tan", "white", "red")
    return scenes.draw([scene], [error], [seed], size=size, look=look)


@pytest.mark.parametrize(("gesture", "error"), EVERY)
def test_an_error_changes_the_hand_and_nothing_else(gesture: str, error: str) -> None:
    pair = drawing(gesture, error, size=64)
    changed = np.any(pair.correct[0] != pair.faulty[0], axis=-1)
    assert changed.any()
    hand = np.maximum(pair.correct_cover[0], pair.faulty_cover[0]) > 0
    assert not (changed & ~hand).any()


@pytest.mark.parametrize(("gesture", "error"), EVERY)
def test_each_error_moves_skin_the_way_its_name_says(gesture: str, error: str) -> None:
    pairs = [drawing(gesture, error, size=64, seed=seed) for seed in range(8)]
    gained = np.mean([p.faulty_cover.sum() - p.correct_cover.sum() for p in pairs])
    if error == "extra finger":
        assert gained > 30
    elif error == "missing finger":
        assert gained < -30
    else:
        moved = [np.abs(p.faulty_cover - p.correct_cover).sum() for p in pairs]
        assert min(moved) > 40


def test_no_error_gives_the_same_picture_twice() -> None:
    pair = drawing("palm", None)
    assert np.array_equal(pair.correct, pair.faulty)


def test_a_gesture_without_neighbours_cannot_fuse() -> None:
    assert "fused fingers" not in hands.possible_errors("rock")
    with pytest.raises(ValueError, match="no fused fingers in rock"):
        drawing("rock", "fused fingers")


@pytest.mark.parametrize(("gesture", "fingers"), [("palm", 4), ("three", 3), ("peace", 2)])
def test_long_fingers_stand_side_by_side(gesture: str, fingers: int) -> None:
    """Count the runs of skin along a line above the knuckles."""
    cover = drawing(gesture, None, size=256).correct_cover[0] > 0.5
    line = cover[int(0.27 * 256)].astype(int)
    assert int((np.diff(line) == 1).sum()) == fingers


def test_a_picture_does_not_depend_on_its_batch() -> None:
    drawn = [scenes.scene(i) for i in range(100)]
    many = scenes.draw(drawn, [None] * 100, list(range(100)), size=24, look=0.5)
    one = scenes.draw(drawn[70:71], [None], [70], size=24, look=0.5)
    assert np.array_equal(many.correct[70], one.correct[0])


def test_the_look_is_shared_by_both_of_a_pair() -> None:
    plain, styled = drawing("palm", "extra finger"), drawing("palm", "extra finger", look=1.0)
    same = np.all(plain.correct[0] == plain.faulty[0], axis=-1)
    assert np.array_equal(styled.correct[0][same], styled.faulty[0][same])
    assert np.abs(styled.correct[0].astype(int) - plain.correct[0]).mean() > 10


def test_dose_zero_is_no_look() -> None:
    picture = np.full((1, 8, 8, 3), 100, np.uint8)
    assert np.array_equal(photographic(picture, 0.0, np.array([1])), picture)


def test_seeds_decide_the_bytes() -> None:
    drawn = [scenes.scene(seed_of("golden", i)) for i in range(16)]
    errors = [hands.possible_errors(s.gesture)[i % 3] for i, s in enumerate(drawn)]
    pair = scenes.draw(drawn, errors, list(range(16)), size=24)
    digest = hashlib.sha256(pair.correct.tobytes() + pair.faulty.tobytes()).hexdigest()[:16]
    assert digest == GOLDEN


GOLDEN = "957b456536b7f346"


def test_captions_use_the_vocabulary_alone() -> None:
    words = set(scenes.vocabulary())
    for seed in range(200):
        assert set(scenes.scene(seed).caption.replace(",", " ,").split()) <= words


def test_prompts_are_distinct_and_carry_their_facts() -> None:
    prompts = scenes.prompts(50, seed=3)
    assert len({prompt.id for prompt in prompts}) == 50
    assert all(scenes.scene_of(prompt.facts).caption == prompt.text for prompt in prompts)
    assert scenes.prompts(50, seed=3) == prompts


@pytest.mark.parametrize("look", [0.0, 1.0])
def test_the_hand_is_found_without_its_skeleton(look: float) -> None:
    drawn = [scenes.scene(seed_of("find", i)) for i in range(64)]
    pair = scenes.draw(drawn, [None] * 64, list(range(64)), size=24, look=look)
    agreement = ((soft_cover(pair.correct) > 0.5) == (pair.correct_cover > 0.5)).mean()
    assert agreement > 0.93
    mask = part_mask(pair.correct[0], {})
    assert mask[pair.correct_cover[0] > 0.5].mean() > 0.95
