"""The search for the best candidate, on degradations whose response to their strength is known."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asap.errors import UserError
from asap.pairs.checks.candidates import Bracket, Candidate, best_candidate, takes_strength
from asap.pairs.degradations import Unsuitable
from asap.records import Image

Judge = Callable[[Image], Candidate]


def grey(level: float) -> Image:
    return np.full((2, 2, 3), round(min(level, 255)), np.uint8)


def wanted(low: float, high: float) -> Judge:
    """A judge of grey levels: those from `low` to `high` pass, and their middle is the target."""

    def judge(image: Image) -> Candidate:
        level = float(image[0, 0, 0])
        away = abs(level - (low + high) / 2)
        if level < low:
            return Candidate("too little", 1, away, metrics={"level": level})
        if level > high:
            return Candidate("too much", -1, away, metrics={"level": level})
        return Candidate("", 0, away, metrics={"level": level})

    return judge


def tries_of(make: Callable[..., Image], judge: Judge, tries: int) -> tuple[Candidate, list[float]]:
    asked: list[float] = []

    def noted(rng: random.Random, *, strength: float = 1.0) -> Image:
        asked.append(strength)
        return make(strength)

    return best_candidate(noted, (), 0, judge, tries), asked


def test_strength_one_is_kept_where_it_passes() -> None:
    best, asked = tries_of(lambda strength: grey(100 * strength), wanted(90, 110), 4)
    assert asked == [1.0] and not best.refused and best.metrics == {"level": 100, "strength": 1.0}


@given(gain=st.floats(75, 175))
def test_an_edit_with_a_known_response_is_brought_into_the_band(gain: float) -> None:
    best, asked = tries_of(lambda strength: grey(gain * strength), wanted(85, 115), 8)
    assert not best.refused and 85 <= best.metrics["level"] <= 115
    towards = [np.sign(100 - round(gain * strength)) for strength in asked[:-1]]
    for i, way in enumerate(towards):  # each step goes where the last one pointed
        assert np.sign(asked[i + 1] - asked[i]) == way


def test_the_number_of_tries_is_kept_to() -> None:
    best, asked = tries_of(lambda strength: grey(1), wanted(90, 110), 3)
    assert len(asked) == 3 and best.refused == "too little"
    assert asked == pytest.approx([1, 1.4, 1.6])


def test_strengths_end_where_an_edit_would_tear_or_vanish() -> None:
    assert tries_of(lambda strength: grey(1), wanted(90, 110), 9)[1] == pytest.approx([1, 1.4, 1.6])
    assert tries_of(lambda strength: grey(200), wanted(90, 110), 9)[1] == pytest.approx(
        [1, 1 / 1.4, 1 / 1.4**2, 0.5]
    )


def test_the_search_ends_where_two_strengths_meet() -> None:
    best, asked = tries_of(lambda strength: grey(50 if strength < 1.2 else 150), wanted(90, 110), 40)
    assert len(asked) < 10 and best.refused


def test_of_several_pictures_the_nearest_that_passes_is_kept() -> None:
    def several(rng: random.Random) -> list[Image]:
        return [grey(level) for level in (20, 92, 99, 108, 200)]

    best = best_candidate(several, (), 0, wanted(90, 110))
    assert best.metrics == {"level": 99}
    assert best_candidate(several, (), 0, wanted(115, 195)).refused == "too much"  # 200: the nearest


def test_what_passes_goes_before_what_is_nearer_but_refused() -> None:
    def judge(image: Image) -> Candidate:
        level = float(image[0, 0, 0])
        return Candidate("not seen" if level < 50 else "", 0, level, metrics={"level": level})

    best = best_candidate(lambda rng: [grey(10), grey(200), grey(90)], (), 0, judge)
    assert not best.refused and best.metrics == {"level": 90}


def test_what_raises_at_one_strength_is_tried_at_others() -> None:
    def narrow(strength: float) -> Image:
        if strength >= 1:
            raise Unsuitable(f"no room at {strength}")
        return grey(100)

    best, asked = tries_of(narrow, wanted(90, 110), 4)
    assert not best.refused and asked == pytest.approx([1, 1 / 1.4])

    def blind(strength: float) -> Image:
        if strength < 1.3:
            raise Unsuitable("not visible", way=1)
        return grey(100)

    best, asked = tries_of(blind, wanted(90, 110), 4)
    assert not best.refused and asked == pytest.approx([1, 1.4])


def test_what_raises_for_the_same_reason_twice_is_given_up() -> None:
    def never(strength: float) -> Image:
        raise Unsuitable("face too small")

    best, asked = tries_of(never, wanted(90, 110), 9)
    assert best.refused == "face too small" and len(asked) == 2 and best.made is None


def test_a_measured_refusal_says_more_than_one_without_a_picture() -> None:
    def fades(strength: float) -> Image:
        if strength > 1:
            raise IndexError("out of range")
        return grey(80 * strength)

    best, asked = tries_of(fades, wanted(90, 110), 4)
    assert best.refused == "too little" and best.metrics["level"] == 80
    assert len(asked) == 3  # 1, 1.4, and between them, where it fails the same way


def test_pictures_before_a_failure_count() -> None:
    def breaks(rng: random.Random) -> Iterator[Image]:
        yield grey(100)
        raise RuntimeError("out of memory")

    assert not best_candidate(breaks, (), 0, wanted(90, 110)).refused


def test_no_picture_at_all_is_told() -> None:
    assert best_candidate(lambda rng: [], (), 0, wanted(0, 1)).refused == "no picture was made"


def test_a_users_mistake_ends_the_run() -> None:
    def unloaded(rng: random.Random) -> Image:
        raise UserError("no weights")

    with pytest.raises(UserError, match="no weights"):
        best_candidate(unloaded, (), 0, wanted(0, 1))


def test_chance_is_the_same_at_every_strength() -> None:
    drawn: list[float] = []

    def draws(rng: random.Random, *, strength: float = 1.0) -> Image:
        drawn.append(rng.random())
        return grey(1)

    best_candidate(draws, (), 7, wanted(90, 110), 3)
    assert drawn == [random.Random(7).random()] * 3
    assert takes_strength(draws) and not takes_strength(grey)


def test_bracket_narrows_to_the_geometric_mean() -> None:
    assert Bracket().narrowed(1, 1).next() == pytest.approx(1.4)
    assert Bracket().narrowed(1, -1).next() == pytest.approx(1 / 1.4)
    assert Bracket(1, 4).next() == pytest.approx(2)
    assert Bracket(1, 1.05).next() is None
    assert Bracket(low=1.6).next() is None and Bracket(high=0.5).next() is None
