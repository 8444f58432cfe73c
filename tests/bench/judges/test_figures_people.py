"""The judge of drawn people on pictures whose truth is known."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from asap.bench.judges.people.figures import THRESHOLD, FiguresPeople, examine
from asap.bench.judges.people.renders import candidates
from asap.errors import UserError
from asap.figures.people import scenes, world
from asap.figures.people.render import render_people
from asap.figures.people.world import MiniScene
from asap.pairs.drawn import mini_people
from asap.records import Sample
from asap.store import seed_of

POSES = ("peace sign", "arms wide")
Pair = tuple[MiniScene, NDArray[np.uint8]]


@cache
def pairs() -> list[Pair]:
    """Scenes of women in `POSES`, five each, with their pictures: correct and faulty."""
    numbers = [list(world.FRAMINGS).index(pose) for pose in POSES] * 5
    found = []
    for i, number in enumerate(numbers):
        drafts = mini_people.drafts(seed_of("people judge test", i), number)
        draft = next(draft for draft in drafts if draft.scene.look.gender == "woman")
        assert isinstance(draft.scene, MiniScene)
        found.append((draft.scene, render_people([draft.correct, draft.faulty], 64)[0]))
    return found


def drawn(pose: str, look: float = 0.0, **names: str) -> Pair:
    """A scene of a woman with facts of these names, and a correct picture of it."""
    scene = world.scene(seed_of("people judge scene", pose), pose)
    named = world.scene_of({**scene.facts, "gender": "woman", **names})
    assert named
    return named, render_people([scenes.figure(named)], 64, look=look)[0][0]


def test_correct_people_pass_and_errors_are_found() -> None:
    assert all(examine(correct, scene).score < THRESHOLD for scene, (correct, _) in pairs())
    found = [examine(faulty, scene) for scene, (_, faulty) in pairs()]
    assert np.mean([finding.score > THRESHOLD for finding in found]) > 0.6


def test_either_side_and_a_camera_s_light_are_no_errors() -> None:
    for pose in POSES:
        scene, _ = drawn(pose, side="left")
        _, other = drawn(pose, look=0.7, side="right")
        assert examine(other, scene).score < THRESHOLD


def test_the_shirt_of_a_close_up_may_have_any_colour() -> None:
    scene, _ = drawn("peace sign", top="red")
    _, green = drawn("peace sign", top="green")
    assert examine(green, scene).score < THRESHOLD


def test_the_worst_place_and_its_name_are_those_of_the_error() -> None:
    scene, picture = drawn("arms wide", skin="dark", background="cream", side="left")
    stray, armless = picture.copy(), picture.copy()
    stray[48:55, 8:14] = (102, 66, 48)
    label = candidates(scene, "left").labels[0]
    rows, columns = np.nonzero(label == 9)  # the right hand
    armless[rows.min() - 4 : rows.max() + 5, : columns.max() + 8] = picture[2, 2]
    found = examine(stray, scene)
    assert found.score > THRESHOLD and found.error == "stray piece"
    assert found.box[0] < 14 and found.box[2] > 8 and found.box[1] < 55 and found.box[3] > 48
    assert examine(armless, scene).error in ("missing hand", "missing arm")


def test_another_pose_than_the_captioned_and_noise_are_errors() -> None:
    scene, _ = drawn("peace sign")
    _, other = drawn("arms wide")
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    assert examine(other, scene).score > THRESHOLD
    assert examine(noise, scene).score > THRESHOLD


def test_the_library_draws_what_the_renderer_draws_in_every_colour() -> None:
    scene, _ = drawn("peace sign", skin="tan", top="yellow", background="violet")
    rendered, _ = render_people(
        [scenes.figure(each) for each in (library_scene(scene, i) for i in range(3))], 64
    )
    difference = np.abs(candidates(scene, scene.side).pictures[:3] - rendered)
    assert difference.mean() < 1
    assert difference.max() < 6


def library_scene(scene: MiniScene, number: int) -> MiniScene:
    """The scene with the joints of the library's render `number`."""
    return MiniScene(
        seed_of("people library", number),
        scene.pose,
        scene.framing,
        scene.expression,
        scene.side,
        scene.look,
    )


def test_judgements_carry_verdict_error_and_place(tmp_path: Path) -> None:
    scene, picture = drawn("peace sign")
    broken = picture.copy()
    broken[20:34, 24:40] = 0  # a part of the palm
    for name, pixels in (("good.png", picture), ("bad.png", broken)):
        Image.fromarray(pixels).save(tmp_path / name)
    samples = [
        Sample(name, name, scene.caption, name, "all", 0) for name in ("good.png", "bad.png", "gone.png")
    ]
    by_name = {judgement.sample_id: judgement for judgement in FiguresPeople().judge(tmp_path, samples)}
    assert by_name["good.png"].verdict == "correct" and by_name["good.png"].errors == ()
    assert by_name["bad.png"].verdict == "error" and len(by_name["bad.png"].errors) == 1
    assert len(by_name["bad.png"].evidence["worst"]) == 4
    assert by_name["gone.png"].verdict == "unscored"


def test_pictures_of_other_kinds_are_refused(tmp_path: Path) -> None:
    Image.new("RGB", (24, 24)).save(tmp_path / "a.png")
    scene, _ = drawn("peace sign")
    with pytest.raises(UserError, match="is not a 64 x 64 figure"):
        list(FiguresPeople().judge(tmp_path, [Sample("s", "a.png", scene.caption, "p", "all", 0)]))
    with pytest.raises(UserError, match="no scene of mini-people"):
        list(FiguresPeople().judge(tmp_path, [Sample("s", "a.png", "a hand", "p", "all", 0)]))
