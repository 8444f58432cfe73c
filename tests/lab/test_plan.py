"""The plan: equal chances for all objectives, and trials that keep their ids."""

from __future__ import annotations

from collections import Counter
from typing import get_args

from asap.align import train
from asap.lab import plan
from asap.lab.plan import Budget, Chosen, Data, Trial
from asap.lab.search import HANDS, Settings

CHOSEN = Chosen({name: settings[0] for name, settings in HANDS.items()}, dict.fromkeys(HANDS, 100))


def test_every_objective_is_searched_with_as_many_settings() -> None:
    assert set(HANDS) == set(get_args(train.Objective))
    assert {len(set(settings)) for settings in HANDS.values()} == {4}
    trials = plan.choice(Budget())
    assert set(Counter(t.objective for t in trials).values()) == {4 * plan.CHOICE_SEEDS}
    assert {t.prompts for t in trials} == {"validation"}


def test_the_result_is_on_prompts_that_chose_nothing_under_all_seeds() -> None:
    trials = plan.main(Budget(seeds=5), CHOSEN)
    assert {t.prompts for t in trials} == {"fresh"}
    assert set(Counter(t.objective for t in trials).values()) == {5}
    assert {t.stops for t in trials if t.seed < plan.FEW_SEEDS} == {(10, 30, 100, 300)}
    assert {t.stops for t in trials if t.seed >= plan.FEW_SEEDS} == {(10, 30, 100)}
    # seed by seed, so that an interrupted study has all objectives
    assert [t.seed for t in trials] == sorted(t.seed for t in trials)


def test_stops_follow_the_budget() -> None:
    assert Budget(steps=100).stops() == (10, 30, 100)
    assert Budget(steps=4).stops() == (4,)


def test_an_id_is_of_what_is_trained_and_drawn_alone() -> None:
    base = Trial("main", "asap", Settings(3e-4, 10.0, 0.1), 0, Data(2000), (100,))
    same = Trial("pairs", "asap", Settings(3e-4, 10.0, 0.1), 0, Data(2000), (10, 100))
    others = [
        Trial("main", "area", Settings(3e-4, 10.0, 0.1), 0, Data(2000), (100,)),
        Trial("main", "asap", Settings(3e-4, 10.0, 0.2), 0, Data(2000), (100,)),
        Trial("main", "asap", Settings(3e-4, 10.0, 0.1), 1, Data(2000), (100,)),
        Trial("main", "asap", Settings(3e-4, 10.0, 0.1), 0, Data(2000, 0.5), (100,)),
        Trial("main", "asap", Settings(3e-4, 10.0, 0.1), 0, Data(2000), (100,), "validation"),
    ]
    assert base.id == same.id
    assert len({base.id, *(t.id for t in others)}) == 1 + len(others)


def test_doses_try_what_was_chosen_with_the_look_and_without_it() -> None:
    own = Chosen({**CHOSEN.settings, "asap": HANDS["asap"][1]}, CHOSEN.stops)
    budget = Budget(objectives=("sft", "asap"), seeds=1)
    tried = Counter((t.objective, t.data.look) for t in plan.doses(budget, CHOSEN, own))
    assert tried == {(name, look): n for name, n in (("sft", 1), ("asap", 2)) for look in plan.DOSES}


def test_margins_are_in_spreads_of_the_reference() -> None:
    taus = {t.settings.tau for t in plan.margins(Budget(), {10.0: 0.07})}
    assert taus == {0.021, 0.07, 0.21}
