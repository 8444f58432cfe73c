"""The denoiser's squared errors on pairs, as policy and as reference."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

from asap.align.latents import Batch
from asap.align.objectives import Errors, PairErrors, reduced
from asap.backbones import lora
from asap.backbones.backbone import Backbone


def error(backbone: Backbone, batch: Batch, z: Tensor, t: Tensor, eps: Tensor) -> Errors:
    """mean(e) and mean(M e), (B,), of the denoiser as it is on `z`, the winners or losers of `batch`."""
    predicted = prediction(backbone, batch, z, t, eps)
    return reduced((predicted - backbone.target(z, eps, t)).square().mean(dim=1), batch.weight)


def prediction(backbone: Backbone, batch: Batch, z: Tensor, t: Tensor, eps: Tensor) -> Tensor:
    """The denoiser's output on `z`, the winners or losers of `batch`, as float32 (B, C, h, w)."""
    with _autocast(backbone, z.device):
        return backbone.predict(backbone.noise(z, eps, t), t, batch.condition).float()


def _autocast(backbone: Backbone, device: torch.device) -> AbstractContextManager[object]:
    """Mixed precision for a model in bfloat16. (Accelerate's own belongs to the process, not to the run.)"""
    if backbone.dtype != torch.bfloat16 or device.type == "meta":  # shapes alone have no precision
        return nullcontext()
    return torch.autocast(device.type, torch.bfloat16)


def errors_of_both(backbone: Backbone, batch: Batch, t: Tensor, eps: Tensor) -> tuple[Errors, Errors]:
    """`error` on winners and on losers, which go through the denoiser as one batch."""
    both = torch.cat([batch.winner, batch.loser])
    condition = {name: torch.cat([value, value]) for name, value in batch.condition.items()}
    twice = Batch(both, both, torch.cat([batch.weight, batch.weight]), condition)
    found = error(backbone, twice, both, torch.cat([t, t]), torch.cat([eps, eps]))
    winner, loser = zip(*(numbers.chunk(2) for numbers in found))
    return Errors(*winner), Errors(*loser)


@torch.no_grad()
def reference_errors(backbone: Backbone, batch: Batch, t: Tensor, eps: Tensor) -> tuple[Errors, Errors]:
    """Of the denoiser with its adapter off: errors on winners, and on losers."""
    with lora.adapter_off(backbone.denoiser):
        return errors_of_both(backbone, batch, t, eps)


def pair_errors(
    backbone: Backbone,
    batch: Batch,
    t: Tensor,
    eps: Tensor,
    *,
    reference: tuple[Errors, Errors] | None = None,
    learn_loser: bool = True,
) -> PairErrors:
    """Errors of policy and reference on winner and loser at the same time and noise.

    The reference is the denoiser with its adapter off, unless its errors are given. Only the policy's errors
    carry gradients, the loser's only if `learn_loser`.
    """
    if learn_loser:
        policy_w, policy_l = errors_of_both(backbone, batch, t, eps)
    else:
        policy_w = error(backbone, batch, batch.winner, t, eps)
        with torch.no_grad():
            policy_l = error(backbone, batch, batch.loser, t, eps)
    ref_w, ref_l = reference or reference_errors(backbone, batch, t, eps)
    return PairErrors(policy_w, policy_l, ref_w, ref_l, batch.weight.mean(dim=(1, 2)))
