"""Three and more models by strength: Davidson's model, its intervals, and what stands in its way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from asap.bench.statistics.davidson import Array, fit, identified, obstacle, pairs
from asap.bench.statistics.rates import Interval, cluster_sums
from asap.bench.statistics.resampling import FEWEST, percentiles, resampled_sums


class Strengths(NamedTuple):
    """Davidson's strengths.

    Attributes:
        log: natural logarithms, the first model's 0; exp(log) are the odds of a win against a loss with it.
        intervals: of `log`, percentile bootstrap over clusters; None for the first model, and for all where
            there are fewer than `FEWEST` clusters. An end may be infinite.
        ties: nu; 2 equal models tie in nu / (2 + nu) of their comparisons.
        unidentified: the share of bootstrap draws without a maximum; they widen the intervals.
    """

    log: tuple[float, ...]
    intervals: tuple[Interval | None, ...]
    ties: float
    unidentified: float


class Outcomes(NamedTuple):
    """Comparisons of pairs of models.

    Attributes:
        first, second: numbers of the two models, first < second.
        won: 1 where the first won, 0 for a tie, -1 where the second won.
        clusters: the prompt of each.
    """

    first: Sequence[int]
    second: Sequence[int]
    won: Sequence[int]
    clusters: Sequence[str]


def strengths(
    outcomes: Outcomes, names: Sequence[str], *, resamples: int = 1000, seed: int = 0
) -> Strengths | str:
    """Strengths of the models called `names`, or why they have none.

    Outcomes of one prompt, whether of several pairs or of several images, are drawn together, so that they
    need not be independent.

    Raises:
        ValueError: fewer than two models, unequal lengths, or numbers that are no model's.
    """
    table, member = _by_pair(outcomes, len(names))
    sums, _ = cluster_sums(table, member)
    total = sums.sum(axis=0).reshape(1, -1, 3)
    told = obstacle(total[0], tuple(names))
    if told:
        return told
    point = fit(total, len(names))
    log = tuple(float(value) for value in point.strengths[0])
    if len(sums) < FEWEST:
        return Strengths(log, (None,) * len(log), float(point.ties[0]), 0.0)
    drawn = resampled_sums(sums, resamples, seed).reshape(resamples, -1, 3)
    sure = identified(drawn, len(names))
    found, lost = fit(drawn[sure], len(names)).strengths, int((~sure).sum())
    intervals = [percentiles(found[:, model], lost) for model in range(1, len(names))]
    return Strengths(log, (None, *intervals), float(point.ties[0]), lost / resamples)


def _by_pair(outcomes: Outcomes, models: int) -> tuple[Array, Sequence[str]]:
    """Each comparison as a row of a table by pair, (N, P * 3)."""
    first, second, won = (np.asarray(column, dtype=np.int64) for column in outcomes[:3])
    if models < 2 or not len(first) == len(second) == len(won) == len(outcomes.clusters) > 0:
        raise ValueError(f"{models} models, {len(first)} comparisons, {len(outcomes.clusters)} clusters")
    if not ((first >= 0) & (first < second) & (second < models) & (abs(won) <= 1)).all():
        raise ValueError("comparisons need first < second below the number of models, and -1, 0 or 1")
    number = np.zeros((models, models), dtype=np.int64)
    for row, (i, j) in enumerate(pairs(models)):
        number[i, j] = row
    table = np.zeros((len(first), len(pairs(models)) * 3))
    column: NDArray[np.int64] = np.array([2, 0, 1])[won]  # 0: tie, 1: the first won, -1: the second
    table[np.arange(len(first)), 3 * number[first, second] + column] = 1
    return table, outcomes.clusters


def from_verdicts(wrong: Sequence[Sequence[bool]], clusters: Sequence[str]) -> Outcomes:
    """All pairwise outcomes of models judged on the same samples: the one that is right where the other is
    wrong wins.

    Args:
        wrong: for each model, one verdict a sample.
    """
    verdicts = np.asarray(wrong, dtype=np.int64)
    both = pairs(len(verdicts))
    count = verdicts.shape[1]
    first, second = (np.repeat([pair[side] for pair in both], count).tolist() for side in (0, 1))
    won = np.concatenate([verdicts[j] - verdicts[i] for i, j in both]).tolist()
    return Outcomes(first, second, won, list(clusters) * len(both))
