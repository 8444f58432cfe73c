import numpy as np
import pytest

from asap.anatomy import keypoints as k


def test_133_names_in_the_order_of_coco_wholebody():
    assert len(k.NAMES) == len(set(k.NAMES)) == 133
    assert k.NAMES[:7] == (
        "nose",
        "left_eye",
        "right_eye",
        "left_ear",
        "right_ear",
        "left_shoulder",
        "right_shoulder",
    )
    assert k.NAMES[9:17:2] == ("left_wrist", "left_hip", "left_knee", "left_ankle")
    assert k.NAMES[17:23] == (
        "left_big_toe", "left_small_toe", "left_heel", "right_big_toe", "right_small_toe", "right_heel",
    )  # fmt: skip
    assert k.NAMES[k.FACE.start] == "face_0"
    assert k.NAMES[k.LEFT_HAND.start + 8] == "left_index_4"
    assert k.NAMES[-1] == "right_little_4"


def test_parts_cover_all_points_once():
    parts = k.split(np.arange(266.0).reshape(133, 2))
    assert [len(points) for points in parts.values()] == [23, 68, 21, 21]
    assert np.array_equal(np.concatenate(list(parts.values())), np.arange(266.0).reshape(133, 2))
    with pytest.raises(ValueError, match="133"):
        k.split(np.zeros((68, 2)))


def test_face_parts_and_hand_bones_cover_their_points():
    assert [i for part in k.FACE_PARTS.values() for i in range(68)[part]] == list(range(68))
    assert sorted(b for _, b in k.HAND_BONES) == list(range(1, 21))
    assert k.RAYS[1] == (0, 5, 6, 7, 8)


def test_sizes_of_known_figures():
    hand = np.full((21, 2), np.nan)
    hand[[0, 5, 9, 12, 17]] = [(0, 0), (0, 50), (0, 100), (0, 160), (60, 50)]
    assert k.size_of("hand", hand) == pytest.approx(100)
    hand[17] = (100, 50)
    assert k.size_of("hand", hand) == pytest.approx(135)
    face = np.zeros((68, 2))
    face[42:48] = (50, 0)
    assert k.size_of("face", face) == pytest.approx(95)
    body = np.full((23, 2), np.nan)
    body[[5, 6]] = [(100, 0), (0, 0)]
    assert k.size_of("body", body) == pytest.approx(200)
    body[[11, 12]] = [(80, 300), (20, 300)]
    assert k.size_of("body", body) == pytest.approx(300)


def test_sizes_of_unknown_points_are_nan():
    for part, count in (("hand", 21), ("face", 68), ("body", 23)):
        assert np.isnan(k.size_of(part, np.full((count, 2), np.nan)))


def test_box_ignores_unknown_points_and_stays_in_the_picture():
    points = np.array([(10.5, 20.0), (np.nan, np.nan), (30.0, 95.2)])
    assert k.box_of(points, 5, height=100, width=200) == (5, 15, 36, 100)
