"""One training step: shared noise and times, errors of policy and reference, the optimiser's step."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from asap import store
from asap.align import latents, objectives
from asap.align.objectives import Objective, PairErrors
from asap.align.train import Config
from asap.backbones import lora
from asap.backbones.backbone import Backbone
from asap.errors import UserError


def autocast(dtype: str, device: torch.device) -> torch.autocast:
    """Mixed precision for a model in `dtype`. (Accelerate's own belongs to the process, not to the run.)"""
    return torch.autocast(device.type, torch.bfloat16, enabled=dtype == "bfloat16")


def draw(backbone: Backbone, latent: Tensor, seed: int, step: int, rank: int) -> tuple[Tensor, Tensor]:
    """Times (B,) and noise like `latent` for winner and loser alike, drawn on the CPU by seed and step."""
    generator = torch.Generator().manual_seed(store.seed_of(seed, "noise", step, rank))
    t = backbone.times(len(latent), generator)
    eps = torch.randn(latent.shape, generator=generator)
    return t.to(latent.device), eps.to(latent.device)


def pair_errors(
    backbone: Backbone, batch: latents.Batch, t: Tensor, eps: Tensor, *, learn_loser: bool = True
) -> PairErrors:
    """Squared errors of policy and reference on winner and loser at the same time and noise.

    The reference is the denoiser with its adapter off. Only the policy's errors carry gradients, the
    loser's only if `learn_loser`.
    """

    def error(z: Tensor) -> Tensor:
        predicted = backbone.predict(backbone.noise(z, eps, t), t, batch.condition)
        return (predicted.float() - backbone.target(z, eps, t)).square().mean(dim=1)

    policy_w = error(batch.winner)
    with torch.set_grad_enabled(learn_loser):
        policy_l = error(batch.loser)
    with torch.no_grad(), lora.adapter_off(backbone.denoiser):
        ref_w, ref_l = error(batch.winner), error(batch.loser)
    return PairErrors(policy_w, policy_l, ref_w, ref_l, batch.weight)


def update(
    config: Config,
    objective: Objective,
    errors: PairErrors,
    parameters: Mapping[str, nn.Parameter],
    optimizer: torch.optim.Optimizer,
    accelerator: Accelerator,
    step: int,
) -> store.Row:
    """One optimiser step on the mean loss of all processes; returns the row to log, of means over processes.

    Raises:
        UserError: the loss or its gradient is not finite; neither step nor checkpoint is made of it.
    """
    loss = objective(errors).mean()
    optimizer.zero_grad()
    accelerator.backward(loss)
    _average_gradients(parameters.values(), accelerator)
    norm = nn.utils.clip_grad_norm_(parameters.values(), config.max_grad_norm)
    gap = objectives.gap(config.objective, alpha=config.alpha or 0.0)
    row = {"loss": loss.item(), **objectives.summarize(errors, gap), "grad_norm": norm.item()}
    row = _average_row(row, accelerator)
    _check_finite(row, step)
    rate = (config.learning_rate or 0.0) * min(1.0, (step + 1) / max(1, config.warmup))
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.step()
    return {"step": step, **row, "learning_rate": rate}


def _check_finite(row: Mapping[str, float], step: int) -> None:
    for name, value in row.items():
        if not math.isfinite(value):
            raise UserError(
                f"step {step}: {name} is {value}; lower --learning-rate, with another --out "
                "(the last checkpoint here is kept)"
            )


def _average_row(row: dict[str, float], accelerator: Accelerator) -> dict[str, float]:
    if accelerator.num_processes == 1:
        return row
    values = torch.tensor(list(row.values()), device=accelerator.device)
    return dict(zip(row, accelerator.reduce(values, "mean").tolist()))


def _average_gradients(parameters: Any, accelerator: Accelerator) -> None:
    """The mean over processes. Plain all-reduce: DDP's hooks count forward passes, and a pair has several."""
    if accelerator.num_processes > 1:
        for parameter in parameters:
            parameter.grad = accelerator.reduce(parameter.grad, "mean")
