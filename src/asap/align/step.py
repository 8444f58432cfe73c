"""One training step: its micro-batches, their gradients, the optimiser's step, the row to log."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from asap import store
from asap.align import objectives
from asap.align.draws import Shown, draw
from asap.align.gradient import Learner, Micro, Way, joint
from asap.align.latents import CachedPairs
from asap.align.objectives import Errors, PairErrors, of_members
from asap.align.reference import CachedErrors
from asap.align.sampling import Draw
from asap.align.train import Config
from asap.backbones.backbone import Backbone
from asap.errors import UserError


class Work(NamedTuple):
    """What the steps of a run have in common."""

    config: Config
    backbone: Backbone
    pairs: CachedPairs
    reference: CachedErrors | None
    learner: Learner
    way: Way
    optimizer: torch.optim.Optimizer
    accelerator: Accelerator


class Outcome(NamedTuple):
    """The errors of a step's pairs, all processes together in the order of the draw, on the CPU; and (B,)
    the share of each that had a part in the gradient."""

    errors: PairErrors
    learned: Tensor


class NotFiniteError(UserError):
    """A step is not finite."""


def adamw(parameters: Iterable[nn.Parameter], rate: float, weight_decay: float) -> torch.optim.AdamW:
    """The optimiser. Fused, for a LoRA is a thousand small parameters, and one by one they take time."""
    return torch.optim.AdamW(parameters, lr=rate, weight_decay=weight_decay, fused=True)


def take(work: Work, shown: Draw, step: int, scale: float = 1.0) -> tuple[Outcome, store.Row]:
    """One optimiser step on the mean loss of the pairs `shown`; returns also the row to log.

    `scale` multiplies the learning rate.

    Raises:
        NotFiniteError: the loss or its gradient is not finite; neither step nor checkpoint is made of it.
    """
    work.optimizer.zero_grad()
    found = [(places, *work.way(work.learner, micro)) for places, micro in micros(work, shown)]
    outcome = _of_all(found, work.accelerator)
    _sum_gradients(work.learner.parameters, work.accelerator)
    return outcome, update(work, outcome, shown.weights, step, scale)


def micros(work: Work, shown: Draw) -> Iterator[tuple[list[int], Micro]]:
    """This process's share of a step in micro-batches, and the places of their pairs in the share."""
    own = own_share(len(shown.pairs), work.accelerator)
    pairs, total = shown.pairs[own], len(shown.pairs)
    weights = torch.ones(total) if shown.weights is None else shown.weights
    size = (work.config.batch_size or 1) if work.way is joint else 1
    for start in range(0, len(pairs), size):
        indices = [one.pair for one in pairs[start : start + size]]
        for group, batch in work.pairs.groups(indices):
            places = [start + place for place in group]
            yield places, _micro(work, batch, [pairs[i] for i in places], weights[own][places] / total)


def own_share(count: int, accelerator: Accelerator) -> slice:
    """Where this process's pairs are among the `count` of a step."""
    share = count // accelerator.num_processes
    return slice(accelerator.process_index * share, (accelerator.process_index + 1) * share)


def _micro(work: Work, batch: Any, shown: Sequence[Shown], weights: Tensor) -> Micro:
    device = work.accelerator.device
    batch, reference = batch.to(device), None
    if work.reference is not None:
        shown = [work.reference.draw_of(pair) for pair in shown]
        reference = tuple(Errors(*(e.to(device) for e in member)) for member in work.reference.errors(shown))
    t, eps = draw(work.backbone, batch.winner, work.config.seed, shown)
    return Micro(batch, shown, t, eps, reference, weights.to(device))  # type: ignore[arg-type]


def _of_all(found: Sequence[tuple[list[int], PairErrors, Tensor]], accelerator: Accelerator) -> Outcome:
    """The outcomes of all micro-batches and processes, as one table in the order of the draw."""
    count = sum(len(places) for places, *_ in found)
    table = torch.empty(count, 10, device=accelerator.device)
    for places, errors, learned in found:
        numbers = [*(number for member in errors[:4] for number in member), errors.area, learned]
        table[places] = torch.stack(numbers, dim=1).float()
    if accelerator.num_processes > 1:
        table = accelerator.gather(table)
    columns = table.cpu().unbind(dim=1)
    members = [Errors(*columns[i : i + 2]) for i in range(0, 8, 2)]
    return Outcome(of_members(members, columns[8]), columns[9])


def _sum_gradients(parameters: Sequence[nn.Parameter], accelerator: Accelerator) -> None:
    """The sum over processes. Plain all-reduce: DDP's hooks count backward passes, and a step has several."""
    for parameter in parameters:
        if parameter.grad is None:  # every pair of this process was left out
            parameter.grad = torch.zeros_like(parameter)
        if accelerator.num_processes > 1:
            parameter.grad = accelerator.reduce(parameter.grad, "sum")


def update(work: Work, outcome: Outcome, weights: Tensor | None, step: int, scale: float = 1.0) -> store.Row:
    """The optimiser's step with the gradients as they are; returns the row to log.

    Raises:
        NotFiniteError: the loss or its gradient is not finite.
    """
    config, objective = work.config, work.learner.objective
    norm = nn.utils.clip_grad_norm_(work.learner.parameters, config.max_grad_norm)
    losses = objective(outcome.errors)
    loss = (losses if weights is None else losses * weights).mean()
    row = {"loss": loss.item(), **objectives.summarize(outcome.errors, objective), "grad_norm": norm.item()}
    _check_finite(row, step)
    if config.skip_settled or config.guard_winner:
        row["learned"] = outcome.learned.mean().item()
    rate = scale * (config.learning_rate or 0.0) * min(1.0, (step + 1) / max(1, config.warmup))
    for group in work.optimizer.param_groups:
        group["lr"] = rate
    work.optimizer.step()
    return {"step": step, **row, "learning_rate": rate}


def _check_finite(row: Mapping[str, float], step: int) -> None:
    for name, value in row.items():
        if not math.isfinite(value):
            raise NotFiniteError(f"step {step}: {name} is {value}; lower --learning-rate, with another --out")
