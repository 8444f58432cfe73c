"""Faces: the parts end up where the error says, measured on the drawn face and on a portrait."""

from __future__ import annotations

import random

import cv2
import numpy as np
import pytest

from asap.pairs.degradations import Degradation, Unsuitable
from asap.pairs.edits.faces import face_errors
from asap.records import Image, Points, Region
from drawn_people import drawn_face

UNIT = 60.0


def red_mouth(image: Image) -> Points:
    """(N, 2) the pixels of the drawn face's mouth."""
    red, green = image[..., 0].astype(int), image[..., 1].astype(int)
    return np.argwhere((red > 140) & (green < 90))[:, ::-1].astype(float)


def dark_eyes(image: Image) -> list[tuple[float, float, int]]:
    """(x, y, area) of the drawn face's two eyes, from left to right."""
    dark = (image.max(axis=-1) < 85).astype(np.uint8)
    _, _, stats, centres = cv2.connectedComponentsWithStats(dark)
    order = np.argsort(stats[1:, cv2.CC_STAT_AREA])[-2:] + 1
    return sorted((*map(float, centres[i]), int(stats[i, cv2.CC_STAT_AREA])) for i in order)


def slant(points: Points) -> float:
    """The direction of the longer axis, in degrees."""
    _, _, axes = np.linalg.svd(points - points.mean(axis=0), full_matrices=False)
    return float(np.degrees(np.arctan2(axes[0, 1], axes[0, 0])) % 180)


def test_mouth_is_twisted_by_the_angle_asked() -> None:
    image, region = drawn_face(UNIT)
    turn = slant(red_mouth(face_errors.twist_mouth(image, region, random.Random(0))))
    assert 24 < min(turn, 180 - turn) < 38


def test_mouth_is_shifted_by_a_third_of_the_eyes_distance() -> None:
    image, region = drawn_face(UNIT)
    edited = face_errors.shift_mouth(image, region, random.Random(0))
    moved = red_mouth(edited).mean(axis=0) - red_mouth(image).mean(axis=0)
    assert 0.25 < abs(moved[0]) / UNIT < 0.36 and abs(moved[1]) < 2


def test_one_eye_is_lowered_and_the_other_stays() -> None:
    image, region = drawn_face(UNIT)
    before, after = dark_eyes(image), dark_eyes(face_errors.lower_eye(image, region, random.Random(0)))
    drops = sorted(b[1] - a[1] for a, b in zip(before, after))
    assert abs(drops[0]) < 0.5
    assert 0.2 < drops[1] / UNIT < 0.32


def test_one_eye_is_enlarged_by_the_scale_asked() -> None:
    image, region = drawn_face(UNIT)
    before, after = dark_eyes(image), dark_eyes(face_errors.enlarge_eye(image, region, random.Random(0)))
    growth = sorted(b[2] / a[2] for a, b in zip(before, after))
    assert growth[0] == pytest.approx(1, abs=0.03)
    assert 1.5**2 < growth[1] < 1.85**2


def test_mouth_upside_down_is_the_mirrored_mouth_where_it_was() -> None:
    image, region = drawn_face(UNIT)
    points = region.keypoints
    corner = points[48]
    cv2.circle(image, (round(corner[0] + 12), round(corner[1] - 6)), 4, (255, 255, 255), -1)  # an upper tooth
    edited = face_errors.flip_mouth(image, region, random.Random(0))
    bright = np.argwhere(edited.min(axis=-1) > 215)[:, ::-1].mean(axis=0)
    assert bright == pytest.approx([corner[0] + 12, corner[1] + 6], abs=2.5)


def test_edit_follows_a_tilted_head() -> None:
    image, region = drawn_face(UNIT)
    turn = cv2.getRotationMatrix2D((image.shape[1] / 2, image.shape[0] / 2), -35, 1.0)
    size = (image.shape[1], image.shape[0])
    tilted = cv2.warpAffine(image, turn, size, borderMode=cv2.BORDER_REPLICATE)
    points = region.keypoints @ turn[:, :2].T + turn[:, 2]
    edited = face_errors.twist_mouth(tilted, Region("face", region.mask, points, 1.0), random.Random(0))
    straight = face_errors.twist_mouth(image, region, random.Random(0))
    assert (slant(red_mouth(edited)) - slant(red_mouth(straight))) % 180 == pytest.approx(35, abs=3)


def test_turned_small_and_covered_faces_are_unsuitable() -> None:
    image, region = drawn_face(UNIT)
    turned = region.keypoints.copy()
    turned[30, 0] += 0.5 * UNIT
    with pytest.raises(Unsuitable, match="turned"):
        face_errors.lower_eye(image, Region("face", region.mask, turned, 1.0), random.Random(0))
    hand = np.broadcast_to(region.keypoints[33], (21, 2))
    covered = Region("face", region.mask, region.keypoints, 1.0, None, {"hands": [hand]})
    with pytest.raises(Unsuitable, match="hand"):
        face_errors.lower_eye(image, covered, random.Random(0))
    with pytest.raises(Unsuitable, match="small"):
        small, face = drawn_face(12.0)
        face_errors.lower_eye(small, face, random.Random(0))


def test_portrait_keeps_every_pixel_away_from_the_face() -> None:
    pytest.importorskip("mediapipe")
    data = pytest.importorskip("skimage.data")
    from asap.anatomy.detectors.mediapipe import find_regions

    image = data.astronaut()
    faces = [region for region in find_regions(image) if region.part == "face"]
    assert len(faces) == 1
    with pytest.raises(Unsuitable, match="hair"):
        face_errors.lower_eye(image, faces[0], random.Random(0))
    edited = face_errors.twist_mouth(image, faces[0], random.Random(0))
    changed = (edited != image).any(axis=-1)
    assert 0.1 < changed[faces[0].mask].mean() < 0.9
    assert changed[260:].sum() == 0 and changed[:, :140].sum() == 0


@pytest.mark.parametrize("edit", [face_errors.lower_eye, face_errors.unbalance_face])
def test_hair_over_one_brow_leaves_the_other_eye(edit: Degradation) -> None:
    image, region = drawn_face(UNIT)
    left, right = (region.keypoints[eye].mean(axis=0) for eye in face_errors.EYES)
    brows = int(region.keypoints[17:27, 1].min())
    image[: brows - 4, : int((left[0] + right[0]) / 2)] = (40, 30, 25)
    for seed in range(4):
        before, after = dark_eyes(image[brows:]), dark_eyes(edit(image, region, random.Random(seed))[brows:])
        assert abs(after[0][1] - before[0][1]) < 0.5 and after[1][1] - before[1][1] > 0.15 * UNIT
    image[: brows - 4] = (40, 30, 25)
    with pytest.raises(Unsuitable, match="hair"):
        edit(image, region, random.Random(0))
