"""Grounding DINO and SAM 2, the real classes with tiny random weights; keypoints lent to their masks."""

import json

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from skimage import data

from asap.anatomy.detectors import load as detectors
from asap.anatomy.detectors.detector import Choice, Unusable
from asap.anatomy.detectors.grounded_sam import WORDS, GroundedSam
from asap.anatomy.detectors.grounding import Grounded, Grounder, Segmenter
from asap.errors import UserError
from asap.records import Photo, Region
from tiny_vision import tiny_grounding_dino, tiny_sam2

ASTRONAUT = data.astronaut()[:300, :400]
PHOTO = Photo("0" * 16, None, "a.jpg")


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    dino = tiny_grounding_dino(tmp_path_factory.mktemp("dino"))
    return str(dino), str(tiny_sam2(tmp_path_factory.mktemp("sam")))


def test_boxes_come_with_one_of_the_words(models):
    grounder = Grounder(models[0], "cpu")
    boxes = grounder.boxes(ASTRONAUT, list(WORDS))
    assert boxes
    for box, word, score in boxes:
        assert word in WORDS and 0.3 < score <= 1
        assert box.shape == (4,) and box[0] < box[2] and box[1] < box[3]
    assert [one.score for one in boxes] == sorted((one.score for one in boxes), reverse=True)
    for one, again in zip(boxes, grounder.boxes(ASTRONAUT, list(WORDS))):
        assert_array_equal(one.box, again.box)


def test_boxes_are_in_the_pixels_of_the_picture(models):
    grounder = Grounder(models[0], "cpu")
    (first, *_), (twice, *_) = (
        grounder.boxes(np.kron(ASTRONAUT, np.ones((n, n, 1), np.uint8)), list(WORDS)) for n in (1, 2)
    )
    assert np.abs(twice.box / 2 - first.box).max() < 12  # the model's own picture differs in its resampling


def test_masks_of_boxes_follow_the_box_and_fit_the_picture(models):
    segmenter = Segmenter(models[1], "cpu")
    boxes = [np.array([10.0, 10, 100, 200]), np.array([250.0, 10, 390, 290]), np.array([10.0, 10, 100, 200])]
    first, other, again = segmenter.masks(ASTRONAUT, boxes)
    assert first.shape == ASTRONAUT.shape[:2] and first.dtype == bool
    assert_array_equal(first, again)
    assert (first != other).any()
    assert segmenter.masks(ASTRONAUT, []) == []
    (alone,) = segmenter.masks(ASTRONAUT, boxes[:1])
    assert (alone != first).mean() < 0.01  # whatever else is asked of the picture


def test_pictures_are_prepared_as_by_the_processor_of_transformers(models):
    pytest.importorskip("torchvision")
    from transformers import Sam2ImageProcessor, Sam2Processor

    segmenter = Segmenter(models[1], "cpu")
    processor = Sam2Processor(Sam2ImageProcessor(size={"height": 64, "width": 64}), target_size=64)
    boxes = [[10.0, 10, 100, 200], [250.0, 10, 390, 290]]
    inputs = processor(images=ASTRONAUT, input_boxes=[boxes], return_tensors="pt")
    assert np.abs(inputs["pixel_values"].numpy() - segmenter._pixels(ASTRONAUT).numpy()).max() < 0.05
    with torch.inference_mode():
        masks = segmenter._model(**inputs, multimask_output=False).pred_masks
    expected = processor.post_process_masks(masks, inputs["original_sizes"])[0][:, 0].numpy()
    for mask, theirs in zip(segmenter.masks(ASTRONAUT, [np.array(box) for box in boxes]), expected):
        assert (mask != theirs).mean() < 0.02


def test_from_a_choice_to_regions(models, capfd):
    choice = detectors.prepare(Choice("grounded-sam", models, points="none"))
    assert detectors.identity(choice)["points"] == "none"
    regions = detectors.load(choice).find(ASTRONAUT, PHOTO)
    assert {region.part for region in regions} <= {"hand", "face", "body"}
    for region in regions:
        assert region.mask.any() and np.isnan(region.keypoints).all()
    assert "Loading" not in capfd.readouterr().err


# What becomes of boxes and lent points, by a grounder and a segmenter whose answers are known.

SHAPE = (200, 300)
BOXES = {"person": (20, 10, 160, 190), "face": (60, 20, 110, 70), "hand": (130, 80, 170, 120),
         "foot": (60, 160, 95, 188)}  # fmt: skip


class Words:
    def __init__(self, *words):
        self.words = words

    def boxes(self, image, words):
        return [
            Grounded(np.array(BOXES[word], float), word, 0.9 - 0.1 * i) for i, word in enumerate(self.words)
        ]


class Boxes:
    def masks(self, image, boxes):
        masks = []
        for left, top, right, bottom in np.array(boxes, int):
            mask = np.zeros(image.shape[:2], bool)
            mask[top:bottom, left:right] = True
            masks.append(mask)
        return masks


