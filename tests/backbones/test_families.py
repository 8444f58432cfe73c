"""What every family's `Backbone` computes, against its real pipeline with tiny random weights."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor

from asap.align.latents import latent_mask
from asap.backbones.load import load
from families import FAMILIES, PROMPTS, UNGUIDED, condition_of, drawn, plain

STEPPED = ("sd", "sd2", "sdxl")  # their time is a step of diffusion, the others' a flow's own


class Step(NamedTuple):
    """What the pipeline's scheduler was given, and what it returned."""

    predicted: Tensor
    time: Tensor
    sample: Tensor
    after: Tensor


def steps_of(pipeline: Any, **settings: Any) -> list[Step]:
    """The steps of the pipeline drawing `PROMPTS` 32 pixels high and 48 wide."""
    steps, step = [], pipeline.scheduler.step

    def recorded(predicted: Tensor, time: Tensor, sample: Tensor, **kwargs: Any) -> Any:
        result = step(predicted, time, sample, **kwargs)
        steps.append(Step(predicted.clone(), time, sample.clone(), result[0].clone()))
        return result

    pipeline.scheduler.step = recorded
    drawn(pipeline, width=48, **settings)
    return steps


def on_grid(family: str, pipeline: Any, latents: Tensor) -> Tensor:
    """The pipeline's latents of a picture of 32 x 48 pixels as (B, C, h, w), by its own functions."""
    if family == "qwen_image":
        return pipeline._unpack_latents(latents, 32, 48, pipeline.vae_scale_factor)[:, :, 0]  # type: ignore[no-any-return]
    if family in ("flux2", "klein"):
        _, places = pipeline.prepare_latents(2, 4, 32, 48, latents.dtype, latents.device, None)
        return pipeline._unpatchify_latents(pipeline._unpack_latents_with_ids(latents, places))  # type: ignore[no-any-return]
    if family == "flux":
        return pipeline._unpack_latents(latents, 32, 48, pipeline.vae_scale_factor)  # type: ignore[no-any-return]
    return latents


def time_of(family: str, time: Tensor) -> Tensor:
    """The backbone's own time of a scheduler's."""
    return (time if family in STEPPED else time / 1000).expand(2)


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
    last = steps_of(pipeline, **UNGUIDED[family])[-1].after
    posterior = SimpleNamespace(latent_dist=SimpleNamespace(mean=decoded[0]))
    backbone._vae.encode = lambda _images: posterior  # type: ignore[attr-defined]
    z = backbone.encode(torch.zeros(2, 3, 32, 32))
    torch.testing.assert_close(z, on_grid(family, pipeline, last), rtol=1e-5, atol=1e-5)


def test_decoding_is_what_the_pipeline_does_with_its_last_latents(family: str, folder: Path) -> None:
    backbone, pipeline = load(str(folder)), plain(folder)
    last = steps_of(pipeline, **UNGUIDED[family])[-1].after
    picture = backbone.decode(on_grid(family, pipeline, last))
    assert picture.shape == (2, 3, 32, 48) and picture.abs().max() <= 1
    ours = ((picture + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    theirs = drawn(plain(folder), width=48, **UNGUIDED[family])
    assert np.abs(ours.astype(int) - theirs.astype(int)).max() <= 1


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
    if family in STEPPED:
        a = plain(folder).scheduler.alphas_cumprod[t.long()].view(-1, 1, 1, 1)
        eps_back = a.sqrt() * target + (1 - a).sqrt() * z_t if family == "sd2" else target
        back = (z_t - (1 - a).sqrt() * eps_back) / a.sqrt()
    else:
        back = z_t - t.view(-1, 1, 1, 1) * target
    torch.testing.assert_close(back, z, rtol=1e-3, atol=1e-4)


def test_times_are_those_of_the_family(family: str, folder: Path) -> None:
    """Quartiles: of the logistic function of a normal number, moved by the shift 3 for SD 3; of uniform
    numbers, moved alike for Z-Image."""
    backbone = load(str(folder))
    t = backbone.times(4000, torch.Generator().manual_seed(0))
    assert torch.equal(t, backbone.times(4000, torch.Generator().manual_seed(0)))
    quartiles = {
        "flux": (0.3375, 0.5, 0.6625),
        "sd3": (0.6044, 0.75, 0.8548),
        "z_image": (0.5, 0.75, 0.9),
        **dict.fromkeys(STEPPED, (250, 500, 750)),
    }.get(family, (0.25, 0.5, 0.75))
    found = t.quantile(torch.tensor([0.25, 0.5, 0.75])).tolist()
    assert found == pytest.approx(quartiles, abs=25 if family in STEPPED else 0.025)
    assert t.min() >= 0 and t.max() <= (999 if family in STEPPED else 1)


def test_a_latent_position_stays_where_it_is(folder: Path) -> None:
    """A denoiser that returns its input shows what packing and unpacking do to positions and channels."""
    backbone = load(str(folder))
    condition = condition_of(backbone)
    z = backbone.encode(torch.rand(2, 3, 32, 48) * 2 - 1)
    sign = -1 if backbone.name == "z_image" else 1
    backbone.__dict__["denoiser"] = Echo(backbone.denoiser.config)
    assert torch.equal(backbone.predict(z, torch.full((2,), 0.5), condition), sign * z)


class Echo:
    """A denoiser that returns its first input, or what is named `hidden_states`."""

    def __init__(self, config: Any) -> None:
        self.config = config

    def __call__(self, x: Any = None, *_: Any, hidden_states: Any = None, **__: Any) -> tuple[Any]:
        return (x if hidden_states is None else hidden_states,)


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
