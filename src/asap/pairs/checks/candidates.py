"""The best picture of one degradation: its candidates, at strengths that follow what the gates say of them.

A degradation returns one picture or several, and may take a `strength`: 1 is the amount that reads best on a
typical part. An edit that changes too little is then tried stronger and one that changes too much weaker,
before the part is given up.
"""

from __future__ import annotations

import inspect
import math
import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from asap.errors import UserError
from asap.pairs.checks.gates import Metrics
from asap.pairs.degradations import Unsuitable
from asap.records import Box, Image, Mask

STEP = 1.4
"""Factor between strengths while only one side of what is wanted is known."""
WEAKEST, STRONGEST = 0.5, 1.6
"""Strengths beyond which an edit hardly is the error it is named after, or tears the picture."""
CLOSEST = 1.06
"""Ratio of two strengths between which none is worth a try."""


class Made(NamedTuple):
    """The negative (H, W, 3), the mask (H, W) of what differs in it, and that mask's bounding box."""

    negative: Image
    mask: Mask
    box: Box


class Candidate(NamedTuple):
    """One edit, composited and measured.

    Attributes:
        refused: why it is not good enough, in a few words; "" if it is.
        way: 1 if a stronger edit would be nearer to what is wanted, -1 if a weaker would, else 0.
        distance: from the target (`gates.Target`), in half-widths of its bands; infinite where nothing was
            measured.
        made: the pictures; None where nothing was made, or nothing changed.
        metrics: what the gates measured, as far as they came, and the "strength" where there is one.
    """

    refused: str
    way: int = 0
    distance: float = math.inf
    made: Made | None = None
    metrics: Metrics = MappingProxyType({})


class Bracket(NamedTuple):
    """The largest strength known to be too little, and the smallest known to be too much."""

    low: float = 0.0
    high: float = math.inf

    def narrowed(self, strength: float, way: int) -> Bracket:
        """With what a try at `strength` told: 1 for too little, -1 for too much."""
        return Bracket(strength, self.high) if way > 0 else Bracket(self.low, strength)

    def next(self) -> float | None:
        """The strength to try, a step beyond the known side or their geometric mean; None if none is left."""
        if self.high == math.inf:
            return min(self.low * STEP, STRONGEST) if self.low < STRONGEST else None
        if self.low == 0:
            return max(self.high / STEP, WEAKEST) if self.high > WEAKEST else None
        return math.sqrt(self.low * self.high) if self.high > self.low * CLOSEST else None


def best_candidate(
    make: Callable[..., Image | Iterable[Image]],
    arguments: tuple[Any, ...],
    seed: int,
    judge: Callable[[Image], Candidate],
    tries: int = 4,
) -> Candidate:
    """Of all candidates of `make` the one that passes and is nearest to the target.

    Where none passes it is the nearest of those refused, and where no picture was made the first reason why.
    The strength, where `make` takes one, starts at 1 and follows a bracket (`Bracket`) until a candidate
    passes within the target's bands. A part that refuses two strengths for the same reason refuses all.

    Args:
        make: `(*arguments, rng)`, and `strength` by keyword where it has one; returns one or more pictures.
        arguments: the photo and the region.
        seed: of the `random.Random` that each try gets afresh, so that strengths differ in nothing else.
        judge: composites, measures and gates one picture.
        tries: the most strengths.
    """
    if not takes_strength(make):
        return min(_try(make, arguments, seed, judge, {}), key=_rank)
    seen: list[Candidate] = []
    reasons: set[str] = set()
    bracket, strength = Bracket(), 1.0
    for _ in range(tries):
        found = list(_try(make, arguments, seed, judge, {"strength": strength}))
        seen += found
        nearest = min(found, key=_rank)
        way = nearest.way
        if not way and nearest.refused:  # nothing says which way: weaker first
            if nearest.refused in reasons:
                break
            reasons.add(nearest.refused)
            way = -1
        bracket = bracket.narrowed(strength, way)
        following = bracket.next() if way else None
        if following is None:
            break
        strength = following
    return min(seen, key=_rank)


def takes_strength(make: Callable[..., Any]) -> bool:
    """Whether a degradation has a parameter `strength`."""
    return "strength" in inspect.signature(make).parameters


def _try(
    make: Callable[..., Image | Iterable[Image]],
    arguments: tuple[Any, ...],
    seed: int,
    judge: Callable[[Image], Candidate],
    strength: Mapping[str, float],
) -> Iterator[Candidate]:
    """The candidates of one call, at least one; those before a failure count."""
    try:
        made, empty = make(*arguments, random.Random(seed), **strength), True
        for image in [made] if isinstance(made, np.ndarray) else made:
            candidate, empty = judge(image), False
            yield candidate._replace(metrics={**candidate.metrics, **strength})
        if empty:
            yield Candidate("no picture was made")
    except Unsuitable as reason:
        yield Candidate(str(reason), way=reason.way)
    except (UserError, MemoryError):
        raise
    except Exception as error:  # one operator's fault must not end a run of thousands of photos
        yield Candidate(f"failed: {type(error).__name__}: {error}")


def _rank(candidate: Candidate) -> tuple[bool, float]:
    return bool(candidate.refused), candidate.distance
