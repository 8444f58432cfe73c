"""Warps and fills against what can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from asap.pairs.degradations import Unsuitable
from asap.pairs.edits.fill import fill, fill_parts
from asap.pairs.edits.warp import (
    Bump,
    apply_bumps,
    box_around,
    coarse_grid,
    enlarge,
    pixel_grid,
    ramp,
    smoothstep,
)


def test_ramps_go_from_nothing_to_all_without_a_step() -> None:
    x = np.linspace(-0.5, 1.5, 2001, dtype=np.float32)
    for curve, steepest in ((smoothstep(x), 1.5), (ramp(x, 0.0, 1.0), 4 / 3)):
        slope = np.diff(curve) / np.diff(x)
        assert curve[0] == 0 and curve[-1] == 1 and np.all(slope > -1e-3)
        assert slope.max() == pytest.approx(steepest, abs=0.02)


def test_shift_moves_the_core_and_leaves_the_outside_bit_equal() -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (121, 141, 3), dtype=np.uint8)
    image[55:66, 65:76] = 200
    bump = Bump(np.array([70.0, 60.0]), (50.0, 40.0), plateau=0.5, shift=(8.0, -5.0))
    edited = apply_bumps(image, [bump])
    assert np.all(edited[52:59, 75:82] == 200)
    y, x = np.mgrid[:121, :141]
    outside = np.hypot((x - 74.0) / 50, (y - 57.5) / 40) > 1.001
    assert np.array_equal(edited[outside], image[outside])


def test_scale_and_turn_act_about_the_centre() -> None:
    image = np.zeros((101, 101, 3), np.uint8)
    image[48:53, 40:61] = 255
    centre = np.array([50.0, 50.0])
    turned = apply_bumps(image, [Bump(centre, (49, 49), plateau=0.7, turn=np.pi / 2)])
    assert np.all(turned[42:59, 50] > 250) and np.all(turned[50, 42:46] < 5)
    larger = apply_bumps(image, [Bump(centre, (49, 49), plateau=0.7, scale=1.5)])
    assert np.all(larger[50, 37:64] > 250)


def test_bump_at_the_border_keeps_to_the_image() -> None:
    image = np.full((40, 50, 3), 90, np.uint8)
    edited = apply_bumps(image, [Bump(np.array([0.0, 39.0]), (30, 20), shift=(9, 9), turn=1.0)])
    assert np.array_equal(edited, image)


def test_coarse_grid_enlarged_is_the_pixel_grid() -> None:
    box = (7, 3, 7 + 60, 3 + 45)
    fine = pixel_grid(box)
    coarse = enlarge(coarse_grid(box, 3.0), fine.shape)
    assert np.abs(coarse - fine)[3:-3, 3:-3].max() < 1e-3


def test_box_around_stays_in_the_image() -> None:
    assert box_around(np.array([[5.0, 5.0], [20.0, 8.0]]), 10, (30, 25, 3)) == (0, 0, 25, 19)


def test_fill_continues_stripes_and_a_gradient() -> None:
    y, x = np.mgrid[:160, :200]
    stripes = 40 * (np.sin(2 * np.pi * x / 20) > 0) + 0.5 * y + 60
    image = np.repeat(stripes[..., None], 3, axis=2).astype(np.uint8)
    hole = np.hypot(x - 100, y - 80) < 14
    damaged = image.copy()
    damaged[hole] = (255, 0, 0)
    filled = fill(damaged, hole, np.zeros_like(hole), 6.0)
    away = np.abs(filled.astype(int) - image).max(axis=-1)
    assert np.mean(away[hole] < 25) > 0.9
    assert np.all(away[np.hypot(x - 100, y - 80) > 18] == 0)


def test_fill_does_not_copy_what_is_forbidden() -> None:
    image = np.full((120, 160, 3), 100, np.uint8)
    x = np.arange(160)
    hole, forbidden = np.zeros((120, 160), bool), np.zeros((120, 160), bool)
    hole[50:70, 70:90] = True
    forbidden[:, x < 60] = True
    image[forbidden] = (0, 255, 0)
    image[hole] = (255, 0, 0)
    filled = fill(image, hole, forbidden, 5.0)
    assert np.all(np.abs(filled[53:67, 73:87].astype(int) - 100) <= 2)
    with pytest.raises(Unsuitable):
        fill(image, hole, ~hole, 5.0)


def test_fill_parts_fills_each_part_from_its_own_surroundings() -> None:
    image = np.full((120, 240, 3), 80, np.uint8)
    image[:, 120:] = 180
    hole = np.zeros((120, 240), bool)
    hole[50:70, 50:70] = hole[50:70, 170:190] = True
    damaged = image.copy()
    damaged[hole] = (255, 0, 0)
    filled = fill_parts(damaged, hole, hole, 5.0)
    away = np.abs(filled.astype(int) - image).max(axis=-1)
    assert away[53:67, 53:67].max() <= 2 and away[53:67, 173:187].max() <= 2
