"""Generators at work: tiny random instances of the real pipelines, saved and loaded as a user's are."""

import random
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from diffusers import StableDiffusionXLInpaintPipeline
from numpy.testing import assert_array_equal

from asap.errors import UserError
from asap.pairs import worker
from asap.pairs.checks.gates import Gates
from asap.pairs.degradations import Unsuitable
from asap.pairs.engines import models
from asap.pairs.engines.inpaint import inpaint
from asap.pairs.engines.painter import Painter
from asap.pairs.engines.pose_control import repose
from asap.pairs.engines.settings import Engines, resolved
from asap.records import Photo
from drawn_people import drawn_body, drawn_face, drawn_hand
from tiny_painters import tiny_fill, tiny_flux_controlnet, tiny_klein, tiny_sdxl_controlnet, tiny_sdxl_inpaint

QUICK = {"candidates": 2, "paint_size": 32, "paint_steps": 2, "paint_device": "cpu"}
INPAINTING = ("fill", "klein", "sdxl_inpaint", "sdxl")
POSING = (("flux", "flux_pose"), ("flux", "flux_union"), ("sdxl", "sdxl_pose"), ("sdxl_inpaint", "sdxl_pose"))


@pytest.fixture(scope="module")
def models_at(tmp_path_factory, flux, sdxl):
    root = tmp_path_factory.mktemp("painters")
    return {
        "flux": flux,
        "sdxl": sdxl,
        "fill": tiny_fill(root / "fill"),
        "klein": tiny_klein(root / "klein"),
        "sdxl_inpaint": tiny_sdxl_inpaint(root / "sdxl_inpaint"),
        "flux_pose": tiny_flux_controlnet(root / "flux_pose"),
        "flux_union": tiny_flux_controlnet(root / "flux_union", modes=10),
        "sdxl_pose": tiny_sdxl_controlnet(root / "sdxl_pose"),
    }


def inpainting(models_at, name, **more):
    return resolved(Engines(inpaint=str(models_at[name]), **{**QUICK, **more}))


def posing(models_at, names, **more):
    base, controlnet = (str(models_at[name]) for name in names)
    return resolved(Engines(pose_control=base, controlnet=controlnet, **{**QUICK, **more}))


def changed(edited, image):
    return (edited != image).any(axis=2)


def check_edits(make, image):
    """Two edits that differ, are local, leave the photo alone, and come out the same again."""
    before = image.copy()
    edits, again = make(7), make(7)
    assert [edit.shape for edit in edits] == [image.shape] * 2 and edits[0].dtype == np.uint8
    assert_array_equal(image, before)
    for edit, same in zip(edits, again, strict=True):
        assert_array_equal(edit, same)
        assert 0.01 < changed(edit, image).mean() < 0.4
    assert (edits[0] != edits[1]).any() and (make(8)[0] != edits[0]).any()
    return edits


@pytest.mark.parametrize("name", INPAINTING)
def test_a_hand_inpainted(name, models_at):
    image, region = drawn_hand(40)
    engines = inpainting(models_at, name)
    edits = check_edits(lambda seed: inpaint(image, region, random.Random(seed), engines=engines), image)
    far = ~cv2.dilate(region.mask.astype(np.uint8), np.ones((25, 25), np.uint8)).astype(bool)
    assert not changed(edits[0], image)[far].any()
    assert changed(edits[0], image)[region.mask].mean() > 0.8


@pytest.mark.parametrize("names", POSING, ids=" ".join)
def test_a_hand_painted_after_a_skeleton_of_six_fingers(names, models_at):
    image, region = drawn_hand(40)
    engines = posing(models_at, names)

    def make(seed):
        return repose(image, region, random.Random(seed), engines=engines, name="extra_finger")

    edits = check_edits(make, image)
    assert changed(edits[0], image)[region.mask].mean() > 0.8


@pytest.mark.parametrize("names", POSING[:3], ids=" ".join)
def test_the_skeleton_reaches_the_generator(names, models_at):
    """Two errors with one mask and one seed: the pictures differ by what the ControlNet was shown."""
    image, region = drawn_hand(40)
    painter = models.painter("pose_control", posing(models_at, names))
    task = painted_tasks(painter, image, region)
    dark = task._replace(pose=np.zeros_like(task.pose))
    assert task.pose.any() and task.pose.shape == task.picture.shape == (32, 32, 3)
    assert (painter.paint(task, 2) != painter.paint(dark, 2)).any()


def painted_tasks(painter, image, region):
    """The task that the painter is given for an extra finger."""
    given = []

    class Watched:
        native_size, size_multiple = painter.native_size, painter.size_multiple

        def paint(self, task, steps):
            given.append(task)
            return task.picture

    from asap.pairs.engines import pose_control

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pose_control.models, "painter", lambda kind, engines: Watched())
        engines = Engines(pose_control="x", controlnet="y", **QUICK)
        repose(image, region, random.Random(0), engines=engines, name="extra_finger")
    return given[0]


def test_a_union_controlnet_is_told_its_task_and_another_is_not(models_at):
    image, region = drawn_hand(40)
    for names, mode in ((POSING[0], None), (POSING[1], 4)):
        painter = models.painter("pose_control", posing(models_at, names))
        assert painter.arguments(painted_tasks(painter, image, region))["control_mode"] == mode


@pytest.mark.parametrize(("part", "drawing"), [("face", drawn_face), ("limb", drawn_body)])
def test_other_parts_inpainted(part, drawing, models_at):
    image, region = drawing(50)
    engines = inpainting(models_at, "sdxl")
    check_edits(lambda seed: inpaint(image, region, random.Random(seed), engines=engines), image)


