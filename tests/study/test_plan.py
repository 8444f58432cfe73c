"""The plan of a study: every item to its raters, sides balanced, checks in their places, all by the seed."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asap.study import plan

UNITS = [plan.Unit((f"rate/0/{k}", f"rate/1/{k}"), (f"vote/1/{k}",)) for k in range(30)]


@given(
    st.integers(1, 60),
    st.integers(1, 5),
    st.integers(0, 8),
    st.integers(1, 3),
    st.integers(0, 20),
    st.integers(),
)
@settings(max_examples=60, deadline=None)
def test_every_unit_gets_its_raters_and_no_rater_more_than_a_share(
    units: int, each: int, spare: int, largest: int, more: int, seed: int
) -> None:
    per_rater = largest + more
    raters = plan.raters_needed(units, each, per_rater, largest) + spare
    shares = plan.shared_out(units, raters, each, seed)
    assert shares == plan.shared_out(units, raters, each, seed) and len(shares) == raters
    found = Counter(entry for share in shares for entry in share)
    assert found == {(unit, turn): 1 for unit in range(units) for turn in range(each)}
    sizes = [len(share) for share in shares]
    assert max(sizes) - min(sizes) <= 1 and max(sizes) * largest <= per_rater
    for share in shares:
        assert len({unit for unit, _ in share}) == len(share)


def test_fewer_raters_than_answers_cannot_be() -> None:
    with pytest.raises(ValueError, match="2 raters"):
        plan.shared_out(5, 2, 3, 0)
    with pytest.raises(ValueError, match="no unit"):
        plan.raters_needed(5, 3, 2, 3)


def planned(seed: int, rater: int = 0, attention: int = 5) -> list[plan.Slot]:
    rates = plan.Checks(
        ["rate-obvious/a", "rate-obvious/b"], [f"rate-gold/{k}" for k in range(9)], attention, 3
    )
    votes = plan.Checks(["vote-obvious/a"], ["vote-gold/1"], 2, 3)
    return plan.slots([(unit, k % 3) for k, unit in enumerate(UNITS)], rates, votes, seed, rater)


@pytest.mark.parametrize("seed", range(8))
def test_a_raters_questions(seed: int) -> None:
    slots = planned(seed)
    assert slots == planned(seed) and slots != planned(seed + 1) and slots != planned(seed, 1)
    kinds = [slot.kind for slot in slots]
    assert kinds == sorted(kinds)  # ratings come before votes
    study = [slot.item for slot in slots if slot.role == "study"]
    assert Counter(study) == {item: 1 for unit in UNITS for item in (*unit.rates, *unit.votes)}
    roles = Counter((slot.kind, slot.role) for slot in slots if slot.role != "study")
    assert roles == {
        ("rate", "obvious"): 2, ("rate", "repeat"): 3, ("rate", "gold"): 3,
        ("vote", "obvious"): 1, ("vote", "repeat"): 1, ("vote", "gold"): 1,
    }  # fmt: skip
    assert slots[0].role == "study"
    place = {slot.item: at for at, slot in enumerate(slots) if slot.role == "study"}
    for at, slot in enumerate(slots):
        if slot.role == "repeat":
            first = slots[place[slot.item]]
            length = 60 if slot.kind == "rate" else 30
            assert at - place[slot.item] >= length / 3 - 1
            assert slot.swapped == (slot.kind == "vote" and not first.swapped)
    prompts = [slot.item.rpartition("/")[2] for slot in slots if (slot.kind, slot.role) == ("rate", "study")]
    assert len(set(prompts[:30])) == 30  # no prompt comes again before all have come


def test_no_check_without_its_items_and_none_where_none_is_wanted() -> None:
    slots = plan.slots([(unit, 0) for unit in UNITS], plan.Checks(), plan.Checks(), 0, 0)
    assert {slot.role for slot in slots} == {"study"} and len(slots) == 90


def test_sides_of_a_vote_are_in_balance_over_its_raters() -> None:
    for item in (f"vote/1/{k}" for k in range(40)):
        for each in (2, 3, 4):
            second_first = sum(plan.swapped(item, turn, 5) for turn in range(each))
            assert each // 2 <= second_first <= (each + 1) // 2
    starts = [plan.swapped(f"vote/1/{k}", 0, 5) for k in range(400)]
    assert 160 < sum(starts) < 240


@given(st.integers(0, 20), st.integers(0, 200), st.integers(0, 200))
def test_checks_are_split_by_length(total: int, rates: int, votes: int) -> None:
    first, second = plan.split(total, rates, votes)
    assert first + second == (total if rates or votes else 0) and min(first, second) >= 0
    assert (rates or not first) and (votes or not second)
    if total > 1 and rates and votes:
        assert first and second
