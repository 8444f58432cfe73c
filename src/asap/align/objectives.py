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

Gap = Callable[[PairErrors], Tensor]
"""(B,): how far the policy prefers the winner beyond the reference."""

SMALLEST = 1e-6


def region_error(error: Tensor, weight: Tensor, alpha: float) -> Tensor:
    """L_M: the mean over positions of (1 + alpha M) e; (B, h, w) -> (B,)."""
    return ((1 + alpha * weight) * error).mean(dim=(1, 2))


def preference_gap(errors: PairErrors, alpha: float) -> Tensor:
    """delta (B,): how far the policy prefers the winner beyond the reference."""
    policy_w, policy_l, ref_w, ref_l = (region_error(e, errors.weight, alpha) for e in errors[:4])
    return -((policy_w - policy_l) - (ref_w - ref_l))


def share_of_area(weight: Tensor) -> Tensor:
    """M over its mean, (B, h, w): every region then weighs the same, however small; zero where M is."""
    return weight / weight.mean(dim=(1, 2), keepdim=True).clamp(min=SMALLEST)


def area_gap(errors: PairErrors, alpha: float) -> Tensor:
    """delta (B,) with M over its mean in place of M, so that a fingertip counts as much as a face."""
    return preference_gap(errors._replace(weight=share_of_area(errors.weight)), alpha)


def relative_gap(errors: PairErrors, alpha: float) -> Tensor:
    """The gap (B,) of the logarithms of L_M, with M over its mean: a change by shares, without a unit.

        -[ log(L_M^policy(x_w) / L_M^ref(x_w)) - log(L_M^policy(x_l) / L_M^ref(x_l)) ]

    A Gaussian whose variance is the best one has the log likelihood -n/2 log(mean squared error), where a
    fixed variance gives delta. So errors that are large everywhere (small masks, times near 0, more channels)
    do not outweigh the others, and one margin fits all of them.
    """
    weight = share_of_area(errors.weight)
    policy_w, policy_l, ref_w, ref_l = (
        region_error(e, weight, alpha).clamp(min=SMALLEST).log() for e in errors[:4]
    )
    return -((policy_w - policy_l) - (ref_w - ref_l))


def asap(errors: PairErrors, *, alpha: float, tau: float) -> Tensor:
    """(delta - tau)^2: the localized, margin-bounded objective (Li et al. 2026), (B,).

    Its optimum lies at the finite margin `tau` and pulls back beyond it. It is IPO's squared loss
    (Azar et al. 2023) with tau in place of 1 / (2 beta), on errors weighted 1 + `alpha` M.
    """
    return (preference_gap(errors, alpha) - tau).square()


def one_sided(errors: PairErrors, *, alpha: float, tau: float) -> Tensor:
    """max(tau - delta, 0)^2: as `asap`, but nothing pulls back beyond the margin; a squared hinge, (B,)."""
    return F.relu(tau - preference_gap(errors, alpha)).square()


def anchored(errors: PairErrors, *, alpha: float, tau: float) -> Tensor:
    """`asap` + max(L_M^policy(x_w) - L_M^ref(x_w), 0)^2: the winner may not become less likely, (B,).

    delta grows as well when both errors rise and the loser's rises more; that way is made as costly as
    missing the margin. The idea is that of DPO-Positive (Pal et al. 2024).
    """
    rise = region_error(errors.policy_w - errors.ref_w, errors.weight, alpha)
    return asap(errors, alpha=alpha, tau=tau) + F.relu(rise).square()


def area(errors: PairErrors, *, alpha: float, tau: float) -> Tensor:
    """(delta - tau)^2 with every region of the same weight, whatever its area (`area_gap`), (B,)."""
    return (area_gap(errors, alpha) - tau).square()


def relative(errors: PairErrors, *, alpha: float, tau: float) -> Tensor:
    """(gap - tau)^2 of the logarithms (`relative_gap`): `tau` is a share, such as 0.2 for 20%, (B,)."""
    return (relative_gap(errors, alpha) - tau).square()


def dpo(errors: PairErrors, *, beta: float) -> Tensor:
    """-log sigmoid(beta / 2 * delta) at alpha = 0: Diffusion-DPO (Wallace et al. 2023), (B,).

    The factor 1/2 and the means are those of diffusers' DPO script, so its beta carries over.
    """
    return local_dpo(errors, alpha=0.0, beta=beta)


