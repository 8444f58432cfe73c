"""Large holes: plain and striped grounds go on through them, people are not copied, wild ones are refused."""

from __future__ import annotations

import numpy as np
import pytest

from asap.pairs.degradations import Unsuitable
from asap.pairs.edits.inpaint import inpaint, level_sizes
from asap.records import Image, Mask


def stripes(side: int = 160, period: int = 20) -> Image:
    rows = (np.arange(side) // (period // 2)) % 2
    noise = np.random.default_rng(0).normal(0, 1, (side, side, 1))
    picture = np.where(rows[:, None, None] == 1, [60, 90, 120], [150, 140, 110])
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def hole_of(side: int = 160) -> Mask:
    hole = np.zeros((side, side), bool)
    hole[50:110, 60:100] = True
    return hole


def test_stripes_go_on_through_a_hole() -> None:
    image, hole = stripes(), hole_of()
    spoilt = image.copy()
    spoilt[hole] = (255, 0, 255)
    filled = inpaint(spoilt, hole, np.zeros_like(hole), 8.0)
    inner = hole.copy()
    inner[:54], inner[106:], inner[:, :64], inner[:, 96:] = False, False, False, False
    wrong = np.abs(filled.astype(int) - image).max(axis=-1)[inner] > 40
    assert wrong.mean() < 0.15
    far = np.ones_like(hole)
    far[44:116, 54:106] = False
    assert np.array_equal(filled[far], spoilt[far])


def test_what_is_forbidden_is_not_copied() -> None:
    image, hole = np.full((120, 120, 3), 100, np.uint8), np.zeros((120, 120), bool)
    hole[40:80, 40:80] = True
    person = np.zeros_like(hole)
    person[:, 80:95] = True
    image[person] = (250, 20, 20)
    image[hole] = (0, 255, 0)
    filled = inpaint(image, hole, person, 8.0)
    assert np.abs(filled[44:76, 44:74].astype(int) - 100).max() < 6


def test_same_hole_is_filled_the_same() -> None:
    image, hole = stripes(), hole_of()
    first = inpaint(image, hole, np.zeros_like(hole), 8.0)
    assert np.array_equal(first, inpaint(image, hole, np.zeros_like(hole), 8.0))


def test_without_background_or_with_a_wild_one_it_is_unsuitable() -> None:
    hole = hole_of()
    with pytest.raises(Unsuitable, match="too little"):
        inpaint(stripes(), hole, ~hole, 8.0)
    blocks = np.random.default_rng(1).integers(0, 256, (20, 20, 3), dtype=np.uint8)
    with pytest.raises(Unsuitable, match="simple"):
        inpaint(blocks.repeat(8, 0).repeat(8, 1), hole, np.zeros_like(hole), 8.0)


def test_levels_double_up_to_the_finest() -> None:
    assert level_sizes(1000) == [40, 80, 160]
    assert level_sizes(50) == [50]
