"""Objectives: from the squared errors of pairs to one loss per pair. Needs torch alone.

Symbols: e(x) squared error of the denoiser on x, averaged over channels, per latent position; M the region's
weight on the latent grid; L_M(x) = mean over positions of (1 + alpha M) e(x);

    delta = -[ (L_M^policy(x_w) - L_M^policy(x_l)) - (L_M^ref(x_w) - L_M^ref(x_l)) ]

Positive delta: against the reference, the policy has come to prefer the winner x_w over the loser x_l.

What is needed of error maps is in `pair_errors`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from asap.align.names import LOGISTIC as LOGISTIC
from asap.align.names import NAMES as NAMES
from asap.align.names import UNPAIRED as UNPAIRED
from asap.align.pair_errors import Errors as Errors
from asap.align.pair_errors import PairErrors as PairErrors
from asap.align.pair_errors import of_maps as of_maps
from asap.align.pair_errors import of_members as of_members
from asap.align.pair_errors import reduced as reduced


class Weighed(NamedTuple):
    """L_M of each member, (B,): what an objective is a function of."""

    policy_w: Tensor
    policy_l: Tensor
    ref_w: Tensor
    ref_l: Tensor


SMALLEST = 1e-6


def gap(losses: Weighed) -> Tensor:
    """delta (B,): how far the policy prefers the winner beyond the reference."""
    return -((losses.policy_w - losses.policy_l) - (losses.ref_w - losses.ref_l))


def relative_gap(losses: Weighed) -> Tensor:
    """The gap (B,) of the logarithms of L_M: a change by shares, without a unit.

        -[ log(L_M^policy(x_w) / L_M^ref(x_w)) - log(L_M^policy(x_l) / L_M^ref(x_l)) ]

    A Gaussian whose variance is the best one has the log likelihood -n/2 log(mean squared error), where a
    fixed variance gives delta. So errors that are large everywhere (small masks, times near 0, more channels)
    do not outweigh the others, and one margin fits all of them.
    """
    return gap(Weighed(*(member.clamp(min=SMALLEST).log() for member in losses)))


def asap(losses: Weighed, *, tau: float) -> Tensor:
    """(delta - tau)^2: the localized, margin-bounded objective (Li et al. 2026), (B,).

    Its optimum lies at the finite margin `tau` and pulls back beyond it. It is IPO's squared loss
    (Azar et al. 2023) with tau in place of 1 / (2 beta), on errors weighted 1 + alpha M.
    """
    return (gap(losses) - tau).square()


def one_sided(losses: Weighed, *, tau: float) -> Tensor:
    """max(tau - delta, 0)^2: as `asap`, but nothing pulls back beyond the margin; a squared hinge, (B,)."""
    return F.relu(tau - gap(losses)).square()


def anchored(losses: Weighed, *, tau: float) -> Tensor:
    """`asap` + max(L_M^policy(x_w) - L_M^ref(x_w), 0)^2: the winner may not become less likely, (B,).

    delta grows as well when both errors rise and the loser's rises more; that way is made as costly as
    missing the margin. The idea is that of DPO-Positive (Pal et al. 2024).
    """
    return asap(losses, tau=tau) + F.relu(losses.policy_w - losses.ref_w).square()


def relative(losses: Weighed, *, tau: float) -> Tensor:
    """(gap - tau)^2 of the logarithms (`relative_gap`): `tau` is a share, such as 0.2 for 20%, (B,)."""
    return (relative_gap(losses) - tau).square()


def dpo(losses: Weighed, *, beta: float) -> Tensor:
    """-log sigmoid(beta / 2 * delta): Diffusion-DPO (Wallace et al. 2023), (B,).

    The factor 1/2 and the means are those of diffusers' DPO script, so its beta carries over.
    """
    return -F.logsigmoid(beta / 2 * gap(losses))


MAPO_SNR, MAPO_TIMES = 0.5, 1000
"""MaPO's constants: the signal-to-noise ratio that stands for all times, and the number of times."""


def mapo_gap(losses: Weighed) -> Tensor:
    """How much likelier the policy finds the winner than the loser, without a reference, (B,).

    T [ phi(L(x_w)) - phi(L(x_l)) ],   phi(L) = s L / (exp(s L) - 1),   s = 0.5, T = 1000
    """
    winner, loser = (
        (error := (MAPO_SNR * member).clamp(min=SMALLEST)) / torch.expm1(error) for member in losses[:2]
    )
    return MAPO_TIMES * (winner - loser)


def mapo(losses: Weighed, *, beta: float) -> Tensor:
    """L(x_w) - beta log sigmoid(`mapo_gap`): MaPO (Hong et al. 2024), (B,), as in its authors' script.

    It needs no reference: SFT on the winner, and the loser pushed away as far as the winner is not yet
    likelier. beta is theirs, 0.1.
    """
    return losses.policy_w - beta * F.logsigmoid(mapo_gap(losses))


