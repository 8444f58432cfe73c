"""Numbers of one trial, and of several seeds together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

from asap.bench.statistics import compare

RESAMPLES = 4000


class Estimate(NamedTuple):
    """A mean over training seeds and its 95% interval by Student's t; not a number for a single seed."""

    mean: float
    low: float
    high: float


def error_rate(verdicts: str) -> float:
    """The share of 1 (error) among 0 (correct) and 1 in a text of verdicts; not a number where none is."""
    errors, scored = verdicts.count("1"), len(verdicts) - verdicts.count("?")
    return errors / scored if scored else float("nan")


def broken(base: str, verdicts: str) -> float:
    """The share of the base's correct images that became wrong; not a number where it has none."""
    pairs = scored(base, verdicts)
    return compare([before for before, _ in pairs], [after for _, after in pairs]).broken


def scored(one: str, other: str) -> list[tuple[bool, bool]]:
    """Of each image that both texts have a verdict on, whether either calls it wrong."""
    return [(a == "1", b == "1") for a, b in zip(one, other, strict=True) if "?" not in (a, b)]


def prompt_interval(texts: Sequence[tuple[str, str]]) -> Estimate:
    """Mean difference in error between two texts of verdicts on the same prompts, over all pairs of `texts`
    (one a training seed), and its 95% percentile interval by a bootstrap over prompts.

    A prompt that lacks a verdict in any text is left out.
    """
    kept = [k for k in range(len(texts[0][0])) if all("?" not in (a[k], b[k]) for a, b in texts)]
    change = np.array([[(a[k] == "1") - (b[k] == "1") for k in kept] for a, b in texts], float).mean(axis=0)
    rng = np.random.default_rng(0)
    means = change[rng.integers(len(change), size=(RESAMPLES, len(change)))].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return Estimate(float(change.mean()), float(low), float(high))


def mean_interval(values: Sequence[float]) -> Estimate:
    """The mean of independent values, and its interval.

    Raises:
        ValueError: no values.
    """
    if not values:
        raise ValueError("no values")
    mean, count = float(np.mean(values)), len(values)
    if count == 1:
        return Estimate(mean, float("nan"), float("nan"))
    half = float(stats.t.ppf(0.975, count - 1) * np.std(values, ddof=1) / count**0.5)
    return Estimate(mean, mean - half, mean + half)
