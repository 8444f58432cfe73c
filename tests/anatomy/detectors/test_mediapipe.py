"""Detection on the one portrait whose licence lets it travel: scikit-image's astronaut."""

import sys

import cv2
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from skimage import data

from asap.anatomy.detectors import mediapipe as detect
from asap.anatomy.detectors import mediapipe_models as mediapipe
from asap.anatomy.detectors.regions import Found
from asap.anatomy.keypoints import FACE_PARTS
from asap.errors import UserError

ASTRONAUT = data.astronaut()


@pytest.fixture(scope="module")
def regions():
    pytest.importorskip("mediapipe")
    return detect.find_regions(ASTRONAUT)


def of(regions, part):
    return [region for region in regions if region.part == part]


def test_one_face_with_its_points_in_place(regions):
    (face,) = of(regions, "face")
    eyes = [face.keypoints[FACE_PARTS[name]].mean(axis=0) for name in ("right_eye", "left_eye")]
    assert np.hypot(*(eyes[0] - (203.5, 101.5))) < 3  # the person's right eye is on the picture's left
    assert np.hypot(*(eyes[1] - (247.0, 103.5))) < 3
    mouth = face.keypoints[FACE_PARTS["mouth"]].mean(axis=0)
    assert np.hypot(*(mouth - (223, 145))) < 4
    jaw = face.keypoints[FACE_PARTS["jaw"]]
    assert jaw[0, 0] < jaw[8, 0] < jaw[16, 0]
    assert jaw[8, 1] == jaw[:, 1].max()
    assert np.abs(face.context["irises"] - eyes).max() < 3
    assert face.mask[120, 222]
    assert not face.mask[:, :150].any()


def test_one_body_left_and_right_as_the_person_has_them(regions):
    (body,) = of(regions, "body")
    left, right = body.keypoints[5], body.keypoints[6]
    assert right[0] < 150 < 280 < left[0]
    assert body.context["person"][300, 200]
    assert not body.context["person"][:100, 350:].any()
    assert not of(regions, "hand")


def test_the_same_answer_after_other_pictures(regions):
    detect.find_regions(ASTRONAUT[:, ::-1].copy())
    detect.find_regions(np.zeros((300, 200, 3), np.uint8))
    again = detect.find_regions(ASTRONAUT)
    assert [r.part for r in again] == [r.part for r in regions]
    for a, b in zip(again, regions):
        assert_array_equal(a.keypoints, b.keypoints)
        assert_array_equal(a.mask, b.mask)


def test_small_faces_of_several_people_from_left_to_right():
    pytest.importorskip("mediapipe")
    small = cv2.resize(ASTRONAUT[:300, 100:360], None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    canvas = np.full((1024, 1024, 3), 128, np.uint8)
    for x, y in ((60, 60), (800, 200), (400, 800)):
        canvas[y : y + small.shape[0], x : x + small.shape[1]] = small
    faces = of(detect.find_regions(canvas), "face")
    centres = [face.keypoints.mean(axis=0) for face in faces]
    assert len(faces) == 3
    assert [round(x / 100) for x, _ in centres] == [1, 5, 9]
    assert all(len(face.context["faces"]) == 2 for face in faces)


@pytest.mark.parametrize("shape", [(1, 1), (2, 900), (900, 3), (64, 64)])
def test_nothing_in_odd_pictures(shape):
    pytest.importorskip("mediapipe")
    assert detect.find_regions(np.full((*shape, 3), 90, np.uint8)) == []


def test_without_mediapipe_one_line_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "mediapipe", None)
    mediapipe._solutions.cache_clear()
    with pytest.raises(UserError, match=r"asap-align\[photos\]") as caught:
        mediapipe.Models()
    assert "\n" not in str(caught.value)
    mediapipe._solutions.cache_clear()


def body_at(x, y, size=100.0):
    points = np.full((23, 2), np.nan)
    points[[5, 6, 11, 12]] = [
        (x + size / 2, y),
        (x - size / 2, y),
        (x + size / 3, y + size),
        (x - size / 3, y + size),
    ]
    points[[9, 15, 17]] = [(x + size, y + size), (x, y + 2.5 * size), (x + 10, y + 2.6 * size)]
    return Found(points, 0.9)


def hand_at(x, y, size=40.0):
    spread = np.random.default_rng(0).uniform(-size, size, (21, 2))
    return Found(spread + np.array([x, y]), 0.9, "left")


def test_a_hand_at_a_foot_is_a_foot():
    body = body_at(200, 100)
    assert detect._is_foot(hand_at(205, 355), [body])
    assert not detect._is_foot(hand_at(300, 200), [body])
    assert not detect._is_foot(hand_at(205, 355), [])


def test_a_body_as_small_as_the_hand_it_lies_on_is_a_hand():
    assert detect._is_hand(body_at(200, 100, 50), [hand_at(200, 130, 60)])
    assert not detect._is_hand(body_at(200, 100, 300), [hand_at(200, 130, 40)])


def test_views_cover_the_picture():
    for height, width in ((500, 400), (1024, 683), (300, 1024)):
        seen = np.zeros((height, width), bool)
        for left, top, right, bottom in detect._views(np.zeros((height, width, 3), np.uint8))[1:]:
            seen[top:bottom, left:right] = True
        assert seen.all() or height <= 500


def test_square_pads_to_the_right_and_below():
    image = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    padded = mediapipe.square(image, (1, 0, 4, 2))
    assert padded.shape == (3, 3, 3)
    assert_array_equal(padded[:2], image[:, 1:])
    assert not padded[2].any()


class Seen:
    """Models that find `hands` in the views (left, top, right, bottom) given for each, and note the views."""

    def __init__(self, hands):
        self._hands, self.views = hands, []

    def hands(self, image, view):
        self.views.append(view)
        return [hand for hand, views in self._hands if view in views]


def hand_of(x, y, score):
    spread = np.stack(np.meshgrid(np.arange(7), np.arange(3)), axis=-1).reshape(21, 2) * 20.0
    return Found(spread - spread[0] + (x, y), score)


def looked(hands, wrist=(300.0, 300.0), people=None):
    """The hands found in a picture of 1000 x 1000 pixels with one body, and how many tiles were looked at."""
    image, likely = np.zeros((1000, 1000, 3), np.uint8), np.zeros((1000, 1000), np.float32)
    if people is not None:
        likely[people] = 1
    points = np.full((23, 2), np.nan)
    points[[5, 6, 11, 12]] = ((260, 200), (340, 200), (260, 400), (340, 400))
    points[[7, 9]] = (260, 260), wrist
    models = Seen(hands)
    found = detect._hands(models, image, [Found(points, 1.0)], lambda: likely)
    tiles = [view for view in models.views[1:] if view[2] - view[0] == 600]
    return found, len(tiles), len(models.views) - 1 - len(tiles)


def test_hands_are_looked_for_where_one_may_be_missing():
    whole, first = (0, 0, 1000, 1000), (0, 0, 600, 600)
    sure = hand_of(300, 300, 0.95)
    assert looked([(sure, [whole])]) == ([sure], 0, 0)  # at the wrist, and nobody else to be seen
    assert looked([])[1:] == (0, 1)  # none at the wrist: its square
    assert looked([], people=np.s_[700:, 700:])[1:] == (1, 1)  # somebody else in the last tile
    doubtful, better = hand_of(300, 300, 0.7), hand_of(305, 300, 0.8)
    found, tiles, _ = looked([(doubtful, [whole]), (better, [first])])
    assert found == [better] and tiles == 1  # of the two the one of the higher score
