"""`asap reward`: rows as they come, resumed, each image's trouble told."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import pytest

import tiny_rewards
from asap.bench import reward
from asap.bench.judges.judge import NO_IMAGE
from asap.bench.rewards.reward import Setup
from asap.errors import UserError
from asap.records import Image
from asap.store import append_rows, read_config, read_rows
from bench_runs import write_run


class Bright:
    """The mean of an image's values; it counts its calls."""

    name, reads_text = "bright", True
    calls: ClassVar[list[int]] = []

    def __init__(self, setup: Setup) -> None:
        self.settings = {"weights": setup.model}

    def score(self, images: Sequence[Image], texts: Sequence[str]) -> list[float]:
        self.calls.append(len(images))
        if any("vast" in text for text in texts):
            raise RuntimeError("CUDA out of memory. Tried to allocate 9 GiB")
        return [float("nan") if "nan" in text else float(image.mean()) for image, text in zip(images, texts)]


@pytest.fixture
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setitem(reward.REWARDS, "bright", "test_reward_bright:Bright")
    monkeypatch.setitem(sys.modules, "test_reward_bright", sys.modules[__name__])
    monkeypatch.setattr(Bright, "calls", [])
    write_run(tmp_path / "run", "ccccc", shade=40)
    return tmp_path / "run" / "images"


def test_every_image_has_a_row_and_a_second_run_adds_what_is_missing(tmp_path: Path, images: Path) -> None:
    config = reward.Config(images, tmp_path / "out", "bright", model="m", batch=2, device="cpu")
    (images / "images" / "3.png").rename(tmp_path / "kept.png")
    reward.run(config)
    rows = list(read_rows(tmp_path / "out" / "rewards.jsonl"))
    assert set(rows[0]) == {"sample_id", "prompt_id", "seed", "category", "score", "reason"}
    assert [row["score"] for row in rows] == [40, 40, 40, None, 40] and rows[3]["reason"] == NO_IMAGE
    assert Bright.calls == [2, 1, 1]
    (tmp_path / "kept.png").rename(images / "images" / "3.png")
    with (tmp_path / "out" / "rewards.jsonl").open("a") as file:
        file.write('{"sample_id": "p')  # a row cut by a kill
    reward.run(config)
    assert Bright.calls == [2, 1, 1, 1]
    found = reward.read(tmp_path / "out")
    assert [score.score for score in found.values()] == [40] * 5
    made = read_config(tmp_path / "out")
    assert made["identity"]["settings"] == {"weights": "m"} and made["images"] == "../run/images"
    assert made["command"].startswith("asap reward ")
    with pytest.raises(UserError, match="was made with other settings"):
        reward.run(reward.Config(images, tmp_path / "out", "bright", model="n", device="cpu"))


def test_images_without_words_and_scores_that_are_none_are_told(tmp_path: Path, images: Path) -> None:
    rows = list(read_rows(images / "metadata.jsonl"))
    (images / "metadata.jsonl").unlink()
    append_rows(images / "metadata.jsonl", [rows[0] | {"text": " "}, rows[1] | {"text": "nan"}, rows[2]])
    found = reward.read(reward.run(reward.Config(images, tmp_path / "out", "bright", device="cpu")))
    assert [score.reason for score in found.values()] == ["no caption", "not a finite number", ""]
    assert [score.score for score in found.values()] == [None, None, 40]


def test_a_killed_run_goes_on(tmp_path: Path, images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process killed after its first rows leaves them, and no lock."""
    config = reward.Config(images, tmp_path / "out", "bright", batch=2, device="cpu")
    child = os.fork()
    if child == 0:
        written = reward.append_rows

        def once(path: Path, rows: Sequence[object]) -> None:
            written(path, rows)
            os.kill(os.getpid(), signal.SIGKILL)

        monkeypatch.setattr(reward, "append_rows", once)
        try:
            reward.run(config)
        finally:
            os._exit(1)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    assert len(reward.read(tmp_path / "out")) == 2
    reward.run(config)
    assert len(list(read_rows(tmp_path / "out" / "rewards.jsonl"))) == 5 and Bright.calls == [2, 1]


def test_the_command_scores_with_a_tiny_pickscore(
    tmp_path: Path, images: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny_rewards.clip(tmp_path / "clip")
    words = f"{images} --out {tmp_path / 'out'} --reward pickscore --model {tmp_path / 'clip'} --device cpu"
    reward.main(words.split())
    assert "5 images, 5 scored, mean " in capsys.readouterr().out
    settings = read_config(tmp_path / "out")["identity"]["settings"]
    assert set(settings) == {"weights", "dtype"} and settings["dtype"] == "float32"


def test_mistakes_are_told(tmp_path: Path, images: Path) -> None:
    with pytest.raises(UserError, match="did you mean hpsv"):
        reward.run(reward.Config(images, tmp_path / "out", "hpsv"))
    with pytest.raises(UserError, match="--batch is 0"):
        reward.run(reward.Config(images, tmp_path / "out", "bright", batch=0))
    (images / "metadata.jsonl").write_text('{"file_name": "images/0.png", "text": "a vast hall"}\n')
    with pytest.raises(UserError, match="no memory for 1 images at once; give a smaller --batch"):
        reward.run(reward.Config(images, tmp_path / "out", "bright", device="cpu"))
    with pytest.raises(UserError, match="was not made by `asap reward`"):
        reward.read(images)
