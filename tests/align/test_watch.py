"""The watch on synthetic runs: sick ones are told what they have, healthy ones are left in peace."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from asap.align.watch import MOST, QUIET, OnTrouble, Verdict, Watch

BASE, TAU = 0.6, 0.1
Row = dict[str, float]


def rows(steps: int = 400, seed: int = 0, batch: int = 1, **of_step: Callable[[int], float]) -> list[Row]:
    """A healthy run: the gap goes to the margin, with noise as of `batch` pairs; `of_step` adds to it."""
    rng = np.random.default_rng(seed)
    found = []
    for step in range(steps):
        gap = TAU * (1 - math.exp(-step / 40)) + rng.normal(0, 0.08, batch)
        low, high = np.quantile(gap, [0.1, 0.9])
        row = {
            "winner_rise": 0.02 + rng.normal(0, 0.06 / math.sqrt(batch)),
            "winner_base": BASE * rng.lognormal(0, 0.3 / math.sqrt(batch)),
            "delta_p10": float(low),
            "delta_p90": float(high),
            "grad_norm": 0.05 * rng.lognormal(0, 0.8),
        }
        found.append(row | {name: row[name] + add(step) for name, add in of_step.items()})
    return found


def watched(series: list[Row], on_trouble: OnTrouble = "warn", margin: float | None = TAU) -> Any:
    return list(verdicts(Watch(on_trouble, margin), series))


def verdicts(watch: Watch, series: list[Row], start: int = 0) -> Iterator[tuple[int, Verdict]]:
    for step, row in enumerate(series, start):
        verdict = watch.look(step, row)
        if verdict is not None:
            yield step, verdict
            if verdict.action == "stop":
                return


@pytest.mark.parametrize("batch", [1, 4, 16])
@pytest.mark.parametrize("seed", range(3))
def test_a_healthy_run_is_left_in_peace(batch: int, seed: int) -> None:
    watch = Watch("lower", TAU)
    assert list(verdicts(watch, rows(1000, seed, batch))) == []
    assert watch.calm and watch.scale == 1


def collapse(step: int) -> float:
    """What DPO does without a bound: the winner's error grows and grows."""
    return 0.6 * max(0.0, step - 100) / 300


@pytest.mark.parametrize("batch", [1, 16])
def test_over_optimisation_is_warned_of_first_and_is_trouble_later(batch: int) -> None:
    (first, doubt), (second, trouble), *later = watched(rows(batch=batch, winner_rise=collapse))
    assert "good pictures are predicted 1" in doubt.text and "over-optimisation" in doubt.text
    assert collapse(first) < 0.2 * BASE < collapse(second) < 0.6 * BASE
    assert trouble.action == "warn" and not later, "once each within the quiet time"
    step, verdict = watched(rows(batch=batch, winner_rise=collapse), "stop")[-1]
    assert (step, verdict.action) == (second, "stop")


def test_rises_with_heavy_tails_are_seen_as_soon_as_there_are_enough() -> None:
    """As at an absurd learning rate with one pair a step: the deviation is three times the mean."""
    rng = np.random.default_rng(0)
    tails = rng.lognormal(1.0, 1.7, 100)
    step, verdict = watched(rows(100, winner_rise=lambda step: tails[step]), "stop")[-1]
    assert step < 20 and verdict.action == "stop"


def test_no_rise_no_warning_however_the_loser_fares() -> None:
    assert watched(rows(winner_rise=lambda step: -step / 400)) == []


def test_without_the_untrained_model_s_error_a_rise_has_no_scale() -> None:
    series = [{k: v for k, v in row.items() if k != "winner_base"} for row in rows(winner_rise=collapse)]
    assert watched(series) == []


def test_gradients_that_grow_for_good_are_trouble_and_one_outlier_is_not() -> None:
    assert watched(rows(grad_norm=lambda step: 500.0 * (step == 200))) == []
    step, verdict = watched(rows(grad_norm=lambda step: 5.0 * (step >= 200)), "stop")[-1]
    assert 200 < step < 215 and verdict.action == "stop"
    assert "the gradient's norm is" in verdict.text


def test_gaps_that_fly_apart_are_trouble() -> None:
    def wider(sign: int) -> Callable[[int], float]:
        return lambda step: sign * 3.0 * (step >= 200)

    series = rows(batch=16, delta_p10=wider(-1), delta_p90=wider(1))
    step, verdict = watched(series, "stop")[-1]
    assert 200 <= step < 215 and "the gaps of pairs spread" in verdict.text
    assert watched(series, "stop", margin=None) == [], "nothing drives the gap, so it may go where it will"
    assert watched(series, "stop", margin=5.0) == [], "narrow against the margin"


def test_the_rate_is_halved_a_few_times_and_then_it_stops() -> None:
    watch = Watch("lower", TAU)
    found = list(verdicts(watch, rows(2000, winner_rise=collapse)))
    acts = [(step, verdict.action) for step, verdict in found if verdict.action != "warn"]
    assert [action for _, action in acts] == ["lower"] * MOST + ["stop"]
    assert all(b - a >= QUIET for (a, _), (b, _) in pairwise(acts))
    assert watch.scale == 0.5**MOST and not watch.calm
    assert f"halved {MOST} times" in found[-1][1].text


def test_the_rate_is_lowered_again_after_as_many_steps_as_were_done() -> None:
    """So that a run that is ill from the start is over within two hundred steps, whatever it was to last."""
    found = watched(rows(200, winner_rise=lambda _: 2.0), "lower")
    assert [(step, verdict.action) for step, verdict in found] == [
        (9, "lower"), (34, "lower"), (68, "lower"), (136, "stop"),
    ]  # fmt: skip


def test_the_mean_that_lags_behind_a_recovery_lowers_no_rate() -> None:
    """Lowered at step 25, well from 38 on; when the rest ends at 50 the mean over more rows is still ill."""
    watch = Watch("lower", TAU)
    troubled, acts = [], []
    for step, row in enumerate(rows(80, winner_rise=lambda step: 0.0 if step < 20 or step >= 38 else 2.0)):
        verdict = watch.look(step, row)
        troubled += [step] if watch.in_trouble else []
        acts += [step] if verdict and verdict.action == "lower" else []
    assert acts == [25] and max(troubled) > 50


def test_what_heals_is_calm_again() -> None:
    watch = Watch("lower", TAU)
    ill = rows(600, batch=16, winner_rise=lambda step: 0.4 * (100 <= step < 200))
    levels = []
    for step, row in enumerate(ill):
        watch.look(step, row)
        levels.append(watch.calm)
    assert all(levels[:100]) and not any(levels[110:200]) and all(levels[260:])
    assert watch.scale == 0.5


@pytest.mark.parametrize("cut", [0, 57, 130, 310])
def test_its_state_carries_on_where_it_stopped(cut: int) -> None:
    series = rows(900, winner_rise=collapse)
    whole = list(verdicts(Watch("lower", TAU), series))
    first, second = Watch("lower", TAU), Watch("lower", TAU)
    before = list(verdicts(first, series[:cut]))
    for name, tensor in second.state().items():
        tensor.copy_(first.state()[name])
    assert before + list(verdicts(second, series[cut:], cut)) == whole