class Lender:
    def __init__(self, *regions):
        self.regions = regions

    def find(self, image, photo):
        if not self.regions:
            raise Unusable("nothing")
        return list(self.regions)


def lent(part, box, count, side=None, **context):
    rng = np.random.default_rng(0)
    mask = np.zeros(SHAPE, bool)
    mask[box[1] : box[3], box[0] : box[2]] = True
    return Region(part, mask, rng.uniform(box[:2], box[2:], (count, 2)), 0.8, side, context)


def found(lender, *words):
    return GroundedSam(Words(*words), Boxes(), lender).find(np.zeros((*SHAPE, 3), np.uint8), PHOTO)


def test_masks_without_points_know_of_each_other():
    hand, face, body = found(None, *BOXES)
    assert [one.part for one in (hand, face, body)] == ["hand", "face", "body"]
    assert [one.keypoints.shape for one in (hand, face, body)] == [(21, 2), (68, 2), (23, 2)]
    assert all(np.isnan(one.keypoints).all() for one in (hand, face, body))
    assert hand.context["faces"] == [(60, 20, 110, 70)]
    assert_array_equal(hand.context["person"], body.mask)
    (foot,) = body.context["feet"]
    assert foot.sum() == 35 * 28


def test_points_go_to_the_mask_that_holds_them():
    irises = np.array([(80.0, 40), (90.0, 40)])
    lender = Lender(
        lent("hand", BOXES["hand"], 21, "left"), lent("face", BOXES["face"], 68, irises=irises, hands=[1]),
    )  # fmt: skip
    hand, face, body = found(lender, *BOXES)
    assert_array_equal(hand.keypoints, lender.regions[0].keypoints)
    assert hand.side == "left" and hand.mask.sum() == 1600 and hand.score == pytest.approx(0.7)
    assert_array_equal(face.keypoints, lender.regions[1].keypoints)
    assert_array_equal(face.context["irises"], irises)
    assert np.isnan(body.keypoints).all()
    assert len(face.context["hands"]) == 1


def test_a_part_that_no_mask_fits_stays_as_it_is_and_each_mask_takes_one():
    near, far = lent("hand", BOXES["hand"], 21, "left"), lent("hand", (220, 20, 280, 80), 21, "right")
    twin = lent("hand", BOXES["hand"], 21, "right")
    hands = [one for one in found(Lender(near, far, twin), "hand") if one.part == "hand"]
    assert sorted(one.side for one in hands) == ["left", "right", "right"]
    assert sorted(int(one.mask.sum()) for one in hands) == [1600, 1600, 3600]


def test_where_the_lender_cannot_work_the_masks_remain():
    assert [one.part for one in found(Lender(), "hand", "face")] == ["hand", "face"]
    assert found(Lender()) == []


def test_one_thing_is_one_region():
    assert len(found(None, "hand", "hand", "hand")) == 1


def test_what_is_wrong_is_told_in_one_line(models, tmp_path):
    (tmp_path / "empty").mkdir()
    (dino, sam), empty = models, str(tmp_path / "empty")

    def prepared(*files, device="cpu", points="none"):
        return lambda: detectors.prepare(Choice("grounded-sam", files, device, points))

    bad = {
        "wants two": prepared(dino),
        "give mediapipe, none, or": prepared(dino, sam, points="x.json"),
        "no folder nowhere/model": prepared("nowhere/model", sam),
        "sees no GPU": prepared(dino, sam, device="cuda"),
        "not a Grounding DINO": lambda: GroundedSam.open(Choice("grounded-sam", (empty, sam))),
        "not a SAM 2": lambda: GroundedSam.open(Choice("grounded-sam", (dino, empty))),
    }
    if torch.cuda.is_available():
        del bad["sees no GPU"]
    for words, act in bad.items():
        with pytest.raises(UserError, match=words) as caught:
            act()
        assert "\n" not in str(caught.value)


def test_weights_in_pickles_are_refused(models, tmp_path):
    folder = tiny_sam2(tmp_path)
    weights = folder / "model.safetensors"
    from safetensors.torch import load_file

    torch.save(load_file(weights), folder / "pytorch_model.bin")
    weights.unlink()
    with pytest.raises(UserError, match="not a SAM 2"):
        GroundedSam.open(Choice("grounded-sam", (models[0], str(folder)), points="none"))


def test_other_points_are_another_identity(models, tmp_path):
    path = tmp_path / "k.json"
    path.write_text(json.dumps({"images": [], "annotations": []}))
    choices = [Choice("grounded-sam", models, points=points) for points in ("mediapipe", "none", str(path))]
    identities = [json.dumps(detectors.identity(choice)) for choice in choices]
    assert len(set(identities)) == 3
    assert str(path) not in identities[2]
    prepared = detectors.prepare(choices[2])
    assert detectors.load(prepared).find(ASTRONAUT, PHOTO) is not None
