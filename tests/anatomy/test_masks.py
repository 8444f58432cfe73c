import numpy as np
import pytest
from numpy.testing import assert_array_equal

from asap.anatomy import masks
from asap.anatomy.keypoints import HAND_BONES, RAYS

NAN = (np.nan, np.nan)


def open_hand(scale: float = 1.0, at: tuple[float, float] = (150.0, 260.0)) -> np.ndarray:
    """21 points of a hand whose fingers fan out upwards from a wrist at `at`."""
    points = np.zeros((21, 2))
    for ray, angle in zip(RAYS, np.radians((-55, -22, -4, 14, 32))):
        for joint, length in zip(ray[1:], (70, 115, 145, 170)):
            points[joint] = length * np.sin(angle), -length * np.cos(angle)
    return points * scale + at


def hand_picture(points: np.ndarray, noise: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """A skin-coloured hand over a blue ground, with noise, and the hand's exact mask."""
    height, width = 340, 320
    palm = masks.hull(points[[0, 1, 5, 9, 13, 17]], height, width)
    mask = masks.capsules(points, HAND_BONES, 9, height, width) | palm
    image = np.where(mask[..., None], (214, 160, 130), (60, 90, 150)).astype(int)
    image += np.random.default_rng(0).integers(-noise, noise + 1, image.shape)
    return image.clip(0, 255).astype(np.uint8), mask


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    return (a & b).sum() / (a | b).sum()


def test_capsule_is_the_set_of_near_points():
    points = np.array([(20.0, 30.0), (80.0, 30.0), NAN])
    mask = masks.capsules(points, [(0, 1), (1, 2)], 8, 60, 100)
    y, x = np.mgrid[:60, :100]
    distance = np.hypot(x - np.clip(x, 20, 80), y - 30)
    assert mask[distance < 7].all()
    assert not mask[distance > 10].any()


def test_hull_of_known_points_and_of_too_few():
    points = np.array([(10.0, 10.0), (30.0, 10.0), (30.0, 30.0), NAN, (10.0, 30.0)])
    assert masks.hull(points, 50, 50).sum() == 21 * 21
    assert not masks.hull(points[2:4], 50, 50).any()


def test_points_far_outside_the_picture_do_no_harm():
    wild = np.array([(1e12, -1e12), (10.0, 10.0), (-1e9, 5.0)])
    assert masks.capsules(wild, [(0, 1), (1, 2)], 3, 20, 20).shape == (20, 20)
    assert masks.hull(wild, 20, 20).shape == (20, 20)


def test_dilation_grows_by_the_radius():
    mask = np.zeros((41, 41), bool)
    mask[20, 20] = True
    y, x = np.nonzero(masks.dilate(mask, 6))
    assert np.hypot(x - 20, y - 20).max() == pytest.approx(6, abs=0.5)


@pytest.mark.parametrize("scale", [0.4, 1.0, 1.2])
def test_grabcut_finds_the_hand(scale):
    points = open_hand(scale)
    image, truth = hand_picture(points)
    assert overlap(masks.hand_mask(image, points), truth) > 0.9


def test_grabcut_is_the_same_every_time():
    points = open_hand()
    image, _ = hand_picture(points, noise=60)
    first = masks.hand_mask(image, points)
    masks.hand_mask(image[:, ::-1].copy(), points)
    assert_array_equal(masks.hand_mask(image, points), first)


def test_a_hand_partly_outside_the_picture():
    points = open_hand(at=(150.0, 60.0))
    image, _ = hand_picture(points)
    mask = masks.hand_mask(image, points)
    assert mask.shape == image.shape[:2]
    assert mask[50, 150]


def test_person_mask_follows_the_picture_where_the_likelihood_is_coarse():
    height, width = 300, 200
    truth = np.tile(np.abs(np.arange(width) - 100) < 40, (height, 1))
    image = np.where(truth[..., None], (200, 60, 60), (50, 120, 60)).astype(np.uint8)
    likely = np.clip(1.25 - np.abs(np.linspace(-100, 100, 20)) / 60, 0, 1).astype(np.float32)
    mask = masks.person_mask(image, np.tile(likely, (30, 1)), [])
    assert overlap(mask, truth) > 0.97
    assert not masks.person_mask(image, np.zeros((30, 20), np.float32), []).any()


def test_body_mask_keeps_what_is_near_the_bones():
    body = np.full((23, 2), np.nan)
    body[[5, 6, 11, 12]] = [(60, 50), (40, 50), (60, 110), (40, 110)]
    mask = masks.body_mask(np.ones((200, 300), bool), body)
    assert mask[80, 50]
    assert not mask[:, 150:].any()
