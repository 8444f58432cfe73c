"""The gradient of a step's mean loss, added up over micro-batches, in one of four ways.

`joint`, `split` and, on average, `Thrifty` give the same gradient; they differ in what they keep in memory
and in what they leave out. `guarded` gives another one where a pair's would harm its winner.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from asap import store
from asap.align.draws import Shown
from asap.align.forward import error, pair_errors, reference_errors
from asap.align.latents import Batch
from asap.align.objectives import Errors, Objective, PairErrors, Weighed, of_members
from asap.backbones.backbone import Backbone


class Micro(NamedTuple):
    """Pairs that go through the denoiser together.

    Attributes:
        batch: latents, regions and conditions.
        shown: which pairs these are.
        t, eps: their times (B,) and noise (B, C, h, w).
        reference: the reference's errors on winners and losers, where they are known beforehand.
        weights: (B,) weights of their losses in the gradient; they add up to 1 over a step, on average.
    """

    batch: Batch
    shown: Sequence[Shown]
    t: Tensor
    eps: Tensor
    reference: tuple[Errors, Errors] | None
    weights: Tensor


class Learner(NamedTuple):
    """What is trained, by name, and by what objective; `unpaired` where that learns from winners alone."""

    backbone: Backbone
    named: Mapping[str, nn.Parameter]
    objective: Objective
    unpaired: bool

    @property
    def parameters(self) -> list[nn.Parameter]:
        """What is trained."""
        return list(self.named.values())


Way = Callable[[Learner, Micro], tuple[PairErrors, Tensor]]
"""Adds a micro-batch's part to the gradients; returns its errors, detached, and (B,) the share of each pair
that had one."""


def joint(learner: Learner, micro: Micro) -> tuple[PairErrors, Tensor]:
    """One backward pass through winners and losers together."""
    errors = _errors(learner, micro)
    torch.autograd.backward((learner.objective(errors) * micro.weights).sum())
    return detached(errors), torch.ones_like(micro.weights)


def _errors(learner: Learner, micro: Micro) -> PairErrors:
    return pair_errors(
        learner.backbone, micro.batch, micro.t, micro.eps,
        reference=micro.reference, learn_loser=not learner.unpaired,
    )  # fmt: skip


def split(learner: Learner, micro: Micro) -> tuple[PairErrors, Tensor]:
    """The backward pass of the winner, then that of the loser: one member's activations live at a time.

    The loss is a function f of the members' L_M, numbers, so that

        grad f = df/dL(x_w) grad L(x_w) + df/dL(x_l) grad L(x_l).

    grad L(x_w), as large as the LoRA, is kept until the loser's forward pass has told both factors. For one
    pair at a time, as each has factors of its own; no pass is made twice.
    """
    errors, by_winner, loser = _in_turn(learner, micro)
    of_winner, of_loser = factors(learner.objective, errors)
    _add(by_winner, of_winner * micro.weights, learner.parameters)
    if not learner.unpaired:
        torch.autograd.backward((loser * of_loser * micro.weights).sum())
    return errors, torch.ones_like(micro.weights)


def guarded(learner: Learner, micro: Micro) -> tuple[PairErrors, Tensor]:
    """As `split`, with the loser's part shrunk where it would raise the winner's error; returns its share.

    A step against f_w g_w + lambda f_l g_l (factors f, gradients g of L_M) changes the winner's error, to
    first order, by -(f_w |g_w|^2 + lambda f_l g_w g_l). Where f_l g_w g_l < 0 that stays a fall up to

        lambda = f_w |g_w|^2 / -(f_l g_w g_l),

    so lambda is the smaller of that and 1. This is Diffusion-SDPO (Fu et al. 2025) for any objective, with
    the gradients themselves in place of the residuals that stand for them there. Beyond the margin, where
    f_w < 0, the winner's error is meant to rise, and nothing is shrunk.
    """
    errors, by_winner, loser = _in_turn(learner, micro)
    by_loser = _apart(loser, learner.parameters)
    of_winner, of_loser = factors(learner.objective, errors)
    share = winner_safe(of_winner, of_loser, _dot(by_winner, by_winner), _dot(by_winner, by_loser))
    _add(by_winner, of_winner * micro.weights, learner.parameters)
    _add(by_loser, share * of_loser * micro.weights, learner.parameters)
    return errors, share


def winner_safe(of_winner: Tensor, of_loser: Tensor, own: Tensor, common: Tensor) -> Tensor:
    """lambda (B,) in [0, 1] of `guarded`, from the factors, |g_w|^2 and g_w g_l."""
    harm, gain = -of_loser * common, of_winner * own
    shrunk = (gain > 0) & (harm > gain)
    return torch.where(shrunk, gain / harm, torch.ones_like(harm))


def _in_turn(learner: Learner, micro: Micro) -> tuple[PairErrors, list[Tensor | None], Tensor]:
    """A pair's errors, the gradient of the winner's L_M, and the loser's L_M (B,) with its graph."""
    one, weigh = micro.batch, learner.objective.weigh
    area = one.weight.mean(dim=(1, 2))
    ref = micro.reference or reference_errors(learner.backbone, one, micro.t, micro.eps)
    winner = error(learner.backbone, one, one.winner, micro.t, micro.eps)
    by_winner = _apart(weigh(winner, area), learner.parameters)
    with torch.set_grad_enabled(not learner.unpaired):
        loser = error(learner.backbone, one, one.loser, micro.t, micro.eps)
    return detached(PairErrors(winner, loser, *ref, area)), by_winner, weigh(loser, area)


