import numpy as np
import pytest
from skimage import data
from skimage.metrics import structural_similarity

from asap.pairs.gates import Gates, refusal, similarity, ssim_map

PHOTO = data.astronaut()[:300, 100:360]


def reference(a, b):
    return structural_similarity(
        a, b, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255,
        channel_axis=2, full=True,
    )[1].mean(axis=2)  # fmt: skip


def changed(box):
    left, top, right, bottom = box
    other, mask = PHOTO.copy(), np.zeros(PHOTO.shape[:2], bool)
    other[top:bottom, left:right] = PHOTO[top:bottom, left:right][::-1, ::-1]
    mask[top:bottom, left:right] = True
    return other, mask


def test_ssim_is_that_of_scikit_image():
    other, _ = changed((60, 60, 180, 200))
    assert np.abs(ssim_map(PHOTO, other) - reference(PHOTO.astype(float), other.astype(float))).max() < 1e-3


def test_equal_pictures_have_ssim_one_exactly():
    assert (ssim_map(PHOTO, PHOTO.copy()) == 1).all()


@pytest.mark.parametrize("box", [(60, 60, 180, 200), (0, 0, 50, 40), (200, 250, 260, 300), (0, 0, 260, 300)])
def test_the_crop_gives_what_the_whole_picture_gives(box):
    other, mask = changed(box)
    whole = reference(PHOTO.astype(float), other.astype(float))
    found = similarity(PHOTO, other, mask)
    assert found["ssim_inside"] == pytest.approx(whole[mask].mean(), abs=1e-4)
    assert found["ssim_outside"] == pytest.approx(whole[~mask].mean() if not mask.all() else 1.0, abs=1e-4)


def test_windows_across_the_border_count_outside():
    other, mask = changed((60, 60, 180, 200))
    assert similarity(PHOTO, other, mask)["ssim_outside"] < 1


def test_an_empty_mask_is_an_error():
    with pytest.raises(ValueError, match="empty"):
        similarity(PHOTO, PHOTO, np.zeros(PHOTO.shape[:2], bool))


def test_what_is_refused_and_why():
    mask = np.zeros((100, 100), bool)
    mask[20:60, 20:60] = True
    good = {"ssim_inside": 0.5, "ssim_outside": 0.99, "lpips_inside": 0.3, "lpips_outside": 0.01}

    def told(mask=mask, **metrics):
        return refusal({**good, **metrics}, mask, Gates())

    assert told() is None
    assert told(lpips_inside=None, lpips_outside=None) is None
    assert "visible: SSIM" in told(ssim_inside=0.86)
    assert "outside" in told(ssim_outside=0.97)
    assert "visible: LPIPS" in told(lpips_inside=0.04)
    assert "LPIPS outside" in told(lpips_outside=0.06)
    assert "not local" in told(np.arange(100)[:, None] + np.zeros(100) < 70)
    narrow = np.zeros((100, 100), bool)
    narrow[20:60, 20:30] = True
    assert "small" in told(narrow)
