"""`asap build` with a generator, by the command line."""

import json
import subprocess
import sys

import cv2
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from skimage import data

from asap.pairs import dataset
from tiny_painters import tiny_sdxl_inpaint


def asap(*arguments):
    code = "import sys; from asap.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", code, "build", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_dataset_by_the_command_line(tmp_path):
    pytest.importorskip("mediapipe")
    photos, out = tmp_path / "photos", tmp_path / "hap"
    photos.mkdir()
    cv2.imwrite(str(photos / "portrait.png"), data.astronaut()[0:320, 60:380, ::-1])
    flags = [
        "--inpaint",
        tiny_sdxl_inpaint(tmp_path / "model"),
        "--degradations",
        "inpaint_face",
        "--candidates",
        "1",
    ]
    flags += ["--paint-device", "cpu", "--paint-size", "32", "--paint-steps", "2"]
    done = asap(photos, "--out", out, *flags)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "1 at once" in done.stdout and "face: distorted face" in done.stdout
    (row,) = dataset.read(out)
    chosen, rejected, mask = (
        cv2.imdecode(np.frombuffer(row[name]["bytes"], np.uint8), cv2.IMREAD_COLOR)
        for name in dataset.PICTURES
    )
    assert row["degradation"] == "inpaint_face" and row["ssim_inside"] < 0.85
    assert_array_equal(chosen[mask == 0], rejected[mask == 0])
    assert (chosen[mask > 0] != rejected[mask > 0]).any()
    other = asap(photos, "--out", out, *flags[:-1], "3")
    assert other.returncode == 2 and "steps" in other.stderr
    assert json.loads((out / "config.json").read_text())


def test_a_name_without_its_model_is_not_known(tmp_path):
    (tmp_path / "photos").mkdir()
    done = asap(tmp_path / "photos", "--out", tmp_path / "hap", "--degradations", "inpaint_hand")
    assert done.returncode == 2 and "no degradation named 'inpaint_hand'" in done.stderr
