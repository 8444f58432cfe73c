"""Limbs and feet: drawn ones grow, shrink, move or go by what their names say; the rest of the body stays."""

from __future__ import annotations

import random

import numpy as np
import pytest

from asap.pairs.degradations import Degradation, Unsuitable
from asap.pairs.edits.limbs import limb_shape_errors as errors
from asap.pairs.edits.limbs import trunk_errors
from asap.records import Image, Mask, Region
from drawn_people import drawn_body

ALL = (
    errors.swell_limb,
    errors.pinch_limb,
    errors.stretch_limb,
    errors.shorten_limb,
    errors.cut_limb,
    errors.swell_foot,
    errors.shrink_foot,
)


def is_cloth(image: Image) -> Mask:
    return np.asarray(image[..., 2] < 90)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("edit", ALL)
def test_area_changes_as_named_and_the_trunk_stays(edit: Degradation, seed: int) -> None:
    image, region = drawn_body()
    edited = edit(image, region, random.Random(seed))
    more = edit in (errors.swell_limb, errors.stretch_limb, errors.swell_foot)
    change = int(is_cloth(edited).sum()) - int(is_cloth(image).sum())
    assert change > 300 if more else change < -150
    x, y = region.keypoints[[5, 6, 11, 12]].mean(axis=0).astype(int)
    assert np.array_equal(edited[y - 60 : y + 60, x - 25 : x + 25], image[y - 60 : y + 60, x - 25 : x + 25])


def test_weaker_is_less() -> None:
    image, region = drawn_body()
    weak, strong = (
        is_cloth(errors.swell_limb(image, region, random.Random(0), strength=strength)).sum()
        for strength in (0.4, 1.0)
    )
    assert is_cloth(image).sum() < weak < strong


def test_limb_whose_mask_holds_a_mat_is_refused() -> None:
    image, region = drawn_body()
    mask = region.mask.copy()
    for ankle in (15, 16):
        x, y = region.keypoints[ankle].astype(int)
        mask[y - 10 : y + 40, x - 60 : x + 60] = True
    with pytest.raises(Unsuitable):
        errors.shrink_foot(image, Region("body", mask, region.keypoints, 1.0), random.Random(0))


def test_arm_at_the_hip_lies_behind_the_body() -> None:
    image, region = drawn_body()
    edited = trunk_errors.misplace_arm(image, region, random.Random(0))
    assert np.array_equal(edited[region.mask], image[region.mask])
    assert is_cloth(edited).sum() > 1.04 * is_cloth(image).sum()


def test_pinched_waist_is_narrow_and_shoulders_and_hips_are_not() -> None:
    image, region = drawn_body()
    edited = trunk_errors.pinch_waist(image, region, random.Random(0))
    chest, waist = (int(region.keypoints[5, 1] + share * 120) for share in (0.1, 0.65))
    width = [[is_cloth(picture)[row].sum() for picture in (image, edited)] for row in (chest, waist)]
    assert width[0][1] == pytest.approx(width[0][0], rel=0.05)
    assert width[1][1] < 0.65 * width[1][0]
