import numpy as np
import pytest

from asap.anatomy.openpose import draw_openpose
from asap.anatomy.skeletons import Extra, Skeleton, only, with_extras, with_part
from skeleton_people import copied, person

HEIGHT, WIDTH = 660, 600


def nothing(**parts: dict[int, tuple[float, float]]) -> Skeleton:
    """A skeleton that has only the given points."""
    names = ("body", "face", "left_hand", "right_hand")
    given = {part: {i: np.array(point) for i, point in points.items()} for part, points in parts.items()}
    return Skeleton(*(only(name, given.get(name, {})).points for name in names))


def draw(skeleton: Skeleton) -> np.ndarray:
    return draw_openpose(skeleton, HEIGHT, WIDTH)


def colours(image: np.ndarray) -> set[tuple[int, ...]]:
    return set(map(tuple, image[image.any(axis=-1)].tolist()))


@pytest.mark.parametrize(
    ("bone", "limb", "joints"),
    [
        ((6, 8), (153, 102, 0), ((255, 170, 0), (255, 255, 0))),  # right upper arm
        ((8, 10), (153, 153, 0), ((255, 255, 0), (170, 255, 0))),  # right forearm
        ((5, 7), (102, 153, 0), ((85, 255, 0), (0, 255, 0))),  # left upper arm
        ((13, 15), (0, 51, 153), ((0, 0, 255), (85, 0, 255))),  # left shin
        ((12, 14), (0, 153, 51), ((0, 255, 170), (0, 255, 255))),  # right thigh
        ((0, 2), (51, 0, 153), ((255, 0, 0), (170, 0, 255))),  # nose to right eye
        ((1, 3), (153, 0, 102), ((255, 0, 255), (255, 0, 85))),  # left eye to left ear
    ],
)
def test_limbs_and_joints_have_the_colours_of_openpose(bone, limb, joints):
    image = draw(nothing(body=dict(zip(bone, [(100.0, 100.0), (200.0, 100.0)], strict=True))))
    assert tuple(image[100, 150]) == limb
    assert (tuple(image[100, 100]), tuple(image[100, 200])) == joints
    assert colours(image) == {limb, *joints}


def test_the_neck_is_between_the_shoulders():
    body = {5: (200.0, 100.0), 6: (100.0, 100.0)}
    image = draw(nothing(body=body))
    assert tuple(image[100, 150]) == (255, 85, 0)
    assert tuple(image[100, 125]) == (153, 0, 0)  # to the right shoulder
    assert tuple(image[100, 175]) == (153, 51, 0)
    assert colours(draw(nothing(body={5: body[5]}))) == {(85, 255, 0)}


def test_a_limb_is_an_ellipse_of_half_width_four():
    image = draw(nothing(body={6: (100.0, 100.0), 8: (200.0, 100.0)}))
    assert image[:, 150].any(axis=-1).sum() == 9
    assert image[:, 120].any(axis=-1).sum() < 9


def test_the_hue_of_a_hands_edge_is_its_number_of_twenty():
    image = draw(nothing(left_hand={0: (100.0, 100.0), 5: (200.0, 100.0), 6: (200.0, 200.0)}))
    assert tuple(image[100, 150]) == (204, 255, 0)  # edge 4 of 20: hue 72 degrees
    assert tuple(image[150, 200]) == (128, 255, 0)  # edge 5: 90 degrees
    assert tuple(image[100, 100]) == tuple(image[200, 200]) == (0, 0, 255)


def test_face_points_are_white_dots_and_feet_are_not_drawn():
    image = draw(nothing(face={30: (100.0, 100.0)}))
    assert colours(image) == {(255, 255, 255)}
    assert image.any(axis=-1).sum() == pytest.approx(np.pi * 3**2, rel=0.35)
    assert not draw(nothing(body={17: (100.0, 100.0), 19: (120.0, 100.0)})).any()


def test_equal_skeletons_give_equal_bytes_and_are_not_written_to():
    one = person()
    before = copied(one)
    assert draw(one).tobytes() == draw(copied(one)).tobytes()
    assert all(np.array_equal(one.part(n), before.part(n)) for n in ("body", "left_hand", "face"))


def test_points_that_are_not_known_are_left_out():
    assert not draw(nothing()).any()
    hand = person().left_hand.copy()
    hand[8] = np.nan
    tip = person().left_hand[8].astype(int)
    assert draw(person())[tip[1], tip[0]].any()
    assert not draw(with_part(person(), "left_hand", hand))[tip[1], tip[0]].any()


def test_an_extra_finger_adds_pixels_only_near_it():
    hand = person().left_hand
    finger = {i: hand[i] + np.array([70.0, 5.0]) for i in (17, 18, 19, 20)}
    more = with_extras(person(), only("left_hand", finger))
    changed = np.argwhere((draw(more) != draw(person())).any(axis=-1))[:, ::-1]
    distance = np.linalg.norm(changed[:, None] - np.array(list(finger.values()))[None], axis=-1).min(axis=1)
    assert len(changed) > 100
    assert distance.max() < 16


@pytest.mark.parametrize("part", ["body", "face", "left_hand", "right_hand"])
def test_any_number_of_extras_is_drawn_as_their_part_is(part):
    points = person().part(part)
    shifts = [np.array([dx, 0.0]) for dx in (0.0, 20.0, 40.0)]
    blank = nothing()
    many = with_extras(blank, *(Extra(part, points + shift) for shift in shifts))
    alone = [draw(with_part(blank, part, points + shift)) for shift in shifts]
    assert np.array_equal(draw(many).any(axis=-1), np.any(alone, axis=(0, -1)))
