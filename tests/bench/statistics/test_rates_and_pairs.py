"""Against scipy, statsmodels, published values and arithmetic by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from asap.bench.statistics import (
    Paired,
    compare,
    difference_interval,
    effective_count,
    holm,
    sign_test,
    wilson,
)


@given(st.integers(1, 2000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_agrees_with_statsmodels(counted: tuple[int, int]) -> None:
    errors, count = counted
    assert wilson(errors, count) == pytest.approx(
        proportion_confint(errors, count, method="wilson"), abs=1e-12
    )


def test_wilson_of_published_values() -> None:
    # Newcombe, Statistics in Medicine 17 (1998), table I, method 3: 81/263 and 15/148
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(15, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)
    # the paper's FLUX rates 0.293 and 0.289 of 500 images lie far inside each other's interval
    assert wilson(147, 500).low < 145 / 500 < wilson(147, 500).high


def test_wilson_at_the_ends() -> None:
    assert wilson(0, 10).low == 0.0 and wilson(10, 10).high == 1.0
    assert wilson(0, 0) == (0.0, 1.0)
    for errors, count in ((3, 2), (-1, 2)):
        with pytest.raises(ValueError, match="errors of"):
            wilson(errors, count)


@given(st.integers(0, 400), st.integers(0, 400))
def test_sign_test_agrees_with_scipy_and_mcnemar(wins: int, losses: int) -> None:
    p = sign_test(wins, losses)
    if wins + losses:
        assert p == pytest.approx(binomtest(wins, wins + losses).pvalue, rel=1e-9)
        assert p == pytest.approx(mcnemar([[7, wins], [losses, 9]], exact=True).pvalue, rel=1e-9)
    else:
        assert p == 1.0


def test_samples_that_are_alike_within_clusters_count_less() -> None:
    rng = np.random.default_rng(3)
    prompts = [str(i // 8) for i in range(1600)]
    alone = rng.random(1600) < 0.3
    together = np.repeat(rng.random(200) < 0.3, 8)
    assert effective_count(list(alone), [str(i) for i in range(1600)]) == 1600
    assert effective_count(list(alone), prompts) > 1200
    assert effective_count(list(together), prompts) == pytest.approx(199)  # m - 1 of m clusters
    assert effective_count([True] * 1600, prompts) == 200
    assert effective_count([True, False], ["a", "a"]) == 1 and effective_count([], []) == 0


def test_the_clustered_interval_covers_its_truth() -> None:
    """Prompts of beta-distributed difficulty, four seeds each: the plain interval is too narrow."""
    clusters = [str(i // 4) for i in range(400)]
    covered = {"plain": 0, "clustered": 0}
    for trial in range(400):
        rng = np.random.default_rng(trial)
        wrong = rng.random(400) < np.repeat(rng.beta(0.6, 1.4, 100), 4)
        effective = effective_count(list(wrong), clusters)
        plain, clustered = wilson(wrong.sum(), 400), wilson(wrong.mean() * effective, effective)
        covered["plain"] += plain.low <= 0.3 <= plain.high
        covered["clustered"] += clustered.low <= 0.3 <= clustered.high
    assert covered["clustered"] >= 370 and covered["plain"] < 345


def test_sign_test_of_thousands_does_not_overflow() -> None:
    assert sign_test(30_000, 30_000) == 1.0
    assert sign_test(5000, 0) < 1e-300


def test_compare_counts_by_hand() -> None:
    base = [True, True, True, False, False, False, False]
    method = [False, False, True, True, False, False, False]
    paired = compare(base, method)
    assert paired == Paired(wins=2, losses=1, both_right=3, both_wrong=1)
    assert (paired.ties, paired.total) == (4, 7)
    assert paired.rsi == pytest.approx(6 / 5)
    assert paired.broken == pytest.approx(1 / 4) and paired.mended == pytest.approx(2 / 3)
    with pytest.raises(ValueError):
        compare([True], [])


def test_rsi_at_the_ends() -> None:
    assert compare([True, False], [True, False]).rsi == 1.0
    assert compare([True], [False]).rsi == math.inf
    assert math.isnan(compare([], []).rsi) and math.isnan(compare([], []).broken)
    assert compare([False], [True]).rsi == 0.0


def test_the_paper_s_human_votes_give_its_order_of_rsi() -> None:
    # ASAP/tie/base votes: 36.1/44.5/19.4 (FLUX)
    assert Paired(361, 194, 445, 0).rsi == pytest.approx(806 / 639)


@pytest.mark.parametrize("count", [1, 2, 5, 12])
def test_holm_agrees_with_statsmodels(count: int) -> None:
    p_values = list(np.random.default_rng(count).random(count) ** 3)
    assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1], abs=1e-12)


def test_holm_by_hand() -> None:
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])


def test_holm_of_nothing() -> None:
    assert holm([]) == []


def test_the_bootstrap_agrees_with_the_normal_approximation() -> None:
    rng = np.random.default_rng(1)
    base, method = rng.random(2000) < 0.4, rng.random(2000) < 0.3
    found = difference_interval(list(base), list(method), [str(i) for i in range(2000)])
    difference = method.astype(float) - base
    half = 1.96 * difference.std() / math.sqrt(2000)
    assert found is not None
    assert found == pytest.approx((difference.mean() - half, difference.mean() + half), abs=0.003)


def test_the_bootstrap_draws_whole_clusters() -> None:
    rng = np.random.default_rng(1)
    base, method = rng.random(100) < 0.5, rng.random(100) < 0.3
    once = difference_interval(list(base), list(method), [str(i) for i in range(100)])
    # ten identical seeds of each prompt carry no more information than one
    tenfold = difference_interval(
        list(np.repeat(base, 10)), list(np.repeat(method, 10)), [str(i // 10) for i in range(1000)]
    )
    naive = difference_interval(
        list(np.repeat(base, 10)), list(np.repeat(method, 10)), [str(i) for i in range(1000)]
    )
    assert once and tenfold and naive
    assert tenfold == pytest.approx(once, abs=0.02)
    assert naive.high - naive.low < 0.5 * (tenfold.high - tenfold.low)


def test_the_bootstrap_repeats_itself_and_covers_its_truth() -> None:
    covered = 0
    for trial in range(100):
        rng = np.random.default_rng(trial)
        base, method = rng.random(150) < 0.4, rng.random(150) < 0.3
        clusters = [str(i) for i in range(150)]
        found = difference_interval(list(base), list(method), clusters, resamples=1000)
        assert found == difference_interval(list(base), list(method), clusters, resamples=1000)
        covered += found is not None and found.low <= -0.1 <= found.high
    assert 88 <= covered <= 100


def test_the_bootstrap_has_no_interval_where_draws_say_nothing() -> None:
    few, many = [str(i) for i in range(9)], [str(i) for i in range(10)]
    assert difference_interval([True] * 9, [True] * 8 + [False], few) is None
    assert difference_interval([True] * 10, [True] * 9 + [False], many) is not None
    assert difference_interval([True] * 10, [False] * 10, many) is None


def test_the_bootstrap_refuses_nothing_and_unequal_lengths() -> None:
    for args in (([], [], []), ([True], [True], []), ([True], [], ["a"])):
        with pytest.raises(ValueError):
            difference_interval(*args)
