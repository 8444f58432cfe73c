"""The judge of keypoints: its tests on exact points with errors, and the stage with points from a file."""

from __future__ import annotations

import json
import random
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow
from skimage import data

from asap.anatomy.keypoints import LIMBS
from asap.anatomy.skeleton_errors import SKELETON_ERRORS
from asap.anatomy.skeletons import Skeleton, rotated, to_wholebody, transformed
from asap.bench import judge
from asap.bench.judges.landmarks import geometry, pixels, table
from asap.bench.judges.landmarks.settings import Options
from asap.errors import UserError
from asap.records import Image, Points, Sample
from asap.store import append_rows
from drawn_people import BACKGROUND, SKIN, drawn_hand
from skeleton_people import person, similarity

WIDE, HIGH = 600, 700
PARTS = {
    "finger_aside": "broken_finger",
    "finger_long": "long_finger",
    "finger_short": "short_finger",
    "finger_root": "misconnected_finger",
    "eyes_askew": "eye_lowered",
    "eyes_turned": "eye_tilted",
    "eyes_unequal": "eye_enlarged",
    "mouth_turned": "mouth_twisted",
    "mouth_aside": "mouth_shifted",
    "limb_long": "misscaled_limb",
    "limbs_unequal": "misscaled_limb",
}
"""Test -> the error of a skeleton that it is for."""


def faulty(error: str, seed: int = 3) -> Skeleton:
    return SKELETON_ERRORS[error].function(person(), random.Random(seed))


def number(test: str, one: Skeleton) -> float:
    """The largest number of a test over the parts that it is of; NaN where none is told."""
    parts = {"hand": (one.left_hand, one.right_hand), "face": (one.face,), "body": (one.body,)}
    found = [table.TESTS[test].function(points) for points in parts[table.TESTS[test].part]]
    return max((value for value in found if value is not None), default=np.nan)


@pytest.mark.parametrize(("test", "error"), PARTS.items())
def test_each_test_grows_with_its_error(test: str, error: str) -> None:
    before, after = number(test, person()), number(test, faulty(error))
    assert after > before + 0.25 * max(abs(before), 1e-9) and after > 0.1


@pytest.mark.parametrize("test", PARTS)
def test_size_turn_and_side_change_nothing(test: str) -> None:
    one = faulty(PARTS[test])
    moved = transformed(one, similarity(0.7, 1.6, (30.0, -200.0)))
    mirrored = transformed(one, lambda points: points * (-1, 1))
    assert number(test, moved) == pytest.approx(number(test, one), abs=1e-6)
    assert number(test, mirrored) == pytest.approx(number(test, one), abs=1e-6)


@pytest.mark.parametrize("test", PARTS)
def test_unknown_points_are_not_told(test: str) -> None:
    unknown = transformed(person(), lambda points: np.full_like(points, np.nan))
    assert np.isnan(number(test, unknown))


def stepping(bend: float) -> Points:
    """A body seen from the side that walks to the right, its left shin turned by `bend` degrees backwards."""
    body = person().body.copy()
    hip, body[[12, 14, 16, 20, 21, 22]] = body[11], np.nan
    body[6] = body[5]
    body[[13, 15, 17, 18, 19]] = hip + np.array([(0, 120), (0, 240), (45, 250), (45, 250), (-15, 252)])
    below = [15, 17, 18, 19]
    body[below] = rotated(body[below], body[13], np.radians(bend))
    return body


def test_a_knee_bends_away_from_its_foot() -> None:
    assert geometry.knee_reversed(stepping(50)) == pytest.approx(-50, abs=1)
    assert geometry.knee_reversed(stepping(-50)) == pytest.approx(50, abs=1)
    assert geometry.knee_reversed(stepping(-50) * (-1, 1)) == pytest.approx(50, abs=1)


def test_hands_are_counted_and_missed() -> None:
    one = person()
    hands = [one.left_hand, one.right_hand]
    second = rotated(one.left_hand, one.left_hand[0], 1.4)
    assert geometry.hands_at_wrist(hands, one.body) == 1
    assert geometry.hands_at_wrist([*hands, second], one.body) == 2
    assert geometry.hands_surplus(3, 1, 1) == 1 and geometry.hands_surplus(3, 0, 2) == -1
    assert [geometry.hands_unfound(hands[:kept], one.body) for kept in (2, 1, 0)] == [0, 1, 2]
    cut = one.body.copy()
    cut[[LIMBS["left_arm"][2], LIMBS["right_leg"][2]]] = np.nan
    assert geometry.limbs_cut(cut, HIGH, WIDE) == 2 and geometry.limbs_cut(cut, HIGH, 480) == 1


def test_hands_are_measured_by_the_face() -> None:
    one = person()
    large, small = (one.left_hand[0] + scale * (one.left_hand - one.left_hand[0]) for scale in (2.0, 0.5))
    usual = geometry.hand_large(one.left_hand, one.face) or 0.0
    assert geometry.hand_large(large, one.face) == pytest.approx(2 * usual)
    assert geometry.hand_small(small, one.face) == pytest.approx(2 / usual)


