"""Eyes, mouths, noses and heads: the error is there, as large as it says, and only where it may be."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from asap.lookup import choose
from asap.pairs.degradations import DEGRADATIONS, Degradation, Unsuitable
from asap.pairs.edits.faces import eye_errors, face_errors, head_errors, mouth_errors
from asap.records import Image, Points, Region
from drawn_people import BACKGROUND, SKIN, lively_face, portrait

UNIT = 60.0


def spots(image: Image, colour: tuple[int, int, int], near: int = 40) -> list[tuple[float, float, int]]:
    """(x, y, area) of the connected spots of a colour, from left to right, specks left out."""
    same = (np.abs(image.astype(int) - colour).max(axis=-1) < near).astype(np.uint8)
    _, _, stats, centres = cv2.connectedComponentsWithStats(same)
    big = [i for i in range(1, len(stats)) if stats[i, cv2.CC_STAT_AREA] > 12]
    return sorted((float(centres[i][0]), float(centres[i][1]), int(stats[i, cv2.CC_STAT_AREA])) for i in big)


def irises(image: Image) -> list[tuple[float, float, int]]:
    return spots(image, (60, 40, 30))


def whites(image: Image) -> int:
    """How many pixels are white: eyes and teeth."""
    return int((image.min(axis=-1) > 205).sum())


def lips(image: Image) -> Points:
    """(N, 2) the red pixels."""
    red, green = image[..., 0].astype(int), image[..., 1].astype(int)
    return np.argwhere((red > 140) & (green < 90))[:, ::-1].astype(float)


@pytest.mark.parametrize(
    ("edit", "low", "high"), [(eye_errors.third_eye, -1.0, -0.6), (eye_errors.cheek_eye, 0.4, 0.6)]
)
def test_an_eye_too_many_is_where_it_should_be(edit: Degradation, low: float, high: float) -> None:
    image, region = lively_face(UNIT)
    after = irises(edit(image, region, random.Random(3)))
    assert len(irises(image)) == 2 and len(after) == 3
    eyes = region.keypoints[36:48].mean(axis=0)
    downs = [(y - eyes[1]) / UNIT for _, y, _ in after]
    assert any(low < down < high for down in downs)


def test_an_eye_is_gone_and_skin_is_in_its_place() -> None:
    image, region = lively_face(UNIT)
    edited = eye_errors.remove_eye(image, region, random.Random(0))
    before, after = irises(image), irises(edited)
    assert len(after) == 1
    gone = next(eye for eye in before if abs(eye[0] - after[0][0]) > UNIT / 2)
    x, y = (int(v) for v in gone[:2])
    place = edited[y - 8 : y + 9, x - 8 : x + 9].reshape(-1, 3)
    assert np.abs(place.mean(axis=0) - SKIN).max() < 8 and place.std(axis=0).max() < 6


def test_an_eye_stands_on_end() -> None:
    image, region = lively_face(UNIT)
    edited = eye_errors.upright_eye(image, region, random.Random(0))
    shapes = []
    for eye in (slice(36, 42), slice(42, 48)):
        x, y = region.keypoints[eye].mean(axis=0).astype(int)
        around = edited[y - 20 : y + 21, x - 20 : x + 21].min(axis=-1) > 205
        rows, columns = np.nonzero(around)
        shapes.append(np.ptp(rows) > np.ptp(columns))
    assert sorted(shapes) == [False, True]


def test_one_iris_is_moved_by_what_was_said_and_its_place_is_white() -> None:
    image, region = lively_face(UNIT)
    before = irises(image)
    edited = eye_errors.shift_iris(image, region, random.Random(0))
    moves = sorted(abs(b[0] - a[0]) / UNIT for a, b in zip(before, irises(edited)))
    assert moves[0] == 0 and 0.08 < moves[1] < 0.14
    outside = np.ones(image.shape[:2], bool)
    for eye in (slice(36, 42), slice(42, 48)):
        x, y = region.keypoints[eye].mean(axis=0).astype(int)
        outside[y - 22 : y + 23, x - 22 : x + 23] = False
    assert np.array_equal(edited[outside], image[outside])


def test_iris_needs_its_points() -> None:
    image, region = lively_face(UNIT)
    with pytest.raises(Unsuitable, match="irises"):
        eye_errors.shift_iris(image, Region("face", region.mask, region.keypoints, 1.0), random.Random(0))


def test_a_second_mouth_is_below_the_first() -> None:
    image, region = lively_face(UNIT)
    before, after = lips(image), lips(mouth_errors.second_mouth(image, region, random.Random(0)))
    new = after[after[:, 1] > before[:, 1].max() + 1]
    assert len(new) > 0.1 * len(before)
    assert new[:, 1].max() < region.keypoints[8, 1]


def test_mouth_and_nose_go() -> None:
    image, region = lively_face(UNIT)
    edited = mouth_errors.remove_mouth(image, region, random.Random(0))
    assert len(lips(edited)) < 0.05 * len(lips(image)) and whites(edited) < whites(image)
    nose = region.keypoints[27:36].round().astype(int)
    flat = mouth_errors.remove_nose(image, region, random.Random(0))
    assert np.abs(image[nose[:, 1], nose[:, 0]].astype(int) - SKIN).max() > 50
    assert np.abs(flat[nose[:, 1], nose[:, 0]].astype(int) - SKIN).max() < 25


def test_two_noses_stand_on_either_side_of_the_old() -> None:
    image, region = lively_face(UNIT)
    edited = mouth_errors.double_nose(image, region, random.Random(0))
    x, y = region.keypoints[29].round().astype(int)
    row, old = (
        np.flatnonzero(picture[y, x - 30 : x + 31, 1] < SKIN[1] - 14) - 30 for picture in (edited, image)
    )
    assert np.abs(old).max() <= 2
    assert row.min() / UNIT == pytest.approx(-0.29, abs=0.05)
    assert row.max() / UNIT == pytest.approx(0.29, abs=0.05)


def test_two_rows_of_teeth_are_twice_as_high() -> None:
    image, region = lively_face(UNIT)
    edited = mouth_errors.double_teeth(image, region, random.Random(0))
    x = int(region.keypoints[62, 0])
    rows = slice(int(region.keypoints[33, 1]), int(region.keypoints[8, 1]))
    before, after = ((picture[rows, x].min(axis=-1) > 205).sum() for picture in (image, edited))
    assert 1.7 * before < after < 2.3 * before


def test_no_second_row_in_a_closed_mouth() -> None:
    image, region = lively_face(UNIT)
    points = region.keypoints.copy()
    points[[65, 66, 67]] = points[[63, 62, 61]]
    with pytest.raises(Unsuitable, match="teeth"):
        mouth_errors.double_teeth(image, Region("face", region.mask, points, 1.0), random.Random(0))


@pytest.mark.parametrize("edit", [mouth_errors.remove_nose, eye_errors.remove_eye, face_errors.tilt_eye])
def test_glasses_are_left_alone(edit: Degradation) -> None:
    image, region = lively_face(UNIT)
    left, right = (region.keypoints[eye].mean(axis=0) for eye in (slice(36, 42), slice(42, 48)))
    cv2.line(image, *((int(p[0]), int(p[1]) + 4) for p in (left, right)), (20, 20, 20), 3)
    with pytest.raises(Unsuitable, match="glasses"):
        edit(image, region, random.Random(0))


def test_hair_leaves_no_room_for_a_third_eye() -> None:
    image, region = lively_face(UNIT)
    image[: int(region.keypoints[17:27, 1].min()) - 4] = (40, 30, 25)
    with pytest.raises(Unsuitable, match="hair"):
        eye_errors.third_eye(image, region, random.Random(0))


def skin_width(image: Image, y: float) -> int:
    """How wide the face is at a height."""
    row = np.abs(image[int(y)].astype(int) - SKIN).max(axis=-1) < 30
    columns = np.flatnonzero(row)
    return int(np.ptp(columns)) if columns.size else 0


@pytest.mark.parametrize(
    ("edit", "low", "high"), [(head_errors.small_head, 0.5, 0.66), (head_errors.large_head, 1.4, 1.6)]
)
def test_heads_are_scaled_and_shoulders_are_not(edit: Degradation, low: float, high: float) -> None:
    image, region = portrait(UNIT)
    edited = edit(image, region, random.Random(0))
    before, after = irises(image), irises(edited)
    assert low < (after[1][0] - after[0][0]) / (before[1][0] - before[0][0]) < high
    shoulders = int(region.keypoints[8, 1] + 1.5 * UNIT)
    assert np.array_equal(edited[shoulders:], image[shoulders:])


def test_the_neck_is_stretched_by_what_was_said() -> None:
    image, region = portrait(UNIT)
    edited = head_errors.long_neck(image, region, random.Random(0))
    lifts = [(a[1] - b[1]) / UNIT for a, b in zip(irises(image), irises(edited))]
    assert all(1.25 < lift < 1.55 for lift in lifts) and abs(lifts[0] - lifts[1]) < 0.05
    half = [
        (b[1] - a[1]) / UNIT
        for a, b in zip(
            irises(head_errors.long_neck(image, region, random.Random(0), strength=0.5)), irises(image)
        )
    ]
    assert half[0] == pytest.approx(lifts[0] / 2, abs=0.03)


def test_one_ear_sticks_out_and_the_face_stays() -> None:
    image, region = portrait(UNIT)
    edited = head_errors.large_ear(image, region, random.Random(0))
    y = region.keypoints[[1, 15], 1].mean()
    assert skin_width(edited, y) > skin_width(image, y) + 0.2 * UNIT
    inner = region.keypoints[17:68]
    (left, top), (right, bottom) = inner.min(axis=0).astype(int), inner.max(axis=0).astype(int)
    assert np.array_equal(edited[top:bottom, left:right], image[top:bottom, left:right])


def test_heads_before_a_pattern_or_beside_another_are_left_alone() -> None:
    image, region = portrait(UNIT)
    striped = image.copy()
    stripes = (np.arange(image.shape[1]) // 12 % 2 == 0)[None, :, None] & (
        np.abs(image.astype(int) - BACKGROUND).max(axis=-1, keepdims=True) < 20
    )
    striped[stripes[..., 0]] = (230, 230, 230)
    with pytest.raises(Unsuitable, match="bend"):
        head_errors.small_head(striped, region, random.Random(0))
    box = tuple(int(v) for v in (*region.keypoints.min(axis=0) + 2.5 * UNIT, *region.keypoints.max(axis=0)))
    beside = Region("face", region.mask, region.keypoints, 1.0, None, {"faces": [box]})
    with pytest.raises(Unsuitable, match="another head"):
        head_errors.long_neck(image, beside, random.Random(0))


@pytest.mark.parametrize(
    "edit",
    [face_errors.twist_mouth, face_errors.shift_mouth, face_errors.displace_nose, face_errors.melt_face],
)
def test_a_warp_of_no_strength_changes_next_to_nothing(edit: Callable[..., Image]) -> None:
    image, region = lively_face(UNIT)
    faint, full = (
        np.abs(edit(image, region, random.Random(0), strength=s).astype(int) - image).mean()
        for s in (0.05, 1.0)
    )
    assert faint < 0.3 * full


@pytest.mark.skipif("ASAP_TEST_PHOTOS" not in os.environ, reason="ASAP_TEST_PHOTOS names no folder of photos")
def test_errors_on_photos_stay_in_their_place_and_repeat() -> None:
    pytest.importorskip("mediapipe")
    from asap.anatomy.detectors.mediapipe import find_regions
    from asap.pairs.photos import read_photo

    new = [name for name, entry in DEGRADATIONS.items() if "face_errors" not in entry.function]
    made = set()
    for path in sorted(Path(os.environ["ASAP_TEST_PHOTOS"]).glob("*.[jp][pn]g"))[:10]:
        image = read_photo(path, 768)
        for region in (region for region in find_regions(image) if region.part == "face"):
            for name in (name for name in new if DEGRADATIONS[name].part == "face"):
                edit: Degradation = choose({name: DEGRADATIONS[name].function}, name, "degradation")
                try:
                    edited = edit(image, region, random.Random(0))
                except Unsuitable:
                    continue
                made.add(name)
                assert np.array_equal(edited, edit(image, region, random.Random(0)))
                eyes = region.keypoints[36:48].mean(axis=0)
                rows, columns = np.nonzero((edited != image).any(axis=-1))
                unit = np.linalg.norm(region.keypoints[36] - region.keypoints[45])
                assert np.hypot(rows - eyes[1], columns - eyes[0]).max() < 7 * unit
    assert len(made) >= 10, made
