"""Whole hands: the drawn hand's area grows, shrinks, doubles or goes, its arm and all else stay."""

from __future__ import annotations

import random

import numpy as np
import pytest

from asap.pairs.degradations import Degradation, Unsuitable
from asap.pairs.edits.hands import whole_hand_errors as errors
from asap.records import Image, Mask, Region
from drawn_people import BACKGROUND, SKIN, drawn_hand


def is_skin(image: Image) -> Mask:
    return np.asarray(image[..., 0] > (SKIN[0] + BACKGROUND[0]) / 2)


def grown(edit: Degradation, seed: int) -> float:
    image, region = drawn_hand(70.0)
    return float(is_skin(edit(image, region, random.Random(seed))).sum() / is_skin(image).sum())


@pytest.mark.parametrize("seed", range(3))
def test_areas_after_the_errors(seed: int) -> None:
    assert 2.0 < grown(errors.swell_hand, seed) < 4.0
    assert 0.2 < grown(errors.shrink_hand, seed) < 0.5
    assert 1.4 < grown(errors.double_hand, seed) < 2.0
    assert grown(errors.remove_hand, seed) < 0.35


def test_strength_scales_the_change() -> None:
    image, region = drawn_hand(70.0)
    weak, strong = (
        is_skin(errors.swell_hand(image, region, random.Random(0), strength=strength)).sum()
        for strength in (0.4, 1.0)
    )
    assert is_skin(image).sum() < weak < strong


def test_second_hand_lies_behind_the_first() -> None:
    image, region = drawn_hand(90.0)
    edited = errors.double_hand(image, region, random.Random(0))
    inner = region.mask & (np.indices(region.mask.shape)[0] < region.keypoints[9, 1])
    assert np.abs(edited[inner].astype(int) - image[inner]).mean() < 3


def test_removed_hand_leaves_background_and_its_wrist() -> None:
    image, region = drawn_hand(90.0)
    edited = errors.remove_hand(image, region, random.Random(1))
    gone = is_skin(image) & ~is_skin(edited)
    assert np.abs(np.median(edited[gone], axis=0) - BACKGROUND).max() < 8
    x, y = region.keypoints[0].astype(int)
    assert is_skin(edited)[y, x]


@pytest.mark.parametrize("edit", [errors.shrink_hand, errors.remove_hand, errors.double_hand])
def test_hand_before_a_face_is_not_uncovered(edit: Degradation) -> None:
    image, region = drawn_hand(90.0)
    x, y = (int(v) for v in region.keypoints[10])
    before = Region("hand", region.mask, region.keypoints, 1.0, "right", {"faces": [(x, y, x + 50, y + 50)]})
    with pytest.raises(Unsuitable, match="face"):
        edit(image, before, random.Random(0))


def test_hands_that_will_not_do() -> None:
    image, region = drawn_hand(90.0)

    def refused(points: np.ndarray, mask: Mask, **context: object) -> str:
        with pytest.raises(Unsuitable) as reason:
            errors.double_hand(image, Region("hand", mask, points, 1.0, "right", context), random.Random(0))
        return str(reason.value)

    points, mask = region.keypoints, region.mask
    assert "edge" in refused(points - (points[:, 0].min() + 5, 0), mask)
    assert "another hand" in refused(points, mask, hands=[points + 20])
    assert "not told" in refused(points, np.ones_like(mask))
    flat = points.copy()
    flat[5:] = points[0] + 0.2 * (points[5:] - points[0]) + (40, 0)
    assert refused(flat, mask)
