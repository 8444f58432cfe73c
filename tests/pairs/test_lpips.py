"""LPIPS with random weights: its real ones cannot be had here."""

import re
import shlex
import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from skimage import data

from asap.errors import UserError
from asap.pairs.checks import lpips

PORTRAIT = data.astronaut()[:192, 120:320]


@pytest.fixture(scope="module")
def state():
    """A state dict as `lpips.LPIPS(net="alex")` has it, with the keys that do not matter here."""
    generator = torch.Generator().manual_seed(0)
    found = {"scaling_layer.shift": torch.zeros(1, 3, 1, 1)}
    for index, (layer, shape) in enumerate(zip(lpips.LAYERS, lpips.SHAPES)):
        fan = np.prod(shape[1:])
        found[f"net.slice{index + 1}.{layer}.weight"] = (
            torch.randn(shape, generator=generator) * (2 / fan) ** 0.5
        )
        found[f"net.slice{index + 1}.{layer}.bias"] = torch.randn(shape[0], generator=generator) * 0.01
        found[f"lin{index}.model.1.weight"] = torch.rand(1, shape[0], 1, 1, generator=generator)
        found[f"lins.{index}.model.1.weight"] = found[f"lin{index}.model.1.weight"].clone()
    return found


@pytest.fixture(scope="module")
def weights(state, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "lpips.safetensors"
    save_file(state, path)
    return (str(path),)


def changed():
    other, mask = PORTRAIT.copy(), np.zeros(PORTRAIT.shape[:2], bool)
    mask[20:60, 20:60] = True
    other[20:60, 20:60] = 255 - other[20:60, 20:60]
    return other, mask


def test_the_map_is_the_sum_over_layers_as_a_module_computes_it(weights, state):
    """The same network built from torch's own layers, its distances summed by hand."""
    nn = torch.nn
    layers = nn.Sequential(
        nn.Conv2d(3, 64, 11, 4, 2), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Conv2d(64, 192, 5, 1, 2), nn.ReLU(),
        nn.MaxPool2d(3, 2), nn.Conv2d(192, 384, 3, 1, 1), nn.ReLU(), nn.Conv2d(384, 256, 3, 1, 1), nn.ReLU(),
        nn.Conv2d(256, 256, 3, 1, 1), nn.ReLU(),
    )  # fmt: skip
    layers.load_state_dict(
        {
            f"{key.split('.')[2]}.{key.split('.')[3]}": value
            for key, value in state.items()
            if key.startswith("net.")
        }
    )
    other, _ = changed()
    pixels = torch.tensor(np.stack([PORTRAIT, other])).permute(0, 3, 1, 2) / 127.5 - 1
    x = (pixels - torch.tensor([-0.030, -0.088, -0.188])[:, None, None]) / torch.tensor(
        [0.458, 0.448, 0.450]
    )[:, None, None]
    total, taken = torch.zeros(192, 200), 0
    for layer in layers:
        x = layer(x)
        if isinstance(layer, nn.ReLU):
            unit = nn.functional.normalize(x, dim=1)
            distance = ((unit[0] - unit[1]) ** 2 * state[f"lin{taken}.model.1.weight"][0]).sum(0)
            total += nn.functional.interpolate(distance[None, None], (192, 200), mode="bilinear")[0, 0]
            taken += 1
    found = lpips.lpips_map(lpips.load(weights), PORTRAIT, other)
    assert np.allclose(found, total.detach(), rtol=1e-4, atol=1e-5)


def test_zero_for_equal_pictures_and_larger_inside(weights):
    other, mask = changed()
    same = lpips.perceptual(weights, PORTRAIT, PORTRAIT.copy(), mask)
    assert same == {"lpips_inside": 0.0, "lpips_outside": 0.0}
    found = lpips.perceptual(weights, PORTRAIT, other, mask)
    assert found["lpips_inside"] > 3 * found["lpips_outside"] > 0


def test_without_weights_it_is_unknown():
    other, mask = changed()
    assert lpips.perceptual((), PORTRAIT, other, mask) == {"lpips_inside": None, "lpips_outside": None}


def test_weights_in_two_files_are_the_same(weights, state, tmp_path):
    trunk = {f"features.{k.split('.', 2)[2]}": v for k, v in state.items() if k.startswith("net.")}
    save_file({**trunk, "classifier.1.weight": torch.zeros(2, 2)}, tmp_path / "alexnet.safetensors")
    save_file({k: v for k, v in state.items() if re.match(r"lin\d", k)}, tmp_path / "heads.safetensors")
    loaded = lpips.load((str(tmp_path / "alexnet.safetensors"), str(tmp_path / "heads.safetensors")))
    truth = lpips.load(weights)
    assert loaded.keys() == truth.keys()
    assert all(torch.equal(loaded[name], truth[name]) for name in truth)


def test_other_files_are_refused(state, tmp_path):
    (tmp_path / "text.safetensors").write_text("hello")
    save_file({k: v for k, v in state.items() if k.startswith("net.")}, tmp_path / "half.safetensors")
    for name in ("text.safetensors", "half.safetensors", "missing.safetensors"):
        with pytest.raises(UserError) as caught:
            lpips.load((str(tmp_path / name),))
        assert "\n" not in str(caught.value)


def test_a_pickle_is_not_opened_but_its_conversion_is_told_and_works(weights, state, tmp_path):
    path = tmp_path / "it's.pth"
    tied = {**state, "lins.0.model.1.weight": state["lin0.model.1.weight"]}  # as the package has them
    torch.save(tied, path)
    with pytest.raises(UserError, match=r"only \.safetensors files are read; convert") as caught:
        lpips.load((str(path),))
    _, *told = shlex.split(str(caught.value).partition("convert this one by ")[2])
    subprocess.run([sys.executable, *told], check=True)
    converted = lpips.load((str(path.with_suffix(".safetensors")),))
    assert all(torch.equal(converted[name], value) for name, value in lpips.load(weights).items())
