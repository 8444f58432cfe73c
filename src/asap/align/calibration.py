"""Margin and temperature from forward passes of the reference alone: the scale of its own gap on the pairs.

Symbols: g = L_M^ref(x_l) - L_M^ref(x_w), how much worse the untrained model already predicts the faulty
picture, at one pair, time and noise, as an objective weighs errors; s its spread over pairs, times and noise,
a tenth to nine tenths of them in units of the standard normal's:

    s = (q90 - q10) / 2.563

A standard deviation would be ruled by few draws (times near 0 have errors ten times as large): of 256 draws
it varies by 40%, s by 7%. Pictures, times and noise move g by about s, so that s is the scale on which a
difference between winner and loser means anything, and a gap that the policy is to open is told in it:

    tau  = MARGIN s             beta = 2 STEEPNESS / s

The two numbers are what the settings that the laboratory chose come to, on hands and on people; see
docs/calibration.md. Under beta a pair's pull, sigmoid(-beta / 2 delta), has fallen from 1/2 to
sigmoid(-STEEPNESS) once its gap is s, so that DPO stops near where the margin would.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from asap import progress, store
from asap.align.draws import Shown, draw
from asap.align.forward import error
from asap.align.latents import Batch, CachedPairs
from asap.align.objectives import Errors, Objective, Weighed, sft
from asap.align.sampling import shuffled
from asap.backbones.backbone import Backbone

MARGIN = 1.5
STEEPNESS = 4.0
ALPHAS = (0.0, 1.0, 3.0, 10.0, 30.0)
NORMAL = 2.5631  # from the first to the ninth decile of the standard normal
RESAMPLES = 200


class Gaps(NamedTuple):
    """The reference's errors on winners and losers at shared times and noise, (n,); `area` is mean(M)."""

    winner: Errors
    loser: Errors
    area: Tensor

    def under(self, objective: Objective) -> Tensor:
        """g (n,): the reference's own gap as `objective` weighs errors, of logarithms where it takes them."""
        winner, loser = (objective.weigh(errors, self.area) for errors in (self.winner, self.loser))
        same = torch.ones_like(winner)
        return objective.gap(Weighed(winner, loser, same, same))


class Scale(NamedTuple):
    """Of a gap over pairs, times and noise: mean, standard deviation, deciles 1, 5 and 9, spread (s)."""

    mean: float
    deviation: float
    p10: float
    p50: float
    p90: float
    spread: float


def scale(gap: Tensor) -> Scale:
    """The scale of `gap` (n,), n of at least 2."""
    low, middle, high = gap.quantile(torch.tensor([0.1, 0.5, 0.9])).tolist()
    return Scale(gap.mean().item(), gap.std().item(), low, middle, high, spread(gap).item())


def spread(gap: Tensor) -> Tensor:
    """s of `gap` (..., n), (...): the stretch from its first to its ninth decile in units of the normal's."""
    low, high = gap.quantile(torch.tensor([0.1, 0.9]), dim=-1).unbind()
    return (high - low) / NORMAL


def uncertainty(gap: Tensor, seed: int) -> float:
    """The standard error of s of `gap` (n,) as a share of it, by drawing its values anew (bootstrap)."""
    generator = torch.Generator().manual_seed(store.seed_of(seed, "bootstrap"))
    places = torch.randint(len(gap), (RESAMPLES, len(gap)), generator=generator)
    return (spread(gap[places]).std() / spread(gap)).item()


def by_alpha(gaps: Gaps, alphas: Sequence[float] = ALPHAS) -> dict[float, Scale]:
    """alpha -> the scale of the gap of errors weighted 1 + alpha M."""
    return {alpha: scale(gaps.under(Objective(sft, alpha))) for alpha in alphas}


def margin(spread: float) -> float:
    """tau for a reference gap of that `spread`."""
    return MARGIN * spread


def temperature(spread: float) -> float:
    """beta, in the convention of diffusers' script, for a reference gap of that `spread`."""
    return 2 * STEEPNESS / spread


def held(count: int, number: int, seed: int) -> list[Shown]:
    """`number` draws of `count` pairs, each pair as often as any other but for one. Their times and noise
    come from `noise_seed`, so that no training run of the same seed sees them."""
    order = shuffled(count, noise_seed(seed), range(number))
    return [Shown(pair, place // count) for place, pair in enumerate(order)]


def noise_seed(seed: int) -> int:
    """The seed of times and noise that are measured on."""
    return store.seed_of(seed, "calibration")


def batches(
    backbone: Backbone, pairs: CachedPairs, shown: Sequence[Shown], size: int, seed: int
) -> Iterator[tuple[Batch, Tensor, Tensor]]:
    """The pairs `shown`, at most `size` at a time, on the backbone's device, with their times and noise."""
    for start in range(0, len(shown), size):
        own = shown[start : start + size]
        for places, batch in pairs.groups([one.pair for one in own]):
            moved = batch.to(torch.device(backbone.device))
            yield moved, *draw(backbone, moved.winner, seed, [own[place] for place in places])


@torch.no_grad()
def reference_gaps(
    backbone: Backbone, pairs: CachedPairs, shown: Sequence[Shown], *, size: int, seed: int
) -> Gaps:
    """The errors of `backbone` as it is on the pairs `shown`, `size` at a time; two forward passes each."""
    rows: list[Tensor] = []
    with progress.bar(total=len(shown), desc="gap", unit="draw", leave=False) as bar:
        for batch, t, eps in batches(backbone, pairs, shown, size, seed):
            winner, loser = (error(backbone, batch, z, t, eps) for z in (batch.winner, batch.loser))
            rows.append(torch.stack([*winner, *loser, batch.weight.mean(dim=(1, 2))], dim=1).cpu())
            bar.update(len(t))
    columns = torch.cat(rows).float().unbind(dim=1)
    return Gaps(Errors(*columns[:2]), Errors(*columns[2:4]), columns[4])
