"""Facts and mistakes of single families, through their real pipelines with tiny random weights."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import DiffusionPipeline, EDMEulerScheduler, FluxPipeline

from asap.backbones import lora
from asap.backbones.backbone import Frame
from asap.backbones.load import load
from asap.errors import UserError
from families import PROMPTS, condition_of, drawn, plain
from tiny import flux_transformer, tiny_flux, tiny_sdxl
from tiny_families import tiny_flux2, tiny_klein


@pytest.fixture(params=["flux", "sdxl"])
def folder(request: pytest.FixtureRequest) -> Path:
    path: Path = request.getfixturevalue(request.param)
    return path


def test_sdxl_predicts_what_the_pipeline_itself_computes(sdxl: Path) -> None:
    """Seen at its network's door: its scheduler scales what goes in."""
    backbone, pipeline, calls = load(str(sdxl)), plain(sdxl), []
    pipeline.unet.register_forward_hook(lambda _, *call: calls.append(call), with_kwargs=True)
    sizes = {"original_size": (64, 48), "crops_coords_top_left": (3, 5), "target_size": (32, 32)}
    drawn(pipeline, guidance_scale=1.0, **sizes)
    (z_t, t), kw, out = calls[0]
    condition = backbone.condition(PROMPTS) | backbone.framing([Frame((64, 48), (3, 5), (32, 32))] * 2)
    assert torch.equal(condition["time_ids"], kw["added_cond_kwargs"]["time_ids"])
    with torch.no_grad():
        ours = backbone.predict(z_t, t.expand(2), condition)
    torch.testing.assert_close(ours, out[0], rtol=1e-5, atol=1e-5)


def test_sdxl_noises_as_its_scheduler_does(sdxl: Path) -> None:
    from diffusers import DDPMScheduler

    backbone, scheduler = load(str(sdxl)), DDPMScheduler.from_pretrained(sdxl, subfolder="scheduler")
    z, eps = torch.randn(2, 2, 4, 8, 8)
    t = torch.tensor([3.0, 900.0])
    torch.testing.assert_close(backbone.noise(z, eps, t), scheduler.add_noise(z, eps, t.long()))
    assert torch.equal(backbone.target(z, eps, t), eps)


def test_v_prediction_target_is_the_scheduler_s(tmp_path: Path) -> None:
    from diffusers import DDPMScheduler

    folder = tiny_sdxl(tmp_path, prediction="v_prediction")
    backbone, scheduler = load(str(folder)), DDPMScheduler.from_pretrained(folder, subfolder="scheduler")
    z, eps = torch.randn(2, 2, 4, 8, 8)
    t = torch.tensor([3.0, 900.0])
    torch.testing.assert_close(backbone.target(z, eps, t), scheduler.get_velocity(z, eps, t.long()))


