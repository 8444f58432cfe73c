"""`mini` as a backbone: vocabulary, flow, LoRA, images by seed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from asap.backbones import lora, schedule
from asap.backbones.load import EMBEDDED, load
from asap.backbones.mini import _patches, _unpatch, new_pipeline
from asap.errors import UserError
from asap.figures import scenes

PROMPTS = [scenes.scene(seed).caption for seed in range(3)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("mini")
    new_pipeline(scenes.vocabulary(), seed=0).save_pretrained(path)
    return path


def test_patches_round_trip() -> None:
    z = torch.randn(2, 3, 24, 24)
    assert torch.equal(_unpatch(_patches(z), 6, 6), z)


def test_a_perfect_network_gives_the_velocity_of_the_path(folder: Path) -> None:
    """If the network's x0 is z itself, predict() is eps - z wherever t is above the smallest time."""
    backbone = load(str(folder))
    z, eps, t = torch.randn(2, 3, 24, 24), torch.randn(2, 3, 24, 24), torch.tensor([0.3, 0.9])

    class Oracle(torch.nn.Module):
        def forward(self, **_: object) -> tuple[torch.Tensor]:
            return (_patches(z),)

    backbone.__dict__["denoiser"] = Oracle()
    condition = backbone.condition(PROMPTS[:2])
    predicted = backbone.predict(schedule.flow_noise(z, eps, t), t, condition)
    torch.testing.assert_close(predicted, backbone.target(z, eps, t), rtol=1e-4, atol=1e-4)


def test_images_depend_on_seed_and_not_on_batch(folder: Path) -> None:
    backbone = load(str(folder))
    together = backbone.generate(PROMPTS, [1, 2, 3])
    alone = backbone.generate(PROMPTS[1:2], [2])
    assert together[0].shape == (24, 24, 3) and together[0].dtype == np.uint8
    assert np.abs(together[1].astype(int) - alone[0]).max() <= 1
    assert not np.array_equal(together[0], backbone.generate(PROMPTS[:1], [9])[0])


def test_a_lora_survives_saving_at_a_rank_that_is_not_its_alpha(folder: Path, tmp_path: Path) -> None:
    trained = load(str(folder))
    lora.add_lora(trained.denoiser, trained.lora_targets, rank=4, alpha=8, seed=0)
    with torch.no_grad():
        for parameter in trained.denoiser.parameters():
            if parameter.requires_grad:
                parameter.add_(0.05)
    trained.save_lora(tmp_path)
    fresh = load(str(folder))
    base = fresh.generate(PROMPTS, [1, 2, 3])
    fresh.load_lora(tmp_path)
    reloaded = fresh.generate(PROMPTS, [1, 2, 3])
    assert np.array_equal(np.stack(reloaded), np.stack(trained.generate(PROMPTS, [1, 2, 3])))
    assert not np.array_equal(np.stack(reloaded), np.stack(base))


def test_unknown_words_are_named(folder: Path) -> None:
    backbone = load(str(folder))
    with pytest.raises(UserError, match=r"mini does not know 'dragon' .* for photos take FLUX or SDXL"):
        backbone.condition(["a dragon"])
    with pytest.raises(UserError, match="reads 16 words"):
        backbone.condition(["a " * 17])
    with pytest.raises(UserError, match="no guidance"):
        backbone.generate(PROMPTS, [1, 2, 3], guidance=3.0)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_draws_much_the_same(folder: Path, dtype: str) -> None:
    whole = load(str(folder)).generate(PROMPTS, [1, 2, 3])
    half = load(str(folder), dtype=dtype).generate(PROMPTS, [1, 2, 3])
    assert np.abs(np.stack(whole).astype(int) - np.stack(half)).mean() < 3


def test_sizes_that_are_no_whole_patches(folder: Path) -> None:
    with pytest.raises(UserError, match="--size 26: mini takes multiples of 4"):
        load(str(folder)).generate(PROMPTS, [1, 2, 3], size=26)


def test_the_embedded_model_is_small_and_draws_hands() -> None:
    from asap.bench.judges.figures import THRESHOLD, examine

    size = sum(path.stat().st_size for path in EMBEDDED["mini"].rglob("*") if path.is_file())
    assert size <= 10 << 20
    drawn = [scenes.scene(seed) for seed in range(60)]
    images = load("mini").generate([s.caption for s in drawn], list(range(60)))
    wrong = [f.score > THRESHOLD for f in examine(np.stack(images), [s.gesture for s in drawn])]
    assert 0.15 < np.mean(wrong) < 0.75
