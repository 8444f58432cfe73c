"""How often the report's intervals hold the truth, and how often its tests reject without a difference.

    OMP_NUM_THREADS=1 python benchmarks/coverage.py

Verdicts are simulated: a prompt has a difficulty, a beta-distributed chance of an error; its images err
independently with that chance, and two models share it in part. docs/statistics.md says what follows.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import tyro
from numpy.typing import NDArray

from asap.bench.statistics import (
    Interval,
    Outcomes,
    clustered_variance,
    compare,
    difference_interval,
    effective_count,
    preference,
    prompt_test,
    sign_test,
    strengths,
    wilson,
)
from asap.bench.statistics.rates import cluster_sums
from asap.bench.statistics.resampling import percentiles, resampled_sums
from asap.store import seed_of

Verdicts = NDArray[np.bool_]
DESIGNS = ((20, 1), (50, 1), (100, 1), (500, 1), (50, 4), (125, 4))  # prompts, images of each
RATES = (0.05, 0.3, 0.7)
CHANGES = ((0.4, 0.4), (0.4, 0.28), (0.1, 0.05))  # error rates of base and method
SPREAD = 2.0  # a + b of the beta distribution: images of a prompt correlate by 1 / (1 + SPREAD)
SHARED = 0.5  # the share of prompts whose difficulty both models have in common


@dataclass(frozen=True)
class Config:
    """Simulate coverage and levels."""

    runs: int = 400
    """Simulated benchmarks for each row."""
    resamples: int = 500
    """Draws of each bootstrap."""


@dataclass
class Tally:
    """Of each interval or test: how often it held the truth, or rejected, of how many."""

    held: Counter[str]
    seen: Counter[str]
    width: Counter[str]

    def add(self, name: str, interval: Interval | None, truth: float) -> None:
        """Count an interval, if there is one."""
        if interval is None:
            return
        self.seen[name] += 1
        self.held[name] += interval.low <= truth <= interval.high
        self.width[name] += interval.high - interval.low

    def cell(self, name: str) -> str:
        """The share that held, and where the width is finite its mean in points."""
        if not self.seen[name]:
            return "none"
        share, width = self.held[name] / self.seen[name], self.width[name] / self.seen[name]
        return f"{share:.3f}" + (f" ({100 * width:.1f})" if math.isfinite(width) else "")


def tally() -> Tally:
    """An empty one."""
    return Tally(Counter(), Counter(), Counter())


def difficulties(rng: np.random.Generator, rate: float, prompts: int) -> NDArray[np.float64]:
    """Chances of an error, one a prompt, with mean `rate`."""
    return rng.beta(SPREAD * rate, SPREAD * (1 - rate), prompts)


def simulated(key: object, rate: float, prompts: int, seeds: int) -> Verdicts:
    """(prompts * seeds,) verdicts of one model."""
    rng = np.random.default_rng(seed_of("coverage", key))
    return rng.random(prompts * seeds) < np.repeat(difficulties(rng, rate, prompts), seeds)


def two_models(key: object, rates: Sequence[float], prompts: int, seeds: int) -> Iterator[Verdicts]:
    """Verdicts of two models. A prompt's difficulty is one rank for both with chance `SHARED`, so that their
    verdicts correlate; each model's chances keep its rate."""
    rng = np.random.default_rng(seed_of("coverage of two", key))
    size = 20_000  # quantiles of each model's difficulties, by rank
    first = rng.random(prompts)
    second = np.where(rng.random(prompts) < SHARED, first, rng.random(prompts))
    for rate, rank in zip(rates, (first, second), strict=True):
        known = np.sort(difficulties(np.random.default_rng(0), rate, size))
        chance = known + rate - known.mean()  # exactly the rate, up to clipping at the ends
        yield rng.random(prompts * seeds) < np.repeat(chance[(rank * size).astype(int)], seeds)


def rate_intervals(wrong: Verdicts, groups: list[str], resamples: int) -> dict[str, Interval]:
    """The intervals of one error rate that are compared."""
    count, listed = len(wrong), wrong.tolist()
    share, effective = float(wrong.mean()), effective_count(listed, groups)
    half = 1.96 * math.sqrt(clustered_variance(listed, groups))
    sums, sizes = cluster_sums(wrong.astype(float), groups)
    drawn = resampled_sums(np.stack([sums, sizes], axis=1), resamples, 0)
    return {
        "Wilson": wilson(int(wrong.sum()), count),
        "Wilson, effective": wilson(share * effective, effective),
        "robust normal": Interval(share - half, share + half),
        "bootstrap": percentiles(drawn[:, 0] / drawn[:, 1]),
    }


