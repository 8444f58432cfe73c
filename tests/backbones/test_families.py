"""Every family through its real pipeline with tiny random weights: what all of them have to keep."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from diffusers import DiffusionPipeline
from torch import Tensor

from asap.align import train
from asap.align.latents import latent_mask
from asap.backbones import lora
from asap.backbones.backbone import Backbone, Frame
from asap.backbones.load import load
from asap.bench import generate
from tiny_families import MAKERS

PROMPTS = ("a photo of a person", "two hands")  # a tuple: Z-Image's pipeline writes into the list it gets
FAMILIES = ("flux", "sdxl", *MAKERS)
# what `generate` passes to the pipeline where the user gives no guidance
DRAWN_BY: dict[str, dict[str, Any]] = {
    "flux": {"guidance_scale": 3.5, "max_sequence_length": 32},
    "sdxl": {"guidance_scale": 5.0},
    "sd": {"guidance_scale": 7.5},
    "sd2": {"guidance_scale": 7.5},
    "sd3": {"guidance_scale": 7.0, "max_sequence_length": 32},
    "qwen_image": {"true_cfg_scale": 4.0, "negative_prompt": [" ", " "]},
    "z_image": {"guidance_scale": 5.0},
    "flux2": {"guidance_scale": 4.0},
    "klein": {"guidance_scale": 4.0},
}
# the same without guidance: one call of the denoiser a step, for the prompts as they are
UNGUIDED = {name: settings | {"guidance_scale": 1.0} for name, settings in DRAWN_BY.items()}
UNGUIDED |= {"qwen_image": {"true_cfg_scale": 1.0}, "z_image": {"guidance_scale": 0.0}}


@pytest.fixture(params=FAMILIES)
def family(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def folder(family: str, tiny_family: Callable[[str], Path]) -> Path:
    return tiny_family(family)


def condition_of(backbone: Backbone) -> dict[str, Tensor]:
    return backbone.condition(PROMPTS) | backbone.framing([Frame((32, 32), (0, 0), (32, 32))] * 2)


def plain(folder: Path) -> Any:
    pipeline = DiffusionPipeline.from_pretrained(folder)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


class Step(NamedTuple):
    """What the pipeline's scheduler was given, and what it returned."""

    predicted: Tensor
    time: Tensor
    sample: Tensor
    after: Tensor


def steps_of(pipeline: Any, **settings: Any) -> list[Step]:
    """The steps of the pipeline drawing `PROMPTS`."""
    steps, step = [], pipeline.scheduler.step

    def recorded(predicted: Tensor, time: Tensor, sample: Tensor, **kwargs: Any) -> Any:
        result = step(predicted, time, sample, **kwargs)
        steps.append(Step(predicted.clone(), time, sample.clone(), result[0].clone()))
        return result

    pipeline.scheduler.step = recorded
    seeds = [torch.Generator().manual_seed(seed) for seed in (1, 2)]
    size = {"height": 32, "width": 32, "num_inference_steps": 2}
    pipeline(prompt=list(PROMPTS), output_type="np", generator=seeds, **size, **settings)
    return steps


def on_grid(family: str, pipeline: Any, latents: Tensor) -> Tensor:
    """The pipeline's latents of a picture of 32 pixels as (B, C, h, w), by its own functions."""
    if family == "qwen_image":
        return pipeline._unpack_latents(latents, 32, 32, pipeline.vae_scale_factor)[:, :, 0]  # type: ignore[no-any-return]
    if family in ("flux2", "klein"):
        _, places = pipeline.prepare_latents(2, 4, 32, 32, latents.dtype, latents.device, None)
        return pipeline._unpatchify_latents(pipeline._unpack_latents_with_ids(latents, places))  # type: ignore[no-any-return]
    if family == "flux":
        return pipeline._unpack_latents(latents, 32, 32, pipeline.vae_scale_factor)  # type: ignore[no-any-return]
    return latents


def time_of(family: str, time: Tensor) -> Tensor:
    """The backbone's own time of a scheduler's."""
    return (time if family in ("sd", "sd2", "sdxl") else time / 1000).expand(2)


