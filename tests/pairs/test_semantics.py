"""The semantic gate on drawn hands, faces and bodies: it sees the error named, and no other, and no null."""

from __future__ import annotations

import random
from collections.abc import Callable

import cv2
import numpy as np
import pytest

from asap.anatomy.finger_count import finger_lengths, leaning_length
from asap.lookup import choose
from asap.pairs.checks import face_evidence, semantics
from asap.pairs.checks.face_evidence import Motion, largest
from asap.pairs.checks.hand_evidence import _has_more, lone_finger
from asap.pairs.checks.semantics import CHECKS, absent, evidence
from asap.pairs.degradations import DEGRADATIONS
from asap.pairs.edits.hands.hand import open_hand
from asap.pairs.edits.warp import Bump, apply_bumps
from asap.records import Image, Region
from drawn_people import BACKGROUND, SKIN, drawn_body, drawn_face, drawn_hand

DRAWN: dict[str, Callable[[], tuple[Image, Region]]] = {
    "hand": drawn_hand,
    "face": drawn_face,
    "body": drawn_body,
}
SEEN = (
    *("extra_finger", "missing_finger", "short_finger", "long_finger", "broken_finger"),
    *("mouth_twisted", "eye_lowered", "mouth_shifted", "eye_enlarged"),
    *("extra_limb", "broken_limb", "curved_forearm"),
)
PART = {entry.error: entry.part for entry in DEGRADATIONS.values()}


def made(name: str, seed: int = 1) -> tuple[Image, Image, Region]:
    image, region = DRAWN[DEGRADATIONS[name].part]()
    function = choose({name: DEGRADATIONS[name].function}, name, "degradation")
    return image, function(image, region, random.Random(seed)), region


def test_checks_name_functions_that_exist() -> None:
    for error, check in CHECKS.items():
        assert callable(choose({error: check.measure}, error, "check"))
        assert check.least > 0


@pytest.mark.parametrize("name", SEEN)
def test_an_error_made_is_seen(name: str) -> None:
    image, negative, region = made(name)
    found = evidence(DEGRADATIONS[name].error, image, negative, region)
    assert found is not None and found >= 1


@pytest.mark.parametrize("error", [error for error in CHECKS if error in PART])
def test_a_picture_without_change_shows_no_error(error: str) -> None:
    image, region = DRAWN[PART[error]]()
    assert (evidence(error, image, image.copy(), region) or 0) < 1


def relit(image: Image, region: Region) -> Image:
    return np.clip(image.astype(int) + 20 * region.mask[..., None], 0, 255).astype(np.uint8)


def grained(image: Image, region: Region) -> Image:
    noise = np.random.default_rng(0).normal(0, 20, image.shape)
    return np.clip(image + noise * region.mask[..., None], 0, 255).astype(np.uint8)


def warped(image: Image, region: Region) -> Image:
    known = region.keypoints[np.isfinite(region.keypoints).all(axis=1)]
    return apply_bumps(image, [Bump(known.mean(axis=0), (60, 60), shift=(3.0, -3.0))])


@pytest.mark.parametrize("null", [relit, grained, warped])
@pytest.mark.parametrize("error", [error for error in CHECKS if error in PART])
def test_nulls_show_no_error(error: str, null: Callable[[Image, Region], Image]) -> None:
    image, region = DRAWN[PART[error]]()
    assert (evidence(error, image, null(image, region), region) or 0) < 1


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("extra_finger", "missing finger"),
        ("extra_finger", "broken finger"),
        ("long_finger", "extra finger"),
        ("missing_finger", "shortened finger"),
        ("short_finger", "missing finger"),
        ("eye_lowered", "displaced mouth"),
        ("eye_lowered", "enlarged eye"),
        ("mouth_twisted", "displaced eye"),
        ("mouth_twisted", "asymmetric face"),
        ("broken_limb", "extra limb"),
        ("extra_limb", "broken bone"),
    ],
)
def test_an_error_is_not_taken_for_another(name: str, other: str) -> None:
    image, negative, region = made(name)
    assert (evidence(other, image, negative, region) or 0) < 1


