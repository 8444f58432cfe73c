"""`asap pretrain`: make an embedded model from drawn hands or people. The work is in `pretrain_loop`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from asap import command
from asap.align import dataset
from asap.errors import UserError


@dataclass(frozen=True)
class Config(command.Settings):
    """Train an embedded model from scratch on drawn figures. The same command again resumes."""

    out: Path
    """The model's folder, in diffusers' layout; `--model` takes it."""
    kind: Literal["hands", "people"] = "hands"
    """A model of lone hands of 24 pixels, or of whole people of 64."""
    data: Path | None = None
    """HAP dataset to learn from, of the model's size, such as `asap figures --kind mini-people` draws; its
    captions may not tell left from right. Without one, hands are drawn as they are needed."""
    steps: int = 2400
    """Optimiser steps."""
    seed: int = 0
    """Decides weights, pictures, order and noise."""
    images: int = 16384
    """Without --data: how many scenes to draw, each with a correct and a faulty picture."""
    faulty: float = 0.5
    """Share of faulty pictures shown, so that the model learns to make faults ..."""
    faulty_late: float = 0.35
    """... and the share in the last quarter of the steps."""
    batch_size: int = 48
    """Pictures per step."""
    learning_rate: float = 2e-3
    """AdamW's first step size."""
    decay: float = 1.0
    """Share of the steps, at the end, in which the step size falls linearly to zero."""
    shift: float = 1.0
    """Moves the times towards noise, t -> s t / (1 + (s - 1) t), as larger pictures want (Esser et al. 2024,
    eq. 23)."""
    half: bool = False
    """Save the weights in half precision."""
    ema: float = 0.995
    """Decay of the averaged weights, which are the result."""


def run(config: Config) -> Path:
    """Train and save; returns the model's folder.

    Raises:
        UserError: numbers that cannot be, or no data for this kind.
    """
    _check(config)
    from asap.align import pretrain_loop  # torch, which neither --help nor the checks need

    pretrain_loop.run(config)
    return config.out


def _check(config: Config) -> None:
    if min(config.steps, config.images, config.batch_size) < 1:
        raise UserError("--steps, --images and --batch-size must be at least 1")
    if not 0 < config.decay <= 1 or config.shift <= 0:
        raise UserError("--decay must lie above 0 and not above 1, --shift above 0")
    if config.data:
        dataset.check(str(config.data), masks=False)
    elif config.kind == "people":
        raise UserError(
            "--kind people needs --data, such as `asap figures --kind mini-people --pairs 4096` draws"
        )


def main(argv: Sequence[str]) -> None:
    """The command line of this stage."""
    print(f"model: {run(command.parse(Config, argv, 'pretrain'))}")
