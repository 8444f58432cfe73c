import numpy as np
import pytest
from scipy.ndimage import binary_dilation
from skimage import data
from skimage.metrics import structural_similarity

from asap.pairs.checks.gates import Gates, Target, fault, refusal, similarity, ssim_map

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


def test_beyond_the_ring_a_composited_pair_is_equal_to_the_last_digit():
    other, mask = changed((60, 60, 180, 200))
    values, ring = ssim_map(PHOTO, other), binary_dilation(mask, iterations=5, structure=np.ones((3, 3)))
    assert (values[~ring] == 1).all()
    assert values[ring & ~mask].mean() < 0.95


def test_a_fault_says_whether_more_or_less_change_would_help():
    mask = np.zeros((100, 100), bool)
    mask[20:60, 20:60] = True
    good = {"ssim_inside": 0.5, "ssim_outside": 0.99}
    assert fault(good, mask, Gates()) is None
    assert fault({**good, "ssim_inside": 0.9}, mask, Gates()).way == 1
    assert fault({**good, "ssim_outside": 0.9}, mask, Gates()).way == -1
    assert fault(good, np.ones((100, 100), bool), Gates()).way == -1
    mask[:, 30:] = False
    assert fault(good, mask, Gates()).way == 1


def test_target_counts_offsets_in_half_widths_and_outside_only_what_is_worse():
    target = Target(0.5, 0.3, 0.98, 0.02, (0.2, 0.1, 0.01, 0.02))
    offsets = target.offsets(
        {"ssim_inside": 0.6, "lpips_inside": 0.35, "ssim_outside": 0.96, "lpips_outside": 0.06}
    )
    assert offsets == pytest.approx(
        {"ssim_inside": 0.5, "lpips_inside": -0.5, "ssim_outside": 2, "lpips_outside": 2}
    )
    assert target.offsets({"ssim_outside": 1.0, "lpips_outside": 0.0}) == {
        "ssim_outside": 0,
        "lpips_outside": 0,
    }
    assert target.distance({"ssim_inside": 0.6, "ssim_outside": 1.0, "lpips_inside": None}) == pytest.approx(
        0.25
    )
    assert target.distance({}) == np.inf


def test_target_tells_the_way_into_its_bands():
    target = Target(0.5, 0.3, 0.98, 0.02, (0.2, 0.1, 0.01, 0.02))

    def way(**metrics):
        return target.way({"ssim_inside": 0.5, "ssim_outside": 1.0, **metrics})

    assert way() == 0 and way(ssim_inside=0.69) == 0 and way(ssim_inside=0.31) == 0
    assert way(ssim_inside=0.71) == 1 and way(ssim_inside=0.29) == -1
    assert way(lpips_inside=0.1) == 1 and way(lpips_inside=0.5) == -1
    assert way(ssim_outside=0.96) == -1 and way(lpips_outside=0.05) == -1
    assert way(ssim_inside=0.8, lpips_inside=0.5) == 0  # they disagree


def test_the_target_is_that_of_the_published_averages():
    published = {
        "ssim_inside": 0.5315,
        "lpips_inside": 0.3446,
        "ssim_outside": 0.9827,
        "lpips_outside": 0.0109,
    }
    assert Target().way(published) == 0
    assert Target().distance(published) < 0.03
