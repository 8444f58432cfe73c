"""`asap figures --kind mini-people`: every pose in its turn, errors that are seen at 64 pixels."""

from __future__ import annotations

import random
from contextlib import suppress
from itertools import islice
from pathlib import Path

import datasets
import numpy as np
import pytest

from asap import store
from asap.anatomy.people_errors import with_error
from asap.anatomy.skeleton_errors import SKELETON_ERRORS, NotPossible
from asap.errors import UserError
from asap.figures.people import scenes, world
from asap.pairs import figures
from asap.pairs.checks import gates
from asap.pairs.drawn import mini_people

POSES = list(world.FRAMINGS)


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mini-people") / "hap"
    return figures.run(figures.Config(folder, kind="mini-people", pairs=28, prompts=10))


def test_pairs_are_exact_and_seen(people: Path) -> None:
    rows = datasets.load_dataset(str(people), split="train")
    assert len(rows) == 28 and len(set(rows["id"])) == 28
    for row in rows:
        chosen, rejected, mask = (np.asarray(row[name]) for name in ("chosen", "rejected", "mask"))
        assert chosen.shape == (64, 64, 3)
        assert np.array_equal((chosen != rejected).any(axis=-1), mask == 255)
        left, top, right, bottom = row["box"]
        assert min(right - left, bottom - top) >= mini_people.BOUNDS.smallest and (mask > 0).mean() < 0.6
        assert row["ssim_inside"] <= gates.Gates().ssim_inside


def test_the_pose_is_that_whose_turn_it_is_and_its_framing_shows_the_error() -> None:
    for number in range(len(POSES)):
        for draft in islice(mini_people.drafts(0, number), 3):
            assert draft.scene.pose == POSES[number]
            part = SKELETON_ERRORS[draft.error].part
            framing = world.FRAMINGS[draft.scene.pose]
            allowed = {"portrait": "face", "hand": "hand", "half body": "body hand", "full body": "body"}
            assert part in allowed[framing].split()


@pytest.mark.parametrize("pose", POSES)
def test_every_pose_has_errors(pose: str) -> None:
    """One in which no error can be would be drawn for ever."""
    possible = set()
    for seed in range(30):
        for error in mini_people.ERRORS[world.FRAMINGS[pose]]:
            with suppress(NotPossible):
                with_error(scenes.figure(world.scene(seed, pose)), error, random.Random(seed))
                possible.add(error)
        if len(possible) >= 3:
            return
    raise AssertionError(f"only {possible}")


def test_prompts_are_of_the_same_world(people: Path) -> None:
    texts = [row["text"] for row in store.read_rows(people / figures.PROMPTS)]
    assert texts == [prompt.text for prompt in world.prompts(10, 0)]


def test_what_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--size 32: must lie between 48 and 1024 for mini-people"):
        figures.run(figures.Config(tmp_path, kind="mini-people", size=32))
    with pytest.raises(UserError, match="--biased: the world of mini-people"):
        figures.run(figures.Config(tmp_path, kind="mini-people", biased=True))


@pytest.mark.parametrize("part", ["hand", "face", "body"])
def test_pairs_of_one_part_alone(part: str) -> None:
    made = [mini_people.pair(5, number, 64, parts=(part,)) for number in range(6)]
    assert {pair.part for pair in made} == {part}
    assert len({pair.id for pair in made}) == 6
