"""`asap generate`: every prompt drawn K times. Settings and what they ask for; the work is in `drawing`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from asap import command
from asap.bench import prompts as prompt_files
from asap.errors import UserError
from asap.records import Prompt, Sample
from asap.store import exclusive, seed_of


@dataclass(frozen=True)
class Config:
    """Draw images of every prompt; run the same command again to continue after an interruption."""

    prompts: Path
    """Prompts: `haf-bench`, `haf-bench:quick` or `haf-bench:calibration`, or a file of your own: JSON lines
    (id, text, category, facts), or text with one prompt per line; GenEval's evaluation_metadata.jsonl; or a
    folder of text files, such as T2I-CompBench's, each a category."""
    out: Path
    """Folder for the images: images/*.png, metadata.jsonl and config.json."""
    model: str = "mini-hand"
    """`mini-hand` (hands), `mini` (people), a folder in diffusers' layout, or a hub id."""
    lora: Path | None = None
    """A LoRA: the folder of an `asap train` run, or a .safetensors file."""
    seeds: int = 1
    """Images per prompt; a larger number adds images to a finished folder."""
    seed: int = 0
    """Another number gives other initial noise; equal numbers give every model the same."""
    steps: int | None = None
    """Denoising steps; the model's default if left out."""
    guidance: float | None = None
    """Guidance scale; the model's default if left out."""
    size: int | None = None
    """Pixels a side; the model's default if left out."""
    batch: int = 8
    """Images drawn at once."""
    device: str = "auto"
    """`cuda` (or `cuda:1`, ...), `mps` or `cpu`; auto: the first of them that is there."""
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """auto: bfloat16 on cuda, float32 elsewhere."""


def plan(prompts: Sequence[Prompt], seeds: int, seed: int) -> list[Sample]:
    """The samples to draw: the first image of every prompt, then the second, so that more seeds only add to
    the end. A sample's noise seed comes from `seed`, its prompt's id and its
    place among the prompt's images, so that it is the same for every model."""
    return [_sample(prompt, index, seed) for index in range(seeds) for prompt in prompts]


def _sample(prompt: Prompt, index: int, seed: int) -> Sample:
    identity = f"{prompt.id}-{index}"
    noise_seed = seed_of("noise", seed, prompt.id, index) % 2**32  # survives every JSON reader
    name = f"images/{identity}.png"
    return Sample(identity, name, prompt.text, prompt.id, prompt.category, noise_seed, prompt.facts)


def run(config: Config) -> Path:
    """Draw `config.seeds` images of every prompt; returns the folder of images.

    Raises:
        UserError: bad prompts, model, LoRA or numbers, or a folder made with other settings.
    """
    _check(config)
    prompts = prompt_files.read(config.prompts)
    from asap.bench import drawing  # torch, which neither --help nor the checks need

    with exclusive(config.out):
        drawing.run(config, prompts)
    return config.out


def _check(config: Config) -> None:
    for name in ("seeds", "batch", "steps", "size"):
        value = getattr(config, name)
        if value is not None and value < 1:
            raise UserError(f"--{name} is {value}; give 1 or more")
    if config.guidance is not None and not 0 <= config.guidance < math.inf:
        raise UserError(f"--guidance is {config.guidance}; give a number of at least 0")


def main(argv: list[str]) -> None:
    """The command `asap generate`."""
    print(f"images: {run(command.parse(Config, argv, 'generate'))}")
