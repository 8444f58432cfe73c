"""Forward kinematics: lengths of bones, hands at their wrists, gestures told apart."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from asap.figures.people import faces, hands, poses
from asap.figures.people.catalogue import POSES


@pytest.mark.parametrize("name", list(POSES))
def test_bones_keep_their_lengths_and_hands_meet_their_wrists(name: str) -> None:
    parts = poses.solve(POSES[name].pose, np.random.default_rng(0))
    body = parts["body"]
    for first in (0, 1):
        bones = [(5, 7, poses.UPPER_ARM), (7, 9, poses.FOREARM), (11, 13, poses.THIGH), (13, 15, poses.SHIN)]
        for a, b, length in bones:
            assert np.linalg.norm(body[a + first] - body[b + first]) == pytest.approx(length, abs=1e-6)
    assert parts["left_hand"][0] == pytest.approx(body[9])
    assert parts["right_hand"][0] == pytest.approx(body[10])


@pytest.mark.parametrize("name", list(hands.GESTURES))
def test_fingers_keep_their_lengths(name: str) -> None:
    points = hands.gesture(name, np.random.default_rng(1))
    for i, length in enumerate(hands.LENGTHS):
        bones = np.diff(points[5 + 4 * i : 9 + 4 * i], axis=0)
        assert np.linalg.norm(bones, axis=1) == pytest.approx(np.multiply(hands.SHARES, length))


def test_a_peace_sign_stretches_two_fingers() -> None:
    points = hands.gesture("peace sign")
    reach = np.linalg.norm(points[[8, 12, 16, 20]] - points[0], axis=1)
    assert (reach[:2] > 0.85).all()
    assert (reach[2:] < 0.7).all()


def test_hands_are_mirror_images() -> None:
    shape, up, palm = hands.gesture("open palm"), np.asarray([0.0, -1, 0]), np.asarray([0.0, 0, 1])
    left, right = (
        hands.placed(shape, np.zeros(3), up, palm, left=left, length=1.0) for left in (True, False)
    )
    assert left == pytest.approx(right * [-1, 1, 1])
    assert right[4, 0] > 0  # a right hand's thumb, its palm to the viewer, points to the image's right


def test_an_open_mouth_is_open_and_a_smile_lifts_its_corners() -> None:
    neutral, smiling, laughing = (faces.face(name) for name in ("neutral", "smiling", "laughing"))
    assert laughing[66, 1] - laughing[62, 1] > 0.1 > neutral[66, 1] - neutral[62, 1]
    assert smiling[48, 1] < smiling[57, 1] - 0.1
    assert smiling[48, 1] < neutral[48, 1]


@pytest.mark.parametrize("name", [name for name in POSES if name.endswith(" turned")])
def test_a_turned_body_is_narrower_and_its_face_still_looks_this_way(name: str) -> None:
    for seed in range(30):
        pose = poses.varied(POSES[name].pose, np.random.default_rng(seed))
        parts, ahead = poses.solve(pose), poses.solve(replace(pose, turn=0.0))
        across, square = (points["body"][5] - points["body"][6] for points in (parts, ahead))
        assert abs(across[0]) < 0.9 * abs(square[0]) and np.linalg.norm(across) == pytest.approx(
            np.linalg.norm(square)
        )
        assert abs(pose.yaw + pose.turn) <= poses.FARTHEST
