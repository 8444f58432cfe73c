"""What generators share: settings, windows, the skeletons around a part, the choice of a model's family."""

import random

import cv2
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from asap.anatomy.skeleton_errors import SKELETON_ERRORS
from asap.anatomy.skeletons import Skeleton
from asap.errors import UserError
from asap.pairs.degradations import Unsuitable
from asap.pairs.engines import models, pose_control, scene
from asap.pairs.engines.inpaint import _limb
from asap.pairs.engines.prompts import PROVOKING, posed, provoking
from asap.pairs.engines.settings import OF_TWO_HANDS, Engines, processes, resolved
from asap.pairs.engines.window import ENLARGED, Window, window_around
from asap.records import Region
from drawn_people import drawn_body, drawn_face, drawn_hand
from skeleton_people import person, runner
from tiny_painters import tiny_flux_controlnet, tiny_sdxl_controlnet

HEIGHT, WIDTH = 700, 600


def spot(height, width, top, left, size):
    mask = np.zeros((height, width), bool)
    mask[top : top + size, left : left + size] = True
    return mask


def test_a_window_has_context_and_the_generators_size():
    window = window_around(spot(900, 900, 400, 300, 200), 1024, 16)
    left, top, right, bottom = window.box
    assert (right - left, bottom - top) == (440, 440) and left < 300 and right > 500
    assert (window.height, window.width) == (1024, 1024)


def test_a_small_part_is_not_enlarged_beyond_use():
    window = window_around(spot(900, 900, 0, 0, 20), 1024, 16)
    assert window.box == (0, 0, 1024 / ENLARGED, 1024 / ENLARGED)


@pytest.mark.parametrize(("height", "width"), [(300, 900), (900, 300), (90, 70)])
def test_a_window_stays_in_the_photo_and_keeps_its_proportions(height, width):
    window = window_around(spot(height, width, 20, 30, 40), 256, 16)
    left, top, right, bottom = window.box
    assert 0 <= left < right <= width and 0 <= top < bottom <= height
    assert window.height % 16 == window.width % 16 == 0
    assert window.height * window.width <= 256**2
    ratio = (window.width / (right - left)) / (window.height / (bottom - top))
    assert abs(np.log(ratio)) < np.log(1.15)


def test_nothing_to_repaint_is_unsuitable():
    with pytest.raises(Unsuitable, match="nothing of it"):
        window_around(np.zeros((50, 50), bool), 64, 8)


def test_a_painting_is_laid_back_inside_the_mask_alone():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (200, 160, 3), np.uint8)
    mask = cv2.circle(np.zeros((200, 160), np.uint8), (90, 80), 25, 1, -1) > 0
    window = window_around(mask, 256, 16)
    before = image.copy()
    edited = window.paste(image, np.full((window.height, window.width, 3), 7, np.uint8), mask)
    assert_array_equal(edited[~mask], image[~mask])
    assert_array_equal(image, before)
    assert (edited[80, 90] == 7).all()
    depth = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 5)
    assert (
        np.abs(edited[(depth > 0) & (depth < 1.2)].astype(int) - image[(depth > 0) & (depth < 1.2)]).mean()
        < 80
    )
    whole = window.paste(image, window.cut(image), mask)  # a generator that changes nothing
    assert np.abs(whole.astype(int) - image).mean() < 3


def test_points_go_where_pixels_go():
    image = np.zeros((200, 160, 3), np.uint8)
    image[120:124, 60:64] = 255
    window = Window((20, 80, 120, 160), 160, 200)
    ys, xs = np.nonzero(window.cut(image)[..., 0] > 128)
    (x, y), *_ = window.transform()(np.array([[62.0, 122.0]]))
    assert abs(xs.mean() + 0.5 - x) < 1 and abs(ys.mean() + 0.5 - y) < 1
    assert window.cut_mask(image[..., 0] > 0).sum() == 8 * 8


def regions_of(skeleton: Skeleton) -> list[Region]:
    empty = np.zeros((HEIGHT, WIDTH), bool)
    hands = [(part, getattr(skeleton, part)) for part in ("left_hand", "right_hand")]
    found = [Region("hand", empty, points, 1.0, part.split("_")[0]) for part, points in hands]
    found += [Region("face", empty, skeleton.face, 1.0), Region("body", empty, skeleton.body, 1.0)]
    return scene.with_neighbours(found)


