"""Two models on the same prompts and noise: who is right where the other is wrong."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from asap.bench.statistics.rates import Interval, cluster_sums, effective_count, wilson
from asap.bench.statistics.resampling import enough, percentiles, resampled_sums


class Paired(NamedTuple):
    """Two models on the same prompts and noise, counting only samples that were scored for both.

    A win is a sample that the base got wrong and the method right; a loss the reverse.
    """

    wins: int
    losses: int
    both_right: int
    both_wrong: int

    @property
    def ties(self) -> int:
        return self.both_right + self.both_wrong

    @property
    def total(self) -> int:
        return self.wins + self.losses + self.ties

    @property
    def rsi(self) -> float:
        """See `rsi`."""
        return rsi(self.wins, self.ties, self.losses)

    @property
    def broken(self) -> float:
        """The share of the base's right samples that the method got wrong."""
        right = self.losses + self.both_right
        return self.losses / right if right else math.nan

    @property
    def mended(self) -> float:
        """The share of the base's wrong samples that the method got right."""
        wrong = self.wins + self.both_wrong
        return self.wins / wrong if wrong else math.nan


def compare(base_wrong: Sequence[bool], method_wrong: Sequence[bool]) -> Paired:
    """Wins, losses and ties of a method against its base, sample by sample.

    Raises:
        ValueError: unequal lengths.
    """
    outcomes = list(zip(base_wrong, method_wrong, strict=True))
    return Paired(
        wins=outcomes.count((True, False)),
        losses=outcomes.count((False, True)),
        both_right=outcomes.count((False, False)),
        both_wrong=outcomes.count((True, True)),
    )


def sign_test(wins: int, losses: int) -> float:
    """Two-sided exact p-value of `wins` against `losses` under equal chances; 1 where nothing was decided.

    For two-valued verdicts this is McNemar's exact test, whose discordant pairs are the wins and losses.
    It takes samples as independent: with several seeds per prompt prefer `difference_interval`.
    """
    decided, fewer = wins + losses, min(wins, losses)
    term = tail = 1  # exact whole numbers: decided choose k, and their sum up to k = fewer
    for k in range(fewer):
        term = term * (decided - k) // (k + 1)
        tail += term
    return min(1.0, tail / 2 ** (decided - 1)) if decided else 1.0


def prompt_test(base_wrong: Sequence[bool], method_wrong: Sequence[bool], clusters: Sequence[str]) -> float:
    """Two-sided exact p-value of wins against losses where several samples of a cluster (a prompt) are alike.

    Under the null hypothesis the two models may change names within any prompt, for all its samples at once;
    so a prompt's wins minus losses keep their size and have either sign. The p-value is the share of all sign
    patterns whose sum lies as far from 0 as the one observed, counted exactly. Where no prompt has more than
    one win or loss it is `sign_test`, McNemar's exact test.

    Raises:
        ValueError: unequal lengths.
    """
    gains = np.asarray(base_wrong, dtype=np.float64) - np.asarray(method_wrong, dtype=np.float64)
    sums = np.rint(cluster_sums(gains, clusters)[0]).astype(np.int64)
    sizes, observed = np.abs(sums[sums != 0]), abs(int(sums.sum()))
    if not len(sizes) or sizes.max() == 1:
        return sign_test(int((sums > 0).sum()), int((sums < 0).sum()))
    total = int(sizes.sum())
    chances = np.zeros(total + 1)  # of the sum of the sizes whose sign is plus
    chances[0] = 1.0
    for size in sizes:
        chances[size:] = (chances[size:] + chances[:-size]) / 2
        chances[:size] /= 2
    distance = np.abs(2 * np.arange(total + 1) - total)
    return min(1.0, float(chances[distance >= observed].sum()))


def difference_interval(
    base_wrong: Sequence[float],
    method_wrong: Sequence[float],
    clusters: Sequence[str],
    *,
    resamples: int = 10_000,
    seed: int = 0,
) -> Interval | None:
    """Percentile bootstrap interval of AER(method) - AER(base) from paired samples, or of other means.

    Whole clusters (prompts) are drawn, so that several seeds of one prompt do not count as independent. None
    where draws say nothing of chance: fewer than `FEWEST` clusters, or all with the same difference.

    Raises:
        ValueError: unequal lengths, or no samples.
    """
    if not len(base_wrong) == len(method_wrong) == len(clusters) > 0:
        raise ValueError(f"{len(base_wrong)}, {len(method_wrong)} samples and {len(clusters)} clusters")
    changes = np.asarray(method_wrong, dtype=np.float64) - np.asarray(base_wrong, dtype=np.float64)
    sums, sizes = cluster_sums(changes, clusters)
    if not enough(sums, sizes):
        return None
    drawn = resampled_sums(np.stack([sums, sizes], axis=1), resamples, seed)
    return percentiles(drawn[:, 0] / drawn[:, 1])


class Preference(NamedTuple):
    """How often a method is preferred to its base, by two-valued verdicts or by votes.

    Attributes:
        wins, ties, losses: of the method.
        rsi: (wins + ties) / (losses + ties), as published; see `rsi`.
        rsi_interval: percentile bootstrap over clusters; None where draws say nothing of chance.
        win_rate: wins / (wins + losses); not a number where nothing was decided.
        win_rate_interval: Wilson's, of the effective number of decided samples.
    """

    wins: int
    ties: int
    losses: int
    rsi: float
    rsi_interval: Interval | None
    win_rate: float
    win_rate_interval: Interval


def rsi(wins: int, ties: int, losses: int) -> float:
    """The Relative Superiority Index (wins + ties) / (losses + ties), arXiv 2605.25759: 1 where the two are
    alike, infinite where there is neither loss nor tie, not a number where nothing was compared."""
    if wins + ties + losses == 0:
        return math.nan
    return (wins + ties) / (losses + ties) if losses + ties else math.inf


def preference(
    outcomes: Sequence[int], clusters: Sequence[str], *, resamples: int = 10_000, seed: int = 0
) -> Preference:
    """RSI and the win rate of decided samples, with intervals.

    Args:
        outcomes: 1 a win of the method, 0 a tie, -1 a loss; one a sample.
        clusters: each sample's prompt.

    Raises:
        ValueError: unequal lengths, or other outcomes.
    """
    found = np.asarray(outcomes, dtype=np.int64).reshape(-1)
    if len(found) != len(clusters) or not np.isin(found, (-1, 0, 1)).all():
        raise ValueError(f"{len(found)} outcomes of -1, 0, 1 and {len(clusters)} clusters")
    wins, losses = int((found == 1).sum()), int((found == -1).sum())
    decided = found != 0
    won = [bool(outcome == 1) for outcome in found[decided]]
    count = effective_count(won, [name for name, sure in zip(clusters, decided, strict=True) if sure])
    share = wins / len(won) if won else math.nan
    return Preference(
        wins,
        len(found) - len(won),
        losses,
        rsi(wins, len(found) - len(won), losses),
        _rsi_interval(found, clusters, resamples, seed),
        share,
        wilson(share * count if won else 0.0, count),
    )


def _rsi_interval(
    outcomes: NDArray[np.int64], clusters: Sequence[str], resamples: int, seed: int
) -> Interval | None:
    if not len(outcomes):
        return None
    sums, sizes = cluster_sums(np.stack([outcomes >= 0, outcomes <= 0], axis=1).astype(float), clusters)
    if not enough(sums[:, 0] - sums[:, 1], sizes):
        return None
    above, below = resampled_sums(sums, resamples, seed).T
    with np.errstate(divide="ignore"):
        return percentiles(above / below)
