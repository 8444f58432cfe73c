"""Limbs: an added one lies on the background, a broken one leaves its place, a curved one stays."""

from __future__ import annotations

import random

import cv2
import numpy as np
import pytest

from asap.pairs.degradations import Unsuitable
from asap.pairs.edits.limbs import limb_errors, trunk_errors
from asap.records import Image, Mask, Region
from drawn_people import BACKGROUND, drawn_body


def is_cloth(image: Image) -> Mask:
    return np.asarray(image[..., 2] < 90)


@pytest.mark.parametrize("seed", range(4))
def test_added_limb_lies_behind_the_body(seed: int) -> None:
    image, region = drawn_body()
    edited = limb_errors.add_limb(image, region, random.Random(seed))
    assert np.array_equal(edited[region.mask], image[region.mask])
    limb = 1.5 * 120 * 0.22 * 120
    assert (is_cloth(edited) & ~region.mask).sum() > 0.4 * limb


@pytest.mark.parametrize("seed", range(4))
def test_broken_limb_moves_and_uncovers_the_background(seed: int) -> None:
    image, region = drawn_body()
    edited = limb_errors.break_limb(image, region, random.Random(seed))
    gone = region.mask & ~is_cloth(edited)
    assert gone.sum() > 400
    assert np.abs(np.median(edited[gone], axis=0) - BACKGROUND).max() < 12
    assert is_cloth(edited).sum() == pytest.approx(region.mask.sum(), rel=0.06)


def test_curved_forearm_keeps_its_ends() -> None:
    image, region = drawn_body()
    edited = limb_errors.curve_forearm(image, region, random.Random(0))
    for joint in (5, 6, 7, 8, 9, 10):
        x, y = region.keypoints[joint].round().astype(int)
        assert is_cloth(edited)[y, x]
    assert (is_cloth(edited) != is_cloth(image)).sum() > 300


def test_arms_on_the_body_are_unsuitable() -> None:
    image, region = drawn_body()
    mask = np.ones_like(region.mask)
    for edit in (limb_errors.add_limb, limb_errors.break_limb, limb_errors.curve_forearm):
        with pytest.raises(Unsuitable):
            edit(image, Region("body", mask, region.keypoints, 1.0), random.Random(0))


def test_what_surely_lies_on_people_needs_no_mask_of_them() -> None:
    image, region = drawn_body()

    def costly() -> Mask:
        raise AssertionError("the mask was made")

    everywhere = {"surely": np.ones_like(region.mask)}
    on_people = Region("body", costly, region.keypoints, 1.0, None, everywhere)
    for edit, reason in ((limb_errors.break_limb, "on the body"), (trunk_errors.pinch_waist, "at its sides")):
        with pytest.raises(Unsuitable, match=reason):
            edit(image, on_people, random.Random(0))
    nowhere = {"surely": np.zeros_like(region.mask)}
    free = Region("body", region.mask, region.keypoints, 1.0, None, nowhere)
    assert np.array_equal(
        limb_errors.break_limb(image, free, random.Random(0)),
        limb_errors.break_limb(image, region, random.Random(0)),
    )


def test_limb_whose_twin_is_hidden_is_not_copied() -> None:
    image, region = drawn_body()
    points = region.keypoints.copy()
    points[[10, 16]] = np.nan
    with pytest.raises(Unsuitable, match="twin"):
        limb_errors.add_limb(image, Region("body", region.mask, points, 1.0), random.Random(0))


def test_what_lies_behind_a_curved_forearm_stays_straight() -> None:
    image, region = drawn_body()
    striped = image.copy()
    for row in range(0, 24, 12):
        striped[row::24][~region.mask[row::24]] = 255 - 5 * row
    edited = limb_errors.curve_forearm(striped, region, random.Random(0))
    limbs = (is_cloth(striped) | is_cloth(edited)).astype(np.uint8)
    far = cv2.dilate(limbs, np.ones((25, 25), np.uint8)) == 0
    assert (is_cloth(edited) & ~is_cloth(striped)).sum() > 100
    assert np.array_equal(edited[far], striped[far])


def test_curved_shin_keeps_its_ends() -> None:
    image, region = drawn_body()
    edited = limb_errors.curve_shin(image, region, random.Random(0))
    for joint in (11, 12, 13, 14, 15, 16):
        x, y = region.keypoints[joint].round().astype(int)
        assert is_cloth(edited)[y, x]
    assert (is_cloth(edited) != is_cloth(image)).sum() > 300