def _dot(one: Sequence[Tensor | None], other: Sequence[Tensor | None]) -> Tensor:
    """The inner product of two gradients, (1,)."""
    products = [(a * b).sum() for a, b in zip(one, other) if a is not None and b is not None]
    return torch.stack(products).sum().reshape(1)


def factors(objective: Objective, errors: PairErrors) -> tuple[Tensor, Tensor]:
    """df/dL(x_w) and df/dL(x_l), (B,) each: how much of each member's gradient the loss takes."""
    weighed = Weighed(*(member.detach().requires_grad_() for member in objective.weighed(errors)))
    with torch.enable_grad():
        loss = objective.loss(weighed).sum()
    winner, loser = torch.autograd.grad(loss, weighed[:2], allow_unused=True)
    none = torch.zeros_like(errors.area)
    return none if winner is None else winner, none if loser is None else loser


def _apart(loss: Tensor, parameters: Sequence[nn.Parameter]) -> list[Tensor | None]:
    """The gradients of `loss`, with those that were added up before left as they were."""
    before = [parameter.grad for parameter in parameters]
    for parameter in parameters:
        parameter.grad = None
    torch.autograd.backward(loss.sum())
    found = [parameter.grad for parameter in parameters]
    for parameter, grad in zip(parameters, before):
        parameter.grad = grad
    return found


def _add(grads: Sequence[Tensor | None], factor: Tensor, parameters: Sequence[nn.Parameter]) -> None:
    for parameter, grad in zip(parameters, grads):
        if grad is not None:
            grad = grad * factor.to(grad)
            parameter.grad = grad if parameter.grad is None else parameter.grad.add_(grad)


class Thrifty:
    """`joint` for one pair at a time, which leaves out most backward passes of pairs that need none.

    A pair's pull is |df/dL(x_w)| + |df/dL(x_l)|: for `asap` 4 |delta - tau|, nothing at the margin. It is
    kept with the probability p = pull / (usual pull), between LEAST and 1, and then counts 1 / p times, so
    that the expected gradient is the whole one (Russian roulette). The usual pull is that of a pair which has
    not moved at all, delta = 0. What falls to a pair depends on `seed`, pair and turn alone.
    """

    LEAST = 0.1  # so that no pair counts more than ten times

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def __call__(self, learner: Learner, micro: Micro) -> tuple[PairErrors, Tensor]:
        errors = _errors(learner, micro)
        plain = detached(errors)
        own = pull(learner.objective, plain)
        chance = (own / pull(learner.objective, unmoved(plain))).clamp(self.LEAST, 1) * (own > 0)
        kept = self._lot(micro.shown).to(chance) < chance
        if kept.any():
            scale = micro.weights * kept / chance.clamp(min=self.LEAST)
            torch.autograd.backward((learner.objective(errors) * scale).sum())
        return plain, kept.to(micro.weights)

    def _lot(self, shown: Sequence[Shown]) -> Tensor:
        seeds = [store.seed_of(self._seed, "kept", *one) for one in shown]
        return torch.tensor([seed / 2**63 for seed in seeds])


def pull(objective: Objective, errors: PairErrors) -> Tensor:
    """(B,): the sum of the sizes of `factors`."""
    winner, loser = factors(objective, errors)
    return winner.abs() + loser.abs()


def unmoved(errors: PairErrors) -> PairErrors:
    """`errors` if the policy still was the reference."""
    return errors._replace(policy_w=errors.ref_w, policy_l=errors.ref_l)


def detached(errors: PairErrors) -> PairErrors:
    """`errors` without gradients."""
    members = [Errors(member.whole.detach(), member.region.detach()) for member in errors[:4]]
    return of_members(members, errors.area.detach())
