"""Tests of whole prompts, RSI and win rates: by scipy, statsmodels, enumeration, and the published table."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import permutation_test

from asap.bench.statistics import (
    clustered_variance,
    preference,
    prompt_test,
    rsi,
    sign_test,
    wilson,
)
from asap.bench.statistics.resampling import percentiles, resampled_sums

VERDICTS = st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(0, 7)), min_size=1, max_size=40)

# the paper's table: AER of base and method, RSI against the base
PUBLISHED = {
    "FLUX SFT": (0.417, 0.391, 1.03),
    "FLUX DPO": (0.417, 0.293, 1.13),
    "FLUX ASAP": (0.417, 0.289, 1.17),
    "SDXL SFT": (0.873, 0.820, 1.23),
    "SDXL DPO": (0.873, 0.775, 1.49),
    "SDXL ASAP": (0.873, 0.764, 1.58),
}


@given(VERDICTS)
def test_the_clustered_variance_is_statsmodels_sandwich(rows: list[tuple[bool, bool, int]]) -> None:
    values, groups = [float(a) for a, _, _ in rows], [g for *_, g in rows]
    if len(set(groups)) < 2:
        with pytest.raises(ValueError, match="1 clusters"):
            clustered_variance(values, [str(g) for g in groups])
        return
    model = sm.OLS(values, np.ones(len(values))).fit(cov_type="cluster", cov_kwds={"groups": groups})
    expected = float(model.cov_params()[0, 0])
    assert clustered_variance(values, [str(g) for g in groups]) == pytest.approx(expected, abs=1e-12)


@given(VERDICTS)
@settings(max_examples=200)
def test_the_test_over_prompts_is_the_share_of_all_sign_patterns(rows: list[tuple[bool, bool, int]]) -> None:
    sums = [sum(a - b for a, b, g in rows if g == group) for group in range(8)]
    patterns = itertools.product((-1, 1), repeat=8)
    reached = [abs(sum(s * k for s, k in zip(p, sums, strict=True))) >= abs(sum(sums)) for p in patterns]
    base, method, groups = ([row[i] for row in rows] for i in range(3))
    found = prompt_test(base, method, [str(g) for g in groups])
    assert found == pytest.approx(sum(reached) / 256, abs=1e-12)


def test_the_test_over_prompts_agrees_with_scipy() -> None:
    rng = np.random.default_rng(2)
    base, method = rng.random(48) < 0.6, rng.random(48) < 0.35
    gains = (base.astype(int) - method).reshape(12, 4).sum(axis=1)
    done = permutation_test((gains,), np.sum, permutation_type="samples", n_resamples=np.inf)
    found = prompt_test(list(base), list(method), [str(i // 4) for i in range(48)])
    assert found == pytest.approx(done.pvalue, rel=1e-9)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=300))
def test_with_one_image_per_prompt_it_is_mcnemar_s(rows: list[tuple[bool, bool]]) -> None:
    base, method = [a for a, _ in rows], [b for _, b in rows]
    wins, losses = rows.count((True, False)), rows.count((False, True))
    assert prompt_test(base, method, [str(i) for i in range(len(rows))]) == sign_test(wins, losses)


def test_copies_of_an_image_prove_nothing_more() -> None:
    base, method = [True] * 6 + [False] * 30, [False] * 36
    once = prompt_test(base, method, [str(i) for i in range(36)])
    again = prompt_test(base * 4, method * 4, [str(i) for i in range(36)] * 4)
    assert once == again == pytest.approx(2 / 2**6) and sign_test(24, 0) < 1e-6


def test_the_test_over_prompts_keeps_its_level() -> None:
    """Four images of each of 60 prompts, whose difficulty the two models share in part; no difference."""
    rejected = {"prompts": 0, "images": 0}
    groups = [str(i // 4) for i in range(240)]
    for trial in range(400):
        rng = np.random.default_rng(trial)
        base, method = (rng.random(240) < np.repeat(rng.beta(0.5, 0.8, 60), 4) for _ in range(2))
        rejected["prompts"] += prompt_test(list(base), list(method), groups) < 0.05
        wins, losses = int((base & ~method).sum()), int((method & ~base).sum())
        rejected["images"] += sign_test(wins, losses) < 0.05
    assert rejected["prompts"] <= 32 and rejected["images"] > 60


def test_rsi_by_its_definition() -> None:
    assert rsi(36, 45, 19) == pytest.approx(81 / 64)
    assert rsi(685, 200, 115) == pytest.approx(885 / 315)  # the paper's votes on SDXL: 68.5, 20.0, 11.5
    assert rsi(0, 10, 0) == 1.0 and rsi(3, 0, 0) == math.inf and math.isnan(rsi(0, 0, 0))
    found = preference([1] * 36 + [0] * 45 + [-1] * 19, [str(i) for i in range(100)])
    assert (found.wins, found.ties, found.losses) == (36, 45, 19)
    assert found.rsi == rsi(36, 45, 19) and found.win_rate == pytest.approx(36 / 55)
    assert found.win_rate_interval == pytest.approx(wilson(36, 55))


def test_the_interval_of_rsi_agrees_with_the_delta_method() -> None:
    count = 4000
    outcomes = np.random.default_rng(0).choice([1, 0, -1], count, p=[0.25, 0.6, 0.15])
    found = preference(outcomes.tolist(), [str(i) for i in range(count)])
    above, below = (outcomes >= 0), (outcomes <= 0)
    log_variance = np.var(above / above.mean() - below / below.mean()) / count
    half = 1.96 * math.sqrt(log_variance)
    assert found.rsi_interval is not None
    assert found.rsi_interval.low == pytest.approx(found.rsi * math.exp(-half), rel=0.006)
    assert found.rsi_interval.high == pytest.approx(found.rsi * math.exp(half), rel=0.006)


def test_copies_of_an_image_do_not_narrow_the_intervals() -> None:
    outcomes = np.random.default_rng(1).choice([1, 0, -1], 200, p=[0.3, 0.5, 0.2]).tolist()
    prompts = [str(i) for i in range(200)]
    once, again = preference(outcomes, prompts), preference(outcomes * 5, prompts * 5)
    assert again.rsi == once.rsi and again.rsi_interval == pytest.approx(once.rsi_interval, abs=0.03)
    assert again.win_rate_interval == pytest.approx(once.win_rate_interval, abs=0.01)


def test_preference_at_the_ends() -> None:
    nothing = preference([], [])
    assert (nothing.wins, nothing.ties, nothing.losses, nothing.rsi_interval) == (0, 0, 0, None)
    assert math.isnan(nothing.rsi) and math.isnan(nothing.win_rate)
    assert nothing.win_rate_interval == (0.0, 1.0)
    prompts = [str(i) for i in range(12)]
    ties = preference([0] * 12, prompts)
    assert ties.rsi == 1.0 and ties.rsi_interval is None and ties.win_rate_interval == (0.0, 1.0)
    nearly = preference([1] * 11 + [-1], prompts)
    assert nearly.rsi == 11.0 and nearly.rsi_interval is not None and nearly.rsi_interval.high == math.inf
    assert preference([1] * 9, prompts[:9]).rsi_interval is None
    for outcomes, clusters in (([1], []), ([2], ["a"])):
        with pytest.raises(ValueError, match="outcomes of"):
            preference(outcomes, clusters)


def test_draws_without_a_value_widen_an_interval() -> None:
    values = np.linspace(0, 1, 1001)
    assert percentiles(values) == pytest.approx((0.025, 0.975))
    wider = percentiles(values, unknown=10)
    assert 0.01 < wider.low < 0.02 and 0.98 < wider.high < 0.99
    assert percentiles(values, unknown=30) == (-math.inf, math.inf)
    assert resampled_sums(np.ones((7, 2)), 3, 0).tolist() == [[7, 7]] * 3


def test_the_paper_s_gaps_between_asap_and_dpo_are_chance_at_500_images() -> None:
    """Even with the most favourable pairing, two images of FLUX decide nothing; six of SDXL would only just,
    and with a few losses do not."""
    assert sign_test(2, 0) == 0.5  # 0.293 and 0.289 of 500: 2 images apart
    assert sign_test(6, 0) == pytest.approx(0.03125) and sign_test(5, 0) > 0.05  # 0.775 and 0.764: 5 to 6
    assert sign_test(8, 2) > 0.1 and sign_test(50, 44) > 0.5
    for one, two in ((147, 145), (388, 382)):  # each lies inside the other's interval
        assert wilson(one, 500).low < two / 500 and wilson(two, 500).high > one / 500
    # what the table does show: the base against ASAP
    assert wilson(209, 500).low > wilson(145, 500).high
    assert wilson(437, 500).low > wilson(382, 500).high


def test_the_published_rates_are_no_shares_of_500_images() -> None:
    """Rates of 500 images, to three digits, are even in the third; of 1000 they may be anything."""
    rates = sorted({rate for row in PUBLISHED.values() for rate in row[:2]})
    odd = [rate for rate in rates if all(round(k / 500, 3) != rate for k in range(501))]
    assert odd == [0.289, 0.293, 0.391, 0.417, 0.775, 0.873]
    assert all(any(round(k / 1000, 3) == rate for k in range(1001)) for rate in rates)


def test_the_published_rsi_cannot_come_from_the_published_verdicts() -> None:
    """With win and loss shares w and l, AER(base) - AER(method) = w - l and RSI = (1 - l) / (1 - w); that
    gives w and l, and in four rows they are negative or more than the base's wrong and right images."""
    impossible = []
    for name, (base, method, published) in PUBLISHED.items():
        feasible = False
        for gap, ratio in itertools.product(
            np.linspace(base - method - 0.001, base - method + 0.001, 21),
            np.linspace(published - 0.005, published + 0.005, 21),
        ):
            win = (ratio - 1 - gap) / (ratio - 1)
            loss = win - gap
            feasible |= win >= 0 and loss >= 0 and win <= base + 0.0005 and loss <= 1 - base + 0.0005
        impossible += [] if feasible else [name]
    assert impossible == ["FLUX DPO", "SDXL SFT", "SDXL DPO", "SDXL ASAP"]


def test_aer_and_rsi_are_recomputed_from_constructed_verdicts() -> None:
    """500 images: 120 wins, 60 losses, 89 wrong for both, so AER falls from 0.418 to 0.298."""
    outcomes = [1] * 120 + [-1] * 60 + [0] * 320
    found = preference(outcomes, [str(i) for i in range(500)])
    assert found.rsi == pytest.approx(440 / 380)
    assert wilson(209, 500).low < 209 / 500 < wilson(209, 500).high
    assert found.rsi_interval is not None and found.rsi_interval.low > 1.05