def test_the_same_pictures_give_the_same_evidence() -> None:
    image, negative, region = made("mouth_twisted")
    assert evidence("twisted mouth", image, negative, region) == evidence(
        "twisted mouth", image, negative, region
    )


def test_only_the_checks_in_use_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    image, negative, region = made("extra_finger")
    least = CHECKS["extra finger"]
    for trusted, use, asked in ((True, "trusted", True), (False, "trusted", False), (False, "all", True)):
        monkeypatch.setitem(semantics.CHECKS, "extra finger", least._replace(trusted=trusted))
        assert (evidence("extra finger", image, negative, region, use) is not None) == asked  # type: ignore[arg-type]
    assert evidence("extra finger", image, negative, region, "none") is None
    assert evidence("melted face", image, negative, region) is None


def test_parts_on_which_no_check_works_are_unknown() -> None:
    image, region = drawn_hand()
    points = np.full_like(region.keypoints, np.nan)
    lost = Region("hand", region.mask, points, 1.0)
    for error in ("extra finger", "missing finger", "broken finger"):
        assert evidence(error, image, image, lost) is None
    flat = np.full_like(image, SKIN)
    assert evidence("extra finger", flat, flat, region) is None
    small, face = drawn_face(8.0)
    assert evidence("displaced eye", small, small, face) is None


def test_what_is_unknown_passes_and_what_is_not_seen_does_not() -> None:
    assert absent(None) is None and absent(1.0) is None
    fault = absent(0.99)
    assert fault is not None and fault.way == 1 and "seen" in fault.reason


def test_fingers_are_followed_to_their_tips() -> None:
    image, region = drawn_hand()
    hand = open_hand(image, region)
    assert finger_lengths(image, hand) == pytest.approx(np.ones(4), abs=0.2)
    cut = image.copy()
    base, tip = hand.fingers[1, 0], hand.fingers[1, 3]
    middle = base + 0.5 * (tip - base)
    cv2.line(cut, tuple(np.intp(middle)), tuple(np.intp(tip + 0.2 * (tip - base))), BACKGROUND, 34)
    lengths = finger_lengths(cut, hand, image)
    assert lengths[1] < 0.6 and (np.delete(lengths, 1) > 0.8).all()
    assert leaning_length(image, hand, 1, image) == 0


def test_a_fan_of_five_is_told_from_a_finger_bent_outwards() -> None:
    assert _has_more(*made("extra_finger"))
    assert not _has_more(*made("broken_finger"))


def test_one_finger_that_lost_its_length_is_told_from_a_moved_hand() -> None:
    assert lone_finger(np.array([1, 0.4, 1.0, np.nan])) == 1
    assert lone_finger(np.array([0.7, 0.4, 1.0, 1.0])) is None
    assert lone_finger(np.array([0.9, 1.1, np.nan, 1.0])) is None


def test_motion_of_a_mouth_is_measured() -> None:
    image, region = drawn_face(60.0)
    centre = region.keypoints[48:68].mean(axis=0)
    for bump, want in (
        (Bump(centre, (80, 70), plateau=0.7, shift=(12.0, 0.0)), (0.2, 0.0, 0)),
        (Bump(centre, (80, 70), plateau=0.7, turn=np.radians(27)), (0.0, 0.0, 27)),
    ):
        (motion,) = face_evidence.motions(image, apply_bumps(image, [bump]), region, ["mouth"]) or [Motion()]
        assert motion.shift == pytest.approx(want[:2], abs=0.05)
        assert np.degrees(motion.turn) == pytest.approx(want[2], abs=5)


def test_a_part_that_is_not_found_again_leaves_it_open() -> None:
    def size(motion: Motion) -> float:
        return abs(motion.turn)

    lost, still, turned = Motion(match=0.1), Motion(match=1.0), Motion(turn=0.5, match=0.9)
    assert largest([lost, still], size) is None
    assert largest([lost, turned], size) == 0.5
    assert largest([still, turned], size) == 0.5
    assert largest(None, size) is None
