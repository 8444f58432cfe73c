"""The judge `network-people` on renders and lessons whose truth is known, and as a stage."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from asap.bench import judge
from asap.bench.judges.judge import NO_IMAGE
from asap.bench.judges.people import lessons as people_lessons
from asap.bench.judges.people import library as people_library
from asap.bench.judges.people import network as network_people
from asap.bench.judges.people.faults import FAULTS
from asap.bench.judges.people.library import KINDS, Library
from asap.bench.judges.people.network import NetworkPeople, examine, threshold
from asap.errors import UserError
from asap.figures.people import scenes, world
from asap.figures.people.render import render_people
from asap.figures.people.world import MiniScene
from asap.records import Sample
from asap.store import append_rows, read_config, seed_of


@pytest.fixture(scope="module")
def library() -> Library:
    """Every pose four times."""
    return people_library.draw(56, seed_of("network people test"))


def scenes_of(told: np.ndarray) -> list[MiniScene]:
    """A scene for each of (N, 4) numbers that the network is told, by its facts."""
    names = ("pose", "gender", "skin", "background")
    choices = (list(world.FRAMINGS), list(world.GENDERS), world.SKINS, world.BACKGROUNDS)
    facts = [{n: c[i] for n, c, i in zip(names, choices, row, strict=True)} for row in told]
    found = [world.scene_of({**fact, "side": "left", "top": "red"}) for fact in facts]
    return [scene for scene in found if scene]


def rendered(count: int) -> tuple[list[MiniScene], np.ndarray]:
    drawn = [world.scene(seed_of("network people test", i)) for i in range(count)]
    return drawn, render_people(scenes.figures(drawn), 64)[0]


def wrong(pictures: np.ndarray, asked: list[MiniScene]) -> np.ndarray:
    return np.array([opinion.probability > threshold() for opinion in examine(pictures, asked)])


def test_correct_people_pass_and_errors_of_skeletons_are_found(library: Library) -> None:
    names = (library.poses, library.genders, library.skins, library.backgrounds)
    asked = scenes_of(np.stack(names, axis=1))
    seen = np.abs(library.error.astype(int) - library.whole).max(axis=3).sum(axis=(1, 2)) > 1500
    assert wrong(library.whole, asked).mean() <= 0.1
    assert wrong(library.error, asked)[seen].mean() >= 0.8
    assert seen.sum() > 40


def test_the_side_does_not_matter(library: Library) -> None:
    asked = scenes_of(np.stack([library.poses, library.genders, library.skins, library.backgrounds], axis=1))
    assert wrong(library.whole[:, :, ::-1], asked).mean() <= 0.1


def test_faults_of_models_are_found(library: Library) -> None:
    lessons = people_lessons.draw(library, range(300), seed_of("network people test lessons"))
    found = wrong(lessons.pictures, scenes_of(lessons.told))
    assert found[lessons.kinds >= 0].mean() > 0.7 and found[lessons.kinds < 0].mean() < 0.2


def test_another_pose_than_the_captioned_is_an_error() -> None:
    drawn, pictures = rendered(40)
    others = [
        MiniScene(0, "portrait" if s.pose != "portrait" else "warrior", "", "", "", s.look) for s in drawn
    ]
    assert wrong(pictures, others).mean() > 0.9


def test_an_opinion_does_not_depend_on_what_else_is_judged() -> None:
    drawn, pictures = rendered(8)
    alone = examine(pictures[3:4], drawn[3:4])[0].probability
    assert examine(pictures, drawn)[3].probability == pytest.approx(alone, abs=1e-4)


def test_lessons_repeat_and_hold_every_fault(library: Library) -> None:
    drawn, again = (people_lessons.draw(library, range(count), 5) for count in (260, 20))
    assert np.array_equal(drawn.pictures[:20], again.pictures) and drawn.faults[:20] == again.faults
    assert not np.array_equal(people_lessons.draw(library, range(20), 6).pictures, again.pictures)
    assert {fault.__name__ for fault in FAULTS} | {""} == set(drawn.faults)
    faulty = drawn.kinds >= 0
    assert all(flag == bool(name) for flag, name in zip(faulty, drawn.faults, strict=True))
    assert 0.4 < faulty.mean() < 0.6
    assert drawn.tiles[faulty].any(axis=(1, 2)).mean() > 0.95 and not drawn.tiles[~faulty].any()


def test_a_library_is_drawn_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = people_library.stored(tmp_path, 2, 7)
    monkeypatch.setattr(people_library, "draw", lambda *_: pytest.fail("drawn again"))
    second = people_library.stored(tmp_path, 2, 7)
    assert np.array_equal(first.bare, second.bare) and np.array_equal(first.poses, second.poses)


def folder(path: Path) -> list[Sample]:
    """Right pictures, and others of another pose, as a folder of images."""
    drawn, pictures = rendered(10)
    others = [world.scene(i, "portrait" if s.pose != "portrait" else "warrior") for i, s in enumerate(drawn)]
    faulty, _ = render_people(scenes.figures(others), 64)
    samples = []
    for i, scene in enumerate(drawn):
        for name, picture in (("good", pictures[i]), ("bad", faulty[i])):
            Image.fromarray(picture).save(path / f"{name}{i}.png")
            samples.append(
                Sample(f"{name}{i}", f"{name}{i}.png", scene.caption, f"{name}{i}", "full body", i)
            )
    append_rows(path / "metadata.jsonl", samples)
    return samples


def test_the_stage_end_to_end(tmp_path: Path) -> None:
    images = tmp_path / "images"
    images.mkdir()
    samples = folder(images)
    found = judge.read(judge.run(judge.Config(images, tmp_path / "out", "network-people")))
    right = [found[s.id].verdict == ("correct" if s.id.startswith("good") else "error") for s in samples]
    assert len(found) == 20 and sum(right) >= 18
    for judgement in found.values():
        assert judgement.score is not None and 0 <= judgement.score <= 1
        assert (judgement.verdict == "error") == (judgement.score > threshold()) == bool(judgement.errors)
        assert set(judgement.errors) <= set(KINDS)
    assert read_config(tmp_path / "out")["identity"]["settings"] == NetworkPeople().settings


def test_pictures_that_are_not_of_this_world_are_refused_and_missing_ones_unscored(tmp_path: Path) -> None:
    caption = world.scene(1).caption
    Image.new("RGB", (24, 24)).save(tmp_path / "small.png")
    with pytest.raises(UserError, match="is not a 64 x 64 figure"):
        list(NetworkPeople().judge(tmp_path, [Sample("s", "small.png", caption, "p", "all", 0)]))
    with pytest.raises(UserError, match="no scene of mini-people"):
        list(NetworkPeople().judge(tmp_path, [Sample("s", "small.png", "a person", "p", "all", 0)]))
    gone = list(NetworkPeople().judge(tmp_path, [Sample("s", "gone.png", caption, "p", "all", 0)]))
    assert [judgement.reason for judgement in gone] == [NO_IMAGE]


def test_missing_weights_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network_people, "WEIGHTS", tmp_path / "gone.safetensors")
    threshold.cache_clear()
    with pytest.raises(UserError, match="is missing; install asap again"):
        threshold()
    threshold.cache_clear()


def test_the_weights_are_small() -> None:
    assert network_people.WEIGHTS.stat().st_size < 1_000_000
