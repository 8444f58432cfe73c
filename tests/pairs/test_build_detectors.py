"""`asap build --detector`: detectors in worker processes, their files part of what a folder is made with."""

import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow

from asap.errors import UserError
from asap.pairs import build
from asap.pairs.build import Config
from asap.pairs.hap import dataset
from asap.store import read_config, read_rows
from drawn_people import drawn_face

FACES = "mouth_twisted,nose_displaced"
FACE, DRAWN = drawn_face(70.0)


def coco(path, photos, shift=0.0):
    """A COCO JSON with the drawn face for each of `photos`, by name."""
    points = np.column_stack([DRAWN.keypoints + shift, np.full(68, 2)]).ravel().tolist()
    height, width = FACE.shape[:2]
    images = [{"id": i, "file_name": n, "width": width, "height": height} for i, n in enumerate(photos)]
    annotations = [
        {"id": i, "image_id": i, "keypoints": [0] * 51, "face_kpts": points} for i in range(len(photos))
    ]
    path.write_text(json.dumps({"images": images, "annotations": annotations}))
    return str(path)


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for index, name in enumerate(("a.png", "b.png", "other.png")):
        shaded = cv2.add(FACE, np.full_like(FACE, 2 * index))
        cv2.imwrite(str(folder / name), shaded[..., ::-1])
    return folder


def test_pairs_from_given_keypoints_and_reasons_without(photos, tmp_path, capsys):
    files = (coco(tmp_path / "k.json", ["a.png", "b.png"]),)
    out = tmp_path / "hap"
    config = Config(photos, out, degradations=FACES, detector="keypoints", detector_files=files, workers=2)
    build.run(config)
    rows = list(dataset.read(out))
    assert {row["source"] for row in rows} == {"a.png", "b.png"} and {row["part"] for row in rows} == {"face"}
    for row in rows:
        mask = cv2.imdecode(np.frombuffer(row["mask"]["bytes"], np.uint8), cv2.IMREAD_GRAYSCALE) > 0
        x, y = DRAWN.keypoints[27:].mean(axis=0).round().astype(int)
        assert mask[y - 80 : y + 80, x - 80 : x + 80].sum() > 0.95 * mask.sum()
    skipped = {row["source"]: row["reason"] for row in read_rows(out / "skipped.jsonl")}
    assert skipped == {"other.png": "k.json has no keypoints for it"}
    capsys.readouterr()
    build.run(config)
    assert "nothing to do" in capsys.readouterr().out


def test_a_folder_holds_pairs_of_one_detector_and_its_files(photos, tmp_path):
    files = (coco(tmp_path / "k.json", ["a.png"]),)
    out = tmp_path / "hap"
    build.run(Config(photos, out, degradations=FACES, detector="keypoints", detector_files=files, workers=1))
    identity = read_config(out)["identity"]["detector"]
    assert identity["name"] == "keypoints" and len(identity["files"]) == 1
    same = (coco(tmp_path / "elsewhere.json", ["a.png"]),)
    build.run(Config(photos, out, degradations=FACES, detector="keypoints", detector_files=same, workers=1))
    moved = (coco(tmp_path / "moved.json", ["a.png"], shift=3.0),)
    for settings, words in (
        ({}, "detector.name was 'keypoints', now 'mediapipe'"),
        ({"detector": "keypoints", "detector_files": moved}, "with other detector.files"),
    ):
        with pytest.raises(UserError, match=words):
            build.run(Config(photos, out, degradations=FACES, workers=1, **settings))


def test_bad_detectors_are_told_before_anything_is_made(photos, tmp_path):
    (tmp_path / "bad.json").write_text("{")
    for config, words in (
        ({"detector": "dwpos"}, "did you mean dwpose"),
        ({"detector": "keypoints"}, "wants one COCO JSON"),
        ({"detector": "keypoints", "detector_files": (str(tmp_path / "bad.json"),)}, "not a JSON file"),
        ({"detector_device": "tpu"}, "cpu or cuda"),
        ({"detector_device": "cuda"}, "runs on the CPU alone"),
        ({"detector_points": "none"}, "for grounded-sam"),
    ):
        with pytest.raises(UserError, match=words) as caught:
            build.run(Config(photos, tmp_path / "hap", workers=1, **config))
        assert "\n" not in str(caught.value)
    assert not (tmp_path / "hap").exists()