def names_of(prompts: int, seeds: int) -> list[str]:
    """The prompt of every image."""
    return [str(i // seeds) for i in range(prompts * seeds)]


def print_rates(config: Config) -> None:
    """Coverage of the intervals of an error rate."""
    names = ("Wilson", "Wilson, effective", "robust normal", "bootstrap")
    print(f"| prompts x images | rate | {' | '.join(names)} |\n|---|---:|{'---:|' * len(names)}")
    for prompts, seeds in DESIGNS:
        groups = names_of(prompts, seeds)
        for rate in RATES:
            found = tally()
            for run in range(config.runs):
                wrong = simulated((run, prompts, seeds, rate), rate, prompts, seeds)
                for name, interval in rate_intervals(wrong, groups, config.resamples).items():
                    found.add(name, interval, rate)
            print(f"| {prompts} x {seeds} | {rate} | {' | '.join(map(found.cell, names))} |")


def truths(rates: Sequence[float]) -> tuple[float, float, float]:
    """Difference, RSI and win rate of `two_models`, from a large sample."""
    base, method = two_models("truth", rates, 2_000_000, 1)
    wins, losses = float((base & ~method).mean()), float((method & ~base).mean())
    return rates[1] - rates[0], (1 - losses) / (1 - wins), wins / (wins + losses)


def win_rate_bootstrap(outcomes: NDArray[np.int64], groups: list[str], resamples: int) -> Interval | None:
    """The win rate's interval that the report does not use."""
    sums, _ = cluster_sums(np.stack([outcomes == 1, outcomes == -1], axis=1).astype(float), groups)
    wins, losses = resampled_sums(sums, resamples, 0).T
    decided = wins + losses > 0
    return percentiles((wins / np.maximum(wins + losses, 1))[decided]) if decided.any() else None


def print_pairs(config: Config) -> None:
    """Coverage of what compares two models, and the tests' share of rejections."""
    names = ("AER change", "RSI", "win rate, Wilson", "win rate, bootstrap")
    tests = ("over prompts", "over images")
    print(f"\n| prompts x images | rates | {' | '.join((*names, *(f'p < 0.05, {t}' for t in tests)))} |")
    print(f"|---|---|{'---:|' * (len(names) + len(tests))}")
    for rates in CHANGES:
        truth = truths(rates)
        for prompts, seeds in DESIGNS:
            found, rejected = tally(), Counter[str]()
            for run in range(config.runs):
                pair = two_models((run, prompts, seeds, rates), rates, prompts, seeds)
                compared(found, rejected, list(pair), names_of(prompts, seeds), truth, config.resamples)
            cells = [found.cell(name) for name in names]
            cells += [f"{rejected[name] / config.runs:.3f}" for name in tests]
            print(f"| {prompts} x {seeds} | {rates[0]}, {rates[1]} | {' | '.join(cells)} |")


def compared(
    found: Tally,
    rejected: Counter[str],
    pair: Sequence[Verdicts],
    groups: list[str],
    truth: Sequence[float],
    resamples: int,
) -> None:
    """Count one simulated comparison."""
    base, method = (verdicts.tolist() for verdicts in pair)
    outcomes = pair[0].astype(np.int64) - pair[1]
    told = preference(outcomes.tolist(), groups, resamples=resamples)
    found.add("AER change", difference_interval(base, method, groups, resamples=resamples), truth[0])
    found.add("RSI", told.rsi_interval, truth[1])
    found.add("win rate, Wilson", told.win_rate_interval, truth[2])
    found.add("win rate, bootstrap", win_rate_bootstrap(outcomes, groups, resamples), truth[2])
    counted = compare(base, method)
    rejected["over prompts"] += prompt_test(base, method, groups) < 0.05
    rejected["over images"] += sign_test(counted.wins, counted.losses) < 0.05


def votes(key: object, log: Sequence[float], nu: float, prompts: int, seeds: int) -> Outcomes:
    """Outcomes that Davidson's model gives, `seeds` alike ones a prompt and pair half of the time."""
    rng, rows = np.random.default_rng(seed_of("coverage of strengths", key)), []
    for i in range(len(log)):
        for j in range(i + 1, len(log)):
            a, b = math.exp(log[i]), math.exp(log[j])
            weights = np.array([b, nu * math.sqrt(a * b), a])
            drawn = rng.choice([-1, 0, 1], (prompts, seeds), p=weights / weights.sum())
            drawn = np.where(rng.random((prompts, 1)) < 0.5, drawn[:, :1], drawn)
            rows += [(i, j, int(won), str(p)) for p in range(prompts) for won in drawn[p]]
    return Outcomes(*(list(column) for column in zip(*rows, strict=True)))


def print_strengths(config: Config) -> None:
    """Coverage of Davidson's strengths."""
    log, runs = (0.0, 0.5, -0.3, 1.2), max(2, config.runs // 4)
    print("\n| prompts x images | ties nu | strengths | without an answer |\n|---|---:|---:|---:|")
    for prompts, seeds in ((20, 1), (50, 1), (200, 1), (50, 4)):
        for nu in (0.5, 3.0):
            found, none = tally(), 0
            for run in range(runs):
                outcomes = votes((run, prompts, seeds, nu), log, nu, prompts, seeds)
                told = strengths(outcomes, "abcd", resamples=min(400, config.resamples))
                if isinstance(told, str):
                    none += 1
                    continue
                for truth, interval in zip(log[1:], told.intervals[1:], strict=True):
                    found.add("all", interval, truth)
            print(f"| {prompts} x {seeds} | {nu} | {found.cell('all').split(' ')[0]} | {none / runs:.3f} |")


def run(config: Config) -> None:
    """Print the tables of coverage."""
    print_rates(config)
    print_pairs(config)
    print_strengths(config)


if __name__ == "__main__":
    run(tyro.cli(Config, description=__doc__))
