"""Times and noise of training: of the same pair and turn always the same.

A turn is how often a pair was shown before. So what a run computes depends neither on how its batches are cut
nor on how many processes share them, and the reference's errors can be made before the run.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from asap import store
from asap.backbones.backbone import Backbone


class Shown(NamedTuple):
    """A pair's number in the dataset, and its turn."""

    pair: int
    turn: int


def draw(backbone: Backbone, latent: Tensor, seed: int, shown: Sequence[Shown]) -> tuple[Tensor, Tensor]:
    """Times (B,) and noise like `latent` (B, C, h, w), drawn on the CPU; winner and loser share them."""
    times, noises = zip(*(_single(backbone, latent, store.seed_of(seed, "noise", *one)) for one in shown))
    return torch.cat(times).to(latent.device), torch.stack(noises).to(latent.device)


def _single(backbone: Backbone, latent: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    time = backbone.times(1, generator)
    return time, torch.randn(latent.shape[1:], generator=generator)
