"""Hands: fingers are counted in the drawn hand before and after, and the gates refuse what will not do."""

from __future__ import annotations

import random

import cv2
import numpy as np
import pytest

from asap.anatomy.finger_count import _valleys, count_fingers, finger_contrast, finger_reader
from asap.anatomy.hands import Hand
from asap.pairs.degradations import Degradation, Unsuitable
from asap.pairs.edits.hands import finger_errors, hand_errors
from asap.pairs.edits.hands.hand import free_fingers, open_hand, to_line
from asap.records import Image, Mask, Region
from drawn_people import BACKGROUND, SKIN, drawn_hand


def is_skin(image: Image) -> Mask:
    middle = (np.array(SKIN) + np.array(BACKGROUND)) / 2
    return np.asarray(image[..., 0] > middle[0])


def fingers_crossed(image: Image, hand: Hand) -> int:
    """Runs of skin on the level row just below the tips of the two middle fingers' last joints."""
    row = int(hand.fingers[1:3, 2, 1].mean())
    line = is_skin(image)[row].astype(int)
    return int((np.diff(line) == 1).sum())


def test_drawn_hand_has_four_fingers_by_either_count() -> None:
    image, region = drawn_hand()
    hand = open_hand(image, region)
    assert fingers_crossed(image, hand) == 4
    assert (count_fingers(image, hand, finger_reader(image, hand)) == 4).all()


@pytest.mark.parametrize("seed", range(4))
def test_extra_finger_makes_five(seed: int) -> None:
    image, region = drawn_hand()
    edited = hand_errors.add_finger(image, region, random.Random(seed))
    assert fingers_crossed(edited, open_hand(image, region)) == 5


@pytest.mark.parametrize("seed", range(4))
def test_missing_finger_leaves_three_and_shows_the_background(seed: int) -> None:
    image, region = drawn_hand()
    edited = finger_errors.cut_finger(image, region, random.Random(seed))
    assert fingers_crossed(edited, open_hand(image, region)) == 3
    gone = is_skin(image) & ~is_skin(edited)
    assert np.abs(edited[gone].mean(axis=0) - BACKGROUND).max() < 12


@pytest.mark.parametrize("seed", range(4))
def test_fused_fingers_leave_no_gap(seed: int) -> None:
    image, region = drawn_hand()
    hand = open_hand(image, region)
    edited = finger_errors.fuse_fingers(image, region, random.Random(seed))
    assert fingers_crossed(edited, hand) == 3
    assert is_skin(edited).sum() == pytest.approx(is_skin(image).sum(), rel=0.05)


def test_leaning_finger_keeps_its_knuckle_and_its_bones_and_comes_to_its_neighbour() -> None:
    image, region = drawn_hand()
    hand = open_hand(image, region)
    for index, other in ((0, 1), (2, 1), (3, 2)):
        target = finger_errors.beside(hand, index, other)
        lengths = [np.hypot(*np.diff(finger, axis=0).T) for finger in (target, hand.fingers[index])]
        assert np.array_equal(target[0], hand.fingers[index, 0])
        assert np.allclose(*lengths)
        line = hand.fingers[other]
        way = (line[3] - line[0]) / np.hypot(*(line[3] - line[0]))
        across = abs((target[3] - line[3]) @ (-way[1], way[0])) / hand.size
        assert across == pytest.approx(finger_errors.FUSED_GAP, abs=0.05)


def test_fingers_far_apart_do_not_grow_together() -> None:
    image, region = drawn_hand(spread=32.0)
    with pytest.raises(Unsuitable, match="too far apart"):
        finger_errors.beside(open_hand(image, region), 0, 1)


def test_short_and_long_fingers_change_one_finger_only() -> None:
    image, region = drawn_hand(spread=12.0)
    hand = open_hand(image, region)
    for edit, sign in ((finger_errors.shorten_finger, -1), (finger_errors.stretch_finger, 1)):
        edited = edit(image, region, random.Random(3))
        grown = int(is_skin(edited).sum()) - int(is_skin(image).sum())
        assert np.sign(grown) == sign
        changed = np.argwhere(is_skin(edited) != is_skin(image))[:, ::-1]
        nearest = [np.hypot(*(hand.fingers[:, 3] - point).T).argmin() for point in changed]
        assert np.bincount(nearest).max() > 0.9 * len(nearest)