def test_the_person_of_a_part_is_put_together_from_the_photos_regions():
    whole = person()
    left, right, face, body = regions_of(whole)
    for region, part in ((left, "left_hand"), (right, "right_hand"), (face, "face")):
        own, others = scene.scene_of(region)
        assert_array_equal(own.body, whole.body)
        assert_array_equal(own.part(part), whole.part(part))
        known = [name for name in ("left_hand", "right_hand", "face") if np.isfinite(own.part(name)).any()]
        assert known == [part] and len(others) == 2
    own, others = scene.scene_of(body)
    assert_array_equal(own.left_hand, whole.left_hand)
    assert_array_equal(own.right_hand, whole.right_hand)
    assert len(others) == 1 and np.isfinite(others[0].face).all()


def test_a_hand_far_from_every_wrist_belongs_to_nobody_known():
    left, *_ = regions_of(person())
    stray = Region("hand", left.mask, left.keypoints + 200, 1.0, "left", left.context)
    own, others = scene.scene_of(stray)
    assert np.isnan(own.body).all() and len(others) == 3
    alone = Region("hand", left.mask, left.keypoints, 1.0)
    assert_array_equal(scene.scene_of(alone).person.right_hand, left.keypoints)


def test_a_sixth_finger_is_drawn_as_a_second_partial_hand():
    left, *_ = regions_of(person())
    own, others = scene.scene_of(left)
    wrong = SKELETON_ERRORS["extra_finger"].function(own, random.Random(0))
    (extra,) = wrong.extras
    assert extra.part == "left_hand" and np.isfinite(extra.points).all(axis=1).sum() == 5

    def picture(skeleton):
        return scene.drawn(scene.Scene(skeleton, others), np.copy, HEIGHT, WIDTH)

    before, after = picture(own), picture(wrong)
    tip = extra.points[np.isfinite(extra.points).all(axis=1)][-1].astype(int)
    assert (after[tip[1], tip[0]] == (0, 0, 255)).all() and not before[tip[1], tip[0]].any()
    assert_array_equal(before[:, 300:440], after[:, 300:440])  # the body
    assert before[int(person().face[30, 1]), int(person().face[30, 0])].any()  # others are there too


@pytest.mark.parametrize("name", [name for name in SKELETON_ERRORS if name not in OF_TWO_HANDS])
def test_the_mask_covers_the_old_and_the_new_place_and_stays_local(name):
    part, _, put = SKELETON_ERRORS[name]
    whole = runner() if name == "reversed_joint" else person()
    region = next(region for region in regions_of(whole) if region.part == part)
    own = scene.scene_of(region).person
    wrong = put(own, random.Random(3))
    mask = pose_control.repainted(region, own, wrong)
    assert 0 < mask.mean() < 0.2
    of = ("face",) if part == "face" else ("body", "left_hand", "right_hand")
    for old, new in ((own.part(name), wrong.part(name)) for name in of):
        moved = ~(np.linalg.norm(old - new, axis=1) < 1)
        for points in (old[moved], new[moved]):
            assert covers(mask, points)
    assert all(covers(mask, extra.points) for extra in wrong.extras)


def covers(mask, points):
    columns, rows = points[np.isfinite(points).all(axis=1)].round().astype(int).T
    return mask[rows, columns].all()


def test_an_error_outside_the_picture_is_not_tried():
    whole = person()
    wrong = SKELETON_ERRORS["extra_limb"].function(whole, random.Random(3))
    places = np.concatenate([extra.points for extra in wrong.extras])
    places = places[np.isfinite(places).all(axis=1)]
    left = np.median(places[:, 0])
    assert pose_control.share_in_view(whole, wrong, HEIGHT, WIDTH) == 1
    assert 0.4 < pose_control.share_in_view(whole, wrong, HEIGHT, int(left)) < 0.6
    assert pose_control.share_in_view(whole, whole, HEIGHT, WIDTH) == 0
    body = regions_of(whole)[-1]
    with pytest.raises(Unsuitable, match="outside the picture"):
        pose_control.repose(
            np.zeros((HEIGHT, 60, 3), np.uint8), body, random.Random(3), engines=Engines(), name="extra_limb"
        )


def test_of_a_face_the_window_shows_the_whole():
    _, face = drawn_face()
    eye = np.zeros(face.mask.shape, bool)
    eye[100:110, 100:110] = True
    assert_array_equal(pose_control.in_context(face, eye), face.mask | eye)
    assert_array_equal(pose_control.in_context(drawn_hand(60)[1], eye[:264, :264]), eye[:264, :264])


def test_a_limb_is_masked_without_its_root():
    _, region = drawn_body()
    name, mask = _limb(region, random.Random(0))
    assert name in ("arm", "leg")
    assert not mask[tuple(region.keypoints[[5, 6, 11, 12]].round().astype(int).T[::-1])].any()
    assert 0.01 < mask.mean() < 0.2
    headless = Region("body", region.mask, np.full((23, 2), np.nan), 1.0)
    with pytest.raises(Unsuitable, match="no limb"):
        _limb(headless, random.Random(0))


