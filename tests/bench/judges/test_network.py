"""The judge `network` on renders and lessons whose truth is known, and as a stage."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from asap.bench import judge
from asap.bench.judges.hands import lessons, network
from asap.bench.judges.hands.faults import FAULTS, KINDS
from asap.bench.judges.hands.network import Network, examine, threshold
from asap.bench.judges.judge import NO_IMAGE
from asap.errors import UserError
from asap.figures import hands, scenes
from asap.figures.hands import GESTURES
from asap.records import Sample
from asap.store import append_rows, read_config, seed_of


def rendered(count: int, look: float) -> tuple[scenes.Drawing, list[str], list[str]]:
    drawn = [scenes.scene(seed_of("network test", i)) for i in range(count)]
    errors = [hands.possible_errors(s.gesture)[i % 3] for i, s in enumerate(drawn)]
    seeds = [seed_of("network test pose", i) for i in range(count)]
    pair = scenes.draw(drawn, errors, seeds, size=24, look=look)
    return pair, [s.gesture for s in drawn], errors


def wrong(pictures: np.ndarray, gestures: list[str]) -> np.ndarray:
    return np.array([opinion.probability > threshold() for opinion in examine(pictures, gestures)])


@pytest.mark.parametrize("look", [0.0, 1.0])
def test_rendered_errors_are_found_and_correct_hands_pass(look: float) -> None:
    pair, gestures, errors = rendered(300, look)
    assert wrong(pair.correct, gestures).mean() <= 0.06
    assert wrong(pair.faulty, gestures).mean() >= 0.94
    kinds = [opinion.kind for opinion in examine(pair.faulty, gestures)]
    assert np.mean([kind == error for kind, error in zip(kinds, errors, strict=True)]) > 0.7


def test_faults_of_models_are_found() -> None:
    drawn = lessons.draw(600, seed_of("network test lessons"))
    found = wrong(drawn.pictures, [list(GESTURES)[g] for g in drawn.gestures])
    assert found[drawn.kinds >= 0].mean() > 0.8 and found[drawn.kinds < 0].mean() < 0.12


def test_another_gesture_than_the_captioned_is_an_error() -> None:
    pair, gestures, _ = rendered(60, 0.0)
    others = ["palm" if gesture != "palm" else "peace" for gesture in gestures]
    assert wrong(pair.correct, others).mean() > 0.95


def test_an_opinion_does_not_depend_on_what_else_is_judged() -> None:
    pair, gestures, _ = rendered(20, 0.5)
    alone = examine(pair.correct[3:4], gestures[3:4])[0].probability
    assert examine(pair.correct, gestures)[3].probability == pytest.approx(alone, abs=1e-4)


def test_lessons_repeat_and_hold_every_fault() -> None:
    drawn, again = lessons.draw(300, 5), lessons.draw(40, 5)
    assert np.array_equal(drawn.pictures[:40], again.pictures) and drawn.faults[:40] == again.faults
    assert not np.array_equal(lessons.draw(40, 6).pictures, again.pictures)
    assert {fault.__name__ for fault in FAULTS} | {""} == set(drawn.faults)
    assert all((kind < 0) == (name == "") for kind, name in zip(drawn.kinds, drawn.faults, strict=True))
    assert set(drawn.kinds) == {-1, *range(len(KINDS))}


def folder(path: Path) -> list[Sample]:
    """Correct and faulty hands as a folder of images."""
    pair, gestures, _ = rendered(12, 0.0)
    samples = []
    for i, (good, bad) in enumerate(zip(pair.correct, pair.faulty, strict=True)):
        for name, picture in (("good", good), ("bad", bad)):
            Image.fromarray(picture).save(path / f"{name}{i}.png")
            text = f"a hand showing {gestures[i]}, tan skin"
            samples.append(Sample(f"{name}{i}", f"{name}{i}.png", text, f"{name}{i}", "hands", i))
    append_rows(path / "metadata.jsonl", samples)
    return samples


def test_the_stage_end_to_end(tmp_path: Path) -> None:
    images = tmp_path / "images"
    images.mkdir()
    samples = folder(images)
    found = judge.read(judge.run(judge.Config(images, tmp_path / "out", "network")))
    right = [found[s.id].verdict == ("correct" if s.id.startswith("good") else "error") for s in samples]
    assert len(found) == 24 and sum(right) >= 22
    for judgement in found.values():
        assert judgement.score is not None and 0 <= judgement.score <= 1
        assert (judgement.verdict == "error") == (judgement.score > threshold()) == bool(judgement.errors)
        assert set(judgement.errors) <= set(KINDS)
    assert read_config(tmp_path / "out")["identity"]["settings"] == Network().settings


def test_an_image_that_cannot_be_read_is_unscored_and_loses_no_other(tmp_path: Path) -> None:
    Image.new("RGB", (24, 24)).save(tmp_path / "a.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "a.png").read_bytes()[:40])
    names = ("a.png", "gone.png", "cut.png")
    samples = [Sample(name, name, "", name, "hands", 0, {"gesture": "palm"}) for name in names]
    reasons = {j.sample_id: j.reason for j in Network().judge(tmp_path, samples)}
    assert reasons == {"a.png": "", "gone.png": NO_IMAGE, "cut.png": NO_IMAGE}


def test_pictures_that_are_no_figures_are_refused(tmp_path: Path) -> None:
    Image.new("RGB", (64, 64)).save(tmp_path / "a.png")
    with pytest.raises(UserError, match="is not a 24 x 24 figure"):
        list(Network().judge(tmp_path, [Sample("s", "a.png", "", "p", "all", 0, {"gesture": "palm"})]))
    with pytest.raises(UserError, match="no figure's gesture"):
        list(Network().judge(tmp_path, [Sample("s", "a.png", "a hand", "p", "all", 0)]))


def test_missing_weights_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "WEIGHTS", tmp_path / "gone.safetensors")
    threshold.cache_clear()
    with pytest.raises(UserError, match="is missing; install asap again"):
        threshold()
    threshold.cache_clear()


def test_the_weights_are_small() -> None:
    assert network.WEIGHTS.stat().st_size < 1_000_000
