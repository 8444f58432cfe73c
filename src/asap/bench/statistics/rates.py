"""Error rates and their intervals, of samples that may come in clusters (several images of a prompt)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

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
    count, number = len(wrong), len(set(clusters))
    share = sum(wrong) / count if count else 0.0
    if number == count:
        return float(count)
    if number == 1 or share in (0.0, 1.0):
        return float(number)
    variance = clustered_variance(wrong, clusters)
    return min(float(count), share * (1 - share) / variance) if variance else float(count)


def clustered_variance(values: Sequence[float], clusters: Sequence[str]) -> float:
    """The variance of the mean of `values` as a ratio over clusters (Cochran 1977, eq. 11.12): what least
    squares on a constant with cluster-robust errors gives, with the correction m / (m - 1) for m clusters.

    Raises:
        ValueError: unequal lengths, or fewer than two clusters.
    """
    totals, sizes = cluster_sums(values, clusters)
    number, mean = len(sizes), totals.sum() / sizes.sum()
    if number < 2:
        raise ValueError(f"{number} clusters")
    residuals = totals - mean * sizes
    return number / (number - 1) * float(residuals @ residuals) / float(sizes.sum()) ** 2


def cluster_sums(
    values: Sequence[float] | NDArray[np.float64], clusters: Sequence[str]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Sums of `values` (N,) or (N, K) by cluster, (M,) or (M, K), and the clusters' sizes (M,).

    Raises:
        ValueError: unequal lengths.
    """
    table = np.asarray(values, dtype=np.float64)
    if len(table) != len(clusters):
        raise ValueError(f"{len(table)} values and {len(clusters)} clusters")
    names, member = np.unique(np.asarray(clusters), return_inverse=True)
    sums = np.zeros((len(names), *table.shape[1:]))
    np.add.at(sums, member, table)
    return sums, np.bincount(member, minlength=len(names))
