"""Pictures depend on their figure alone, and change only near the part that changed."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from asap.figures.people import scenes
from asap.figures.people.backdrops import backdrop
from asap.figures.people.catalogue import POSES
from asap.figures.people.figure import PARTS, Figure
from asap.figures.people.looks import LABELS, NUMBER
from asap.figures.people.render import render_people
from asap.figures.people.textures import surroundings

SIZE = 128
REACH = 0.045  # of a stature: how far beyond its points a hand or an arm is painted


def picture(figure: Figure, size: int = SIZE) -> np.ndarray:
    return render_people([figure], size)[0][0]


def unknown(part: str) -> np.ndarray:
    return np.full((PARTS[part], 2), np.nan)


def changed_inside(before: Figure, after: Figure, *points: np.ndarray) -> bool:
    """Whether the pictures differ, and only within the box of `points` and the reach of a part."""
    differ = np.argwhere((picture(before) != picture(after)).any(axis=-1))[:, ::-1] + 0.5
    known = np.concatenate(points)
    known = known[np.isfinite(known).all(axis=1)]
    low = (known.min(axis=0) - REACH * before.scale) * SIZE - 2
    high = (known.max(axis=0) + REACH * before.scale) * SIZE + 2
    return len(differ) > 0 and bool((differ >= low).all() and (differ <= high).all())


@pytest.fixture(scope="module")
def palm() -> Figure:
    return scenes.figure(replace(scenes.scene(3, "open palm", "half body"), side="left"))


def test_a_picture_does_not_depend_on_its_neighbours(palm: Figure) -> None:
    other = scenes.figure(scenes.scene(4, "sitting"))
    images, labels = render_people([other, palm], SIZE)
    alone, alone_labels = render_people([palm], SIZE)
    assert np.array_equal(images[1], alone[0])
    assert np.array_equal(labels[1], alone_labels[0])


def test_an_extra_finger_changes_only_its_surroundings(palm: Figure) -> None:
    finger = unknown("left_hand")
    finger[9:13] = palm.left_hand[9:13] + 0.5 * (palm.left_hand[13] - palm.left_hand[9])
    after = replace(palm, extras=(("left_hand", finger),))
    assert changed_inside(palm, after, finger)


def test_a_moved_fingertip_changes_only_its_surroundings(palm: Figure) -> None:
    hand = palm.left_hand.copy()
    hand[12] += [0.03, 0.0]
    assert changed_inside(palm, replace(palm, left_hand=hand), palm.left_hand[9:13], hand[9:13])


def test_a_moved_elbow_changes_only_its_arm(palm: Figure) -> None:
    body = palm.body.copy()
    body[7] += [0.04, 0.02]
    after = replace(palm, body=body)
    assert changed_inside(palm, after, palm.body[[5, 7, 9]], body[[5, 7, 9]])


def test_a_moved_eye_changes_only_the_eye() -> None:
    portrait = scenes.figure(scenes.scene(8, "portrait"))
    face = portrait.face.copy()
    face[36:42] += [0.0, 0.06]
    assert changed_inside(portrait, replace(portrait, face=face), portrait.face[36:42], face[36:42])


def test_what_is_unknown_is_left_out_and_the_rest_stays(palm: Figure) -> None:
    hand = palm.left_hand.copy()
    hand[13:17] = np.nan
    assert changed_inside(palm, replace(palm, left_hand=hand), palm.left_hand)
    body = palm.body.copy()
    body[9] = np.nan
    stump = replace(palm, body=body, left_hand=unknown("left_hand"))
    labels = render_people([stump], SIZE)[1][0]
    assert not (labels == NUMBER["left_hand"]).any()
    assert (labels == NUMBER["left_arm"]).any()


def test_a_figure_of_which_nothing_is_known_is_its_backdrop(palm: Figure) -> None:
    nothing = replace(palm, **{part: unknown(part) for part in PARTS})
    assert not render_people([nothing], SIZE)[1].any()


def test_extra_arm_head_and_eye_are_drawn() -> None:
    person = scenes.figure(scenes.scene(9, "arms wide"))
    arm, eye = unknown("body"), unknown("face")
    arm[[5, 7, 9]] = person.body[[5, 7, 9]] + [[0, 0], [-0.02, 0.1], [-0.1, 0.2]]
    eye[36:42] = person.face[36:42] - [0, 0.02]
    for part, points in (("body", arm), ("face", eye), ("face", np.add(person.face, [0.15, 0]))):
        assert changed_inside(person, replace(person, extras=((part, points),)), points, points - [0, 0.06])


@pytest.mark.parametrize("pose", list(POSES))
def test_every_pose_shows_its_parts(pose: str) -> None:
    figure = scenes.figure(scenes.scene(1, pose))
    _, labels = render_people([figure], SIZE)
    seen = {LABELS[number] for number in np.unique(labels)}
    close_up = scenes.scene(1, pose).framing.endswith("hand")
    assert ({f"{scenes.scene(1, pose).side}_hand"} if close_up else {"torso", "face", "neck"}) <= seen
    assert ("object" in seen) == (POSES[pose].object != "none")


@pytest.mark.parametrize("pose", [name for name in POSES if name.endswith(" turned")])
def test_a_turned_person_shows_both_hands_and_all_limbs(pose: str) -> None:
    for seed in range(3):
        labels = render_people([scenes.figure(scenes.scene(seed, pose, "full body"))], SIZE)[1][0]
        limbs = [f"{side}_{part}" for side in ("left", "right") for part in ("hand", "arm", "leg", "foot")]
        assert [limb for limb in limbs if (labels == NUMBER[limb]).sum() < 15] == []


def test_labels_lie_on_the_points_of_their_parts() -> None:
    figure = scenes.figure(scenes.scene(2, "arms wide"))
    labels = render_people([figure], 256)[1][0]
    for part, points in (("left_hand", figure.left_hand[[0, 9]]), ("right_hand", figure.right_hand[[0, 9]]),
                         ("left_arm", figure.body[7:8]), ("right_leg", figure.body[14:15]),
                         ("face", figure.face[[30]])):  # fmt: skip
        places = (points.mean(axis=0) * 256).astype(int)
        assert LABELS[labels[places[1], places[0]]] == part


@pytest.mark.parametrize("size", [32, 48, 64, 512])
def test_sizes_agree(palm: Figure, size: int) -> None:
    small = picture(palm, size)
    assert small.shape == (size, size, 3)
    means = [picture(palm, s).mean(axis=(0, 1)) for s in (size, SIZE)]
    assert np.abs(means[0] - means[1]).max() < 4


def test_dose_zero_is_no_look_and_more_is_more(palm: Figure) -> None:
    plain, none, half, full = (
        render_people([palm], SIZE, look=dose, seeds=[5])[0].astype(int) for dose in (0.0, 0.0, 0.5, 1.0)
    )
    assert np.array_equal(plain, none) and np.array_equal(plain[0], picture(palm))
    assert 3 < np.abs(half - plain).mean() < np.abs(full - plain).mean() < 40


@pytest.mark.parametrize("scenery", ["plain", "room", "park"])
def test_the_look_of_a_pixel_that_no_error_touches_is_the_same(palm: Figure, scenery: str) -> None:
    """Two pictures of one seed that differ in a hand: the other seed shows that the look is not constant."""
    before = replace(palm, look=replace(palm.look, scenery=scenery))
    finger = unknown("left_hand")
    finger[9:13] = palm.left_hand[9:13] + 0.5 * (palm.left_hand[13] - palm.left_hand[9])
    after = replace(before, extras=(("left_hand", finger),))
    plain = render_people([before, after], SIZE)[0]
    same = (plain[0] == plain[1]).all(axis=-1)
    first, second, other = render_people([before, after, before], SIZE, look=1.0, seeds=[7, 7, 8])[0]
    assert not same.all()
    shared = (first == second).all(axis=-1)
    assert (shared & same).sum() > 0.998 * same.sum()
    grown = cv2.dilate((~same).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    assert shared[~grown].all()
    assert (first != other).any(axis=-1).mean() > 0.9


def test_the_background_is_out_of_focus_and_the_person_is_not() -> None:
    figure = scenes.figure(scenes.scene(3, "open palm", "half body"))
    figure = replace(figure, look=replace(figure.look, scenery="park"))
    plain, blurred = surroundings_of(figure, 0.0), surroundings_of(figure, 1.0)
    assert np.abs(np.diff(blurred, axis=0)).max() < 0.25 * np.abs(np.diff(plain, axis=0)).max()
    both = picture(figure), render_people([figure], SIZE, look=1.0)[0][0]
    sharp = [np.abs(np.diff(image.astype(int), axis=0)).max() for image in both]
    assert sharp[1] > 0.7 * sharp[0]


def surroundings_of(figure: Figure, dose: float) -> np.ndarray:
    return surroundings(backdrop(figure, 256), figure, dose, 0)
