"""Power, needed images and detectable changes: against statsmodels and simulation; `asap power`."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binomtest
from statsmodels.stats.proportion import power_proportions_2indep, samplesize_proportions_2indep_onetail

from asap.bench import power as stage
from asap.bench.statistics import power as powers
from asap.errors import UserError
from bench_runs import write_run


@pytest.mark.parametrize(
    ("base", "method", "count"), [(0.417, 0.289, 500), (0.873, 0.764, 120), (0.3, 0.45, 150)]
)
def test_unpaired_power_is_statsmodels(base: float, method: float, count: int) -> None:
    expected = power_proportions_2indep(abs(base - method), min(base, method), count).power
    # theirs adds the chance of being found the wrong way round
    assert powers.unpaired_power(count, base, method) == pytest.approx(expected, abs=2e-3)
    needed = samplesize_proportions_2indep_onetail(abs(base - method), min(base, method), 0.8, alpha=0.05)
    assert powers.unpaired_images(base, method) == pytest.approx(np.ceil(needed), abs=1)


def test_unpaired_power_is_that_of_simulated_tests() -> None:
    rng, count = np.random.default_rng(0), 200
    base, method = (rng.binomial(count, p, 20_000) / count for p in (0.4, 0.28))
    pooled = (base + method) / 2
    found = abs(base - method) > 1.96 * np.sqrt(2 * pooled * (1 - pooled) / count)
    assert powers.unpaired_power(count, 0.4, 0.28) == pytest.approx(found.mean(), abs=0.015)


def test_paired_power_is_that_of_simulated_tests() -> None:
    rng = np.random.default_rng(1)
    outcomes = rng.multinomial(120, [0.22, 0.09, 0.69], 4000)
    known: dict[tuple[int, int], bool] = {}
    for wins, losses in {(int(won), int(lost)) for won, lost, _ in outcomes}:
        known[wins, losses] = wins + losses > 0 and binomtest(wins, wins + losses).pvalue <= 0.05
    share = np.mean([known[int(won), int(lost)] for won, lost, _ in outcomes])
    assert powers.paired_power(120, 0.22, 0.09) == pytest.approx(share, abs=0.02)


def test_paired_power_by_hand() -> None:
    # with every pair decided and won, the test needs six: 2 / 2**6 < 0.05 <= 2 / 2**5
    assert powers.paired_power(6, 1.0, 0.0) == pytest.approx(1.0)
    assert powers.paired_power(5, 1.0, 0.0) == 0.0
    assert powers.paired_power(50, 0.0, 0.0) == 0.0
    assert powers.paired_power(300, 0.2, 0.2) <= 0.05


@pytest.mark.parametrize(("win", "loss"), [(0.25, 0.12), (0.05, 0.01), (0.5, 0.3), (0.3, 0.0)])
def test_the_needed_pairs_are_about_enough(win: float, loss: float) -> None:
    needed = powers.paired_images(win, loss)
    assert powers.chance_paired(needed, win, loss) >= 0.8
    assert powers.chance_paired(int(0.85 * needed), win, loss) < 0.8
    # the normal approximation, which the exact test lags a little behind
    assert powers._paired_power_about(needed, win, loss, 0.05) == pytest.approx(0.8, abs=0.07)


def test_beyond_the_exact_sums_the_approximation_goes_on() -> None:
    about = powers._paired_power_about(powers.EXACT_UP_TO, 0.05, 0.035, 0.05)
    assert powers.paired_power(powers.EXACT_UP_TO, 0.05, 0.035) == pytest.approx(about, abs=0.02)


def test_verdicts_that_correlate_have_fewer_decided_pairs() -> None:
    assert powers.discordant(0.4, 0.3) == pytest.approx((0.28, 0.18))
    win, loss = powers.discordant(0.4, 0.3, 0.5)
    assert win - loss == pytest.approx(0.1) and win < 0.28
    both = 0.4 - win
    assert (both - 0.12) / (0.24 * 0.21) ** 0.5 == pytest.approx(0.5)
    assert powers.discordant(0.4, 0.3, 1.0) == pytest.approx((0.1, 0.0))  # no rates correlate more
    assert powers.paired_images(win, loss) < powers.unpaired_images(0.4, 0.3)


def test_the_detectable_fall_is_where_the_power_is_reached() -> None:
    found = powers.detectable(0.4, lambda rate: powers.unpaired_power(500, 0.4, rate))
    assert found is not None and powers.unpaired_images(0.4, 0.4 - found) == pytest.approx(500, abs=3)
    assert powers.detectable(0.05, lambda rate: powers.unpaired_power(20, 0.05, rate)) is None


def test_images_of_one_prompt_count_as_fewer() -> None:
    assert powers.independent(500, 1, 0.3) == 500
    assert powers.independent(500, 4, 0.0) == 2000 and powers.independent(500, 4, 1.0) == 500


def test_equal_rates_need_no_number() -> None:
    assert powers.unpaired_power(500, 0.3, 0.3) == 0.05
    for needed in (lambda: powers.unpaired_images(0.3, 0.3), lambda: powers.paired_images(0.1, 0.1)):
        with pytest.raises(ValueError, match="equal rates"):
            needed()


def test_the_paper_s_gap_needs_six_figures_of_images() -> None:
    """ASAP against DPO on FLUX, 0.289 and 0.293: 500 images find it no more often than chance would."""
    assert powers.unpaired_power(500, 0.293, 0.289) < 0.06
    assert powers.unpaired_images(0.293, 0.289) > 200_000
    assert powers.paired_images(*powers.discordant(0.293, 0.289, 0.2)) > 150_000
    assert powers.unpaired_images(0.775, 0.764) > 20_000  # SDXL
    assert powers.unpaired_power(500, 0.417, 0.289) > 0.98  # the base against ASAP


def rows(text: str) -> dict[int, tuple[float, float]]:
    found = re.findall(r"^ +(\d+) +\d+ +([\d.]+) +([\d.]+)$", text, re.MULTILINE)
    return {int(prompts): (float(same), float(other)) for prompts, same, other in found}


def test_the_stage_tells_what_a_comparison_finds() -> None:
    text = stage.run(stage.Config(base=0.417, target=0.289))
    table = rows(text)
    assert table[500][0] < table[500][1] and table[500][1] == pytest.approx(8.6, abs=0.1)
    assert list(table) == [50, 100, 200, 500, 1000, 2000, 5000]
    assert f"and {powers.unpaired_images(0.417, 0.289)} prompts (1 per prompt" in text
    more = rows(stage.run(stage.Config(base=0.417, seeds=4)))
    assert table[500][1] * 0.5 < more[500][1] < table[500][1]


def test_a_judge_that_errs_needs_more() -> None:
    sure = rows(stage.run(stage.Config(base=0.4)))
    errs = rows(stage.run(stage.Config(base=0.4, sensitivity=0.75, specificity=0.9)))
    assert errs[1000][1] > 1.3 * sure[1000][1]


def test_rates_and_correlations_come_from_judgements(tmp_path: Path) -> None:
    base = write_run(tmp_path / "base", "eeee" * 8 + "cccc" * 10 + "ccec" * 6, seeds=4)
    method = write_run(tmp_path / "asap", "eeee" * 5 + "cccc" * 19, seeds=4)
    design = stage.plan(stage.Config((f"base={base}", f"asap={method}")))
    assert design.base == pytest.approx(38 / 96)
    b = [*[1] * 32, *[0] * 40, *[0, 0, 1, 0] * 6]
    m = [*[1] * 20, *[0] * 76]
    assert design.alike_models == pytest.approx(np.corrcoef(b, m)[0, 1])
    assert 0.5 < design.alike_seeds < 1
    given = stage.plan(stage.Config((f"base={base}",), alike_seeds=0.1, base=0.2))
    assert (given.base, given.alike_seeds, given.alike_models) == (0.2, 0.1, 0.2)


@pytest.mark.parametrize(
    ("config", "told"),
    [
        (stage.Config(base=1.2), "--base is 1.2"),
        (stage.Config(target=0.0), "--target is 0.0"),
        (stage.Config(alike_models=2), "--alike-models is 2"),
        (stage.Config(alike_seeds=-0.1), "--alike-seeds is -0.1"),
        (stage.Config(prompts=0), "--prompts is 0"),
        (stage.Config(power=1.0), "--power is 1.0"),
        (stage.Config(sensitivity=1.5), "are shares"),
        (stage.Config(sensitivity=0.5, specificity=0.5), "no better than chance"),
        (stage.Config(("a", "b", "c")), "at most two folders"),
        (stage.Config(base=0.4, target=0.4), "equals the base's rate"),
    ],
)
def test_numbers_out_of_range_are_told(config: stage.Config, told: str) -> None:
    with pytest.raises(UserError, match=told):
        stage.run(config)


def test_verdicts_that_are_all_alike_tell_nothing(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="all alike"):
        stage.run(stage.Config((str(write_run(tmp_path / "a", "eeee")),)))
