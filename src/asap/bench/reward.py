"""`asap reward`: a reward's number for every image of a folder, appended as they come."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import tyro

from asap import command, progress
from asap.bench import samples as sample_files
from asap.bench.judges.judge import NO_IMAGE
from asap.bench.rewards.reward import Reward, Score, Setup
from asap.errors import UserError
from asap.lookup import check_name, choose
from asap.records import Image, Sample
from asap.store import append_rows, exclusive, open_run, read_config, read_rows

REWARDS = {
    "aesthetic": "asap.bench.rewards.aesthetic:Aesthetic",
    "hpsv2": "asap.bench.rewards.hpsv2:HPSv2",
    "hpsv3": "asap.bench.rewards.hpsv3:HPSv3",
    "imagereward": "asap.bench.rewards.imagereward:ImageReward",
    "pickscore": "asap.bench.rewards.pickscore:PickScore",
    "vqascore": "asap.bench.rewards.vqascore:VQAScore",
}
SCORES = "rewards.jsonl"
NO_TEXT, NOT_FINITE = "no caption", "not a finite number"


@dataclass(frozen=True)
class Config:
    """Score images by a reward of others; run the same command again to score what is missing."""

    images: tyro.conf.Positional[Path]
    """Folder of images with a metadata.jsonl, as `asap generate` makes it."""
    out: Path
    """Folder for the scores: rewards.jsonl and config.json."""
    reward: str
    """`hpsv2` (HPSv2.1), `hpsv3`, `pickscore`, `imagereward`, `aesthetic` (LAION's, of the image alone), or
    `vqascore` (whether the image shows its prompt)."""
    model: str = ""
    """Its weights: a .safetensors file, a folder, or a hub id; the published ones if left out."""
    base: str = ""
    """Where its tokenizer and configuration are (`aesthetic`: its CLIP) if not beside the weights: a folder
    or a hub id; the published place if left out."""
    instruction: Path | None = None
    """hpsv3: the file of HPSv3's repository that holds its question."""
    batch: int = 8
    """Images scored at once."""
    device: str = "auto"
    """`cuda` (or `cuda:1`, ...), `mps` or `cpu`; auto: the first of them that is there."""
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """auto: float32, but bfloat16 for hpsv3 and vqascore on cuda."""


def read(folder: Path) -> dict[str, Score]:
    """The scores in `folder` by sample id; of several on one sample the last holds.

    Raises:
        UserError: no folder of scores, or a damaged row.
    """
    if read_config(folder).get("stage") != "reward":
        raise UserError(f"{folder} was not made by `asap reward`; give a folder of rewards")
    path = folder / SCORES
    found = (_score(row, f"{path} row {n}") for n, row in enumerate(read_rows(path), 1))
    return {score.sample_id: score for score in found}


def _score(row: dict[str, Any], where: str) -> Score:
    try:
        score = Score(**row)
        sound = score.score is None or math.isfinite(score.score)
    except TypeError:
        sound = False
    if not sound:
        raise UserError(f"{where} is no score; delete that line, and run `asap reward` again")
    return score


def run(config: Config) -> Path:
    """Score every image that has no score yet, or whose file could not be read; returns the folder.

    Raises:
        UserError: bad folder, reward or weights, or a folder made with another reward or other images.
    """
    check_name(REWARDS, config.reward, "reward")
    if config.batch < 1:
        raise UserError(f"--batch is {config.batch}; give 1 or more")
    samples = sample_files.read(config.images)
    reward = _reward(config)
    identity = {
        "images": sample_files.identity(config.images),
        "reward": reward.name,
        "settings": reward.settings,
    }
    extra = {
        "images": os.path.relpath(config.images, config.out),
        "command": command.spell(config, "reward", "images"),
    }
    with exclusive(config.out):
        open_run(config.out, "reward", identity, extra)
        done = {name for name, score in read(config.out).items() if score.reason != NO_IMAGE}
        missing = [sample for sample in samples if sample.id not in done]
        with progress.bar(
            total=len(samples), initial=len(samples) - len(missing), desc="reward", unit="image"
        ) as bar:
            for scores in score_all(reward, config.images, missing, config.batch):
                append_rows(config.out / SCORES, scores)
                bar.update(len(scores))
    return config.out


def _reward(config: Config) -> Reward:
    from asap.backbones.parts import device_for  # torch, which --help does without

    device = device_for(config.device)
    large = config.reward in ("hpsv3", "vqascore") and device.startswith("cuda")
    dtype = config.dtype if config.dtype != "auto" else "bfloat16" if large else "float32"
    made: Reward = choose(REWARDS, config.reward, "reward")(
        Setup(config.model, config.base, config.instruction, device, dtype)
    )
    return made


def score_all(reward: Reward, images: Path, samples: Sequence[Sample], batch: int) -> Iterator[list[Score]]:
    """The scores of `samples`, `batch` at a time, in their order."""
    for first in range(0, len(samples), batch):
        chunk = samples[first : first + batch]
        pictures = [sample_files.read_image(images / sample.file_name) for sample in chunk]
        reasons = [
            NO_IMAGE if picture is None else NO_TEXT if reward.reads_text and not sample.text.strip() else ""
            for sample, picture in zip(chunk, pictures, strict=True)
        ]
        good = [n for n, reason in enumerate(reasons) if not reason]
        seen = [picture for n in good if (picture := pictures[n]) is not None]
        values = iter(_values(reward, seen, [chunk[n].text for n in good]) if good else [])
        yield [
            _about(sample, None if reason else next(values), reason)
            for sample, reason in zip(chunk, reasons, strict=True)
        ]


def _values(reward: Reward, images: Sequence[Image], texts: Sequence[str]) -> list[float]:
    try:
        return reward.score(images, texts)
    except RuntimeError as error:  # also of a GPU, whose class is torch's own
        if "out of memory" not in str(error).lower():
            raise
        raise UserError(f"no memory for {len(images)} images at once; give a smaller --batch") from None


def _about(sample: Sample, value: float | None, reason: str) -> Score:
    if value is not None and not math.isfinite(value):
        value, reason = None, NOT_FINITE
    return Score(sample.id, sample.prompt_id, sample.seed, sample.category, value, reason)


def main(argv: list[str]) -> None:
    """The command `asap reward`."""
    out = run(command.parse(Config, argv, "reward"))
    found = list(read(out).values())
    values = [score.score for score in found if score.score is not None]
    mean = f", mean {sum(values) / len(values):.4f}" if values else ""
    print(f"rewards: {out}; {len(found)} images, {len(values)} scored{mean}")
