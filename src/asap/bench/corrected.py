"""Error rates without the judge's own errors, and how far two judges agree; plain numbers throughout."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from asap.bench.statistics import Z95, Interval, wilson


class Tally(NamedTuple):
    """A judge's verdicts on images whose truth is known.

    Attributes:
        caught, missed: images with an error that it calls wrong, or correct.
        false_alarms, right: images without one that it calls wrong, or correct.

    Counts need not be whole: `effective_count` gives others.
    """

    caught: float
    missed: float
    false_alarms: float
    right: float

    @property
    def faulty(self) -> float:
        return self.caught + self.missed

    @property
    def sound(self) -> float:
        return self.false_alarms + self.right

    @property
    def sensitivity(self) -> float:
        """The share of faulty images that it catches."""
        return self.caught / self.faulty if self.faulty else math.nan

    @property
    def specificity(self) -> float:
        """The share of sound images that it passes."""
        return self.right / self.sound if self.sound else math.nan

    @property
    def sensitivity_interval(self) -> Interval:
        """Wilson's."""
        return wilson(self.caught, self.faulty)

    @property
    def specificity_interval(self) -> Interval:
        """Wilson's."""
        return wilson(self.right, self.sound)


def tally(wrong: Sequence[bool], called_wrong: Sequence[bool]) -> Tally:
    """The verdicts of a judge against the truth, image by image.

    Raises:
        ValueError: unequal lengths.
    """
    pairs = list(zip(wrong, called_wrong, strict=True))
    return Tally(
        caught=pairs.count((True, True)),
        missed=pairs.count((True, False)),
        false_alarms=pairs.count((False, True)),
        right=pairs.count((False, False)),
    )


def alike_p(called_wrong: Sequence[bool], groups: Sequence[str], *, shuffles: int = 20_000) -> float:
    """The p-value of a permutation test that a judge calls equal shares of every group wrong: Pearson's
    chi-squared of verdicts over groups, with the groups shuffled; seeded.

    Raises:
        ValueError: unequal lengths, or nothing to test.
    """
    called = np.asarray(called_wrong, dtype=np.float64)
    if not len(called) == len(groups) > 0:
        raise ValueError(f"{len(called)} verdicts and {len(groups)} groups")
    _, member = np.unique(np.asarray(groups), return_inverse=True)
    sizes, rng = np.bincount(member), np.random.default_rng(0)

    def spread(order: NDArray[np.int64]) -> float:
        found = np.bincount(order, called, len(sizes))
        return float(((found - sizes * called.mean()) ** 2 / sizes).sum())

    observed = spread(member) - 1e-9
    return (1 + sum(spread(rng.permutation(member)) >= observed for _ in range(shuffles))) / (1 + shuffles)


class Corrected(NamedTuple):
    """An error rate with the judge's errors taken out, in [0, 1]."""

    rate: float
    interval: Interval


def correct(errors: float, count: float, judge: Tally) -> Corrected | None:
    """The share of images with an error, from the share `errors / count` that the judge calls wrong.

    The estimate is that of Rogan and Gladen (1978), clipped to [0, 1]:
    (raw + specificity - 1) / (sensitivity + specificity - 1). The interval is that of Lang and Reiczigel
    (2014): the delta method over the three binomials of raw rate, sensitivity and specificity, each drawn a
    little towards a half, with a shift of its centre; benchmarks/calibration.md has its coverage. Counts need
    not be whole (`effective_count`). None where nothing was counted, or where the judge is not
    `better_than_chance`.

    Raises:
        ValueError: not 0 <= errors <= count.
    """
    if not 0 <= errors <= count:
        raise ValueError(f"{errors} errors of {count}")
    if not count or not better_than_chance(judge):
        return None
    power = judge.sensitivity + judge.specificity - 1
    rate = (errors / count + judge.specificity - 1) / power
    return Corrected(min(1.0, max(0.0, rate)), _interval(errors, count, judge))


def better_than_chance(judge: Tally) -> bool:
    """Whether sensitivity + specificity - 1 lies above 0 by 1.96 of its standard errors."""
    if not judge.faulty or not judge.sound:
        return False
    (sensitivity, var_sens), (specificity, var_spec) = _drawn_in(judge)
    return sensitivity + specificity - 1 > Z95 * math.sqrt(var_sens + var_spec)


def _interval(errors: float, count: float, judge: Tally) -> Interval:
    (sensitivity, var_sens), (specificity, var_spec) = _drawn_in(judge)
    power = sensitivity + specificity - 1
    raw = (errors + Z95**2 / 2) / (count + Z95**2)
    rate = (raw + specificity - 1) / power
    variance = raw * (1 - raw) / (count + Z95**2) + rate**2 * var_sens + (1 - rate) ** 2 * var_spec
    centre = rate + 2 * Z95**2 * (rate * var_sens - (1 - rate) * var_spec)
    half = Z95 * math.sqrt(variance) / power
    return Interval(min(1.0, max(0.0, centre - half)), min(1.0, max(0.0, centre + half)))


def _drawn_in(judge: Tally) -> tuple[tuple[float, float], tuple[float, float]]:
    """Sensitivity and specificity with one success and one failure added, each with its variance."""
    return _share(judge.caught, judge.faulty), _share(judge.right, judge.sound)


def _share(successes: float, count: float) -> tuple[float, float]:
    share = (successes + 1) / (count + 2)
    return share, share * (1 - share) / (count + 2)


class Agreement(NamedTuple):
    """Two judges on the same images: how many both call wrong, the first alone, the second alone, neither."""

    both: int
    first: int
    second: int
    neither: int

    @property
    def total(self) -> int:
        return sum(self)

    @property
    def differing(self) -> float:
        """The share of images with different verdicts."""
        return (self.first + self.second) / self.total if self.total else math.nan

    @property
    def kappa(self) -> float:
        """Cohen's kappa (1960), (agreement - chance) / (1 - chance); not a number where both give all images
        the same verdict, which leaves chance nothing to differ by."""
        if not self.total:
            return math.nan
        one, two = (self.both + self.first) / self.total, (self.both + self.second) / self.total
        chance = one * two + (1 - one) * (1 - two)
        return (1 - self.differing - chance) / (1 - chance) if chance < 1 else math.nan


def agreement(first_wrong: Sequence[bool], second_wrong: Sequence[bool]) -> Agreement:
    """The verdicts of two judges against each other, image by image.

    Raises:
        ValueError: unequal lengths.
    """
    pairs = list(zip(first_wrong, second_wrong, strict=True))
    return Agreement(
        *(pairs.count(pair) for pair in ((True, True), (True, False), (False, True), (False, False)))
    )
