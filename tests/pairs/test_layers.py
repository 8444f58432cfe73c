"""Profiles along an axis: what they scale, what they leave, and that they are undone pixel by pixel."""

from __future__ import annotations

import math

import numpy as np
import pytest

from asap.pairs.edits.layers import Axis, displaced, mirrored, profile, turned, unshape
from asap.pairs.edits.warp import pixel_grid

AXIS = Axis(np.array([20.0, 50.0]), np.array([120.0, 50.0]))


def test_stretching_moves_what_follows_and_leaves_what_goes_before() -> None:
    shape = profile(0.2, 0.8, along=2.0, ease=0.1)
    after = np.interp([0.1, 0.2, 1.0, 1.5], shape.before, shape.after)
    assert after[:2] == pytest.approx([0.1, 0.2], abs=0.012)
    assert after[3] - after[2] == pytest.approx(0.5, abs=0.02)
    assert after[2] == pytest.approx(1.5, abs=0.05)


def test_widening_reads_nearer_the_axis_and_only_there() -> None:
    grid = pixel_grid((0, 0, 160, 100))
    source = unshape(grid, AXIS, profile(0.1, 0.9, across=2.0, ease=0.2))
    assert source[70, 70, 1] == pytest.approx(60, abs=0.5)
    assert source[70, 150] == pytest.approx((150, 70), abs=0.5)
    assert not displaced(source, grid)[:, :25].any()


def test_an_open_end_is_scaled_for_ever() -> None:
    shape = profile(0.5, math.inf, along=0.5, across=0.5, ease=0.2)
    assert np.interp(3.0, shape.before, shape.after) - np.interp(2.0, shape.before, shape.after) == (
        pytest.approx(0.5, abs=0.02)
    )
    assert shape.width[-1] == pytest.approx(0.5)


def test_mirroring_twice_and_turning_back_give_the_place_again() -> None:
    grid = pixel_grid((0, 0, 40, 30))
    assert np.allclose(mirrored(mirrored(grid, AXIS), AXIS), grid, atol=1e-3)
    back = turned(turned(grid, np.array([7.0, 9.0]), 0.7), np.array([7.0, 9.0]), -0.7)
    assert np.allclose(back, grid, atol=1e-3)
