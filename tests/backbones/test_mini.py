"""`mini` as a backbone: vocabulary, flow, LoRA, images by seed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from asap.backbones import lora, schedule
from asap.backbones.load import EMBEDDED, load
from asap.backbones.mini import PEOPLE, MiniPipeline, _patches, _unpatch, new_pipeline, words_of
from asap.errors import UserError
from asap.figures import scenes
from asap.figures.people import world
from asap.figures.people.render import render_people
from asap.figures.people.scenes import figure

PEOPLE_PROMPTS = [world.scene(seed).caption for seed in range(3)]
PEOPLE_WORDS = sorted({word for prompt in PEOPLE_PROMPTS for word in words_of(prompt)})
PROMPTS = [scenes.scene(seed).caption for seed in range(3)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("mini")
    new_pipeline(scenes.vocabulary(), seed=0).save_pretrained(path)
    return path


@pytest.fixture(scope="module")
def people_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("people")
    new_pipeline(PEOPLE_WORDS, 0, PEOPLE).save_pretrained(path)
    return path


@pytest.mark.parametrize(("size", "patch"), [(24, 4), (64, 8)])
def test_patches_round_trip(size: int, patch: int) -> None:
    z = torch.randn(2, 3, size, size)
    tokens = _patches(z, patch)
    assert tokens.shape == (2, (size // patch) ** 2, 3 * patch**2)
    assert torch.equal(_unpatch(tokens, size // patch, size // patch), z)


def test_a_token_is_one_square_of_the_picture() -> None:
    z = torch.zeros(1, 3, 16, 24)
    z[:, :, 8:, 16:] = 1
    assert _patches(z, 8).mean(dim=-1).tolist() == [[0, 0, 0, 0, 0, 1]]


@pytest.mark.parametrize(("name", "size", "patch"), [("folder", 24, 4), ("people_folder", 64, 8)])
def test_a_perfect_network_gives_the_velocity_of_the_path(
    name: str, size: int, patch: int, request: pytest.FixtureRequest
) -> None:
    """If the network's x0 is z itself, predict() is eps - z wherever t is above the smallest time."""
    backbone = load(str(request.getfixturevalue(name)))
    config = backbone.denoiser.config
    z, eps = torch.randn(2, 3, size, size), torch.randn(2, 3, size, size)
    t = torch.tensor([0.3, 0.9])

    class Oracle(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.config = config

        def forward(self, **_: object) -> tuple[torch.Tensor]:
            return (_patches(z, patch),)

    backbone.__dict__["denoiser"] = Oracle()
    condition = backbone.condition(["a", "a"])
    predicted = backbone.predict(schedule.flow_noise(z, eps, t), t, condition)
    torch.testing.assert_close(predicted, backbone.target(z, eps, t), rtol=1e-4, atol=1e-4)


def test_images_depend_on_seed_and_not_on_batch(folder: Path) -> None:
    backbone = load(str(folder))
    together = backbone.generate(PROMPTS, [1, 2, 3])
    alone = backbone.generate(PROMPTS[1:2], [2])
    assert together[0].shape == (24, 24, 3) and together[0].dtype == np.uint8
    assert np.abs(together[1].astype(int) - alone[0]).max() <= 1
    assert not np.array_equal(together[0], backbone.generate(PROMPTS[:1], [9])[0])


def test_a_larger_model_draws_at_its_own_size_and_says_so(people_folder: Path) -> None:
    backbone = load(str(people_folder))
    assert (backbone.native_size, backbone.size_multiple) == (64, 8)
    assert [image.shape for image in backbone.generate(PEOPLE_PROMPTS, [1, 2, 3])] == [(64, 64, 3)] * 3
    assert backbone.generate(PEOPLE_PROMPTS[:1], [1], size=48)[0].shape == (48, 48, 3)
    with pytest.raises(UserError, match="--size 28: mini takes multiples of 8"):
        backbone.generate(PEOPLE_PROMPTS[:1], [1], size=28)


def test_size_and_patch_survive_diffusers_own_saving(people_folder: Path, tmp_path: Path) -> None:
    pipeline = MiniPipeline.from_pretrained(people_folder)
    assert pipeline.config.size == 64
    pipeline.save_pretrained(tmp_path)
    drawn = [load(str(path)).generate(PEOPLE_PROMPTS, [1, 2, 3]) for path in (people_folder, tmp_path)]
    assert np.array_equal(*drawn)


def test_a_model_that_names_no_size_draws_24_pixels(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "old")
    index = tmp_path / "old" / "model_index.json"
    kept = {key: value for key, value in json.loads(index.read_text()).items() if key != "size"}
    index.write_text(json.dumps(kept))
    assert load(str(index.parent)).generate(PROMPTS, [1, 2, 3])[0].shape == (24, 24, 3)


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
    with pytest.raises(UserError, match=r"does not know 'dragon' .* for photos take FLUX or SDXL"):
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
    from asap.bench.judges.hands.figures import THRESHOLD, examine

    size = sum(path.stat().st_size for path in EMBEDDED["mini-hand"].rglob("*") if path.is_file())
    assert size <= 10 << 20
    drawn = [scenes.scene(seed) for seed in range(60)]
    images = load("mini-hand").generate([s.caption for s in drawn], list(range(60)))
    wrong = [f.score > THRESHOLD for f in examine(np.stack(images), [s.gesture for s in drawn])]
    assert 0.15 < np.mean(wrong) < 0.75


def test_the_embedded_model_of_people_is_small_and_draws_what_captions_name() -> None:
    """Walls have the captioned colours, and pictures resemble correct ones of their own captions."""
    size = sum(path.stat().st_size for path in EMBEDDED["mini"].rglob("*") if path.is_file())
    assert size <= 10 << 20
    drawn = [world.scene(seed, "arms wide") for seed in range(16)]
    images = np.stack(load("mini").generate([s.caption for s in drawn], list(range(16))))
    assert images.shape == (16, 64, 64, 3)
    correct, _ = render_people([figure(s) for s in drawn], 64)
    walls = np.abs(images[:, :6].mean(axis=(1, 2)) - correct[:, :6].mean(axis=(1, 2)))
    assert walls.max() < 25
    own = np.array([np.abs(image.astype(int) - truth).mean() for image, truth in zip(images, correct)])
    other = np.array([np.abs(image.astype(int) - correct[i - 1]).mean() for i, image in enumerate(images)])
    assert own.mean() < 0.7 * other.mean()