def test_wishes():
    assert set(PROVOKING) == {"hand", "face", "arm", "leg"}
    wishes = {provoking("hand", random.Random(seed)).prompt for seed in range(40)}
    assert wishes == set(PROVOKING["hand"])
    assert posed("hand", "extra finger").prompt == "a photo of a hand with six fingers"
    assert posed("body", "reversed joint").prompt == "a photo of a person with a reversed joint"


def test_the_table_of_a_run():
    assert Engines().entries() == {} and not Engines(candidates=9)
    assert set(Engines(inpaint="x").entries()) == {"inpaint_hand", "inpaint_face", "inpaint_limb"}
    posed_names = set(Engines(pose_control="x", controlnet="y").entries())
    assert posed_names == {f"pose_{name}" for name in SKELETON_ERRORS if name != "swapped_hands"}
    entry = Engines(pose_control="x", controlnet="y").entries()["pose_extra_finger"]
    assert (entry.part, entry.error) == ("hand", "extra finger")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"inpaint": "x", "candidates": 0}, "--candidates 0"),
        ({"inpaint": "x", "paint_size": -1}, "--paint-size -1"),
        ({"inpaint": "x", "paint_steps": -5}, "--paint-steps -5"),
        ({"pose_control": "x"}, "--pose-control and --controlnet go together"),
        ({"inpaint": "x", "controlnet": "x"}, "--pose-control and --controlnet go together"),
        ({"controlnet": "x"}, "give that one with --pose-control"),
        ({"inpaint": "x"}, "no model 'x': no such folder"),
        ({"inpaint": "x", "paint_device": "cuda:9"}, "--paint-device cuda:9"),
        ({"inpaint": "{sdxl}", "paint_offload": True}, "it needs a GPU"),
        ({"inpaint": "{sdxl}", "paint_size": 30}, "--paint-size 30: SDXL inpainting takes multiples of 8"),
        ({"inpaint": "{flux}"}, "--inpaint {flux} is a FluxPipeline; it takes FluxFillPipeline"),
        ({"inpaint": "{empty}"}, "{empty} has no model_index.json"),
        ({"inpaint": "{broken}"}, "is damaged"),
        ({"pose_control": "{flux}", "controlnet": "{empty}"}, "{empty} has no config.json"),
        ({"pose_control": "{flux}", "controlnet": "{of_sdxl}"}, "a ControlNetModel; {flux} takes a Flux"),
        ({"pose_control": "{sdxl}", "controlnet": "{of_flux}"}, "a FluxControlNetModel; {sdxl} takes a C"),
    ],
)  # fmt: skip
def test_mistakes_are_told_before_anything_is_loaded(settings, words, flux, sdxl, tmp_path, monkeypatch):
    folders = {"flux": flux, "sdxl": sdxl, "empty": tmp_path / "empty", "broken": tmp_path / "broken"}
    folders["empty"].mkdir()
    folders["broken"].mkdir()
    (folders["broken"] / "model_index.json").write_text("[]")
    folders["of_flux"] = tiny_flux_controlnet(tmp_path / "of_flux")
    folders["of_sdxl"] = tiny_sdxl_controlnet(tmp_path / "of_sdxl")
    monkeypatch.setattr(models, "painter", None)
    filled = {k: v.format(**folders) if isinstance(v, str) else v for k, v in settings.items()}
    with pytest.raises(UserError) as raised:
        resolved(Engines(**{"paint_device": "cpu", **filled}))
    assert words.format(**folders) in str(raised.value) and "\n" not in str(raised.value)


def test_one_process_for_each_gpu(monkeypatch):
    engines = Engines(inpaint="x", paint_device="cuda")
    monkeypatch.setattr(models.torch.cuda, "device_count", lambda: 3)
    assert processes(Engines(), 0) == 0 and processes(Engines(), 5) == 5
    assert processes(engines, 0) == 3 and processes(engines, 2) == 2
    assert processes(Engines(inpaint="x", paint_device="cuda:1"), 0) == 1
    assert processes(Engines(inpaint="x", paint_device="cpu"), 0) == 1

    class Process:
        name = "SpawnProcess-5"

    monkeypatch.setattr(models.multiprocessing, "current_process", Process)
    assert models.own_device("cuda") == "cuda:2"
    assert models.own_device("cuda:1") == "cuda:1" and models.own_device("cpu") == "cpu"