def test_a_save_that_fails_half_way_leaves_the_lora_that_was_there(
    flux: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = load(str(flux))
    lora.add_lora(trained.denoiser, trained.lora_targets, rank=4, alpha=8, seed=0)
    trained.save_lora(tmp_path)
    before = (tmp_path / lora.WEIGHTS).read_bytes()

    def fill_the_disk(folder: Path, **_: object) -> None:
        (Path(folder) / lora.WEIGHTS).write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(FluxPipeline, "save_lora_weights", fill_the_disk)
    with pytest.raises(OSError, match="disk full"):
        trained.save_lora(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [lora.WEIGHTS]
    assert (tmp_path / lora.WEIGHTS).read_bytes() == before


def test_a_damaged_lora_is_one_clear_line(folder: Path, tmp_path: Path) -> None:
    for content in (b"", b"nonsense" * 99):
        (tmp_path / lora.WEIGHTS).write_bytes(content)
        with pytest.raises(UserError, match="does not fit") as raised:
            load(str(folder)).load_lora(tmp_path)
        assert "\n" not in str(raised.value)


def test_mistakes_are_one_clear_line(folder: Path, tmp_path: Path) -> None:
    backbone = load(str(folder))
    with pytest.raises(UserError, match="no LoRA at"):
        backbone.load_lora(tmp_path)
    with pytest.raises(UserError, match=r"no model_index\.json"):
        load(str(tmp_path))
    (tmp_path / "model_index.json").write_text('{"_class_name": "ShapEPipeline"}')
    with pytest.raises(UserError, match="ShapEPipeline; backbones exist for Flux"):
        load(str(tmp_path))


def test_a_lora_of_another_family_is_refused(flux: Path, sdxl: Path, tmp_path: Path) -> None:
    trained = load(str(flux))
    lora.add_lora(trained.denoiser, trained.lora_targets, rank=4, alpha=4, seed=0)
    trained.save_lora(tmp_path)
    with pytest.raises(UserError, match=r"does not fit|another model"):
        load(str(sdxl)).load_lora(tmp_path)


def test_missing_weights_are_one_clear_line(tmp_path: Path) -> None:
    folder = tiny_flux(tmp_path)
    next((folder / "transformer").glob("*.safetensors")).unlink()
    with pytest.raises(UserError, match="cannot load transformer"):
        load(str(folder)).denoiser  # noqa: B018


@pytest.mark.parametrize("family", ["flux", "sdxl"])
def test_a_folder_of_half_precision_alone(
    family: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    plain = DiffusionPipeline.from_pretrained(request.getfixturevalue(family))
    plain.save_pretrained(tmp_path, variant="fp16")
    assert not list(tmp_path.rglob("diffusion_pytorch_model.safetensors"))
    backbone = load(str(tmp_path))
    assert backbone.encode(torch.zeros(1, 3, 32, 32)).shape[1] == 4
    assert condition_of(backbone) and backbone.denoiser.dtype == torch.float32
    assert len(backbone.generate(PROMPTS, [1, 2], steps=1, size=32)) == 2


def test_schnell_draws_in_four_steps(flux: Path, tmp_path: Path) -> None:
    shutil.copytree(flux, tmp_path / "schnell")
    flux_transformer(guidance_embeds=False).save_pretrained(tmp_path / "schnell" / "transformer")
    fast = load(str(tmp_path / "schnell"))
    default, four = (fast.generate(PROMPTS, [1, 2], steps=steps, size=32) for steps in (None, 4))
    assert np.array_equal(np.stack(default), np.stack(four))


@pytest.mark.parametrize("content", [None, "{", "[]", "{}"])
def test_a_vae_without_a_sound_configuration(tmp_path: Path, content: str | None) -> None:
    config = tiny_flux(tmp_path) / "vae" / "config.json"
    config.unlink()
    if content is not None:
        config.write_text(content)
    with pytest.raises(UserError, match="cannot load vae of") as raised:
        load(str(tmp_path)).latent_factor  # noqa: B018
    assert "\n" not in str(raised.value)


def test_an_index_that_is_a_list(tmp_path: Path) -> None:
    (tmp_path / "model_index.json").write_text("[1]")
    with pytest.raises(UserError, match="is damaged"):
        load(str(tmp_path))


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"size": 30}, "--size 30"),
        ({"size": 0}, "--size 0"),
        ({"size": -8}, "-8"),
        ({"steps": 0}, "--steps 0"),
    ],
)
def test_numbers_that_no_image_has(flux: Path, settings: dict[str, int], told: str) -> None:
    with pytest.raises(UserError, match=told):
        load(str(flux)).generate(PROMPTS, [1, 2], **{"steps": 1, "size": 32, **settings})


@pytest.mark.parametrize("device", ["gpu", "meta:x", "cuda:99"])
def test_devices_that_are_not_there(flux: Path, device: str) -> None:
    with pytest.raises(UserError, match=f"no device '{device}' here"):
        load(str(flux), device=device)
    with pytest.raises(UserError, match="no type 'bf16' of numbers; known: float32"):
        load(str(flux), dtype="bf16")


def rewrite(path: Path, **changes: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_models_that_are_noised_otherwise_are_refused(tmp_path: Path) -> None:
    """As Playground 2.5: an EDM schedule, and latents with means of their own."""
    edm, scaled = tiny_sdxl(tmp_path / "edm"), tiny_sdxl(tmp_path / "scaled")
    EDMEulerScheduler().save_pretrained(edm / "scheduler")
    rewrite(scaled / "vae" / "config.json", latents_mean=[0.0] * 4, latents_std=[1.0] * 4)
    for folder, told in ((edm, "EDMEulerScheduler, has no betas"), (scaled, "its VAE has latents_mean")):
        with pytest.raises(UserError, match=told):
            load(str(folder)).condition(PROMPTS)
        with pytest.raises(UserError, match=told):
            load(str(folder)).encode(torch.zeros(1, 3, 32, 32))


def test_a_distilled_klein_draws_in_four_steps_and_has_no_guidance(tmp_path: Path) -> None:
    fast = load(str(tiny_klein(tmp_path, distilled=True)))
    default, four = (fast.generate(PROMPTS, [1, 2], steps=steps, size=32) for steps in (None, 4))
    assert np.array_equal(np.stack(default), np.stack(four))
    with pytest.raises(UserError, match="is distilled and has no guidance"):
        fast.generate(PROMPTS, [1, 2], guidance=4.0, size=32)


@pytest.mark.skipif(find_spec("torchvision") is not None, reason="torchvision is installed")
def test_flux_2_s_processor_wants_torchvision(tmp_path: Path) -> None:
    rewrite(tiny_flux2(tmp_path) / "model_index.json", tokenizer=["transformers", "PixtralProcessor"])
    with pytest.raises(UserError, match="needs torchvision, which is not installed"):
        load(str(tmp_path)).condition(PROMPTS)


def test_stable_diffusion_s_own_size_is_its_network_s(tiny_family: Callable[[str], Path]) -> None:
    assert load(str(tiny_family("sd"))).native_size == 16 * 2
