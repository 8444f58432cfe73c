"""From pictures to the model's sizes: geometry, aspect ratios kept, batches of several sizes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file

from asap.align import latents, train
from asap.align.cut import Cut, fit, latent_mask
from asap.backbones.load import load
from asap.backbones.lora import WEIGHTS
from asap.errors import UserError
from tiny import write_pairs

SHAPES = ((40, 48), (32, 96), (96, 32))


def test_an_image_of_the_right_size_is_not_resampled() -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
    mask = np.zeros((32, 32), bool)
    mask[3:5, 4:6] = True
    chosen, rejected, cut, frame = fit(image, image, mask, (32, 32))
    assert np.array_equal(chosen, image) and np.array_equal(rejected, image) and np.array_equal(cut, mask)
    assert frame == ((32, 32), (0, 0), (32, 32))


def test_the_crop_keeps_the_region() -> None:
    mask = np.zeros((40, 200), bool)
    mask[10:20, 150:170] = True
    image = np.zeros((40, 200, 3), np.uint8)
    image[mask] = 255
    chosen, _, cut, frame = fit(image, image, mask, (40, 40))
    assert cut.sum() == mask.sum() and np.array_equal(chosen[..., 0] == 255, cut)
    assert frame.crop == (0, 140)


def test_scaling_never_loses_a_pixel_of_the_mask() -> None:
    mask = np.zeros((100, 100), bool)
    mask[51, 77] = True
    *_, cut, _ = fit(np.zeros((100, 100, 3), np.uint8), np.zeros((100, 100, 3), np.uint8), mask, (16, 16))
    assert cut.any()


def test_the_latent_mask_covers_every_touched_position_and_its_neighbours() -> None:
    mask = np.zeros((32, 32), bool)
    mask[8, 15] = True
    exact = latent_mask(mask, 8, 0)
    assert exact.shape == (4, 4) and exact.nonzero().tolist() == [[1, 1]]
    grown = latent_mask(mask, 8, 1)
    assert grown[:3, :3].min() == 1 and grown.sum() == 9


@given(st.integers(16, 6000), st.integers(16, 6000), st.sampled_from([256, 512, 768, 1024]))
def test_native_sides_have_the_picture_s_ratio_and_no_more_pixels(height: int, width: int, side: int) -> None:
    found = Cut(side, 0, "native").sides((height, width), 16)
    assert all(length % (side // 16) == 0 and length > 0 for length in found)
    assert found[0] * found[1] <= side**2 * 1.04
    ratio = min(max(height / width, 1 / 4), 4.0)
    assert found[0] / found[1] == pytest.approx(ratio, rel=0.25)
    assert Cut(side, 0).sides((height, width), 16) == (side, side)


def test_few_sizes_serve_all_pictures() -> None:
    sizes = {Cut(1024, 0, "native").sides((1000, width), 16) for width in range(250, 4000)}
    assert len(sizes) <= 40 and (1024, 1024) in sizes


@pytest.mark.parametrize("family", ["flux", "sdxl"])
def test_pictures_keep_their_ratio_and_train_together(
    family: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Three sizes in a batch go through the model size by size; one by one they give the same LoRA."""
    model: Path = request.getfixturevalue(family)
    data = write_pairs(tmp_path / "pairs", shapes=SHAPES)
    backbone = load(str(model))
    cache = latents.prepare(backbone, str(data), tmp_path / "cache", Cut(32, 1, "native"))
    groups = list(cache.groups(range(6)))
    assert [places for places, _ in groups] == [[0, 3], [1, 4], [2, 5]]
    factor = backbone.latent_factor
    wanted = [
        tuple(side // factor for side in Cut(32, 1, "native").sides(s, backbone.size_multiple))
        for s in SHAPES
    ]
    assert [tuple(batch.winner.shape[2:]) for _, batch in groups] == wanted and len(set(wanted)) == 3
    assert all(batch.weight.shape[1:] == batch.winner.shape[2:] for _, batch in groups)
    settings = train.Config(
        model=str(model), data=str(data), out=tmp_path / "six", steps=2, resolution=32, batch_size=6, rank=4,
        learning_rate=1e-3, tau=0.05, tracker="none", aspect="native",
    )  # fmt: skip
    whole = train.run(settings)
    parts = train.run(replace(settings, out=tmp_path / "one", batch_size=1, accumulate=6))
    for name, tensor in load_file(whole / WEIGHTS).items():
        torch.testing.assert_close(load_file(parts / WEIGHTS)[name], tensor, rtol=1e-4, atol=1e-5)
    with pytest.raises(UserError, match="aspect was 'native', now 'square'"):
        train.run(replace(settings, aspect="square"))
