"""Preparation of images: values of torchvision 0.29, and the processors of transformers."""

from __future__ import annotations

import numpy as np
import pytest
import transformers

from asap.bench.rewards.hpsv3 import patches
from asap.bench.rewards.pictures import cropped, halved, padded, rounded

SMALL = (np.arange(5 * 9 * 3).reshape(5, 9, 3) * 97 % 256).astype(np.uint8)
# ToTensor, HPSv2's resizing by torchvision.transforms.functional, Normalize: channel 1, its middle
PADDED = [0.7551742, 0.0295551, -0.388856, 0.4556024, -0.2226436, 0.1269869, 0.8325539, -0.2489657]
# Resize(4, bicubic), CenterCrop(4), ToTensor, Normalize: channel 1
CROPPED = [
    *(0.8892701, 0.8142313, -1.2868563, -0.5664834, -0.9416776, -1.0467321, -0.1612737, 0.6491458),
    *(-0.5514756, 0.3039672, 1.1594099, 0.3790061, 0.7241847, 1.5195963, 1.1143867, -1.0617398),
]


def test_values_of_torchvision() -> None:
    found = padded(SMALL, 4)
    assert found[1, 1:3].flatten().tolist() == pytest.approx(PADDED, abs=1e-6)
    black = [-0.48145466 / 0.26862954] * 4
    assert found[0, 0].tolist() == pytest.approx(black) and found[0, 3].tolist() == pytest.approx(black)
    assert cropped(SMALL, 4, rounded)[1].flatten().tolist() == pytest.approx(CROPPED, abs=1e-6)


@pytest.mark.parametrize("shape", [(40, 51), (61, 33), (28, 28), (31, 28)])
def test_crops_are_those_of_clips_processor(shape: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3)).astype(np.uint8)
    processor = transformers.CLIPImageProcessorPil(size={"shortest_edge": 28}, crop_size=28)
    expected = processor(image, return_tensors="pt")["pixel_values"][0]
    assert np.allclose(cropped(image, 28, halved), expected, atol=1e-6)


def test_the_two_ways_to_cut_differ_by_a_pixel() -> None:
    image = np.random.default_rng(0).integers(0, 256, (28, 31, 3)).astype(np.uint8)
    assert np.array_equal(cropped(image, 28, rounded)[..., :-1], cropped(image, 28, halved)[..., 1:])


@pytest.mark.parametrize("shape", [(600, 410), (200, 700), (30, 40), (448, 448)])
def test_patches_are_those_of_qwens_processor(shape: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3)).astype(np.uint8)
    processor = transformers.Qwen2VLImageProcessorPil(min_pixels=256 * 28 * 28, max_pixels=256 * 28 * 28)
    expected = processor(image, return_tensors="pt")
    found, grid = patches(image, 14, 2, 2)
    assert [1, *grid] == expected["image_grid_thw"][0].tolist()
    assert np.allclose(found, expected["pixel_values"], atol=1e-5)
