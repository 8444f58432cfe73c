import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from asap.pairs.composite import composite, crop_box, region_of

RNG = np.random.default_rng(1)
PHOTO = RNG.integers(40, 200, (120, 160, 3)).astype(np.uint8)


def with_patch(left, top, right, bottom, change=30):
    edited = PHOTO.copy()
    edited[top:bottom, left:right] += np.uint8(change)
    return edited


def test_equal_outside_bit_for_bit_and_the_whole_edit_inside():
    edited = with_patch(60, 40, 100, 80)
    negative, mask = composite(PHOTO, edited, 100)
    assert_array_equal(negative[~mask], PHOTO[~mask])
    assert mask[40:80, 60:100].all()
    assert_array_equal(negative[42:78, 62:98], edited[42:78, 62:98])
    assert crop_box(mask) == (56, 36, 104, 84)


def test_a_region_holds_the_change_without_holes_and_reaches_beyond_it():
    changed = np.zeros((60, 80), bool)
    changed[20:40, 20:50], changed[25:35, 30:40] = True, False
    changed[30, 53] = True  # a speck that the closing takes in
    region = region_of(changed, 3)
    assert region[changed].all() and region[25:35, 30:40].all()
    assert crop_box(region) == (17, 17, 57, 43)
    changed[50, 70] = True  # one that is far away stays apart, but is not lost
    assert region_of(changed, 3)[50, 70]
    assert not region_of(np.zeros((9, 9), bool), 3).any()


def test_the_border_fades_where_the_edit_reaches_it():
    edited = PHOTO.copy()
    edited[30:90, 40:120] = 255
    negative, _ = composite(PHOTO, edited, 100)
    gain = (negative.astype(float) - PHOTO) / np.maximum(1, edited.astype(float) - PHOTO)
    along = gain[60, :, 0]
    assert along[80] == 1
    assert 0.5 < along[40] <= 1
    assert along[35] == 0


def test_specks_and_small_noise_are_no_edit():
    noisy = PHOTO + RNG.integers(0, 3, PHOTO.shape).astype(np.uint8)
    noisy[10, 10] += np.uint8(90)
    assert composite(PHOTO, noisy, 100) is None
    assert composite(PHOTO, PHOTO.copy(), 100) is None
    noisy[50:70, 50:70] += np.uint8(50)
    negative, mask = composite(PHOTO, noisy, 100)
    assert_array_equal(negative[10, 10], PHOTO[10, 10])
    assert mask.sum() < 40 * 40


def test_holes_belong_to_the_mask():
    edited = with_patch(40, 20, 120, 100)
    edited[50:70, 70:90] = PHOTO[50:70, 70:90]
    _, mask = composite(PHOTO, edited, 100)
    assert mask[20:100, 40:120].all()


def test_an_edit_of_everything():
    edited = 255 - PHOTO
    negative, mask = composite(PHOTO, edited, 100)
    assert mask.all()
    assert_array_equal(negative, edited)


def test_inputs_stay_as_they_are_and_shapes_must_agree():
    photo, edited = PHOTO.copy(), with_patch(60, 40, 100, 80)
    kept = edited.copy()
    composite(photo, edited, 100)
    assert_array_equal(photo, PHOTO)
    assert_array_equal(edited, kept)
    with pytest.raises(ValueError, match="made"):
        composite(PHOTO, edited[1:], 100)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 150), st.integers(0, 110), st.integers(1, 60), st.integers(1, 60), st.floats(1, 400)
)  # fmt: skip
def test_any_patch_anywhere_at_any_size(left, top, wide, high, size):
    edited = with_patch(left, top, left + wide, top + high, 55)
    laid = composite(PHOTO, edited, size)
    if laid is not None:
        negative, mask = laid
        assert_array_equal(negative[~mask], PHOTO[~mask])
        assert (negative != PHOTO).any()
        low, up = np.minimum(PHOTO, edited), np.maximum(PHOTO, edited)
        assert ((negative >= low) & (negative <= up)).all()
