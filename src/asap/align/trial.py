"""A learning rate from a short trial: the rate at which the first steps move predictions by so much.

AdamW divides the gradient by its size, so the rate depends on neither tau nor beta but on how far a step of
that size moves the network. What can be measured of that is

    drift = sqrt(median of |v_theta - v_ref|^2 / |v_ref - target|^2)

over pairs at times and noise that the trial does not train on, after a few steps of the very run: the change
of predictions as a share of their error. It grows in proportion to the rate, so that a few trials find the
rate with a wanted drift. The wanted drifts are near those of the rates that the laboratory chose on drawn
hands and on drawn people, where they are the same (docs/calibration.md). A rate by the gap's own speed was
tried, and is wrong: on people the gap opens five times more slowly, and the rate that makes up for that ruins
the model.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from asap import progress
from asap.align.calibration import Gaps, batches, noise_seed
from asap.align.draws import Shown
from asap.align.forward import prediction
from asap.align.objectives import LOGISTIC, Errors, of_members, reduced
from asap.align.sampling import Sampler
from asap.align.step import Work, adamw, take
from asap.backbones import lora

BOUNDED, UNBOUNDED = 0.1, 0.03
"""The drift wanted after `STEPS` steps: of objectives with a margin, and of those without one."""
STEPS = 16
CONSTANTS = {"bounded": BOUNDED, "unbounded": UNBOUNDED, "steps": STEPS}
FIRST = 1e-4
CLOSE = 0.15  # the share by which the drift may miss what is wanted
MOST = 5  # trials
JUMP = 10.0  # the largest change of the rate between two trials
HIGHEST = 1.0


class Trial(NamedTuple):
    """What `steps` steps at `rate` do to pairs that they do not see.

    Attributes:
        drift: the change of predictions as a share of their error.
        gap: the mean gap that the objective drives.
        gap_error: its standard error.
    """

    rate: float
    steps: int
    drift: float
    gap: float
    gap_error: float


def wanted(objective: str, steps: int) -> float:
    """The drift after `steps` steps that `objective` bears; it grows with the root of their number."""
    return (UNBOUNDED if objective in LOGISTIC else BOUNDED) * math.sqrt(steps / STEPS)


def search(work: Work, sampler: Sampler, shown: Sequence[Shown], gaps: Gaps, steps: int) -> list[Trial]:
    """Trials at one rate after another, until the drift is the wanted one; the last is the nearest.

    The LoRA of `work` is as before afterwards. `gaps` are the reference's errors on `shown`.
    """
    goal, rate = wanted(work.config.objective, steps), FIRST
    found: list[Trial] = []
    while len(found) < MOST:
        found.append(tried(work, sampler, shown, gaps, rate, steps))
        factor = goal / found[-1].drift if found[-1].drift > 0 else JUMP
        if abs(math.log(factor)) < math.log1p(CLOSE) or rate * factor > HIGHEST:
            break
        rate *= min(max(factor, 1 / JUMP), JUMP)
    return sorted(found, key=lambda trial: -abs(math.log(max(trial.drift, 1e-12) / goal)))


def tried(work: Work, sampler: Sampler, shown: Sequence[Shown], gaps: Gaps, rate: float, steps: int) -> Trial:
    """The first `steps` steps of the run at `rate`, and what they do to `shown`."""
    before = [parameter.detach().clone() for parameter in work.learner.parameters]
    optimizer = adamw(work.learner.parameters, rate, work.config.weight_decay)
    config = replace(work.config, learning_rate=rate, warmup=0)
    own = work._replace(config=config, optimizer=optimizer)
    for step in progress.bar(range(steps), desc=f"rate {rate:.1g}", unit="step", leave=False):
        take(own, sampler.draw(step), step)
    found = _measured(own, shown, gaps)
    with torch.no_grad():
        for parameter, value in zip(work.learner.parameters, before, strict=True):
            parameter.copy_(value)
    return Trial(rate, steps, *found)


@torch.no_grad()
def _measured(work: Work, shown: Sequence[Shown], gaps: Gaps) -> tuple[float, float, float]:
    """Drift, mean gap and its standard error on `shown`."""
    size, seed = work.config.batch_size or 1, noise_seed(work.config.seed)
    drifts: list[Tensor] = []
    rows: list[Tensor] = []
    for batch, t, eps in batches(work.backbone, work.pairs, shown, size, seed):
        target = [work.backbone.target(z, eps, t) for z in batch[:2]]
        policy = [prediction(work.backbone, batch, z, t, eps) for z in batch[:2]]
        with lora.adapter_off(work.backbone.denoiser):
            reference = prediction(work.backbone, batch, batch.winner, t, eps)
        moved, error = (policy[0] - reference).square(), (reference - target[0]).square()
        drifts.append((moved.mean(dim=(1, 2, 3)) / error.mean(dim=(1, 2, 3))).cpu())
        errors = [reduced((p - q).square().mean(dim=1), batch.weight) for p, q in zip(policy, target)]
        rows.append(torch.stack([*errors[0], *errors[1]], dim=1).cpu())
    columns = torch.cat(rows).float().unbind(dim=1)
    members = (Errors(*columns[:2]), Errors(*columns[2:]), gaps.winner, gaps.loser)
    delta = work.learner.objective.delta(of_members(members, gaps.area))
    unsure = delta.std() / math.sqrt(len(delta))
    return torch.cat(drifts).median().sqrt().item(), delta.mean().item(), unsure.item()
