"""FLUX and SDXL through their real pipelines with tiny random weights."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DiffusionPipeline, EDMEulerScheduler, FluxPipeline

from asap.backbones import lora
from asap.backbones.backbone import Backbone, Frame
from asap.backbones.load import load
from asap.errors import UserError
from tiny import flux_transformer, tiny_flux, tiny_sdxl

PROMPTS = ["a photo of a person", "two hands"]
FRAMES = [Frame((64, 64), (0, 0), (32, 32)), Frame((64, 48), (3, 5), (32, 32))]


@pytest.fixture(params=["flux", "sdxl"])
def folder(request: pytest.FixtureRequest) -> Path:
    path: Path = request.getfixturevalue(request.param)
    return path


def condition_of(backbone: Backbone) -> dict[str, torch.Tensor]:
    return backbone.condition(PROMPTS) | backbone.framing(FRAMES)


def test_latents_are_the_posterior_mean_scaled_and_of_the_announced_size(folder: Path) -> None:
    backbone = load(str(folder))
    images = torch.rand(2, 3, 32, 48) * 2 - 1
    z = backbone.encode(images)
    assert z.shape == (2, 4, 32 // backbone.latent_factor, 48 // backbone.latent_factor)
    assert torch.equal(z, backbone.encode(images))
    vae = DiffusionPipeline.from_pretrained(folder).vae
    with torch.no_grad():
        mean = vae.encode(images).latent_dist.mean
    shift = vae.config.shift_factor or 0.0
    torch.testing.assert_close(z, (mean - shift) * vae.config.scaling_factor)


def recorded_call(pipeline: Any, name: str, **kwargs: Any) -> tuple[dict[str, Any], Any]:
    """What `pipeline` gives its denoiser on the first step, and what comes back."""
    denoiser, calls = getattr(pipeline, name), []

    def hook(_module: Any, args: Any, kw: Any, out: Any) -> None:
        calls.append((args, kw, out))

    handle = denoiser.register_forward_hook(hook, with_kwargs=True)
    pipeline(prompt=PROMPTS, num_inference_steps=2, height=32, width=32, output_type="latent", **kwargs)
    handle.remove()
    return calls[0]


def test_flux_predicts_what_the_pipeline_itself_computes(flux: Path) -> None:
    backbone = load(str(flux))
    pipeline = DiffusionPipeline.from_pretrained(flux)
    _, kw, out = recorded_call(pipeline, "transformer", guidance_scale=1.0, max_sequence_length=32)
    z = pipeline._unpack_latents(kw["hidden_states"], 32, 32, pipeline.vae_scale_factor)
    expected = pipeline._unpack_latents(out[0], 32, 32, pipeline.vae_scale_factor)
    with torch.no_grad():
        ours = backbone.predict(z, kw["timestep"], condition_of(backbone))
    torch.testing.assert_close(ours, expected, rtol=1e-5, atol=1e-5)


def test_sdxl_predicts_what_the_pipeline_itself_computes(sdxl: Path) -> None:
    backbone = load(str(sdxl))
    pipeline = DiffusionPipeline.from_pretrained(sdxl)
    sizes = {"original_size": (64, 48), "crops_coords_top_left": (3, 5), "target_size": (32, 32)}
    args, kw, out = recorded_call(pipeline, "unet", guidance_scale=1.0, **sizes)
    frames = [Frame((64, 48), (3, 5), (32, 32))] * 2
    condition = backbone.condition(PROMPTS) | backbone.framing(frames)
    assert torch.equal(condition["time_ids"], kw["added_cond_kwargs"]["time_ids"])
    with torch.no_grad():
        ours = backbone.predict(args[0], args[1].expand(2), condition)
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


def perturb(denoiser: Any) -> None:
    """Give the LoRA an effect: B starts at zero."""
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in denoiser.parameters():
            if parameter.requires_grad:
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.3)


def test_a_saved_lora_gives_the_same_images_in_plain_diffusers(folder: Path, tmp_path: Path) -> None:
    """Rank 4 with alpha 8: a reload that loses the metadata would halve nothing and still be caught here."""
    trained = load(str(folder))
    lora.add_lora(trained.denoiser, trained.lora_targets, rank=4, alpha=8, seed=0)
    perturb(trained.denoiser)
    trained.save_lora(tmp_path)
    z = torch.randn(2, 4, 16, 16, generator=torch.Generator().manual_seed(0))
    t = torch.full((2,), 0.5)

    ours = load(str(folder))
    base = ours.generate(PROMPTS, [1, 2], steps=2, size=32)
    ours.load_lora(tmp_path)
    images = ours.generate(PROMPTS, [1, 2], steps=2, size=32)
    plain = DiffusionPipeline.from_pretrained(folder)
    plain.load_lora_weights(str(tmp_path))
    plain.set_progress_bar_config(disable=True)
    generators = [torch.Generator().manual_seed(s) for s in (1, 2)]
    length = {"max_sequence_length": 32} if ours.name == "flux" else {}
    guidance = 3.5 if ours.name == "flux" else 5.0
    theirs = plain(
        PROMPTS, height=32, width=32, num_inference_steps=2, guidance_scale=guidance, generator=generators,
        output_type="np", **length,
    ).images  # fmt: skip
    theirs8 = np.clip(theirs * 255 + 0.5, 0, 255).astype(np.uint8)
    assert np.array_equal(np.stack(images), theirs8)
    assert not np.array_equal(np.stack(images), np.stack(base))
    # and the reloaded network computes what the trained one did
    part = plain.transformer if ours.name == "flux" else plain.unet
    condition = condition_of(trained)
    with torch.no_grad():
        expected = trained.predict(z, t, condition)
        trained.__dict__["denoiser"] = part
        torch.testing.assert_close(trained.predict(z, t, condition), expected, rtol=1e-5, atol=1e-5)


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


def test_switching_the_adapter_off_gives_the_base_back(folder: Path) -> None:
    backbone, plain = load(str(folder)), load(str(folder))
    lora.add_lora(backbone.denoiser, backbone.lora_targets, rank=4, alpha=4, seed=0)
    perturb(backbone.denoiser)
    z, t = torch.randn(2, 4, 16, 16), torch.full((2,), 0.5)
    condition = condition_of(backbone)
    with torch.no_grad():
        base = plain.predict(z, t, condition)
        assert not torch.allclose(backbone.predict(z, t, condition), base)
        with lora.adapter_off(backbone.denoiser):
            assert torch.equal(backbone.predict(z, t, condition), base)


def test_an_image_depends_on_its_seed_and_not_on_its_batch(folder: Path) -> None:
    backbone = load(str(folder))
    both = backbone.generate(PROMPTS, [1, 2], steps=2, size=32)
    alone = backbone.generate(PROMPTS[1:], [2], steps=2, size=32)
    assert np.abs(both[1].astype(int) - alone[0].astype(int)).max() <= 1


def test_predicting_loads_neither_vae_nor_text_encoders(folder: Path) -> None:
    backbone = load(str(folder))
    condition = condition_of(backbone)
    backbone.free_encoders()
    backbone.predict(torch.randn(2, 4, 16, 16), torch.full((2,), 0.5), condition)
    assert not {"_vae", "_text", "_pipeline"} & set(vars(backbone))


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
