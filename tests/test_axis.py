"""Round numbers for axes."""

from __future__ import annotations

import pytest

from asap.axis import ticks


def test_ticks_are_round_and_hold_the_values() -> None:
    assert ticks(0, 99, 5) == [0, 20, 40, 60, 80, 100]
    assert ticks(-0.013, 0.021, 4) == pytest.approx([-0.02, -0.01, 0, 0.01, 0.02, 0.03])
    assert ticks(0, 0, 4) == [0, 1]
    assert ticks(7, 7, 5)[0] <= 7 <= ticks(7, 7, 5)[-1]


def test_ticks_hold_what_they_are_for() -> None:
    assert ticks(0, 0.97, 4) == pytest.approx([0, 0.5, 1])
    assert ticks(-3, 47, 4) == pytest.approx([-20, 0, 20, 40, 60])
    assert ticks(0, 0, 4) == [0, 1]
