"""Numbers of trials and of seeds, against values worked out by hand."""

from __future__ import annotations

import math

import pytest
from scipy import stats

from asap.lab.numbers import broken, error_rate, mean_interval, prompt_interval


def test_an_error_rate_leaves_out_what_was_not_scored() -> None:
    assert error_rate("0011") == 0.5
    assert error_rate("01??") == 0.5
    assert math.isnan(error_rate("??"))


def test_broken_counts_only_what_the_base_had_right() -> None:
    assert broken("0001", "0110") == pytest.approx(2 / 3)
    assert broken("000", "1?0") == 0.5
    assert math.isnan(broken("11", "01"))
    with pytest.raises(ValueError, match="zip"):
        broken("00", "000")


def test_the_interval_is_scipys_for_the_mean_of_a_sample() -> None:
    values = [0.30, 0.35, 0.28, 0.41, 0.33]
    found = mean_interval(values)
    expected = stats.ttest_1samp(values, 0.0).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert found.mean == pytest.approx(sum(values) / 5)
    alone = mean_interval([0.3])
    assert alone.mean == 0.3 and math.isnan(alone.low)
    with pytest.raises(ValueError, match="no values"):
        mean_interval([])


def test_the_interval_over_prompts_is_that_of_their_differences() -> None:
    always = prompt_interval([("1" * 40, "0" * 40), ("1" * 40, "0" * 40)])
    assert always == (1.0, 1.0, 1.0)
    half = prompt_interval([("10" * 100, "00" * 100)])
    assert half.mean == 0.5  # the interval of a share of 100 in 200
    assert half.low == pytest.approx(0.43, abs=0.015) and half.high == pytest.approx(0.57, abs=0.015)
    opposite = prompt_interval([("10", "01"), ("01", "10")])
    assert opposite == (0.0, 0.0, 0.0)  # averaged over seeds, prompt by prompt
    assert prompt_interval([("1?0", "001")]).mean == 0.0
