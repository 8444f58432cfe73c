"""Davidson's model against a Poisson regression, numerical maximisation, linear programs and known truths."""

from __future__ import annotations

import math

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.optimize import linprog, minimize

from asap.bench.statistics import Outcomes, Strengths, from_verdicts, strengths
from asap.bench.statistics.davidson import NEVER, fit, identified, obstacle, pairs


def likelihood(parameters: np.ndarray, table: np.ndarray, models: int) -> float:
    """Minus the log-likelihood of one table; strengths of all models but the first, and log nu."""
    strength = np.concatenate([[0.0], parameters[:-1]])
    told = 0.0
    for (i, j), counts in zip(pairs(models), table, strict=True):
        a, b = math.exp(strength[i]), math.exp(strength[j])
        ties = math.exp(parameters[-1]) * math.sqrt(a * b)
        told -= float(counts @ np.log(np.array([a, b, ties]) / (a + b + ties)))
    return told


def drawn(rng: np.random.Generator, models: int, most: int = 40) -> np.ndarray:
    return rng.integers(1, most, (len(pairs(models)), 3)).astype(float)


@pytest.mark.parametrize("models", [2, 3, 5])
def test_the_maximum_is_that_of_a_numerical_search(models: int) -> None:
    table = drawn(np.random.default_rng(models), models)
    best = minimize(likelihood, np.zeros(models), (table, models), method="BFGS", options={"gtol": 1e-8})
    found = fit(table[None], models)
    assert [*found.strengths[0, 1:], math.log(found.ties[0])] == pytest.approx(best.x, abs=1e-5)


def test_the_maximum_is_that_of_a_poisson_regression() -> None:
    """Fienberg and Larntz (1976): counts are log-linear, with a constant for each pair."""
    models = 4
    table, rows = drawn(np.random.default_rng(0), models), []
    for number, (i, j) in enumerate(pairs(models)):
        for a, b, tie in ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.5, 0.5, 1.0)):
            row = np.zeros(models + 1 + len(pairs(models)))
            row[i], row[j], row[models], row[models + 1 + number] = a, b, tie, 1.0
            rows.append(row[1:])  # the first model's strength is 0
    glm = sm.GLM(table.ravel(), np.array(rows), family=sm.families.Poisson()).fit(tol=1e-12)
    found = fit(table[None], models)
    assert found.strengths[0, 1:] == pytest.approx(glm.params[: models - 1], abs=1e-8)
    assert math.log(found.ties[0]) == pytest.approx(glm.params[models - 1], abs=1e-8)


def test_without_ties_it_is_bradley_terry() -> None:
    """Of two models the odds are the ratio of wins; of three, a logistic regression's."""
    two = fit(np.array([[[30.0, 10.0, 0.0]]]), 2)
    assert two.strengths[0, 1] == pytest.approx(-math.log(3)) and two.ties[0] == 0.0
    table = drawn(np.random.default_rng(5), 3)
    table[:, 2] = 0
    design = np.zeros((3, 2))
    for row, (i, j) in enumerate(pairs(3)):
        for model, sign in ((i, 1), (j, -1)):
            design[row, model - 1] += sign if model else 0
    glm = sm.GLM(table[:, :2], design, family=sm.families.Binomial()).fit()
    assert fit(table[None], 3).strengths[0, 1:] == pytest.approx(glm.params, abs=1e-7)


def test_two_models_with_ties_by_hand() -> None:
    """The model is saturated: odds 40 to 10, and nu = ties / sqrt(40 * 10)."""
    found = fit(np.array([[[10.0, 40.0, 60.0]]]), 2)
    assert found.strengths[0, 1] == pytest.approx(math.log(4))
    assert found.ties[0] == pytest.approx(60 / math.sqrt(400))


def test_tables_are_fitted_together_as_they_are_alone() -> None:
    tables = np.stack([drawn(np.random.default_rng(i), 4) for i in range(6)])
    tables[2, :, 2] = 0  # one without ties among others
    both = fit(tables, 4)
    for i in range(6):
        assert both.strengths[i] == pytest.approx(fit(tables[i : i + 1], 4).strengths[0], abs=1e-9)
    assert both.ties[2] == 0.0 and NEVER < -1e6


def runs_away(table: np.ndarray, models: int) -> bool:
    """By linear programs: whether some direction of strengths and log nu never lowers what was observed."""
    scores = []
    for i, j in pairs(models):
        rows = np.zeros((3, models + 1))
        rows[0, i] = rows[1, j] = rows[2, -1] = 1
        rows[2, [i, j]] = 0.5
        scores.append(rows)
    upper = [
        rows[other] - rows[seen]
        for rows, counts in zip(scores, table, strict=True)
        for seen in range(3)
        for other in range(3)
        if counts[seen] and (counts.sum() > 0)
    ]
    # log nu may run away downwards where nothing tied: the fit has nu = 0 there
    tied = table[:, 2].sum() > 0
    bounds = [(0, 0)] + [(-1, 1)] * (models - 1) + [(-1, 1) if tied else (-1, -1)]
    for model in range(1, models):
        for sign in (1, -1):
            goal = np.zeros(models + 1)
            goal[model] = sign
            done = linprog(goal, np.array(upper), np.zeros(len(upper)), bounds=bounds)
            if done.status == 0 and done.fun < -1e-9:
                return True
    if tied:
        goal = np.zeros(models + 1)
        goal[-1] = -1.0
        done = linprog(goal, np.array(upper), np.zeros(len(upper)), bounds=bounds)
        return bool(done.fun < -1e-9)
    return False


