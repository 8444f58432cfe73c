"""The judge of figures on pictures whose truth is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from asap.bench.judges.hands.figures import THRESHOLD, Figures, examine
from asap.bench.judges.judge import NO_IMAGE
from asap.errors import UserError
from asap.figures import hands, scenes
from asap.records import Sample
from asap.store import seed_of


def rendered(count: int, look: float) -> tuple[scenes.Drawing, list[str], list[str]]:
    drawn = [scenes.scene(seed_of("judge test", i)) for i in range(count)]
    errors = [hands.possible_errors(s.gesture)[i % 3] for i, s in enumerate(drawn)]
    seeds = [seed_of("judge pose", i) for i in range(count)]
    pair = scenes.draw(drawn, errors, seeds, size=24, look=look)
    return pair, [s.gesture for s in drawn], errors


@pytest.mark.parametrize(("look", "alarms"), [(0.0, 0.02), (1.0, 0.15)])
def test_rendered_errors_are_found_and_correct_hands_pass(look: float, alarms: float) -> None:
    pair, gestures, errors = rendered(300, look)
    good = np.array([finding.score > THRESHOLD for finding in examine(pair.correct, gestures)])
    findings = examine(pair.faulty, gestures)
    bad = np.array([finding.score > THRESHOLD for finding in findings])
    assert good.mean() <= alarms
    assert bad.mean() >= 0.95
    assert np.mean([f.error == e for f, e in zip(findings, errors, strict=True)]) > 0.7


def test_another_gesture_than_the_captioned_is_an_error() -> None:
    pair, gestures, _ = rendered(40, 0.0)
    others = ["palm" if gesture != "palm" else "peace" for gesture in gestures]
    assert np.mean([f.score > THRESHOLD for f in examine(pair.correct, others)]) > 0.95


def test_nothing_recognisable_is_an_error() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (8, 24, 24, 3), dtype=np.uint8)
    assert all(finding.score > THRESHOLD for finding in examine(noise, ["palm"] * 8))


def sample(facts: dict[str, str]) -> Sample:
    return Sample("s", "a.png", "a hand", "p", "hands", 0, facts)


def test_an_image_that_cannot_be_read_is_unscored_and_loses_no_other(tmp_path: Path) -> None:
    Image.new("RGB", (24, 24)).save(tmp_path / "a.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "a.png").read_bytes()[:40])
    facts = {"gesture": "palm"}
    names = ("a.png", "gone.png", "cut.png")
    samples = [Sample(name, name, "", name, "hands", 0, facts) for name in names]
    reasons = {j.sample_id: j.reason for j in Figures().judge(tmp_path, samples)}
    assert reasons == {"a.png": "", "gone.png": NO_IMAGE, "cut.png": NO_IMAGE}
    (lost,) = Figures().judge(tmp_path, samples[1:2])
    assert lost.verdict == "unscored"


@pytest.mark.parametrize("gesture", list(hands.GESTURES))
def test_a_figure_s_caption_gives_its_gesture(tmp_path: Path, gesture: str) -> None:
    scene = scenes.Scene(gesture, "tan", "white", "red")
    Image.fromarray(scenes.draw([scene], [None], [3], size=24).correct[0]).save(tmp_path / "a.png")
    caption = scene.caption.replace("a hand", "A hand")
    (judgement,) = Figures().judge(tmp_path, [Sample("s", "a.png", caption, "p", "all", 0)])
    assert judgement.verdict == "correct"


def test_judgements_carry_verdict_and_error(tmp_path: Path) -> None:
    scene = scenes.Scene("palm", "tan", "white", "red")
    pair = scenes.draw([scene], ["missing finger"], [3], size=24)
    Image.fromarray(pair.faulty[0]).save(tmp_path / "a.png")
    (judgement,) = Figures().judge(tmp_path, [sample({"gesture": "palm"})])
    assert judgement.verdict == "error" and judgement.errors[0] in hands.ERRORS
    Image.fromarray(pair.correct[0]).save(tmp_path / "a.png")
    (judgement,) = Figures().judge(tmp_path, [sample({"gesture": "palm"})])
    assert judgement.verdict == "correct" and judgement.errors == ()


def test_pictures_that_are_no_figures_are_refused(tmp_path: Path) -> None:
    Image.new("RGB", (64, 64)).save(tmp_path / "a.png")
    with pytest.raises(UserError, match="is not a 24 x 24 figure"):
        list(Figures().judge(tmp_path, [sample({"gesture": "palm"})]))
    with pytest.raises(UserError, match="no figure's gesture"):
        list(Figures().judge(tmp_path, [sample({})]))
    with pytest.raises(UserError, match="no figure's gesture"):
        list(Figures().judge(tmp_path, [sample({"gesture": ["palm"]})]))  # type: ignore[dict-item]
