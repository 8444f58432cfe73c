from __future__ import annotations

import math
import random

import numpy as np
import pytest

from asap.anatomy.keypoints import LIMBS, RAYS, size_of
from asap.anatomy.skeleton_errors import SKELETON_ERRORS, NotPossible
from asap.anatomy.skeletons import PARTS, Skeleton, angle_between, rotated, transformed, with_part
from asap.pairs.degradations import DEGRADATIONS
from skeleton_people import copied, is_equal, parts, person, runner, similarity

PEOPLE = {"palm": person(), "peace": person("peace"), "rock": person("rock"), "runner": runner()}
HANDS = ("left_hand", "right_hand")
OF_HANDS, OF_BODIES, OF_FACES = (
    [name for name, row in SKELETON_ERRORS.items() if row.part == part] for part in ("hand", "body", "face")
)


def with_error(name: str, skeleton: Skeleton, seed: int = 0) -> Skeleton:
    return SKELETON_ERRORS[name].function(skeleton, random.Random(seed))


def either(name: str, skeleton: Skeleton, seed: int) -> Skeleton | str:
    """The skeleton with the error, or why it is not possible."""
    try:
        return with_error(name, skeleton, seed)
    except NotPossible as reason:
        return str(reason)


def able(name: str) -> Skeleton:
    return PEOPLE["runner" if name == "reversed_joint" else "palm"]


def without(skeleton: Skeleton, *names: str) -> Skeleton:
    for name in names:
        skeleton = with_part(skeleton, name, np.full((PARTS[name], 2), np.nan))
    return skeleton


def differing(before: Skeleton, after: Skeleton) -> dict[str, list[int]]:
    """Part -> indices of its own points that are not where they were."""
    found = {}
    for part in PARTS:
        a, b = before.part(part), after.part(part)
        same = (np.isclose(a, b, atol=1e-9) | (np.isnan(a) & np.isnan(b))).all(axis=1)
        found[part] = np.flatnonzero(~same).tolist()
    return {part: indices for part, indices in found.items() if indices}