@pytest.mark.parametrize("models", [2, 3, 4])
def test_identified_is_what_linear_programs_say(models: int) -> None:
    rng, seen = np.random.default_rng(models), set()
    for _ in range(150):
        table = rng.choice([0, 0, 1, 3], (len(pairs(models)), 3)).astype(float)
        if table.sum() == 0:
            continue
        found = bool(identified(table[None], models)[0])
        assert found == (not runs_away(table, models)), table
        seen.add(found)
    assert seen == {True, False}


def test_what_stands_in_the_way_is_told() -> None:
    names = ("base", "dpo", "asap")
    never = np.array([[5.0, 3, 2], [0, 4, 0], [0, 6, 0]])  # asap loses to nobody
    assert obstacle(never, names).startswith("asap never lost to or tied with another")
    two = np.array([[0.0, 6, 9]])
    assert "too few models both won and lost" in obstacle(two, names[:2])
    assert obstacle(np.ones((3, 3)), names) == ""
    outcomes = Outcomes([0] * 15, [1] * 15, [-1] * 6 + [0] * 9, [str(i) for i in range(15)])
    assert strengths(outcomes, names[:2]) == obstacle(two, names[:2])


def simulated(rng: np.random.Generator, log: list[float], nu: float, prompts: int) -> Outcomes:
    rows: list[tuple[int, int, int, str]] = []
    for i, j in pairs(len(log)):
        a, b = math.exp(log[i]), math.exp(log[j])
        weights = np.array([b, nu * math.sqrt(a * b), a])
        won = rng.choice([-1, 0, 1], prompts, p=weights / weights.sum())
        rows += [(i, j, int(w), str(p)) for p, w in enumerate(won)]
    return Outcomes(*(list(column) for column in zip(*rows, strict=True)))


def test_strengths_are_found_and_their_intervals_cover() -> None:
    log, inside, sums = [0.0, 0.4, -0.3], 0, np.zeros(3)
    for trial in range(60):
        found = strengths(simulated(np.random.default_rng(trial), log, 1.5, 120), "abc", resamples=400)
        assert isinstance(found, Strengths) and found.intervals[0] is None
        for truth, interval in zip(log[1:], found.intervals[1:], strict=True):
            assert interval is not None
            inside += interval.low <= truth <= interval.high
        sums += found.log
    assert 105 <= inside <= 120 and sums / 60 == pytest.approx(log, abs=0.06)


def test_copies_of_a_prompt_s_comparisons_do_not_narrow_the_intervals() -> None:
    outcomes = simulated(np.random.default_rng(0), [0.0, 0.5, 0.2], 1.0, 80)
    again = Outcomes(*(list(column) * 3 for column in outcomes))
    once, thrice = (strengths(o, "abc") for o in (outcomes, again))
    assert isinstance(once, Strengths) and isinstance(thrice, Strengths)
    assert thrice.log == pytest.approx(once.log, abs=1e-8)
    for one, three in zip(once.intervals[1:], thrice.intervals[1:], strict=True):
        assert three == pytest.approx(one, abs=1e-6)


def test_draws_that_have_no_maximum_open_the_interval() -> None:
    """Each of 12 prompts is decided; one alone against the second model, so a third of draws has none."""
    outcomes = Outcomes([0] * 12, [1] * 12, [1] + [-1] * 11, [str(i) for i in range(12)])
    found = strengths(outcomes, ("a", "b"))
    assert isinstance(found, Strengths) and found.log[1] == pytest.approx(math.log(11))
    assert 0.25 < found.unidentified < 0.45 and found.intervals[1] == (-math.inf, math.inf)


def test_verdicts_become_comparisons() -> None:
    wrong = [[True, True, False], [False, True, False], [False, False, True]]
    found = from_verdicts(wrong, ["p", "p", "q"])
    assert list(zip(*found, strict=True)) == [
        (0, 1, -1, "p"), (0, 1, 0, "p"), (0, 1, 0, "q"),
        (0, 2, -1, "p"), (0, 2, -1, "p"), (0, 2, 1, "q"),
        (1, 2, 0, "p"), (1, 2, -1, "p"), (1, 2, 1, "q"),
    ]  # fmt: skip
    few = strengths(from_verdicts([[True, False, True], [False, True, True]], ["a", "b", "c"]), "xy")
    assert isinstance(few, Strengths) and few.log == pytest.approx((0, 0), abs=1e-9) and few.ties == 1.0
    assert few.intervals == (None, None)


@pytest.mark.parametrize(
    "outcomes",
    [
        Outcomes([], [], [], []),
        Outcomes([0], [0], [1], ["a"]),
        Outcomes([1], [0], [1], ["a"]),
        Outcomes([0], [2], [1], ["a"]),
        Outcomes([0], [1], [2], ["a"]),
        Outcomes([0], [1], [1], []),
    ],
)
def test_what_is_no_comparison_is_refused(outcomes: Outcomes) -> None:
    with pytest.raises(ValueError, match="compar"):
        strengths(outcomes, "ab")
