"""Keypoints from COCO's JSON, good and bad."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from PIL import Image as Pillow

from asap.anatomy.detectors import load as detectors
from asap.anatomy.detectors.detector import Choice, Unusable
from asap.anatomy.detectors.keypoint_file import FIELDS, read, upright_size
from asap.errors import UserError
from asap.records import Photo
from skeleton_people import person

WIDE, HIGH = 600, 700


def triples(points, flag=2):
    return np.column_stack([points, np.full(len(points), flag)]).ravel().tolist()


def annotation(**changes):
    """The annotation of `skeleton_people.person`."""
    one = person()
    parts = (one.body[:17], one.body[17:], one.face, one.left_hand, one.right_hand)
    row = {"id": 7, "image_id": 1, **{name: triples(points) for name, points in zip(FIELDS, parts)}}
    return {name: value for name, value in {**row, **changes}.items() if value is not None}


def saved(path, *annotations, **image):
    entry = {"id": 1, "file_name": "a.jpg", "width": WIDE, "height": HIGH, **image}
    content = {"images": [entry], "annotations": list(annotations)}
    path.write_text(json.dumps(content))
    return Choice("keypoints", (str(path),))


def found(choice, image=None, source="a.jpg", path=None):
    image = np.full((HIGH, WIDE, 3), 90, np.uint8) if image is None else image
    return detectors.load(detectors.prepare(choice)).find(image, Photo("0" * 16, path, source))


def test_all_parts_of_whole_body_annotations(tmp_path):
    regions = found(saved(tmp_path / "k.json", annotation()))
    one = person()
    assert [(region.part, region.side) for region in regions] == [
        ("hand", "right"), ("hand", "left"), ("face", None), ("body", None)
    ]  # fmt: skip
    for region, points in zip(regions, (one.right_hand, one.left_hand, one.face, one.body)):
        assert_allclose(region.keypoints, points)
        assert region.score == 1.0
        inside = region.keypoints.mean(axis=0).round().astype(int)
        assert region.mask[inside[1], inside[0]] and region.mask.mean() < 0.5
    assert len(regions[0].context["hands"]) == len(regions[0].context["faces"]) == 1
    assert regions[3].context["person"].shape == (HIGH, WIDE)


def test_one_array_of_133_points_is_the_same(tmp_path):
    row = annotation()
    whole = [value for name in FIELDS for value in row[name]]
    alone = dict.fromkeys(FIELDS)
    one = found(saved(tmp_path / "a.json", row))
    other = found(saved(tmp_path / "b.json", annotation(**{**alone, "keypoints": whole})))
    assert len(one) == len(other) == 4
    for a, b in zip(one, other):
        assert_allclose(a.keypoints, b.keypoints)


def test_seventeen_points_are_a_body(tmp_path):
    only = {name: None for name in FIELDS if name != "keypoints"}
    (body,) = found(saved(tmp_path / "k.json", annotation(**only)))
    assert body.part == "body" and np.isfinite(body.keypoints[:17]).all()
    assert np.isnan(body.keypoints[17:]).all()


def test_flags_say_what_is_unknown_or_hidden(tmp_path):
    row = annotation()
    row["keypoints"][3 * 9 + 2] = 1  # a hidden wrist
    row["keypoints"][3 * 10 + 2] = 0
    row["lefthand_kpts"] = triples(person().left_hand, 1)  # hands have 1 for what is known
    row["righthand_kpts"] = [0] * 63
    regions = {(region.part, region.side): region for region in found(saved(tmp_path / "k.json", row))}
    assert set(regions) == {("hand", "left"), ("face", None), ("body", None)}
    assert np.isnan(regions["body", None].keypoints[[9, 10]]).all()
    assert np.isfinite(regions["body", None].keypoints[[7, 8]]).all()


def test_photos_scaled_down_or_without_a_size_in_the_file(tmp_path):
    photo = tmp_path / "a.jpg"
    Pillow.new("RGB", (WIDE, HIGH)).save(photo)
    small = np.zeros((HIGH // 2, WIDE // 2, 3), np.uint8)
    expected = (person().body + 0.5) / 2 - 0.5
    for size in ({}, {"width": None, "height": None}):
        *_, body = found(saved(tmp_path / "k.json", annotation(), **size), small, path=photo)
        assert_allclose(body.keypoints, expected)


def test_the_upright_size_follows_the_exif_block(tmp_path):
    exif = Pillow.Exif()
    exif[0x0112] = 6
    Pillow.new("RGB", (HIGH, WIDE)).save(tmp_path / "turned.jpg", exif=exif)
    assert upright_size(tmp_path / "turned.jpg") == (WIDE, HIGH)
    (tmp_path / "bad.jpg").write_bytes(b"nothing")
    with pytest.raises(Unusable, match="damaged"):
        upright_size(tmp_path / "bad.jpg")


def test_polygons_are_the_persons_pixels(tmp_path):
    outline = [100, 80, 500, 80, 500, 650, 100, 650]
    *_, body = found(saved(tmp_path / "k.json", annotation(segmentation=[outline])))
    assert body.mask.sum() == pytest.approx(400 * 570, rel=0.01)
    assert (body.context["person"] == body.mask).all()
    runs = {"counts": [1, 2], "size": [HIGH, WIDE]}
    *_, body = found(saved(tmp_path / "r.json", annotation(segmentation=runs)))
    assert body.mask.any()


def test_crowds_and_people_without_points_are_left_out(tmp_path):
    empty = {name: [0] * (3 * count) for name, count in FIELDS.items()}
    choice = saved(tmp_path / "k.json", annotation(iscrowd=1), annotation(**empty), annotation())
    assert len(found(choice)) == 4
    assert found(saved(tmp_path / "e.json", annotation(**empty))) == []
    assert found(saved(tmp_path / "n.json")) == []


def test_a_path_goes_before_a_name(tmp_path):
    rows = [{"id": i, "file_name": name, "width": WIDE, "height": HIGH} for i, name in
            enumerate(("x/a.jpg", "y/a.jpg", "b.jpg"))]  # fmt: skip
    shifted = [
        annotation(image_id=i, lefthand_kpts=None, righthand_kpts=None, face_kpts=None) for i in range(3)
    ]
    for i, row in enumerate(shifted):
        row["keypoints"] = triples(person().body[:17] + 10 * i)
    path = tmp_path / "k.json"
    path.write_text(json.dumps({"images": rows, "annotations": shifted}))
    choice = Choice("keypoints", (str(path),))
    for source, index in (("x/a.jpg", 0), ("y/a.jpg", 1), ("b.jpg", 2), ("deep/b.jpg", 2)):
        (body,) = found(choice, source=source)
        assert body.keypoints[0, 0] == person().body[0, 0] + 10 * index
    for source, words in (("z/a.jpg", "several photos"), ("c.jpg", "no keypoints for it")):
        with pytest.raises(Unusable, match=words):
            found(choice, source=source)


def test_a_photo_of_another_shape_is_not_used(tmp_path):
    with pytest.raises(Unusable, match="not the shape of 700 x 600"):
        found(saved(tmp_path / "k.json", annotation()), np.zeros((600, 700, 3), np.uint8))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not a JSON file"),
        ("[1, 2]", "not COCO's format"),
        ('{"images": [], "annotations": {}}', "not a list of objects"),
        ('{"images": [{"file_name": "a"}], "annotations": []}', "not COCO's format"),
        ('{"images": [{"id": 1}], "annotations": []}', 'no "file_name"'),
        ('{"images": [{"id": 1, "file_name": "a", "width": 0, "height": 3}], "annotations": []}', "width 0"),
        ('{"images": [], "annotations": [{"id": 5, "image_id": 9}]}', "annotation 5 is of image_id 9"),
        ('{"images": [], "annotations": [{"id": 5, "image_id": [9]}]}', "image_id"),
    ],
)
def test_bad_files_give_one_line(tmp_path, text, words):
    path = tmp_path / "k.json"
    path.write_text(text)
    with pytest.raises(UserError, match=words) as caught:
        detectors.prepare(Choice("keypoints", (str(path),)))
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"keypoints": [1, 2, 3]}, "keypoints has 3 values, not 51"),
        ({"keypoints": list(range(63))}, "keypoints has 63 values"),
        ({"keypoints": "many"}, "keypoints has str"),
        ({"face_kpts": [[1, 2]] * 68}, "face_kpts"),
        ({"foot_kpts": ["x"] * 18}, "foot_kpts"),
        ({"segmentation": [[1, 2, 3]]}, "segmentation"),
    ],
)
def test_bad_annotations_give_one_line(tmp_path, change, words):
    with pytest.raises(UserError, match=words) as caught:
        detectors.prepare(saved(tmp_path / "k.json", annotation(**change)))
    assert "annotation 7" in str(caught.value) and "\n" not in str(caught.value)


nonsense = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 3), st.floats(), st.text(max_size=3), st.just([]), st.just({}),
    st.just([[1, 2], [3]]), st.just([None] * 51), st.just(["1"] * 51),
)  # fmt: skip


ANYWHERE = (
    *FIELDS, "images", "annotations", "image", "annotation", "segmentation", "id", "file_name", "image_id",
    "width", "height", "iscrowd",
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(ANYWHERE), nonsense)
def test_nonsense_in_any_place_is_read_or_told(tmp_path_factory, name, value):
    image = {"id": 1, "file_name": "a.jpg", "width": WIDE, "height": HIGH}
    row = annotation()
    for record in (image, row):
        if name in record:
            record[name] = value
    content = {"images": [image], "annotations": [row]}
    if name in ("image", "annotation"):
        content[f"{name}s"] = [value]
    elif name in content:
        content[name] = value
    else:
        row[name] = value
    path = tmp_path_factory.mktemp("json") / "k.json"
    path.write_text(json.dumps(content))
    try:
        entries = read(path)
    except UserError as error:
        assert str(path) in str(error) and "\n" not in str(error)
    else:
        assert all(person.points.shape == (133, 2) for entry in entries for person in entry.people)


def test_what_it_wants_is_told(tmp_path):
    saved(tmp_path / "k.json", annotation())
    for choice, words in (
        (Choice("keypoints"), "wants one COCO JSON"),
        (Choice("keypoints", ("a", "b")), "wants one COCO JSON"),
        (Choice("keypoints", (str(tmp_path / "missing.json"),)), "No such file"),
        (Choice("keypoints", (str(tmp_path),)), "not a JSON file"),
        (Choice("keypoints", (str(tmp_path / "k.json"),), "cuda"), "no --detector-device"),
        (Choice("keypoints", (str(tmp_path / "k.json"),), points="none"), "for grounded-sam"),
        (Choice("mediapipe", ("x",)), "takes no --detector-files"),
        (Choice("mediapipe", device="tpu"), "cpu or cuda"),
        (Choice("keypoint"), "did you mean keypoints"),
    ):
        with pytest.raises(UserError, match=words) as caught:
            detectors.prepare(choice)
        assert "\n" not in str(caught.value)


def test_values_that_are_no_numbers_are_unknown(tmp_path):
    row = annotation()
    row["keypoints"][:3] = [float("nan"), 5.0, 2]
    row["keypoints"][3:6] = [1e300, 1e300, 2]
    path = tmp_path / "k.json"
    saved(path, row)
    (entry,) = read(path)
    assert np.isnan(entry.people[0].points[0]).all()
    assert found(Choice("keypoints", (str(path),)))