def finger_of(before: Skeleton, after: Skeleton) -> tuple[str, int]:
    """The one hand and finger whose points differ."""
    ((part, indices),) = differing(before, after).items()
    (finger,) = {(index - 1) // 4 for index in indices}
    return part, finger


def length(hand: np.ndarray, finger: int) -> float:
    return float(np.hypot(*np.diff(hand[list(RAYS[finger])][1:], axis=0).T).sum())


@pytest.mark.parametrize("name", SKELETON_ERRORS)
@pytest.mark.parametrize("who", PEOPLE)
@pytest.mark.parametrize("move", [(0.7, 1.0, (9, -40)), (-2.5, 0.05, (0, 0)), (math.pi, 30.0, (-1e3, 1e3))])
def test_a_person_turned_and_scaled_gets_the_same_error(name, who, move):
    there = similarity(*move)
    for seed in range(4):
        moved = either(name, transformed(PEOPLE[who], there), seed)
        still = either(name, PEOPLE[who], seed)
        if isinstance(still, str) or isinstance(moved, str):
            assert moved == still
        else:
            assert is_equal(moved, transformed(still, there), within=1e-6 * move[1])


@pytest.mark.parametrize("name", SKELETON_ERRORS)
def test_the_skeleton_given_is_not_written_to(name):
    given = copied(able(name))
    for _, points in parts(given):
        points.flags.writeable = False
    for seed in range(8):
        assert not is_equal(with_error(name, given, seed), able(name))
    assert is_equal(given, able(name))


@pytest.mark.parametrize("name", SKELETON_ERRORS)
def test_the_same_seed_gives_the_same_error_and_others_give_others(name):
    one = with_error(name, able(name), 5)
    assert is_equal(one, with_error(name, able(name), 5))
    if name not in ("swapped_hands",):  # which has nothing to choose
        assert any(not is_equal(one, with_error(name, able(name), seed)) for seed in range(6, 12))


@pytest.mark.parametrize("name", SKELETON_ERRORS)
def test_nothing_can_be_done_to_a_skeleton_that_is_not_known(name):
    with pytest.raises(NotPossible, match=r"\w+ \w+"):
        with_error(name, without(person(), *PARTS))


@pytest.mark.parametrize("name", SKELETON_ERRORS)
def test_parts_that_an_error_does_not_need_may_be_missing(name):
    needed = {"hand": HANDS, "body": ("body",), "face": ("face",)}[SKELETON_ERRORS[name].part]
    lacking = without(able(name), *(part for part in PARTS if part not in needed))
    after = with_error(name, lacking)
    assert set(differing(lacking, after)) | {extra.part for extra in after.extras} <= set(needed)
    assert all(np.isfinite(extra.points).any() for extra in after.extras)


@pytest.mark.parametrize("name", sorted(set(SKELETON_ERRORS) & set(DEGRADATIONS)))
def test_errors_are_named_as_those_of_photos(name):
    assert SKELETON_ERRORS[name][:2] == (DEGRADATIONS[name].part, DEGRADATIONS[name].error)


def test_the_table_has_every_error_of_the_vocabulary():
    assert {row.error for row in SKELETON_ERRORS.values()} == {
        "extra finger", "missing finger", "fused fingers", "broken finger", "shortened finger",
        "stretched finger", "misconnected finger", "second hand", "swapped hands", "extra limb",
        "missing limb", "broken bone", "reversed joint", "misplaced limb", "mis-scaled limb", "displaced eye",
        "displaced mouth", "twisted mouth", "displaced nose", "enlarged eye", "tilted eye", "asymmetric face",
        "third eye",
    }  # fmt: skip


# hands


@pytest.mark.parametrize("who", ["palm", "peace", "rock"])
@pytest.mark.parametrize("seed", range(4))
def test_a_sixth_finger_stands_apart_from_the_other_five(who, seed):
    after = with_error("extra_finger", PEOPLE[who], seed)
    (extra,) = after.extras
    hand, there = after.part(extra.part), np.flatnonzero(np.isfinite(extra.points[:, 0])).tolist()
    assert there in [list(ray) for ray in RAYS[1:]]
    assert extra.points[0] == pytest.approx(hand[0])
    apart = np.hypot(*(hand[4::4] - extra.points[there[-1]]).T)
    assert apart.min() > 0.2 * size_of("hand", hand)


@pytest.mark.parametrize("seed", range(4))
def test_a_missing_finger_is_gone_beyond_its_knuckle(seed):
    after = with_error("missing_finger", person(), seed)
    part, finger = finger_of(person(), after)
    assert finger > 0
    assert np.flatnonzero(np.isnan(after.part(part)[:, 0])).tolist() == list(RAYS[finger][2:])


@pytest.mark.parametrize("seed", range(4))
def test_fused_fingers_run_side_by_side_from_their_own_knuckles(seed):
    after = with_error("fused_fingers", person(), seed)
    ((part, indices),) = differing(person(), after).items()
    first, second = sorted({(index - 1) // 4 for index in indices})
    assert second == first + 1 > 1
    one, other = (after.part(part)[list(RAYS[finger][1:])] for finger in (first, second))
    gaps = np.hypot(*(one - other).T) / size_of("hand", person().part(part))
    assert gaps[0] > 0.2
    assert gaps[2:] == pytest.approx([0.12, 0.12], abs=0.03)


@pytest.mark.parametrize("seed", range(6))
def test_a_broken_finger_turns_sideways_and_keeps_its_bones(seed):
    after = with_error("broken_finger", person(), seed)
    part, finger = finger_of(person(), after)
    hand = after.part(part)
    _, knuckle, middle, joint, _ = hand[list(RAYS[finger])]
    bend = abs(angle_between(middle - knuckle, joint - middle))
    assert math.radians(65) <= bend <= math.radians(95)
    assert length(hand, finger) == pytest.approx(length(person().part(part), finger))
    others = [hand[list(RAYS[n][1:])].mean(axis=0) for n in range(1, 5) if n != finger]
    assert min(math.dist(hand[RAYS[finger][-1]], other) for other in others) > 0.4 * size_of("hand", hand)


@pytest.mark.parametrize(("name", "least", "most"), [("short_finger", 0.4, 0.65), ("long_finger", 1.4, 1.65)])
@pytest.mark.parametrize("seed", range(3))
def test_a_fingers_length_changes_and_its_direction_does_not(name, least, most, seed):
    after = with_error(name, person(), seed)
    part, finger = finger_of(person(), after)
    was, now = person().part(part), after.part(part)
    assert least < length(now, finger) / length(was, finger) < most
    knuckle, tip = RAYS[finger][1], RAYS[finger][-1]
    assert angle_between(was[tip] - was[knuckle], now[tip] - now[knuckle]) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("who", ["palm", "peace"])
@pytest.mark.parametrize("seed", range(3))
def test_a_misconnected_finger_starts_near_the_wrist_at_the_palms_side(who, seed):
    after = with_error("misconnected_finger", PEOPLE[who], seed)
    part, finger = finger_of(PEOPLE[who], after)
    assert finger == {"palm": 4, "peace": 1}[who]
    was, now = PEOPLE[who].part(part), after.part(part)
    knuckle = RAYS[finger][1]
    assert math.dist(now[knuckle], now[0]) < 0.55 * math.dist(was[knuckle], was[0])
    assert length(now, finger) == pytest.approx(length(was, finger))


@pytest.mark.parametrize("bend", [-1.5, 0.0, 1.5])
@pytest.mark.parametrize("seed", range(6))
def test_a_second_hand_shares_the_wrist_and_does_not_lie_on_the_forearm(bend, seed):
    bent = person()
    for part in HANDS:
        hand = bent.part(part)
        bent = with_part(bent, part, rotated(hand, hand[0], bend))
    (extra,) = with_error("second_hand", bent, seed).extras
    hand = bent.part(extra.part)
    assert extra.points[0] == pytest.approx(hand[0])
    assert size_of("hand", extra.points) == pytest.approx(size_of("hand", hand))
    elbow = bent.body[7 if extra.part == "left_hand" else 8]
    assert abs(angle_between(extra.points[9] - hand[0], elbow - hand[0])) > math.radians(44)
    assert 69 < abs(math.degrees(angle_between(extra.points[9] - hand[0], hand[9] - hand[0]))) < 101


def test_swapped_hands_have_their_thumbs_on_the_wrong_side():
    after = with_error("swapped_hands", person())
    for part in HANDS:
        was, now = person().part(part), after.part(part)
        assert now[0] == pytest.approx(was[0])
        assert size_of("hand", now) == pytest.approx(size_of("hand", was))
        sides = [angle_between(hand[9] - hand[0], hand[4] - hand[0]) for hand in (was, now)]
        assert sides[0] * sides[1] < 0


def test_no_swap_of_a_palm_and_a_back_or_of_one_hand():
    both = with_part(person(), "right_hand", person().left_hand - np.array([300.0, 0.0]))
    with pytest.raises(NotPossible, match="back"):
        with_error("swapped_hands", both)
    with pytest.raises(NotPossible, match="one hand"):
        with_error("swapped_hands", without(person(), "right_hand"))


@pytest.mark.parametrize("name", OF_HANDS)
def test_no_finger_of_a_fist_is_chosen(name):
    fist = person("palm")
    for part in HANDS:
        hand = fist.part(part).copy()
        for ray in RAYS[1:]:
            hand[ray[2] :][:3] = hand[ray[1]] + (hand[0] - hand[ray[1]]) * np.array([[0.1], [0.3], [0.2]])
        fist = with_part(fist, part, hand)
    if name in ("second_hand", "swapped_hands"):
        assert not is_equal(with_error(name, fist), fist)
    else:
        with pytest.raises(NotPossible, match="stretched"):
            with_error(name, fist)


def test_fingers_without_a_stretched_neighbour_are_not_fused():
    with pytest.raises(NotPossible):
        with_error("fused_fingers", person("rock"))


@pytest.mark.parametrize(
    "spread",
    [
        pytest.param(0.15, id="upon one another"),
        pytest.param(-1.0, id="folded down from the knuckles"),
    ],
)
def test_fingers_that_cannot_be_told_apart_are_left_alone(spread):
    one = without(person(), "right_hand")
    hand = one.left_hand.copy()
    if spread > 0:
        hand[5:, 0] = hand[9, 0] + spread * (hand[5:, 0] - hand[9, 0])
    else:
        for ray in RAYS[1:]:
            hand[list(ray[2:])] = hand[ray[1]] - (hand[list(ray[2:])] - hand[ray[1]])
    with pytest.raises(NotPossible, match="stretched"):
        with_error("missing_finger", with_part(one, "left_hand", hand))


# arms and legs


@pytest.mark.parametrize("seed", range(6))
def test_a_third_limb_hangs_from_the_same_joint_with_its_hand(seed):
    after = with_error("extra_limb", person(), seed)
    assert differing(person(), after) == {}
    limb = next(limb for limb in LIMBS.values() if np.isfinite(after.extras[0].points[limb[0], 0]))
    copy, own = after.extras[0].points[list(limb)], person().body[list(limb)]
    assert copy[0] == pytest.approx(own[0])
    assert 29 < abs(math.degrees(angle_between(own[1] - own[0], copy[1] - copy[0]))) < 39
    assert np.hypot(*np.diff(copy, axis=0).T) == pytest.approx(np.hypot(*np.diff(own, axis=0).T))
    assert [extra.part for extra in after.extras[1:]] == {9: ["left_hand"], 10: ["right_hand"]}.get(
        limb[2], []
    )


def test_a_limb_whose_twin_is_hidden_gets_no_copy():
    body = person().body.copy()
    body[[9, 16]] = np.nan
    with pytest.raises(NotPossible, match="twin"):
        with_error("extra_limb", with_part(person(), "body", body))


@pytest.mark.parametrize("seed", range(6))
def test_a_missing_limb_ends_at_its_middle_joint(seed):
    after = with_error("missing_limb", person(), seed)
    lost = {part: np.flatnonzero(np.isnan(after.part(part)[:, 0])).tolist() for part in PARTS}
    every = list(range(21))
    nothing = {"body": [], "face": [], "left_hand": [], "right_hand": []}
    assert lost in (
        nothing | {"body": [9], "left_hand": every},
        nothing | {"body": [10], "right_hand": every},
        nothing | {"body": [15, 17, 18, 19]},
        nothing | {"body": [16, 20, 21, 22]},
    )


@pytest.mark.parametrize("seed", range(6))
def test_a_broken_bone_bends_at_its_middle_and_keeps_its_length(seed):
    after = with_error("broken_limb", person(), seed)
    limb = next(limb for limb in LIMBS.values() if limb[2] in differing(person(), after)["body"])
    _, joint, end = limb
    middle = person().body[[joint, end]].mean(axis=0)
    beyond = after.extras[0].points
    assert after.body[end] == pytest.approx(middle)
    assert beyond[joint] == pytest.approx(middle)
    assert 53 < abs(math.degrees(angle_between(middle - person().body[joint], beyond[end] - middle))) < 63
    assert math.dist(beyond[end], middle) == pytest.approx(math.dist(middle, person().body[joint]))
    if end in (9, 10):
        part = HANDS[end - 9]
        assert np.isnan(after.part(part)).all()
        assert after.extras[1].points[0] == pytest.approx(beyond[end])


@pytest.mark.parametrize("seed", range(6))
def test_a_reversed_joint_bends_to_the_other_side(seed):
    after = with_error("reversed_joint", runner(), seed)
    limb = next(limb for limb in LIMBS.values() if limb[2] in differing(runner(), after)["body"])
    bends = []
    for skeleton in (runner(), after):
        root, joint, end = skeleton.body[list(limb)]
        bends.append(angle_between(joint - root, end - joint))
    assert bends[1] == pytest.approx(-math.copysign(max(abs(bends[0]), math.radians(45)), bends[0]))


def test_straight_knees_and_elbows_seen_from_the_front_are_not_reversed():
    with pytest.raises(NotPossible, match="bent"):
        with_error("reversed_joint", person())


@pytest.mark.parametrize("seed", range(6))
def test_a_misplaced_limb_is_whole_and_grows_from_another_place(seed):
    after = with_error("misplaced_limb", person(), seed)
    limb = next(limb for limb in LIMBS.values() if limb[2] in differing(person(), after)["body"])
    copy, own = after.extras[0].points[list(limb)], person().body[list(limb)]
    assert np.diff(copy, axis=0) == pytest.approx(np.diff(own, axis=0))
    assert math.dist(copy[0], own[0]) > 0.6 * size_of("body", person().body)
    assert np.isnan(after.body[list(limb[1:])]).all()
    assert after.body[limb[0]] == pytest.approx(own[0])


@pytest.mark.parametrize("seed", range(8))
def test_a_mis_scaled_limb_keeps_its_shape_and_carries_its_hand(seed):
    after = with_error("misscaled_limb", person(), seed)
    limb = next(limb for limb in LIMBS.values() if limb[2] in differing(person(), after)["body"])
    now, own = (each.body[list(limb)] - each.body[limb[0]] for each in (after, person()))
    factor = np.hypot(*now[2]) / np.hypot(*own[2])
    assert 0.45 <= factor <= 0.55 or 1.6 <= factor <= 1.8
    assert now == pytest.approx(factor * own)
    if limb[2] in (9, 10):
        hand = after.part(HANDS[limb[2] - 9])
        assert hand[0] == pytest.approx(after.body[limb[2]])
        assert size_of("hand", hand) == pytest.approx(factor * size_of("hand", person().left_hand))


# faces

EYE_DISTANCE = 28.0


@pytest.mark.parametrize(
    ("name", "indices", "x", "y"),
    [
        ("eye_lowered", (range(36, 42), range(42, 48)), (0, 0), (0.26, 0.34)),
        ("mouth_shifted", (range(48, 68),), (0.32, 0.38), (0, 0)),
        ("nose_displaced", (range(27, 36),), (0.22, 0.28), (0, 0)),
    ],
)
@pytest.mark.parametrize("seed", range(4))
def test_a_displaced_part_of_a_face_goes_as_far_as_it_should(name, indices, x, y, seed):
    after = with_error(name, person(), seed)
    changed = differing(person(), after)["face"]
    assert changed in [list(each) for each in indices]
    shift = (after.face - person().face)[changed].mean(axis=0) / EYE_DISTANCE
    for along, (least, most) in ((abs(shift[0]), x), (shift[1], y)):
        assert least - 1e-6 <= along <= most + 1e-6


@pytest.mark.parametrize(("name", "point"), [("eye_lowered", (1, 2)), ("nose_displaced", (0,))])
def test_the_bodys_own_eye_or_nose_goes_with_the_faces(name, point):
    after = with_error(name, person())
    (moved,) = differing(person(), after)["body"]
    assert moved in point


@pytest.mark.parametrize(
    ("name", "turn", "factor"),
    [
        ("eye_enlarged", (0, 0), (1.6, 1.75)),
        ("eye_tilted", (34, 42), (1, 1)),
        ("mouth_twisted", (28, 36), (1, 1)),
    ],
)
def test_a_part_of_a_face_is_turned_or_enlarged_in_its_place(name, turn, factor):
    after = with_error(name, person())
    changed = differing(person(), after)["face"]
    was, now = (each.face[changed] - each.face[changed].mean(axis=0) for each in (person(), after))
    assert after.face[changed].mean(axis=0) == pytest.approx(person().face[changed].mean(axis=0))
    assert turn[0] - 1e-6 <= abs(math.degrees(angle_between(was[0], now[0]))) <= turn[1] + 1e-6
    assert factor[0] - 1e-6 <= np.hypot(*now[0]) / np.hypot(*was[0]) <= factor[1] + 1e-6


@pytest.mark.parametrize("seed", range(4))
def test_an_asymmetric_face_has_eye_and_mouth_low_on_the_same_side(seed):
    after = with_error("face_unbalanced", person(), seed)
    eyes = [(after.face - person().face)[36 + 6 * side :][:6, 1].mean() for side in (0, 1)]
    corners = after.face[[48, 54], 1] - person().face[[48, 54], 1]
    assert min(eyes) == pytest.approx(0)
    assert max(eyes) / EYE_DISTANCE == pytest.approx(0.21, abs=0.03)
    assert np.argmax(corners) == np.argmax(eyes)


def test_a_third_eye_is_on_the_forehead():
    after = with_error("third_eye", person())
    (extra,) = after.extras
    eye = extra.points[np.isfinite(extra.points[:, 0])]
    brows = person().face[17:27]
    assert len(eye) == 6
    assert eye[:, 1].max() < brows[:, 1].min() + 1e-6
    assert eye[:, 0].mean() == pytest.approx(brows[:, 0].mean(), abs=1)


@pytest.mark.parametrize("name", OF_FACES)
def test_a_face_turned_away_gets_no_error(name):
    face = person().face.copy()
    face[27:36] += [12.0, 0.0]
    with pytest.raises(NotPossible, match="turned"):
        with_error(name, with_part(person(), "face", face))
