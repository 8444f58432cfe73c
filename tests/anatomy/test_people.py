"""Hands and faces find their bodies, and give one set of points a person."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from asap.anatomy.people import people_of
from asap.records import Region
from skeleton_people import person

MASK = np.ones((4, 4), bool)


def regions_at(x, said=("left", "right")):
    """Body, face, left and right hand of a person `x` pixels to the right; `said` are the hands' sides."""
    one, shift = person(), np.array([x, 0.0])
    return [
        Region("body", MASK, one.body + shift, 0.9),
        Region("face", MASK, one.face + shift, 0.9),
        Region("hand", MASK, one.left_hand + shift, 0.9, said[0]),
        Region("hand", MASK, one.right_hand + shift, 0.9, said[1]),
    ]


def whole(x):
    one, shift = person(), np.array([x, 0.0])
    return np.concatenate([one.body, one.face, one.left_hand, one.right_hand]) + shift


@pytest.mark.parametrize("seed", range(5))
def test_each_person_gets_their_own_parts_in_any_order(seed):
    regions = [region for x in (0, 400, 800) for region in regions_at(x)]
    order = np.random.default_rng(seed).permutation(len(regions))
    people = people_of([regions[index] for index in order])
    assert len(people) == 3
    found = sorted((one.points for one in people), key=lambda points: points[0, 0])
    for points, x in zip(found, (0, 400, 800)):
        assert_array_equal(points, whole(x))


def test_the_wrist_decides_the_side():
    (one,) = people_of(regions_at(0, said=("right", "right")))
    assert_array_equal(one.points, whole(0))
    (one,) = people_of(regions_at(0, said=(None, None)))
    assert_array_equal(one.points, whole(0))


def test_at_equal_distance_the_side_that_is_said_decides():
    body, _, left, right = regions_at(0)
    body.keypoints[[9, 10]] = 300.0, 300.0  # both wrists in one place
    hands = [
        Region("hand", MASK, hand.keypoints - hand.keypoints[0] + (300, 300), 0.9, hand.side)
        for hand in (right, left)
    ]
    (one,) = people_of([*hands, body])
    assert one.left_hand is hands[1] and one.right_hand is hands[0]


def test_what_belongs_to_nobody_stands_alone():
    _, face, left, right = regions_at(0)
    body, *_ = regions_at(2000)
    alone = people_of([body, face, left, right, Region("hand", MASK, left.keypoints + 5000, 0.9)])
    parts = [{name for name, part in one._asdict().items() if part is not None} for one in alone]
    assert parts == [{"body"}, {"face"}, {"left_hand"}, {"right_hand"}]
    assert_array_equal(alone[1].points[23:91], face.keypoints)
    assert np.isnan(alone[1].points[:23]).all()


def test_points_that_are_unknown_match_nothing():
    regions = [
        Region(region.part, region.mask, np.full_like(region.keypoints, np.nan), 0.5, region.side)
        for region in regions_at(0)
    ]
    people = people_of(regions)
    assert [one.body is not None for one in people] == [True, False, False, False]
    assert people_of([]) == []
