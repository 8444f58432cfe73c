"""Rates without the judge's errors, and two judges' agreement, against formulas, cases and simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import fisher_exact
from statsmodels.stats.inter_rater import cohens_kappa

from asap.bench.corrected import Agreement, Tally, agreement, alike_p, better_than_chance, correct, tally
from asap.bench.statistics import wilson

GOOD = Tally(caught=90, missed=10, false_alarms=20, right=180)  # sensitivity 0.9, specificity 0.9


def test_a_tally_counts_verdicts_against_the_truth() -> None:
    truth = [True, True, True, False, False, False, False]
    found = tally(truth, [True, True, False, True, False, False, False])
    assert found == (2, 1, 1, 3)
    assert found.sensitivity == pytest.approx(2 / 3) and found.specificity == 0.75
    assert found.sensitivity_interval == wilson(2, 3) and found.specificity_interval == wilson(3, 4)
    assert math.isnan(Tally(0, 0, 1, 3).sensitivity) and math.isnan(Tally(1, 3, 0, 0).specificity)


@pytest.mark.parametrize("truth", [0.0, 0.25, 0.5, 1.0])
def test_the_rate_is_the_one_that_gives_the_raw_rate(truth: float) -> None:
    raw = truth * 0.9 + (1 - truth) * 0.1
    found = correct(raw * 1000, 1000, GOOD)
    assert found is not None and found.rate == pytest.approx(truth)
    assert found.interval.low <= truth <= found.interval.high


def test_rates_below_the_false_alarms_are_clipped() -> None:
    low, high = correct(50, 1000, GOOD), correct(950, 1000, GOOD)
    assert low is not None and low.rate == 0.0 and low.interval.low == 0.0
    assert high is not None and high.rate == 1.0 and high.interval.high == 1.0


def test_a_perfect_judge_that_is_well_known_changes_nothing() -> None:
    found = correct(60, 200, Tally(10**9, 0, 0, 10**9))
    assert found is not None and found.rate == pytest.approx(0.3)
    z2 = 1.959963984540054**2  # Agresti and Coull (1998), which the interval comes to
    share, count = (60 + z2 / 2) / (200 + z2), 200 + z2
    half = math.sqrt(z2 * share * (1 - share) / count)
    assert found.interval == pytest.approx((share - half, share + half), abs=1e-6)


def test_the_interval_is_lang_and_reiczigel_s() -> None:
    """Their formulas, step by step, for 130 of 300 by a judge of 55 of 60 and 70 of 90."""
    z = 1.959963984540054
    se, sp, raw = 56 / 62, 71 / 92, (130 + z * z / 2) / (300 + z * z)
    rate = (raw + sp - 1) / (se + sp - 1)
    shift = 2 * z * z * (rate * se * (1 - se) / 62 - (1 - rate) * sp * (1 - sp) / 92)
    inner = raw * (1 - raw) / (300 + z * z)
    inner += se * (1 - se) / 62 * rate**2 + sp * (1 - sp) / 92 * (1 - rate) ** 2
    half = z * math.sqrt(inner / (se + sp - 1) ** 2)
    found = correct(130, 300, Tally(55, 5, 20, 70))
    assert found is not None and found.interval == pytest.approx((rate + shift - half, rate + shift + half))


@pytest.mark.parametrize(("sensitivity", "specificity"), [(0.95, 0.9), (0.8, 0.75)])
@pytest.mark.parametrize("truth", [0.0, 0.1, 0.35, 0.6])
def test_the_interval_covers_the_truth(sensitivity: float, specificity: float, truth: float) -> None:
    rng, runs, held = np.random.default_rng(0), 2000, 0
    raw = truth * sensitivity + (1 - truth) * (1 - specificity)
    drawn = zip(
        rng.binomial(300, raw, runs),
        rng.binomial(130, sensitivity, runs),
        rng.binomial(180, specificity, runs),
    )
    for errors, caught, right in drawn:
        found = correct(int(errors), 300, Tally(int(caught), 130 - int(caught), 180 - int(right), int(right)))
        assert found is not None
        held += found.interval.low - 1e-12 <= truth <= found.interval.high + 1e-12
    assert held / runs >= 0.93


def test_a_less_known_judge_widens_the_interval() -> None:
    few, many = correct(120, 300, Tally(9, 1, 2, 18)), correct(120, 300, Tally(900, 100, 200, 1800))
    assert few is not None and many is not None and few.rate == pytest.approx(many.rate)
    assert np.ptp(few.interval) > 2 * np.ptp(many.interval)


@pytest.mark.parametrize(
    "judge", [Tally(50, 50, 50, 50), Tally(6, 4, 4, 6), Tally(5, 95, 90, 10), Tally(9, 1, 0, 0)]
)
def test_a_judge_no_better_than_chance_corrects_nothing(judge: Tally) -> None:
    assert not better_than_chance(judge) and correct(10, 100, judge) is None


def test_nothing_counted_corrects_nothing() -> None:
    assert correct(0, 0, GOOD) is None
    with pytest.raises(ValueError, match="5 errors of 3"):
        correct(5, 3, GOOD)


def test_kappa_is_cohen_s() -> None:
    # Both yes 20, first alone 5, second alone 10, both no 15: observed 0.7, by chance 0.5.
    found = Agreement(20, 5, 10, 15)
    assert found.kappa == pytest.approx((0.7 - 0.5) / 0.5) and found.differing == pytest.approx(0.3)
    assert Agreement(30, 0, 0, 20).kappa == 1.0
    assert Agreement(0, 25, 25, 0).kappa == pytest.approx(-1.0)
    assert math.isnan(Agreement(40, 0, 0, 0).kappa) and math.isnan(Agreement(0, 0, 0, 0).kappa)


def test_kappa_is_that_of_scikit_learn_and_statsmodels() -> None:
    """scikit-learn's: 1 - sum(w * confusion) / sum(w * expected)."""
    rng = np.random.default_rng(3)
    first = rng.random(200) < 0.4
    second = np.where(rng.random(200) < 0.8, first, ~first)
    confusion = np.array([[np.sum((first == a) & (second == b)) for b in (0, 1)] for a in (0, 1)])
    expected = np.outer(confusion.sum(axis=1), confusion.sum(axis=0)) / confusion.sum()
    weights = 1 - np.eye(2)
    wanted = 1 - (weights * confusion).sum() / (weights * expected).sum()
    found = agreement(list(first), list(second)).kappa
    assert found == pytest.approx(wanted)
    assert found == pytest.approx(cohens_kappa(confusion, return_results=False))


def test_independent_judges_have_no_kappa() -> None:
    rng = np.random.default_rng(1)
    found = agreement(list(rng.random(20_000) < 0.3), list(rng.random(20_000) < 0.6))
    assert abs(found.kappa) < 0.02


def test_unequal_errors_are_told_from_equal_ones() -> None:
    groups = ["a"] * 80 + ["b"] * 40
    unequal = [True] * 66 + [False] * 14 + [True] * 21 + [False] * 19
    assert alike_p(unequal, groups, shuffles=4000) < 0.01
    assert alike_p(([True] * 3 + [False]) * 30, groups, shuffles=4000) > 0.5
    with pytest.raises(ValueError, match="2 verdicts and 1 groups"):
        alike_p([True, False], ["a"])


def test_the_permutation_test_agrees_with_fisher_s_on_two_groups() -> None:
    wrong = [True] * 14 + [False] * 6 + [True] * 9 + [False] * 16
    exact = fisher_exact([[14, 6], [9, 16]]).pvalue
    assert alike_p(wrong, ["a"] * 20 + ["b"] * 25) == pytest.approx(exact, abs=0.02)
