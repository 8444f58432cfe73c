"""How sure one can be of an error rate and of a difference between two models; plain numbers throughout."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FEWEST = 10  # clusters that a bootstrap needs
Z95 = 1.959963984540054  # the normal distribution's 97.5% quantile


class Interval(NamedTuple):
    """A 95% interval."""

    low: float
    high: float


def wilson(errors: float, count: float, z: float = Z95) -> Interval:
    """Wilson's score interval of the share `errors / count` (Wilson 1927); [0, 1] where nothing was counted.
    Counts need not be whole: `effective_count` gives others.

    Raises:
        ValueError: not 0 <= errors <= count.
    """
    if not 0 <= errors <= count:
        raise ValueError(f"{errors} errors of {count}")
    if count == 0:
        return Interval(0.0, 1.0)
    share, spread = errors / count, z * z / count
    centre = (share + spread / 2) / (1 + spread)
    half = math.sqrt(share * (1 - share) * spread + spread**2 / 4) / (1 + spread)
    low = 0.0 if errors == 0 else centre - half
    return Interval(low, 1.0 if errors == count else centre + half)


def effective_count(wrong: Sequence[bool], clusters: Sequence[str]) -> float:
    """How many independent samples tell as much of the share of `wrong` as these do, at most len(wrong).

    It is n / deff (Kish 1965): deff is the variance of the share as a ratio over clusters (prompts; Cochran
    1977, eq. 11.12) over that of n independent samples. Where all samples are alike, the variance shows
    nothing and a cluster counts as one sample.
    """
    values, count = np.asarray(wrong, dtype=np.float64), len(wrong)
    _, member = np.unique(np.asarray(clusters), return_inverse=True)
    sizes = np.bincount(member) if count else np.zeros(0)
    number, share = len(sizes), float(values.mean()) if count else 0.0
    if number == count:
        return float(count)
    if number == 1 or share in (0.0, 1.0):
        return float(number)
    residuals = np.bincount(member, values) - share * sizes
    variance = number / (number - 1) * float(residuals @ residuals) / count**2
    return min(float(count), share * (1 - share) / variance) if variance else float(count)


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
        """The Relative Superiority Index (wins + ties) / (losses + ties); 1 where the two are alike, infinite
        where the base has neither loss nor tie, not a number where nothing was compared."""
        if self.total == 0:
            return math.nan
        return (self.wins + self.ties) / (self.losses + self.ties) if self.losses + self.ties else math.inf

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


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjustment (1979): p-values that may be read together at one level."""
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    adjusted, running = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(order):
        running = max(running, (len(p_values) - rank) * p_values[index])
        adjusted[index] = min(1.0, running)
    return adjusted


def difference_interval(
    base_wrong: Sequence[bool],
    method_wrong: Sequence[bool],
    clusters: Sequence[str],
    *,
    resamples: int = 10_000,
    seed: int = 0,
) -> Interval | None:
    """Percentile bootstrap interval of AER(method) - AER(base) from paired samples.

    Whole clusters (prompts) are drawn, so that several seeds of one prompt do not count as independent. None
    where draws say nothing of chance: fewer than `FEWEST` clusters, or all with the same difference.

    Raises:
        ValueError: unequal lengths, or no samples.
    """
    base, method = np.asarray(base_wrong, dtype=np.int64), np.asarray(method_wrong, dtype=np.int64)
    if not len(base) == len(method) == len(clusters) > 0:
        raise ValueError(f"{len(base)}, {len(method)} samples and {len(clusters)} clusters")
    _, member = np.unique(np.asarray(clusters), return_inverse=True)
    sums, sizes = np.bincount(member, method - base).astype(np.float64), np.bincount(member)
    if len(sums) < FEWEST or np.ptp(sums / sizes) == 0:
        return None
    means = _resampled_means(sums, sizes, resamples, np.random.default_rng(seed))
    low, high = np.quantile(means, [0.025, 0.975])
    return Interval(float(low), float(high))


def _resampled_means(
    sums: NDArray[np.float64], sizes: NDArray[np.int64], resamples: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Means of `resamples` draws of clusters with replacement, a few at a time to bound memory."""
    count, means = len(sums), []
    for start in range(0, resamples, 500):
        drawn = rng.integers(count, size=(min(500, resamples - start), count))
        means.append(sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1))
    return np.concatenate(means)
