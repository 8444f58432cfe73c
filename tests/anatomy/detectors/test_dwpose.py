"""The real rtmlib on tiny ONNX models whose answers are known."""

import shutil
import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from asap.anatomy.detectors import load as detectors
from asap.anatomy.detectors.detector import Choice
from asap.anatomy.detectors.dwpose import DWPose
from asap.anatomy.keypoints import LEFT_HAND, split
from asap.errors import UserError
from asap.records import Photo

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
rtmlib = pytest.importorskip("rtmlib")

from tiny_onnx import enlarged, person_model, places, pose_model  # noqa: E402  (needs onnx)

PHOTO = Photo("0" * 16, None, "x.png")
RED, WHITE = (230, 40, 20), (255, 255, 255)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("onnx")
    return str(person_model(folder / "people.onnx")), str(pose_model(folder / "pose.onnx"))


def picture(*cells):
    """640 x 640 pixels, black, with red cells of 80."""
    image = np.zeros((640, 640, 3), np.uint8)
    for column, row in cells:
        image[80 * row : 80 * row + 80, 80 * column : 80 * column + 80] = RED
    return image


def where(points, column, row):
    """Points as the pose model places them, in the picture: it sees a box of 300 by 400 about the cell."""
    return (points - (24, 32)) * (300 / 48) + np.array([column, row]) * 80 + 40


def of(regions, part):
    return [region for region in regions if region.part == part]


def test_one_person_with_points_where_the_model_puts_them(models):
    regions = DWPose(*models).find(picture((4, 3)), PHOTO)
    assert [region.part for region in regions] == ["face", "body"]  # no hand is sure
    expected = split(where(places(), 4, 3))
    for part in ("body", "face"):
        (region,) = of(regions, part)
        assert_allclose(region.keypoints, expected[part], atol=0.1)
        assert region.score == pytest.approx(0.9, abs=1e-3)
    assert of(regions, "body")[0].context["person"][280, 360]


def test_the_first_pass_is_what_rtmlib_itself_says(models):
    image = picture((2, 2), (5, 4))
    theirs, scores = rtmlib.Wholebody(
        det=models[0], det_input_size=(64, 64), pose=models[1], pose_input_size=(48, 64)
    )(np.ascontiguousarray(image[..., ::-1]))
    bodies = of(DWPose(*models).find(image, PHOTO), "body")
    expected = sorted((np.where(s[:23, None] >= 0.3, p[:23], np.nan) for p, s in zip(theirs, scores)),
                      key=lambda body: body[:, 0].min())  # fmt: skip
    assert len(bodies) == len(expected) == 2
    for body, points in zip(bodies, expected):
        assert_allclose(body.keypoints, points, atol=1e-4)


def test_a_hand_missed_at_first_is_found_at_its_wrist(models):
    image = picture((4, 3))
    wrist, elbow = where(places()[[9, 7]], 4, 3)
    x, y = (wrist + 0.3 * (wrist - elbow)).astype(int)
    image[y - 45 : y + 45, x - 45 : x + 45] = WHITE
    (hand,) = of(DWPose(*models).find(image, PHOTO), "hand")
    assert hand.side == "left"
    assert np.linalg.norm(hand.keypoints[0] - wrist) < 0.2 * 72
    seen = enlarged()[LEFT_HAND]
    scale = np.ptp(hand.keypoints, axis=0) / np.ptp(seen, axis=0)
    assert_allclose(scale, 72 * 1.25 / 48, rtol=0.05)  # of what the model sees of a square of 72 pixels
    assert_allclose(hand.keypoints - hand.keypoints[0], (seen - seen[0]) * scale, atol=0.1)
    assert hand.score == pytest.approx(0.9, abs=0.02)


def test_nobody_where_there_is_no_person(models):
    assert DWPose(*models).find(picture(), PHOTO) == []
    assert DWPose(*models).find(np.full((7, 900, 3), 90, np.uint8), PHOTO) == []


