"""`asap build` with a generator, by the command line."""

import cv2
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from skimage import data

import processes
from asap.errors import UserError
from asap.pairs import build, making
from asap.pairs.degradations import DEGRADATIONS
from asap.pairs.engines.settings import Engines
from asap.pairs.hap import dataset
from tiny_painters import tiny_sdxl_inpaint


def asap(*arguments):
    return processes.asap("build", *arguments)


def test_a_dataset_by_the_command_line(tmp_path):
    pytest.importorskip("mediapipe")
    photos, out = tmp_path / "photos", tmp_path / "hap"
    photos.mkdir()
    cv2.imwrite(str(photos / "portrait.png"), data.astronaut()[0:320, 60:380, ::-1])
    model = tiny_sdxl_inpaint(tmp_path / "model")
    flags = f"--inpaint {model} --degradations inpaint_face --candidates 1 --paint-device cpu".split()
    flags += ["--paint-size", "32", "--paint-steps", "2", "--workers", "1"]
    done = asap(photos, "--out", out, *flags)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "1  face: distorted face" in done.stdout
    (row,) = dataset.read(out)
    chosen, rejected, mask = (
        cv2.imdecode(np.frombuffer(row[name]["bytes"], np.uint8), cv2.IMREAD_COLOR)
        for name in dataset.PICTURES
    )
    assert row["degradation"] == "inpaint_face" and row["ssim_inside"] < 0.85
    assert_array_equal(chosen[mask == 0], rejected[mask == 0])
    assert (chosen[mask > 0] != rejected[mask > 0]).any()
    other = Engines(str(model), candidates=1, paint_device="cpu", paint_size=32, paint_steps=3)
    with pytest.raises(UserError, match="steps"):
        build.run(build.Config(photos, out, degradations="inpaint_face", engines=other))


def test_a_name_without_its_model_is_not_known(tmp_path):
    (tmp_path / "photos").mkdir()
    with pytest.raises(UserError, match="no degradation named 'inpaint_hand'"):
        build.run(build.Config(tmp_path / "photos", tmp_path / "hap", degradations="inpaint_hand"))


def test_without_a_generator_the_settings_of_a_run_are_what_they_were(tmp_path, monkeypatch):
    told = []
    (tmp_path / "photos").mkdir()
    cv2.imwrite(str(tmp_path / "photos" / "grey.png"), np.full((90, 90, 3), 90, np.uint8))
    monkeypatch.setattr(build, "open_run", lambda out, stage, identity, extra: told.append(identity))
    monkeypatch.setattr(making, "make", lambda *_: None)
    build.run(build.Config(tmp_path / "photos", tmp_path / "hap"))
    assert "engines" not in told[0] and set(told[0]["degradations"]) == set(DEGRADATIONS)