def test_keypoints_of_other_photos_are_told_once_before_the_work(photos, tmp_path, capsys):
    names = [f"image{index}.jpg" for index in range(5)]
    options = {"detector": "keypoints", "degradations": FACES, "workers": 1}
    with pytest.raises(UserError, match=r"keypoints for none of \d photos") as caught:
        build.run(
            Config(photos, tmp_path / "x", detector_files=(coco(tmp_path / "k.json", names),), **options)
        )
    told = str(caught.value)
    assert "image0.jpg, image1.jpg, image2.jpg and 2 more" in told and "the photos are a.png, " in told
    assert "\n" not in told and "build" not in capsys.readouterr().err
    assert not (tmp_path / "x").exists()
    files = (coco(tmp_path / "some.json", ["a.png"]),)
    build.run(Config(photos, tmp_path / "hap", detector_files=files, **options))
    assert "no keypoints for 2 of 3 photos, such as b.png, other.png" in capsys.readouterr().out


def test_dwpose_runs_in_worker_processes(tmp_path, capfd):
    for package in ("onnx", "onnxruntime", "rtmlib"):
        pytest.importorskip(package)
    from tiny_onnx import person_model, pose_model

    image = np.zeros((640, 640, 3), np.uint8)
    image[240:320, 320:400] = 230, 40, 20
    (tmp_path / "photos").mkdir()
    for name in ("a.png", "b.png"):
        image[0, 0] += 1
        Pillow.fromarray(image).save(tmp_path / "photos" / name)
    files = (str(person_model(tmp_path / "people.onnx")), str(pose_model(tmp_path / "pose.onnx")))
    out = tmp_path / "hap"
    choice = {"detector": "dwpose", "detector_files": files}
    with pytest.raises(UserError, match="not one pair"):  # it is no face, after all
        build.run(Config(tmp_path / "photos", out, degradations=FACES, workers=2, **choice))
    accounts = [json.loads(path.read_text()) for path in (out / ".work").glob("*.json")]
    assert [account["parts"] for account in accounts] == [{"face": 1, "body": 1}] * 2
    assert "load " not in capfd.readouterr().out


@pytest.mark.skipif("ASAP_TEST_PHOTOS" not in os.environ, reason="ASAP_TEST_PHOTOS names no folder of photos")
def test_a_real_photo_with_its_true_keypoints(tmp_path):
    folder = Path(os.environ["ASAP_TEST_PHOTOS"])
    name, truth = "ski_woman_cocowb.jpg", folder / "gt" / "test_coco_wholebody.json"
    if not truth.exists() or not (folder / name).exists():
        pytest.skip(f"no {name} with gt/{truth.name} there")
    content = json.loads(truth.read_text())
    for image in content["images"]:
        image["file_name"] = name if image["id"] == 785 else image["file_name"]
    (tmp_path / "k.json").write_text(json.dumps(content))
    (tmp_path / "photos").mkdir()
    with Pillow.open(folder / name) as photo:  # its points are for 640 x 425 pixels
        large = photo.resize((3 * photo.width, 3 * photo.height), Pillow.Resampling.LANCZOS)
    large.save(tmp_path / "photos" / name, quality=95)
    out, files = tmp_path / "hap", (str(tmp_path / "k.json"),)
    build.run(
        Config(tmp_path / "photos", out, size=1920, detector="keypoints", detector_files=files, workers=1)
    )
    (account,) = read_rows(out / "photos.jsonl")
    assert account["parts"] == {"hand": 1, "face": 1, "body": 1} and account["pairs"] >= 1
    for row in dataset.read(out):
        left, top, right, bottom = row["box"].values() if isinstance(row["box"], dict) else row["box"]
        assert row["part"] != "face" or (1060 < left < right < 1170 and 190 < top < bottom < 310)