def test_a_detector_of_many_classes_is_asked_for_people(models, tmp_path):
    image = picture((4, 3))
    people = person_model(tmp_path / "people.onnx", classes=80)
    dogs = person_model(tmp_path / "dogs.onnx", classes=80, column=16)
    ours, theirs = (DWPose(str(path), models[1]).find(image, PHOTO) for path in (people, models[0]))
    assert [region.part for region in ours] == ["face", "body"]
    for a, b in zip(ours, theirs):
        assert_array_equal(a.keypoints, b.keypoints)
    assert DWPose(str(dogs), models[1]).find(image, PHOTO) == []


def test_points_outside_the_picture_are_unknown(models):
    (body,) = of(DWPose(*models).find(picture((0, 3)), PHOTO), "body")
    expected = where(places()[:23], 0, 3)
    assert_array_equal(np.isnan(body.keypoints[:, 0]), expected[:, 0] < 0)
    assert 0 < np.isnan(body.keypoints[:, 0]).sum() < 23


def test_it_is_chosen_by_name_and_known_by_its_files(models, tmp_path, capsys):
    choice = detectors.prepare(Choice("dwpose", models))
    regions = detectors.load(choice).find(picture((4, 3)), PHOTO)
    assert len(regions) == 2 and capsys.readouterr().out == ""
    copied = [tmp_path / "a.onnx", tmp_path / "b.onnx"]
    for path, copy in zip(models, copied):
        shutil.copy(path, copy)
    assert detectors.identity(choice) == detectors.identity(Choice("dwpose", tuple(map(str, copied))))
    other = Choice("dwpose", (models[0], str(pose_model(tmp_path / "c.onnx", 132))))
    assert detectors.identity(other) != detectors.identity(choice)


def test_what_is_wrong_is_told_in_one_line(models, tmp_path, monkeypatch):
    (tmp_path / "bad.onnx").write_bytes(b"not a model")
    few = str(pose_model(tmp_path / "few.onnx", 23))
    bad = {
        "wants two": lambda: detectors.prepare(Choice("dwpose", models[:1])),
        "no such file": lambda: detectors.prepare(Choice("dwpose", ("a.onnx", "b.onnx"))),
        "no CUDA": lambda: detectors.prepare(Choice("dwpose", models, "cuda")),
        "bad.onnx: not a person detector": lambda: DWPose(str(tmp_path / "bad.onnx"), models[1]),
        "not a whole-body pose model": lambda: DWPose(models[0], str(tmp_path / "bad.onnx")),
        "it gives 23 points": lambda: DWPose(models[0], few),
        "people.onnx: not a whole-body": lambda: DWPose(models[0], models[0]),
        "pose.onnx: not a person detector": lambda: DWPose(models[1], models[1]),
    }
    for words, act in bad.items():
        with pytest.raises(UserError, match=words) as caught:
            act()
        assert "\n" not in str(caught.value)
    monkeypatch.setitem(sys.modules, "rtmlib", None)
    with pytest.raises(UserError, match=r"pip install 'asap-align\[dwpose\]'"):
        detectors.prepare(Choice("dwpose", models))


def test_without_files_it_downloads_or_says_that_it_cannot(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    asked = []

    def unreachable(url, **_):
        asked.append(url)
        raise OSError("no network")

    monkeypatch.setattr(rtmlib.tools.file, "urlopen", lambda request, **_: unreachable(request.full_url))
    with pytest.raises(UserError, match="cannot download the models of dwpose") as caught:
        detectors.prepare(Choice("dwpose"))
    assert asked and "\n" not in str(caught.value)
    asked.clear()
    for name in ("yolox_m_8xb8-300e_humanart-c2c7a14a", "rtmw-dw-x-l_simcc-cocktail14_270e-384x288_20231122"):
        (tmp_path / "hub" / "checkpoints" / f"{name}.onnx").write_bytes(b"")  # downloaded before
    files = detectors.prepare(Choice("dwpose")).files
    assert len(files) == 2 and not asked
