"""The bootstrap over clusters: whole prompts are drawn with replacement."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from asap.bench.statistics.rates import Interval

FEWEST = 10  # clusters that a bootstrap needs
AT_ONCE = 500  # draws at a time, to bound memory


def resampled_sums(sums: NDArray[np.float64], resamples: int, seed: int) -> NDArray[np.float64]:
    """Sums over `resamples` draws of M clusters out of M, with replacement.

    Args:
        sums: (M, K) of each cluster.

    Returns:
        (resamples, K).
    """
    rng, count, found = np.random.default_rng(seed), len(sums), []
    for start in range(0, resamples, AT_ONCE):
        drawn = rng.integers(count, size=(min(AT_ONCE, resamples - start), count))
        found.append(sums[drawn].sum(axis=1))
    return np.concatenate(found)


def enough(sums: NDArray[np.float64], sizes: NDArray[np.int64]) -> bool:
    """Whether draws tell of chance: `FEWEST` clusters or more, and not all with the same mean."""
    return len(sums) >= FEWEST and float(np.ptp(sums / sizes)) > 0


def percentiles(values: NDArray[np.float64], unknown: int = 0) -> Interval:
    """The middle 95% of `values`, which may be infinite.

    Args:
        unknown: further draws whose value could not be found; they count as the lowest for the lower end
            and as the highest for the upper one.
    """
    low = np.concatenate([values, np.full(unknown, -np.inf)])
    high = np.concatenate([values, np.full(unknown, np.inf)])
    ends = (_quantile(low, 0.025, "lower"), _quantile(high, 0.975, "higher"))
    return Interval(*ends)


def _quantile(values: NDArray[np.float64], share: float, side: str) -> float:
    """Interpolated, or beside infinite ones the next value on `side`."""
    method = "linear" if np.isfinite(values).all() else side
    return float(np.quantile(values, share, method=method))  # type: ignore[call-overload]
