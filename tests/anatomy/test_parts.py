"""Masks of all parts: in their places on drawn people, whole or not, and on nonsense."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from asap.anatomy.keypoints import FACE, FEET, FINGERS, LEFT_HAND, NAMES, RAYS, RIGHT_HAND, known
from asap.anatomy.parts import PARTS, eyes_apart, part_masks, silhouette, stature
from asap.figures.people import scenes
from asap.figures.people.looks import LABELS
from asap.figures.people.render import render_people

SIZE = 384
INSIDE = {"left_index": 98, "right_thumb": 114, "left_eye": 23 + 43, "mouth": 23 + 62, "nose": 23 + 30,
          "right_ear": 4, "left_forearm": 9, "right_upper_arm": 8, "left_thigh": 13, "right_shin": 16,
          "left_toes": 17, "right_foot": 22, "left_palm": 91 + 9, "head": 0, "face": 23 + 30}  # fmt: skip
"""A part and a keypoint that must lie in it."""


PAINTED = {
    "head": (["head"], ["head", "face", "hair"]),
    "torso": (["torso"], ["torso"]),  # arms before it hide much of it
    **{
        f"{side}_{name}": ([f"{side}_{part}" for part in parts], [f"{side}_{name}"])
        for side in ("left", "right")
        for name, parts in {"arm": ("upper_arm", "forearm"), "leg": ("thigh", "shin"), "hand": ("hand",),
                            "foot": ("foot",)}.items()
    },
}  # fmt: skip
"""Masks and the labels of the renderer that they should match."""


def figure(pose, framing="full body", seed=3):
    return scenes.figure(scenes.scene(seed, pose, framing))


def points_of(drawn):
    return np.concatenate([drawn.body, drawn.face, drawn.left_hand, drawn.right_hand]) * SIZE


@pytest.fixture(scope="module", params=["arms wide", "walking", "sitting", "dancing"])
def drawn(request):
    one = figure(request.param)
    return points_of(one), render_people([one], SIZE)[1][0]


def test_all_parts_of_a_whole_person_hold_their_keypoints(drawn):
    points, _ = drawn
    masks = part_masks(points, SIZE, SIZE)
    assert list(masks) == list(PARTS)
    for part, index in INSIDE.items():
        x, y = points[index].round().astype(int).clip(0, SIZE - 1)
        assert masks[part][y, x], (part, NAMES[index])


def test_parts_cover_the_drawn_ones_and_little_else(drawn):
    points, labels = drawn
    masks = part_masks(points, SIZE, SIZE)
    for part, (of, painted) in PAINTED.items():
        mask = np.any([masks[name] for name in of], axis=0)
        truth = np.isin(labels, [LABELS.index(name) for name in painted])
        assert (mask & truth).sum() >= 0.7 * truth.sum(), part
        assert (mask & truth).sum() >= (0.4 if part == "torso" else 0.55) * mask.sum(), part
    seen = (labels > 0) & (labels != LABELS.index("object"))
    everything = np.any(list(masks.values()), axis=0)
    assert (seen & everything).sum() > 0.9 * seen.sum()
    assert (everything <= silhouette(points, SIZE, SIZE)).all()


def test_fingers_do_not_overlap_and_each_has_its_tip(drawn):
    points, _ = drawn
    masks = part_masks(points, SIZE, SIZE)
    for side in ("left", "right"):
        fingers = [masks[f"{side}_{finger}"] for finger in FINGERS]
        assert np.sum(fingers, axis=0).max() == 1
        assert (np.any(fingers, axis=0) <= masks[f"{side}_hand"]).all()
        assert (masks[f"{side}_palm"] <= masks[f"{side}_hand"]).all()


def test_left_and_right_change_places_in_a_mirror(drawn):
    points, _ = drawn
    masks = part_masks(points, SIZE, SIZE)
    mirrored = part_masks(swapped(points), SIZE, SIZE)
    for part in PARTS:
        other = part.replace("left_", "<").replace("right_", "left_").replace("<", "right_")
        a, b = masks[part][:, ::-1], mirrored[other]
        assert (a ^ b).sum() <= 0.12 * a.sum() + 12, part


def swapped(points):
    """The mirrored person, their left now their right."""
    mirror = points * (-1, 1) + (SIZE - 1, 0)
    order = np.arange(133)
    for left in range(1, 16, 2):
        order[[left, left + 1]] = left + 1, left
    order[17:23] = 20, 21, 22, 17, 18, 19
    order[LEFT_HAND], order[RIGHT_HAND] = np.arange(112, 133), np.arange(91, 112)
    eyes = 45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40
    mouth = *range(54, 47, -1), *range(59, 54, -1), *range(64, 59, -1), 67, 66, 65
    face = [*range(16, -1, -1), *range(26, 16, -1), 27, 28, 29, 30, *range(35, 30, -1), *eyes, *mouth]
    order[FACE] = np.array(face) + FACE.start
    return mirror[order]


def test_a_person_mask_cuts_all_parts(drawn):
    points, labels = drawn
    person = labels > 0
    person[SIZE // 2 :] = False
    masks = part_masks(points, SIZE, SIZE, person)
    assert all(not (mask & ~person).any() for mask in masks.values())
    assert "left_foot" not in masks and "head" in masks


def test_unknown_points_leave_their_parts_out():
    points = points_of(figure("arms wide"))
    points[LEFT_HAND] = np.nan
    points[[8, 10]] = np.nan  # right elbow and wrist
    points[FEET] = np.nan
    points[FACE] = np.nan
    absent = set(PARTS) - set(part_masks(points, SIZE, SIZE))
    fingers = {f"left_{part}" for part in ("hand", "palm", *FINGERS)}
    feet = {f"{side}_{part}" for side in ("left", "right") for part in ("foot", "toes")}
    assert absent == fingers | feet | {"right_upper_arm", "right_forearm", "mouth"}


def test_only_a_hand_only_a_face():
    points = points_of(figure("arms wide"))
    hand = {f"right_{part}" for part in ("hand", "palm", *FINGERS)}
    face = {"head", "face", "left_eye", "right_eye", "nose", "mouth"}
    for part, names in ((RIGHT_HAND, hand), (FACE, face)):
        alone = np.full((133, 2), np.nan)
        alone[part] = points[part]
        assert set(part_masks(alone, SIZE, SIZE)) == names


def test_lengths_do_not_shrink_when_a_part_is_foreshortened():
    points = points_of(figure("arms wide"))
    tall = stature(points[:23])
    folded = points[:23].copy()
    folded[[7, 9]] = folded[5] + [(1.0, 1.0), (2.0, 2.0)]
    assert stature(folded) == pytest.approx(tall, rel=0.2)
    assert np.isnan(stature(np.full((23, 2), np.nan)))
    assert np.isnan(eyes_apart(np.full((68, 2), np.nan), np.full((23, 2), np.nan)))
    turned = points[FACE].copy()
    turned[:, 0] = turned[27, 0]
    assert eyes_apart(turned, points[:23]) > 0.5 * eyes_apart(points[FACE], points[:23])


coordinates = st.one_of(
    st.floats(-50, 450), st.sampled_from([np.nan, np.inf, -np.inf, 0.0, 1e9, -1e12, 64.0, 64.5])
)


@settings(max_examples=60, deadline=None)
@given(arrays(np.float64, (133, 2), elements=coordinates))
def test_nonsense_never_crashes(points):
    masks = part_masks(points, 120, 160, None)
    assert set(masks) <= set(PARTS)
    assert all(mask.shape == (120, 160) and mask.dtype == bool and mask.any() for mask in masks.values())
    assert silhouette(points, 120, 160).shape == (120, 160)


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(["arms wide", "sitting"]),
    st.lists(st.integers(0, 132), max_size=133),
    st.floats(-900, 900),
    st.floats(0, 4),
    st.booleans(),
)
def test_people_with_holes_moved_and_scaled_to_nothing_never_crash(pose, unknown, shift, scale, overlapping):
    points = points_of(figure(pose)) * scale + shift
    points[unknown] = np.nan
    if overlapping:
        points[112:] = points[91:112]
    masks = part_masks(points, 90, 70, np.ones((90, 70), bool))
    for part, mask in masks.items():
        assert mask.any(), part


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from([3, 7, 20, 24, 60]), min_size=1, max_size=4), st.integers(0, 50))
def test_hands_with_missing_fingers_have_the_others(missing, seed):
    points = points_of(figure("arms wide"))
    hand = points[LEFT_HAND]
    for index in missing:
        finger = index % 5
        hand[list(RAYS[finger][1:])] = np.nan
    masks = part_masks(points, SIZE, SIZE)
    for index, finger in enumerate(FINGERS):
        assert (f"left_{finger}" in masks) == bool(len(known(hand[list(RAYS[index][1:])])))


def test_another_shape_is_refused():
    with pytest.raises(ValueError, match="133"):
        part_masks(np.zeros((17, 2)), 9, 9)
