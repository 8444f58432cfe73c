"""What a number of images can show: power, the images that a claim needs, the smallest change that is found.

A claim is a difference of two error rates, tested two-sided at `LEVEL`. Unpaired models are drawn from
different noise or prompts; paired ones from the same, so that only the images count on which they differ.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

LEVEL, POWER = 0.05, 0.8
EXACT_UP_TO = 3000  # images; beyond, the normal approximation is as good
_quantile, _share = NormalDist().inv_cdf, NormalDist().cdf


def unpaired_power(images: float, base: float, method: float, level: float = LEVEL) -> float:
    """The chance that the z-test of two proportions, its variance pooled, finds `base` against `method` from
    `images` independent images of each (Fleiss, Levin and Paik 2003, section 4.2)."""
    if base == method:
        return level
    pooled = (base + method) / 2
    null = math.sqrt(2 * pooled * (1 - pooled))
    spread = math.sqrt(base * (1 - base) + method * (1 - method))
    reach = abs(base - method) * math.sqrt(images) - _quantile(1 - level / 2) * null
    return _share(reach / spread) if spread else float(reach > 0)


def unpaired_images(base: float, method: float, power: float = POWER, level: float = LEVEL) -> int:
    """How many independent images of each model show `base` against `method` with chance `power`.

    Raises:
        ValueError: equal rates.
    """
    if base == method:
        raise ValueError("no number of images tells equal rates apart")
    pooled = (base + method) / 2
    null = math.sqrt(2 * pooled * (1 - pooled))
    spread = math.sqrt(base * (1 - base) + method * (1 - method))
    root = (_quantile(1 - level / 2) * null + _quantile(power) * spread) / abs(base - method)
    return math.ceil(root**2)


def discordant(base: float, method: float, alike: float = 0.0) -> tuple[float, float]:
    """The chances that the base alone is wrong (a win) and that the method alone is (a loss), for verdicts
    with the given rates and correlation `alike`; a correlation that such rates cannot have is brought to the
    nearest that they can."""
    both = base * method + alike * math.sqrt(base * (1 - base) * method * (1 - method))
    both = min(max(both, base + method - 1, 0.0), base, method)
    return base - both, method - both


def paired_power(images: int, win: float, loss: float, level: float = LEVEL) -> float:
    """The chance that McNemar's exact test rejects, over all that `images` independent pairs may show: first
    how many are decided, then how they fall."""
    decides = win + loss
    if not decides:
        return 0.0
    logs = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, images + 1)))])
    weights = _binomial(images, decides, logs)
    return float(
        sum(
            weights[n] * _rejected(n, win / decides, level, logs)
            for n in range(images + 1)
            if weights[n] > 1e-12
        )
    )


def _binomial(count: int, chance: float, logs: NDArray[np.float64]) -> NDArray[np.float64]:
    """The chances of 0 to `count` successes; `logs` are the logarithms of the factorials."""
    if chance in (0.0, 1.0):
        return np.asarray(np.arange(count + 1) == round(chance * count), dtype=np.float64)
    k = np.arange(count + 1)
    choose = logs[count] - logs[: count + 1] - logs[count::-1]
    return np.asarray(np.exp(choose + k * math.log(chance) + (count - k) * math.log1p(-chance)))


def _rejected(decided: int, chance: float, level: float, logs: NDArray[np.float64]) -> float:
    """The chance that the two-sided exact sign test of `decided` rejects where wins have `chance`."""
    tail = np.cumsum(_binomial(decided, 0.5, logs))
    reach = int(np.searchsorted(2 * tail, level * (1 + 1e-9), side="right"))  # fewer than this, or more
    if not reach or 2 * reach > decided:
        return 0.0
    chances = _binomial(decided, chance, logs)
    return float(chances[:reach].sum() + chances[decided - reach + 1 :].sum())


def _paired_power_about(images: float, win: float, loss: float, level: float) -> float:
    """The normal approximation (Connor 1987)."""
    decides, difference = win + loss, abs(win - loss)
    spread = math.sqrt(max(decides - difference**2, 0.0))
    reach = difference * math.sqrt(images) - _quantile(1 - level / 2) * math.sqrt(decides)
    return _share(reach / spread) if spread else float(reach > 0)


def chance_paired(images: float, win: float, loss: float, level: float = LEVEL) -> float:
    """`paired_power`, by its normal approximation (Connor 1987) beyond `EXACT_UP_TO`."""
    if images <= EXACT_UP_TO:
        return paired_power(math.floor(images), win, loss, level)
    return _paired_power_about(images, win, loss, level)


def paired_images(win: float, loss: float, power: float = POWER, level: float = LEVEL) -> int:
    """How many pairs of images show `win` against `loss` with chance `power`; within a few, as the power of
    an exact test rises in small steps up and down.

    Raises:
        ValueError: equal chances.
    """
    if win == loss:
        raise ValueError("no number of images tells equal rates apart")
    low, high = 1, 2
    while chance_paired(high, win, loss, level) < power:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        enough = chance_paired(middle, win, loss, level) >= power
        low, high = (low, middle) if enough else (middle, high)
    return high


def detectable(base: float, chance: Callable[[float], float], power: float = POWER) -> float | None:
    """The smallest fall of an error rate from `base` that is found with chance `power`, to 0.01 points; None
    where not even a fall to 0 would be.

    Args:
        chance: of finding a method of the given rate.
    """
    if chance(0.0) < power:
        return None
    low, high = 0.0, base
    while high - low > 1e-4:
        middle = (low + high) / 2
        low, high = (low, middle) if chance(base - middle) >= power else (middle, high)
    return high


def independent(prompts: int, seeds: int, alike: float) -> float:
    """How many independent images `seeds` images of each prompt are worth, where the verdicts of a prompt's
    images have correlation `alike` (Kish 1965)."""
    return prompts * seeds / (1 + (seeds - 1) * alike)


def seen(rate: float, sensitivity: float, specificity: float) -> float:
    """The error rate that a judge reports where the true one is `rate` (Rogan and Gladen 1978)."""
    return rate * sensitivity + (1 - rate) * (1 - specificity)
