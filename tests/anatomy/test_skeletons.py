import math

import numpy as np
import pytest

from asap.anatomy import skeletons as s
from asap.anatomy.keypoints import NAMES
from skeleton_people import is_equal, person, similarity


def test_wholebody_points_go_there_and_back_unchanged():
    points = np.random.default_rng(0).normal(size=(133, 2)) * 500
    points[[3, 40, 99, 132]] = np.nan
    assert np.array_equal(s.to_wholebody(s.from_wholebody(points)), points, equal_nan=True)
    with pytest.raises(ValueError, match="133"):
        s.from_wholebody(points[:21])


def test_a_skeleton_shares_no_memory_with_the_points_it_came_from():
    points = np.zeros((133, 2))
    s.from_wholebody(points).left_hand[:] = 1
    assert not points.any()


def test_only_has_the_given_points_and_no_more():
    extra = s.only("left_hand", {0: np.array([1.0, 2]), 8: np.array([3.0, 4])})
    assert extra.points.shape == (21, 2)
    assert np.flatnonzero(np.isfinite(extra.points[:, 0])).tolist() == [0, 8]


@pytest.mark.parametrize(
    ("joint", "names"),
    [
        ("left_shoulder", {"left_elbow", "left_wrist", *NAMES[91:112]}),
        ("right_elbow", {"right_wrist", *NAMES[112:]}),
        ("left_knee", {"left_ankle", "left_big_toe", "left_small_toe", "left_heel"}),
        ("right_ankle", {"right_big_toe", "right_small_toe", "right_heel"}),
    ],
)
def test_an_arm_carries_its_hand_and_a_leg_its_foot(joint, names):
    starts = {"body": 0, "left_hand": 91, "right_hand": 112}
    hung = {
        NAMES[starts[part] + i] for part, indices in s.hanging(NAMES.index(joint)).items() for i in indices
    }
    assert hung == names


def test_what_hangs_from_a_joint_moves_and_nothing_else():
    before = person()
    after = s.moved_below(before, 7, lambda points: s.rotated(points, before.body[7], 0.5))
    moved = np.hypot(*(s.to_wholebody(after) - s.to_wholebody(before)).T) > 1
    assert {NAMES[i] for i in np.flatnonzero(moved)} == {"left_wrist", *NAMES[91:112]}
    reach = [np.hypot(*(each.body[9] - each.body[7])) for each in (before, after)]
    assert reach[0] == pytest.approx(reach[1])


def test_what_hangs_from_a_joint_is_taken_off():
    lost = np.isnan(s.to_wholebody(s.taken_off_below(person(), 13))[:, 0])
    assert np.flatnonzero(lost).tolist() == [15, 17, 18, 19]


def test_points_turn_from_x_towards_y_about_the_centre():
    centre = np.array([10.0, 20.0])
    assert s.rotated(np.array([15.0, 20.0]), centre, math.pi / 2) == pytest.approx([10, 25])
    assert s.angle_between(np.array([2.0, 0]), np.array([0, 3.0])) == pytest.approx(math.pi / 2)


def test_each_bone_of_a_chain_has_its_factor():
    chain = np.array([(0.0, 0), (1, 0), (1, 2)])
    assert s.chain_scaled(chain, (2.0, 0.5)) == pytest.approx(np.array([(0.0, 0), (2, 0), (2, 1)]))


def test_a_similarity_takes_extras_along():
    extra = s.only("face", {40: np.array([1.0, 0])})
    whole = s.with_extras(person(), extra)
    there = s.transformed(whole, similarity(math.pi / 2, 2.0, (5, 5)))
    assert there.extras[0].points[40] == pytest.approx([5, 7])
    inverse = s.transformed(s.transformed(there, lambda p: p - 5), similarity(-math.pi / 2, 0.5, (0, 0)))
    assert is_equal(inverse, whole, within=1e-9)
