"""A model of transformers as a judge: a tiny Qwen2.5-VL of random weights, whose answers are gibberish."""

from __future__ import annotations

import random
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from asap.bench.judges.services import local
from asap.bench.judges.services.local import Local
from asap.bench.judges.services.service import Access, Picture, Reply
from asap.bench.judges.settings import Options
from asap.bench.judges.vlm import VLM
from asap.chat import UnreachableError
from asap.errors import UserError
from asap.records import Sample
from tiny_vision import tiny_qwen_vl


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_qwen_vl(tmp_path_factory.mktemp("qwen"))


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "LONGEST", 24)


def picture(seed: int) -> Picture:
    file = BytesIO()
    Pillow.fromarray(np.random.default_rng(seed).integers(0, 255, (60, 90, 3), np.uint8)).save(file, "PNG")
    return Picture(str(seed), file.getvalue(), "image/png")


def ask(service: Local, *seeds: int, rng: int = 0) -> Reply:
    return service.ask([picture(seed) for seed in seeds], "a hand : a finger", {}, random.Random(rng))


def test_pictures_are_seen_and_equal_questions_get_equal_answers(model: Path) -> None:
    with Local(Access(model_name=str(model), device="cpu")) as service:
        one, again, two = ask(service, 1), ask(service, 1), ask(service, 1, 2)
        others = {ask(service, seed).text for seed in range(2, 5)}
    assert one == again and one.tokens_out is not None and 0 < one.tokens_out <= 24
    assert (two.tokens_in or 0) > (one.tokens_in or 0)  # a second picture's tokens
    assert others != {one.text}


def test_repeats_are_sampled_from_their_seeds(model: Path) -> None:
    with Local(Access(model_name=str(model), device="cpu", temperature=2.0)) as service:
        texts = [ask(service, 1, rng=rng).text for rng in (1, 1, 2, 3)]
    assert texts[0] == texts[1] and len(set(texts)) > 1


def test_gibberish_is_unreadable_and_nothing_crashes(model: Path, tmp_path: Path) -> None:
    (tmp_path / "0.png").write_bytes(picture(0).data)
    samples = [Sample("0", "0.png", "a hand", "p", "hand", 0), Sample("1", "1.png", "gone", "q", "hand", 0)]
    options = Options(service="local", model_name=str(model), device="cpu", protocol="quick")
    judge = VLM(options, tmp_path / "out")
    said = {each.sample_id: each for each in judge.judge(tmp_path, samples)}
    assert (said["0"].verdict, said["0"].reason) == ("unscored", "unreadable")
    assert said["1"].verdict == "unscored" and str(tmp_path) not in str(judge.settings)


def test_what_is_stopped_is_given_up(model: Path) -> None:
    with Local(Access(model_name=str(model), device="cpu")) as service:
        service.stop()
        with pytest.raises(UnreachableError):
            ask(service, 1)


@pytest.mark.parametrize("name", ["", "{tmp}", "{tmp}/none", "{tmp}/pickled"])
def test_a_model_that_cannot_judge_is_told_in_one_line(name: str, tmp_path: Path, model: Path) -> None:
    (tmp_path / "pickled").mkdir()
    for file in model.iterdir():
        if file.suffix != ".safetensors":
            (tmp_path / "pickled" / file.name).write_bytes(file.read_bytes())
    (tmp_path / "pickled" / "pytorch_model.bin").write_bytes(b"not opened")
    with pytest.raises(UserError, match="--model-name") as caught, Local(_access(name, tmp_path)):
        pass
    assert "\n" not in str(caught.value)


def test_a_model_that_only_captions_is_refused(tmp_path: Path) -> None:
    silent: Any = tiny_qwen_vl(tmp_path, talks=False)
    with pytest.raises(UserError, match="takes no questions"), Local(Access(model_name=str(silent))):
        pass


def _access(name: str, folder: Path) -> Access:
    return Access(model_name=name.format(tmp=folder), device="cpu")