def test_broken_finger_points_outwards() -> None:
    image, region = drawn_hand()
    edited = finger_errors.break_finger(image, region, random.Random(0))
    before, after = (np.argwhere(is_skin(x))[:, 1] for x in (image, edited))
    tips = open_hand(image, region).fingers[:, 3, 0]
    new = np.argwhere(is_skin(edited) & ~is_skin(image))[:, 1]
    assert new.min() < tips.min() - 5 or new.max() > tips.max() + 5
    assert abs(len(after) - len(before)) < 0.05 * len(before)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("edit", [finger_errors.cut_finger, finger_errors.stretch_finger])
def test_of_a_peace_sign_only_the_two_fingers_are_changed(edit: Degradation, seed: int) -> None:
    image, region = drawn_hand(spread=14.0, folded=(2, 3))
    hand, free = free_fingers(image, region)
    assert free == [0, 1]
    changed = np.argwhere(is_skin(edit(image, region, random.Random(seed))) != is_skin(image))[:, ::-1]
    assert len(changed) > 200
    nearest = [
        to_line(point[None, None].astype(np.float32), f)[0, 0] for f in hand.fingers for point in changed[::5]
    ]
    assert np.argmin(np.reshape(nearest, (4, -1)), axis=0).max() <= 1
    with pytest.raises(Unsuitable, match="bent"):
        hand_errors.add_finger(image, region, random.Random(seed))


def test_a_fist_and_a_single_stretched_finger_are_refused() -> None:
    for folded in ((0, 1, 2, 3), (1, 2, 3)):
        with pytest.raises(Unsuitable, match="bent"):
            free_fingers(*drawn_hand(folded=folded))


def test_contrast_of_a_finger_falls_when_it_is_gone() -> None:
    image, region = drawn_hand()
    hand = open_hand(image, region)
    assert (finger_contrast(image, hand, 1) > 4).all()
    empty = np.where(region.mask[..., None], np.array(BACKGROUND, np.uint8), image)
    assert (finger_contrast(empty, hand, 1, before=image) < 1).all()


def test_picture_without_its_error_is_refused() -> None:
    image, region = drawn_hand()
    hand = open_hand(image, region)
    with pytest.raises(Unsuitable, match="not visible"):
        hand_errors.checked(image, hand, image, fingers=5)


def test_hand_that_is_all_one_colour_with_its_ground_is_refused() -> None:
    image, region = drawn_hand()
    flat = np.full_like(image, SKIN)
    with pytest.raises(Unsuitable):
        hand_errors.add_finger(flat, region, random.Random(0))


def test_gates_name_their_reason() -> None:
    image, region = drawn_hand()

    def refused(points: np.ndarray, **context: object) -> str:
        with pytest.raises(Unsuitable) as reason:
            open_hand(image, Region("hand", region.mask, points, 1.0, "right", context))
        return str(reason.value)

    short = region.keypoints.copy()
    short[6:9] = short[5] + 0.3 * (short[6:9] - short[5])
    bent = region.keypoints.copy()
    bent[8] = bent[7] + (bent[5] - bent[7]) * 0.6
    crossed = region.keypoints.copy()
    crossed[[5, 6, 7, 8, 9, 10, 11, 12]] = crossed[[9, 10, 11, 12, 5, 6, 7, 8]]
    assert "foreshortened" in refused(short)
    assert "bent" in refused(bent)
    assert "cross" in refused(crossed)
    assert "another hand" in refused(region.keypoints, hands=[region.keypoints + 20])
    x, y = (int(v) for v in region.keypoints[10])
    assert "face" in refused(region.keypoints, faces=[(x - 20, y - 20, x + 20, y + 20)])


def test_busy_background_is_not_filled() -> None:
    image, region = drawn_hand()
    squares = np.random.default_rng(0).integers(0, 256, (60, 60, 3), dtype=np.uint8)
    busy = cv2.resize(squares, image.shape[1::-1], interpolation=cv2.INTER_NEAREST)
    busy = np.where(region.mask[..., None], image, busy)
    with pytest.raises(Unsuitable):
        finger_errors.cut_finger(busy, region, random.Random(0))


def test_valleys_counts_fingers_in_a_profile() -> None:
    profile = np.array([5, 0, 5, 0, 1, 0, 5, 4, 5, 0, 5], float)
    assert _valleys(profile, 2.0) == 3
    assert _valleys(np.full(9, 5.0), 2.0) == 1
