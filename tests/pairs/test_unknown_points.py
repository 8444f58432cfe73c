"""Points that a detector does not know: every degradation works or says that it cannot."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asap.lookup import choose
from asap.pairs.degradations import DEGRADATIONS, Unsuitable
from drawn_people import drawn_body, drawn_face, drawn_hand

DRAWN = {"hand": drawn_hand(), "face": drawn_face(), "body": drawn_body()}
NAN = (np.nan, np.nan)


def attempted(name, image, region, seed=0):
    """The image that a degradation makes, or None where it is unsuitable."""
    function = choose({name: DEGRADATIONS[name].function}, name, "degradation")
    try:
        return function(image, region, random.Random(seed))
    except Unsuitable:
        return None


@pytest.mark.parametrize("name", DEGRADATIONS)
def test_without_any_point_every_degradation_is_unsuitable(name):
    image, region = DRAWN[DEGRADATIONS[name].part]
    assert attempted(name, image, replace(region, keypoints=np.full_like(region.keypoints, np.nan))) is None


@pytest.mark.parametrize("name", DEGRADATIONS)
@settings(max_examples=8, deadline=None)
@given(unknown=st.sets(st.integers(0, 67), min_size=1), seed=st.integers(0, 3))
def test_with_some_points_none_crashes(name, unknown, seed):
    image, region = DRAWN[DEGRADATIONS[name].part]
    points = region.keypoints.copy()
    points[[index % len(points) for index in unknown]] = np.nan
    edited = attempted(name, image, replace(region, keypoints=points), seed)
    assert edited is None or edited.shape == image.shape


@pytest.mark.parametrize("name", DEGRADATIONS)
def test_neighbours_of_which_little_is_known_change_nothing_far_away(name):
    part = DEGRADATIONS[name].part
    image, region = DRAWN[part]
    others = np.full((3, 21, 2), np.nan)
    others[1, :1] = others[2, :20] = -300.0, -300.0
    hands = {"hands": list(others)} if part != "body" else {"hands": list(others), "person": region.mask}
    alone = attempted(name, image, replace(region, context={**region.context, "hands": []}), 1)
    beside = attempted(name, image, replace(region, context={**region.context, **hands}), 1)
    assert (alone is None) == (beside is None)
    assert alone is None or np.array_equal(alone, beside)


@pytest.mark.parametrize("name", ["extra_finger", "mouth_twisted"])
def test_a_neighbour_upon_the_part_is_seen_by_the_points_that_are_known(name):
    image, region = DRAWN[DEGRADATIONS[name].part]
    assert attempted(name, image, region, 1) is not None
    other = np.full((21, 2), np.nan)
    other[10] = region.keypoints[[9, 30][name == "mouth_twisted"]]
    assert attempted(name, image, replace(region, context={"hands": [other]}), 1) is None