def sft(losses: Weighed) -> Tensor:
    """L_M(x_w): supervised fine-tuning on the winners alone, (B,)."""
    return losses.policy_w


class Objective(NamedTuple):
    """An objective with its settings.

    Attributes:
        loss: (B,) losses of what is weighed.
        alpha: extra weight of errors in the region.
        by_area: whether M is divided by its mean, so that every region weighs the same, however small.
        gap: (B,) what it drives, for the log and for sampling.
    """

    loss: Callable[[Weighed], Tensor]
    alpha: float
    by_area: bool = False
    gap: Callable[[Weighed], Tensor] = gap

    def weigh(self, errors: Errors, area: Tensor) -> Tensor:
        """L_M of one member, (B,): mean(e) + alpha mean(M e), or with M over its mean in place of M."""
        share = errors.region / area.clamp(min=SMALLEST) if self.by_area else errors.region
        return errors.whole + self.alpha * share

    def weighed(self, errors: PairErrors) -> Weighed:
        """L_M of each member."""
        return Weighed(*(self.weigh(member, errors.area) for member in errors[:4]))

    def __call__(self, errors: PairErrors) -> Tensor:
        """One loss per pair, (B,)."""
        return self.loss(self.weighed(errors))

    def delta(self, errors: PairErrors) -> Tensor:
        """The gap that the objective drives, (B,)."""
        return self.gap(self.weighed(errors))


def bind(name: str, *, alpha: float, tau: float, beta: float) -> Objective:
    """The objective `name` with the settings it takes.

    Raises:
        KeyError: no such objective.
        ValueError: a beta of 0 or less for an objective that takes one, whose loss would be a constant.
    """
    if name not in NAMES:
        raise KeyError(f"no objective {name!r}; there are {', '.join(NAMES)}")
    if name in LOGISTIC and not beta > 0:
        raise ValueError(f"{name} with a beta of {beta}: give more than 0")
    bound: dict[str, Objective] = {
        "asap": Objective(partial(asap, tau=tau), alpha),
        "bounded": Objective(partial(asap, tau=tau), 0.0),
        "one_sided": Objective(partial(one_sided, tau=tau), alpha),
        "anchored": Objective(partial(anchored, tau=tau), alpha),
        "area": Objective(partial(asap, tau=tau), alpha, by_area=True),
        "relative": Objective(partial(relative, tau=tau), alpha, by_area=True, gap=relative_gap),
        "dpo": Objective(partial(dpo, beta=beta), 0.0),
        "local_dpo": Objective(partial(dpo, beta=beta), alpha),
        "mapo": Objective(partial(mapo, beta=beta), 0.0, gap=mapo_gap),
        "sft": Objective(sft, 0.0),
        "local_sft": Objective(sft, alpha),
    }
    return bound[name]


def lag(name: str, *, alpha: float, tau: float, beta: float) -> Callable[[PairErrors], Tensor]:
    """How far each pair's gap stays short of what the objective `name` drives it to, (B,) of at least 0.

    max(tau - delta, 0) / tau where there is a margin; for DPO sigmoid(-beta / 2 * delta), the factor that the
    pair has in its loss's gradient, and for MaPO sigmoid(-delta). At delta = 0 that is 1, or 1/2.

    Raises:
        KeyError: no such objective, or one without a gap to drive.
    """
    if name not in NAMES or name in UNPAIRED:
        raise KeyError(name)
    own = bind(name, alpha=alpha, tau=tau, beta=beta).delta
    if name in LOGISTIC:
        scale = 1.0 if name == "mapo" else beta / 2
        return lambda errors: torch.sigmoid(-scale * own(errors))
    return lambda errors: F.relu(tau - own(errors)) / tau


def summarize(errors: PairErrors, objective: Objective) -> dict[str, float]:
    """What to watch while training: the gap's mean and quantiles, and each member's rise over the reference;
    `winner_base` is the reference's own error on winners.

    A winner's rise above zero is the sign of over-optimisation: the gap then grows by ruining both.
    """
    with torch.no_grad():
        delta = objective.delta(errors).float()
        low, median, high = delta.quantile(torch.tensor([0.1, 0.5, 0.9], device=delta.device)).tolist()
        return {
            "delta_mean": delta.mean().item(),
            "delta_p10": low,
            "delta_p50": median,
            "delta_p90": high,
            "winner_base": errors.ref_w.whole.mean().item(),
            "winner_rise": (errors.policy_w.whole - errors.ref_w.whole).mean().item(),
            "loser_rise": (errors.policy_l.whole - errors.ref_l.whole).mean().item(),
        }