def test_other_errors_of_skeletons(models_at):
    engines = posing(models_at, POSING[2])
    for drawing, name in (
        (drawn_face, "third_eye"),
        (drawn_body, "extra_limb"),
        (drawn_body, "missing_limb"),
    ):
        image, region = drawing(60)
        edits = repose(image, region, random.Random(1), engines=engines, name=name)
        assert 0.005 < changed(edits[0], image).mean() < 0.4
    image, region = drawn_hand(40, folded=(0, 1, 2, 3))
    with pytest.raises(Unsuitable):
        repose(image, region, random.Random(1), engines=engines, name="broken_finger")


def attempted(engines, names, image, region):
    photo = Photo("0" * 16, Path("x.png"), "x.png", "a hand")
    rules = worker.Rules(400, names, 9, 9, 0, Gates(0.85, 0.5), checks="none", engines=engines)
    rejected = []
    return list(worker.attempts(image, [region], photo, rules, rejected)), rejected


def test_pairs_of_one_photo(models_at):
    image, region = drawn_hand(50)
    both = Engines(
        inpaint=str(models_at["sdxl_inpaint"]), pose_control=str(models_at["sdxl"]),
        controlnet=str(models_at["sdxl_pose"]), **QUICK,
    )  # fmt: skip
    names = ("inpaint_hand", "pose_extra_finger", "pose_second_hand", "inpaint_face")
    pairs, rejected = attempted(resolved(both), names, image, region)
    assert not rejected
    assert {pair.degradation: pair.error for pair in pairs} == {
        "inpaint_hand": "malformed hand",
        "pose_extra_finger": "extra finger",
        "pose_second_hand": "second hand",
    }
    for pair in pairs:
        assert_array_equal(pair.chosen, image)
        assert_array_equal(pair.rejected[~pair.mask], image[~pair.mask])
        assert 0.02 < pair.mask.mean() < 0.5
    again, _ = attempted(resolved(both), names, image, region)
    assert all((a.rejected == b.rejected).all() for a, b in zip(pairs, again, strict=True))


def test_a_generator_that_cannot_run_ends_the_run(models_at, tmp_path):
    image, region = drawn_hand(50)
    broken = tmp_path / "broken"
    broken.mkdir()
    for path in models_at["sdxl"].rglob("*"):
        if path.is_file() and not (path.parent.name == "unet" and path.suffix == ".safetensors"):
            (broken / path.relative_to(models_at["sdxl"])).parent.mkdir(exist_ok=True)
            (broken / path.relative_to(models_at["sdxl"])).write_bytes(path.read_bytes())
    engines = resolved(Engines(inpaint=str(broken), **QUICK))
    with pytest.raises(UserError, match=f"cannot load the pipeline of {broken}"):
        attempted(engines, ("inpaint_hand",), image, region)


def test_pickled_weights_are_not_read(models_at, tmp_path):
    pickled = tmp_path / "pickled"
    pipeline = StableDiffusionXLInpaintPipeline.from_pretrained(models_at["sdxl_inpaint"])
    pipeline.save_pretrained(pickled, safe_serialization=False)
    image, region = drawn_hand(50)
    engines = resolved(Engines(inpaint=str(pickled), **QUICK))
    with pytest.raises(UserError, match="safetensors"):
        inpaint(image, region, random.Random(0), engines=engines)


def test_memory_and_overflow_are_told_with_what_to_do(models_at, monkeypatch):
    image, region = drawn_hand(40)
    engines = inpainting(models_at, "sdxl", candidates=1)
    painter = models.painter("inpaint", engines)
    kept = painter.opened

    def full(**_):
        raise torch.OutOfMemoryError("17 GiB")

    painter.__dict__["opened"] = full
    with pytest.raises(UserError, match="memory of cpu; give --paint-offload, or a smaller --paint-size"):
        inpaint(image, region, random.Random(0), engines=engines)

    class Overflown:
        images = np.full((1, 32, 32, 3), np.nan)

    painter.__dict__["opened"] = lambda **_: Overflown
    with pytest.raises(UserError, match="give another --paint-dtype"):
        inpaint(image, region, random.Random(0), engines=engines)
    painter.__dict__["opened"] = kept


def test_offloading_is_asked_of_the_pipeline(models_at, monkeypatch):
    asked = []
    monkeypatch.setattr(
        StableDiffusionXLInpaintPipeline,
        "enable_model_cpu_offload",
        lambda self, device: asked.append((device, self.unet.device.type)),
    )
    made = models.choose(models.INPAINT, "StableDiffusionXLPipeline", "generator")
    painter: Painter = made(str(models_at["sdxl"]), device="meta", offload=True)
    assert painter.opened.unet.device.type == "cpu" and asked == [("meta", "cpu")]


def test_models_are_loaded_once(models_at):
    engines = inpainting(models_at, "sdxl")
    assert models.painter("inpaint", engines) is models.painter("inpaint", inpainting(models_at, "sdxl"))
    assert engines.paint_device == "cpu" and engines.paint_dtype == "float32"


def test_what_decides_the_pictures_is_told(models_at):
    engines = inpainting(models_at, "sdxl")
    other = inpainting(models_at, "sdxl_inpaint")
    first = engines.identity()
    assert set(first) == {"inpaint", "size", "steps", "dtype", "candidates"}
    assert first["inpaint"] != other.identity()["inpaint"]
    assert set(posing(models_at, POSING[0]).identity()) > {"pose_control", "controlnet"}
