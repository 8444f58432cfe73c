"""Objectives: from the squared errors of one batch of pairs to one loss per pair. Needs torch alone.

Symbols: e(x) squared error of the denoiser on x, averaged over channels, per latent position; M the region's
weight on the latent grid; L_M(x) = mean over positions of (1 + alpha M) e(x);

    delta = -[ (L_M^policy(x_w) - L_M^policy(x_l)) - (L_M^ref(x_w) - L_M^ref(x_l)) ]

Positive delta: against the reference, the policy has come to prefer the winner x_w over the loser x_l.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor


class PairErrors(NamedTuple):
    """Squared errors on winner (`_w`) and loser (`_l`) at the same time and noise, channel means, (B, h, w).

    `weight` is M, (B, h, w) in [0, 1].
    """

    policy_w: Tensor
    policy_l: Tensor
    ref_w: Tensor
    ref_l: Tensor
    weight: Tensor


Objective = Callable[[PairErrors], Tensor]
"""(B,) losses from a batch; `functools.partial` binds alpha, tau and beta."""


def region_error(error: Tensor, weight: Tensor, alpha: float) -> Tensor:
    """L_M: the mean over positions of (1 + alpha M) e; (B, h, w) -> (B,)."""
    return ((1 + alpha * weight) * error).mean(dim=(1, 2))


def preference_gap(errors: PairErrors, alpha: float) -> Tensor:
    """delta (B,): how far the policy prefers the winner beyond the reference."""
    policy_w, policy_l, ref_w, ref_l = (region_error(e, errors.weight, alpha) for e in errors[:4])
    return -((policy_w - policy_l) - (ref_w - ref_l))


def asap(errors: PairErrors, *, alpha: float, tau: float) -> Tensor:
    """(delta - tau)^2: the localized, margin-bounded objective (Li et al. 2026), (B,).

    Its optimum lies at the finite margin `tau` and pulls back beyond it. It is IPO's squared loss
    (Azar et al. 2023) with tau in place of 1 / (2 beta), on errors weighted 1 + `alpha` M.
    """
    return (preference_gap(errors, alpha) - tau).square()


def dpo(errors: PairErrors, *, beta: float) -> Tensor:
    """-log sigmoid(beta / 2 * delta) at alpha = 0: Diffusion-DPO (Wallace et al. 2023), (B,).

    The factor 1/2 and the means are those of diffusers' DPO script, so its beta carries over.
    """
    return -F.logsigmoid(beta / 2 * preference_gap(errors, 0.0))


def sft(errors: PairErrors) -> Tensor:
    """mean e(x_w): supervised fine-tuning on the winners alone, (B,)."""
    return errors.policy_w.mean(dim=(1, 2))


def bind(name: str, *, alpha: float, tau: float, beta: float) -> Objective:
    """The objective `name` with the settings it takes.

    Raises:
        KeyError: no such objective.
    """
    bound: dict[str, Objective] = {
        "asap": partial(asap, alpha=alpha, tau=tau),
        "dpo": partial(dpo, beta=beta),
        "sft": sft,
    }
    return bound[name]


def summarize(errors: PairErrors, alpha: float) -> dict[str, float]:
    """What to watch while training: the gap's mean and quantiles, and each member's rise over the reference.

    A winner's rise above zero is the sign of over-optimisation: the gap then grows by ruining both.
    """
    with torch.no_grad():
        delta = preference_gap(errors, alpha).float()
        low, median, high = delta.quantile(torch.tensor([0.1, 0.5, 0.9], device=delta.device)).tolist()
        return {
            "delta_mean": delta.mean().item(),
            "delta_p10": low,
            "delta_p50": median,
            "delta_p90": high,
            "winner_rise": (errors.policy_w - errors.ref_w).mean().item(),
            "loser_rise": (errors.policy_l - errors.ref_l).mean().item(),
        }