def local_dpo(errors: PairErrors, *, alpha: float, beta: float) -> Tensor:
    """-log sigmoid(beta / 2 * delta): Diffusion-DPO on errors weighted 1 + `alpha` M, (B,)."""
    return -F.logsigmoid(beta / 2 * preference_gap(errors, alpha))


def sft(errors: PairErrors) -> Tensor:
    """mean e(x_w): supervised fine-tuning on the winners alone, (B,)."""
    return local_sft(errors, alpha=0.0)


def local_sft(errors: PairErrors, *, alpha: float) -> Tensor:
    """L_M(x_w): supervised fine-tuning on the winners, the region weighted 1 + `alpha`, (B,)."""
    return region_error(errors.policy_w, errors.weight, alpha)


NAMES = (
    "asap",
    "bounded",
    "one_sided",
    "anchored",
    "area",
    "relative",
    "dpo",
    "local_dpo",
    "sft",
    "local_sft",
)
UNPAIRED = ("sft", "local_sft")
"""What learns from winners alone."""
LOGISTIC = ("dpo", "local_dpo")
"""What drives the gap on without a margin."""
UNWEIGHTED = ("bounded", "dpo", "sft")
"""What takes no alpha."""


def bind(name: str, *, alpha: float, tau: float, beta: float) -> Objective:
    """The objective `name` with the settings it takes.

    Raises:
        KeyError: no such objective.
    """
    bound: dict[str, Objective] = {
        "asap": partial(asap, alpha=alpha, tau=tau),
        "bounded": partial(asap, alpha=0.0, tau=tau),
        "one_sided": partial(one_sided, alpha=alpha, tau=tau),
        "anchored": partial(anchored, alpha=alpha, tau=tau),
        "area": partial(area, alpha=alpha, tau=tau),
        "relative": partial(relative, alpha=alpha, tau=tau),
        "dpo": partial(dpo, beta=beta),
        "local_dpo": partial(local_dpo, alpha=alpha, beta=beta),
        "sft": sft,
        "local_sft": partial(local_sft, alpha=alpha),
    }
    return bound[name]


def gap(name: str, *, alpha: float) -> Gap:
    """The gap that the objective `name` drives, for the log; of `sft` and `dpo` the unweighted one."""
    own: dict[str, Gap] = {
        "area": partial(area_gap, alpha=alpha),
        "relative": partial(relative_gap, alpha=alpha),
    }
    return own.get(name, partial(preference_gap, alpha=0.0 if name in UNWEIGHTED else alpha))


def lag(name: str, *, alpha: float, tau: float, beta: float) -> Gap:
    """How far each pair's gap stays short of what the objective `name` drives it to, (B,) of at least 0.

    max(tau - delta, 0) / tau where there is a margin; for DPO sigmoid(-beta / 2 * delta), the factor that the
    pair has in its loss's gradient. At delta = 0 that is 1, or 1/2.

    Raises:
        KeyError: no such objective, or one without a gap to drive.
    """
    if name not in NAMES or name in UNPAIRED:
        raise KeyError(name)
    own = gap(name, alpha=alpha)
    if name in LOGISTIC:
        return lambda errors: torch.sigmoid(-beta / 2 * own(errors))
    return lambda errors: F.relu(tau - own(errors)) / tau


def summarize(errors: PairErrors, gap: Gap) -> dict[str, float]:
    """What to watch while training: the gap's mean and quantiles, and each member's rise over the reference.

    A winner's rise above zero is the sign of over-optimisation: the gap then grows by ruining both.
    """
    with torch.no_grad():
        delta = gap(errors).float()
        low, median, high = delta.quantile(torch.tensor([0.1, 0.5, 0.9], device=delta.device)).tolist()
        return {
            "delta_mean": delta.mean().item(),
            "delta_p10": low,
            "delta_p50": median,
            "delta_p90": high,
            "winner_rise": (errors.policy_w - errors.ref_w).mean().item(),
            "loser_rise": (errors.policy_l - errors.ref_l).mean().item(),
        }
