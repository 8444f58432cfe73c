"""Which pairs a step shows: every one once an epoch, or more of the kinds that lag behind their goal.

Symbols: p_k the share of kind k in the data; l_k its lag, an exponential moving average of how far its pairs'
gaps stay short of what the objective drives them to (`objectives.lag`); q_k the share of what is shown:

    q_k = (1 - m) p_k + m p_k l_k / sum_j p_j l_j

So all kinds keep 1 - m of their uniform share: one that has arrived is not forgotten, and its lag is still
measured. Equal lags give q = p. A draw is a pure function of seed, step and the sampler's state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from asap import store
from asap.align.draws import Shown
from asap.align.kinds import Kinds
from asap.align.objectives import Errors, PairErrors, of_members

MIX = 0.5
"""m. Half: p_k / q_k, the weight of a pair when sampling is unbiased, then stays below 2."""
MEMORY = 32
"""Pairs of a kind over which its lag is averaged, as time and noise make the gap of a single one vary."""


class Draw(NamedTuple):
    """A step's pairs, their losses' weights (B,) if these differ, and each kind's q."""

    pairs: list[Shown]
    weights: Tensor | None
    shown: Mapping[str, float]


class Sampler(Protocol):
    """What the loop asks before and after a step. It speaks of a whole step, however many processes share
    it, so that the samplers of all stay equal."""

    def draw(self, step: int) -> Draw:
        """What is shown at `step`."""
        ...

    def learn(self, pairs: Sequence[Shown], errors: PairErrors) -> None:
        """Take note of a finished step: its pairs and their errors, on the CPU."""
        ...

    def state(self) -> Mapping[str, Tensor]:
        """What a checkpoint keeps; whoever writes into these tensors restores the sampler."""
        ...


class Uniform:
    """Every one of `count` pairs once an epoch, in an order that depends on `seed`; `total` a step."""

    def __init__(self, count: int, seed: int, total: int) -> None:
        self._count, self._seed, self._total = count, seed, total

    def draw(self, step: int) -> Draw:
        """The next pairs of the stream."""
        positions = range(step * self._total, (step + 1) * self._total)
        indices = shuffled(self._count, self._seed, positions)
        turns = (position // self._count for position in positions)
        return Draw([Shown(*one) for one in zip(indices, turns)], None, {})

    def learn(self, pairs: Sequence[Shown], errors: PairErrors) -> None:
        """Nothing to learn."""

    def state(self) -> Mapping[str, Tensor]:
        """None: the step says where the stream stands."""
        return {}


class Lagging:
    """More of the kinds that lag, `total` pairs a step. Within a kind every pair is shown once before any is
    shown again.

    `lag` gives the lag of each pair of a batch, (B,). With `unbiased` a pair's loss is to be weighted p / q
    of its kind, so that the expected gradient is that of uniform sampling.
    """

    def __init__(
        self, kinds: Kinds, seed: int, total: int, lag: Callable[[PairErrors], Tensor], *, unbiased: bool
    ) -> None:
        count = len(kinds.names)
        self._kinds, self._seed, self._total, self._lag = kinds, seed, total, lag
        self._unbiased = unbiased
        self._members = [(kinds.of == k).nonzero().flatten().tolist() for k in range(count)]
        self._shares = torch.bincount(kinds.of, minlength=count).double() / len(kinds.of)
        none = torch.zeros(1)
        unmoved = of_members([Errors(none, none)] * 4, none)
        self._lags = lag(unmoved).double().repeat(count)
        self._seen = torch.zeros(count, dtype=torch.int64)

    def draw(self, step: int) -> Draw:
        """Kinds by q, then of each kind the pairs whose turn it is."""
        q = mixed(self._shares, self._lags)
        kinds = allotted(q, self._total, store.seed_of(self._seed, "kinds", step))
        weights = (self._shares / q)[kinds].float() if self._unbiased else None
        return Draw(self._next(kinds), weights, dict(zip(self._kinds.names, q.tolist())))

    def _next(self, kinds: Tensor) -> list[Shown]:
        """Of each of `kinds` (n,) the pair whose turn it is."""
        found: dict[int, Shown] = {}
        for kind in set(kinds.tolist()):
            places, members = (kinds == kind).nonzero().flatten().tolist(), self._members[kind]
            first, seed = int(self._seen[kind]), store.seed_of(self._seed, "kind", kind)
            positions = range(first, first + len(places))
            order = shuffled(len(members), seed, positions)
            for place, number, position in zip(places, order, positions):
                found[place] = Shown(members[number], position // len(members))
        return [found[place] for place in range(len(kinds))]

    def learn(self, pairs: Sequence[Shown], errors: PairErrors) -> None:
        """Bring the lags up to date."""
        kinds = self._kinds.of[[shown.pair for shown in pairs]]
        with torch.no_grad():
            lags = self._lag(errors).double()
        sums = torch.zeros_like(self._lags).index_add_(0, kinds, lags)
        counts = torch.bincount(kinds, minlength=len(sums)).double()
        keep = (1 - 1 / MEMORY) ** counts
        self._lags.mul_(keep).add_((1 - keep) * sums / counts.clamp(min=1))
        self._seen.add_(counts.long())

    def state(self) -> Mapping[str, Tensor]:
        """Each kind's lag and how many of its pairs were shown."""
        return {"lags": self._lags, "seen": self._seen}


def mixed(shares: Tensor, lags: Tensor) -> Tensor:
    """q (K,) from p (K,) and the lags (K,), each at least 0; p where nothing lags."""
    lagging = shares * lags
    total = lagging.sum()
    return (1 - MIX) * shares + MIX * lagging / total if total > 0 else shares


def allotted(q: Tensor, count: int, seed: int) -> Tensor:
    """The kinds (count,) of a step's pairs: those of `systematic` from a random start, in random order."""
    generator = torch.Generator().manual_seed(seed)
    start = torch.rand(1, generator=generator, dtype=torch.float64).item()
    return systematic(q, count, start)[torch.randperm(count, generator=generator)]


def systematic(q: Tensor, count: int, start: float) -> Tensor:
    """The kinds (count,) in which the points (start + i) / count fall, where kind k has a stretch of q_k.

    Over `start` in [0, 1) kind k comes `count` q_k times on average, and never one or more away from that, so
    that a step's make-up varies less than with independent draws (systematic sampling).
    """
    points = (start + torch.arange(count, dtype=torch.float64)) / count
    return torch.searchsorted(q.cumsum(0), points, right=True).clamp(max=len(q) - 1)


def shuffled(count: int, seed: int, positions: Iterable[int]) -> list[int]:
    """The pairs at `positions` of an endless stream that holds every one of `count` pairs once an epoch.

    A pure function of seed and position, so that a resumed run needs no record of where the data stood.
    """
    return [_permutation(count, seed, p // count)[p % count] for p in positions]


@lru_cache(maxsize=2)
def _permutation(count: int, seed: int, epoch: int) -> list[int]:
    generator = torch.Generator().manual_seed(store.seed_of(seed, "order", epoch))
    order: list[int] = torch.randperm(count, generator=generator).tolist()
    return order