def test_latents_are_of_the_announced_size_and_certain(folder: Path) -> None:
    backbone = load(str(folder))
    images = torch.rand(2, 3, 32, 48) * 2 - 1
    z = backbone.encode(images)
    assert z.dtype == torch.float32 and z.ndim == 4
    assert z.shape[2:] == (32 // backbone.latent_factor, 48 // backbone.latent_factor)
    assert torch.equal(z, backbone.encode(images))
    assert backbone.native_size % backbone.size_multiple == 0


def test_encoding_scales_as_the_pipeline_scales_back(family: str, folder: Path) -> None:
    """What the pipeline hands to its VAE, as a posterior's mean, becomes the latents that it drew."""
    backbone, pipeline = load(str(folder)), plain(folder)
    decoded, decode = [], pipeline.vae.decode
    pipeline.vae.decode = lambda z, *args, **kwargs: decoded.append(z) or decode(z, *args, **kwargs)
    drawn = steps_of(pipeline, **UNGUIDED[family])[-1].after
    posterior = SimpleNamespace(latent_dist=SimpleNamespace(mean=decoded[0]))
    backbone._vae.encode = lambda _images: posterior  # type: ignore[attr-defined]
    z = backbone.encode(torch.zeros(2, 3, 32, 32))
    torch.testing.assert_close(z, on_grid(family, pipeline, drawn), rtol=1e-5, atol=1e-5)


def test_the_posterior_s_mean_and_not_a_sample(folder: Path) -> None:
    backbone = load(str(folder))
    vae, seen = backbone._vae, []  # type: ignore[attr-defined]
    encode = vae.encode
    vae.encode = lambda images: seen.append(encode(images)) or seen[-1]
    z = backbone.encode(torch.rand(1, 3, 32, 32) * 2 - 1)
    posterior = seen[0].latent_dist
    vae.encode = lambda _: SimpleNamespace(latent_dist=SimpleNamespace(mean=posterior.mode()))
    assert torch.equal(z, backbone.encode(torch.zeros(1, 3, 32, 32)))
    assert posterior.std.min() > 1e-3  # so a sample would differ


@pytest.mark.parametrize("family", [name for name in FAMILIES if name != "sdxl"], indirect=True)
def test_predicting_is_what_the_pipeline_computes(family: str, folder: Path) -> None:
    """At both steps, with text as `condition` has it. (SDXL's own scheduler scales the network's input, so it
    has a test of its own.)"""
    backbone, pipeline = load(str(folder)), plain(folder)
    condition = condition_of(backbone)
    for step in steps_of(pipeline, **UNGUIDED[family]):
        with torch.no_grad():
            ours = backbone.predict(
                on_grid(family, pipeline, step.sample), time_of(family, step.time), condition
            )
        expected = on_grid(family, pipeline, step.predicted)
        torch.testing.assert_close(ours, expected, rtol=1e-5, atol=1e-5)


def test_a_caption_s_condition_does_not_depend_on_its_batch(folder: Path) -> None:
    """Captions are encoded and kept one by one, then stacked."""
    backbone = load(str(folder))
    both, alone = backbone.condition(PROMPTS), [backbone.condition([prompt]) for prompt in PROMPTS]
    for name, tensor in both.items():
        torch.testing.assert_close(torch.cat([one[name] for one in alone]), tensor, rtol=1e-4, atol=1e-5)


def test_noise_and_target_give_the_latents_back(family: str, folder: Path) -> None:
    backbone = load(str(folder))
    z, eps = torch.randn(2, 3, 4, 16, 16)
    t = backbone.times(3, torch.Generator().manual_seed(0))
    z_t, target = backbone.noise(z, eps, t), backbone.target(z, eps, t)
    if family in ("sd", "sd2", "sdxl"):
        a = plain(folder).scheduler.alphas_cumprod[t.long()].view(-1, 1, 1, 1)
        eps_back = a.sqrt() * target + (1 - a).sqrt() * z_t if family == "sd2" else target
        back = (z_t - (1 - a).sqrt() * eps_back) / a.sqrt()
    else:
        back = z_t - t.view(-1, 1, 1, 1) * target
    torch.testing.assert_close(back, z, rtol=1e-3, atol=1e-4)


def test_times_are_those_of_the_family(family: str, folder: Path) -> None:
    backbone = load(str(folder))
    t = backbone.times(4000, torch.Generator().manual_seed(0)).sort().values
    assert torch.equal(t, backbone.times(4000, torch.Generator().manual_seed(0)).sort().values)
    quarters = {
        "flux": (0.3375, 0.5, 0.6625), "sd3": (0.6044, 0.75, 0.8548), "uniform": (0.25, 0.5, 0.75),
        "z": (0.5, 0.75, 0.9), "steps": (250, 500, 750),
    }  # fmt: skip
    kind = {"sdxl": "steps", "sd": "steps", "sd2": "steps", "z_image": "z"}.get(family, family)
    expected = quarters.get(kind, quarters["uniform"])
    tolerance = 25 if kind == "steps" else 0.025
    assert t[[1000, 2000, 3000]].tolist() == pytest.approx(expected, abs=tolerance)
    assert t.min() >= 0 and t.max() <= (999 if kind == "steps" else 1)


def test_a_latent_position_stays_where_it_is(folder: Path) -> None:
    """A denoiser that returns its input shows what packing and unpacking do to positions and channels."""
    backbone = load(str(folder))
    condition = condition_of(backbone)
    z = backbone.encode(torch.rand(2, 3, 32, 48) * 2 - 1)
    sign = -1 if backbone.name == "z_image" else 1
    config = backbone.denoiser.config

    def same(x: Any = None, *_: Any, hidden_states: Any = None, **__: Any) -> Any:
        return (x if hidden_states is None else hidden_states,)

    backbone.__dict__["denoiser"] = _Stub(same, config)
    assert torch.equal(backbone.predict(z, torch.full((2,), 0.5), condition), sign * z)


class _Stub:
    def __init__(self, forward: Callable[..., Any], config: Any) -> None:
        self.forward, self.config = forward, config

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.forward(*args, **kwargs)


def test_the_mask_lies_where_the_latents_change(folder: Path) -> None:
    backbone = load(str(folder))
    factor = backbone.latent_factor
    mask = np.zeros((64, 64), dtype=bool)
    mask[16:32, 32:56] = True
    image = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    edited = torch.where(torch.from_numpy(mask), -image, image)
    change = (backbone.encode(edited) - backbone.encode(image)).abs().mean(dim=1)[0]
    weight = latent_mask(mask, factor, 0)
    assert weight.shape == change.shape
    assert weight.bool().nonzero().amin(0).tolist() == [16 // factor, 32 // factor]
    assert weight.bool().nonzero().amax(0).tolist() == [32 // factor - 1, 56 // factor - 1]
    grown = latent_mask(mask, factor, 2)
    assert change[weight > 0].mean() > 4 * change[grown == 0].mean()


def perturb(denoiser: Any) -> None:
    """Give the LoRA an effect: B starts at zero."""
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in denoiser.parameters():
            if parameter.requires_grad:
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.3)


def test_a_saved_lora_gives_the_same_images_in_plain_diffusers(
    family: str, folder: Path, tmp_path: Path
) -> None:
    """Rank 4 with alpha 8: a reload that lost the metadata would halve its effect."""
    trained = load(str(folder))
    lora.add_lora(trained.denoiser, trained.lora_targets, rank=4, alpha=8, seed=0)
    perturb(trained.denoiser)
    trained.save_lora(tmp_path)
    ours, pipeline = load(str(folder)), plain(folder)
    base = ours.generate(PROMPTS, [1, 2], steps=2, size=32)
    ours.load_lora(tmp_path)
    images = ours.generate(PROMPTS, [1, 2], steps=2, size=32)
    pipeline.load_lora_weights(str(tmp_path))
    seeds = [torch.Generator().manual_seed(s) for s in (1, 2)]
    theirs = pipeline(
        prompt=list(PROMPTS), height=32, width=32, num_inference_steps=2, generator=seeds, output_type="np",
        **DRAWN_BY[family],
    ).images  # fmt: skip
    theirs8 = np.clip(theirs * 255 + 0.5, 0, 255).astype(np.uint8)
    assert np.array_equal(np.stack(images), theirs8)
    assert not np.array_equal(np.stack(images), np.stack(base))


def test_a_lora_touches_every_block_and_its_absence_is_the_base(folder: Path) -> None:
    backbone, untouched = load(str(folder)), load(str(folder))
    lora.add_lora(backbone.denoiser, backbone.lora_targets, rank=4, alpha=8, seed=0)
    perturb(backbone.denoiser)
    adapted = [name for name, p in backbone.denoiser.named_parameters() if p.requires_grad]
    kinds = {"transformer_blocks", "single_transformer_blocks", "layers", "noise_refiner", "context_refiner"}
    modules = (name.split(".") for name, _ in backbone.denoiser.named_modules())
    blocks = [".".join(m) for m in modules if m[-1].isdigit() and m[-2] in kinds]
    assert blocks and not [b for b in blocks if not any(name.startswith(b + ".") for name in adapted)]
    z = backbone.encode(torch.rand(2, 3, 32, 32) * 2 - 1)
    t, condition = torch.full((2,), 0.5), condition_of(backbone)
    with torch.no_grad():
        base = untouched.predict(z, t, condition)
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
    z = backbone.encode(torch.zeros(2, 3, 32, 32))
    backbone.free_encoders()
    backbone.predict(z, torch.full((2,), 0.5), condition)
    assert not {"_vae", "_text", "_pipeline"} & set(vars(backbone))


def test_two_steps_of_training_and_pictures_of_them(folder: Path, pairs: Path, tmp_path: Path) -> None:
    """Through the stages' own `run`, as the command does; trained as large models are, in bfloat16."""
    run = train.run(
        train.Config(
            str(folder), str(pairs), tmp_path / "run", steps=2, resolution=32, rank=4, lora_alpha=8,
            learning_rate=0.05, dtype="bfloat16", gradient_checkpointing=True, tracker="none",
        )
    )  # fmt: skip
    assert len((run / "log.jsonl").read_text().splitlines()) == 2
    (tmp_path / "prompts.txt").write_text("\n".join(PROMPTS))
    pictures = []
    for name, adapter in (("base", None), ("asap", run)):
        drawn = generate.run(
            generate.Config(
                model=str(folder), prompts=tmp_path / "prompts.txt", out=tmp_path / name, lora=adapter,
                steps=2, size=32,
            )
        )  # fmt: skip
        pictures.append([path.read_bytes() for path in sorted((drawn / "images").glob("*.png"))])
    assert len(pictures[0]) == len(pictures[1]) == 2 and pictures[0] != pictures[1]