def test_fingers_are_counted_in_the_pixels() -> None:
    image, hand = drawn_hand()
    assert pixels.fingers_more(hand.keypoints, image) == pixels.fingers_fewer(hand.keypoints, image) == 0
    fingers = hand.keypoints[5:].reshape(4, 4, 2)
    lacking = painted(image, fingers[3] + np.array([0.0, -12.0]), BACKGROUND, 34)
    assert pixels.fingers_fewer(hand.keypoints, lacking) == 1
    more = 2 * fingers[3] - fingers[2]
    four = np.concatenate([hand.keypoints[:5], *fingers[[0, 1, 3]], more])  # as a detector that knows no more
    assert pixels.fingers_more(four, painted(image, more, SKIN, 21)) == 1
    assert (
        pixels.fingers_more(drawn_hand(folded=(1,))[1].keypoints, image) is None
    )  # points of a folded finger


def painted(image: Image, finger: Points, colour: tuple[int, int, int], width: int) -> Image:
    line = [np.round(finger).astype(np.int32)]
    return np.asarray(cv2.polylines(image.copy(), line, False, colour, width), np.uint8)


def photographed(folder: Path, people: dict[str, Skeleton | None], scale: float = 1.0) -> judge.Config:
    """Grey images whose people a COCO JSON knows; None: an image that it does not have."""
    images = folder / "images"
    images.mkdir()
    entries, notes = [], []
    for index, (name, one) in enumerate(people.items()):
        size = round(scale * WIDE), round(scale * HIGH)
        Pillow.fromarray(np.full((*size[::-1], 3), 90, np.uint8)).save(images / f"{name}.png")
        if one is not None:
            points = np.nan_to_num(scale * to_wholebody(one))
            known = np.isfinite(to_wholebody(one)).all(axis=1, keepdims=True)
            entries.append({"id": index, "file_name": f"{name}.png", "width": size[0], "height": size[1]})
            row = np.concatenate([points, 2 * known], axis=1).ravel().tolist()
            notes.append({"id": index, "image_id": index, "keypoints": row})
    rows = [Sample(name, f"{name}.png", "a person", name, "all", 0) for name in people]
    append_rows(images / "metadata.jsonl", rows)
    (folder / "points.json").write_text(json.dumps({"images": entries, "annotations": notes}))
    own = Options("keypoints", (str(folder / "points.json"),))
    return judge.Config(images, folder / "out", "landmarks", landmarks=own)


def test_the_stage_judges_points_from_a_file(tmp_path: Path) -> None:
    empty = transformed(person(), lambda points: np.full_like(points, np.nan))
    empty.body[:5] = person().body[:5]
    people = {"good": person(), "twisted": faulty("mouth_twisted"), "unknown": None, "empty": empty}
    config = photographed(tmp_path, people, scale=2.0)
    said = judge.read(judge.run(config))
    assert (said["good"].verdict, said["good"].errors) == ("correct", ())
    assert 0 < (said["good"].score or 0) < 1 < (said["twisted"].score or 0)
    assert (said["twisted"].verdict, said["twisted"].errors) == ("error", ("twisted mouth",))
    (row,) = said["twisted"].evidence["tests"]
    assert row["test"] == "mouth_turned" and row["score"] > row["threshold"]
    left, top, right, bottom = said["twisted"].region or (0, 0, 0, 0)
    face = 2 * person().face
    assert np.abs(np.array([left, top, right, bottom]) - [*face.min(axis=0), *face.max(axis=0)]).max() < 8
    for name in ("unknown", "empty"):
        assert (said[name].verdict, said[name].reason) == ("unscored", "nothing to judge")
    assert said["good"].evidence["found"] == {"hand": 2, "face": 1, "body": 1}


def test_a_portrait_seen_by_mediapipe_is_correct(tmp_path: Path) -> None:
    pytest.importorskip("mediapipe")
    Pillow.fromarray(data.astronaut()).save(tmp_path / "0.png")
    append_rows(tmp_path / "metadata.jsonl", [Sample("0", "0.png", "an astronaut", "0", "all", 0)])
    said = judge.read(judge.run(judge.Config(tmp_path, tmp_path / "out", "landmarks")))["0"]
    assert said.verdict == "correct" and said.evidence["found"] == {"face": 1, "body": 1}


def test_detectors_and_their_files_are_checked(tmp_path: Path) -> None:
    config = photographed(tmp_path, {"good": person()})
    for detector, files in (("keypoints", ()), ("mediapip", ()), ("mediapipe", ("x.onnx",))):
        with pytest.raises(UserError):
            judge.run(
                judge.Config(config.images, config.out, "landmarks", landmarks=Options(detector, files))
            )
    with pytest.raises(UserError, match="--detector"):
        judge.run(judge.Config(config.images, config.out, "vlm", landmarks=Options("dwpose")))


def test_thresholds_are_of_tests_that_there_are() -> None:
    for detector in ("mediapipe", "given"):
        assert set(table.thresholds(detector)) <= set(table.TESTS)
        assert all(limit > 0 for limit in table.thresholds(detector).values())
    assert table.thresholds("dwpose") == table.thresholds("given")
