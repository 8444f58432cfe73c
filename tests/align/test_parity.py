"""The loop's loss and gradients against others' formulas, on real networks with a LoRA, in float64.

What the loop computes in float32 is computed in float64 here (`double`): the loss depends on small
differences of errors near 1, so float32's rounding, about 1e-7 of them, would hide a fault of a part in a
thousand of the gap. The networks are tiny ones of the real classes; the reference of the equations is a
second copy of the network that never had an adapter.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
import torch.nn.functional as F
from diffusers import DDPMScheduler, DiffusionPipeline
from torch import Tensor

from asap.align import latents
from asap.align.cut import Cut
from asap.align.draws import Shown, draw
from asap.align.gradient import Learner, Micro, joint, split
from asap.align.objectives import bind
from asap.backbones import lora
from asap.backbones.load import load
from tiny import tiny_sdxl

PAIRS = 4
ALPHA, TAU, BETA = 10.0, 0.01, 5000.0
EXACT = {"rtol": 1e-6, "atol": 1e-7}  # SD3 takes its norms in float32 all the same


class Case(NamedTuple):
    """A learner whose LoRA has left the identity, pairs for it, and the same network without a LoRA."""

    learner: Learner
    micro: Micro
    bare: Any


@pytest.fixture
def double(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is raised to float32 in the loop and the networks is raised to float64."""
    monkeypatch.setattr(torch.Tensor, "float", torch.Tensor.double)


@pytest.fixture
def case(pairs: Path, tmp_path: Path) -> Callable[..., Case]:
    def made(model: Path, objective: str, dtype: torch.dtype = torch.float64) -> Case:
        backbone, bare = load(str(model)), load(str(model)).denoiser.to(dtype)
        data = latents.prepare(backbone, str(pairs), tmp_path / "cache", Cut(32, 1))
        batch, shown = data.batch(range(PAIRS)), [Shown(pair, 2) for pair in range(PAIRS)]
        t, eps = draw(backbone, batch.winner, 7, shown)
        condition = {name: raised(value, dtype) for name, value in batch.condition.items()}
        batch = latents.Batch(*(field.to(dtype) for field in batch[:3]), condition)
        named = moved(backbone, dtype)
        objective_ = bind(objective, alpha=ALPHA, tau=TAU, beta=BETA)
        weights = torch.full((PAIRS,), 1 / PAIRS, dtype=dtype)
        micro = Micro(batch, shown, t.to(dtype), eps.to(dtype), None, weights)
        return Case(Learner(backbone, named, objective_, False), micro, bare)

    return made


def raised(value: Tensor, dtype: torch.dtype) -> Tensor:
    return value.to(dtype) if value.is_floating_point() else value


def moved(backbone: Any, dtype: torch.dtype) -> dict[str, torch.nn.Parameter]:
    """Puts a LoRA on the denoiser, away from the identity, and raises both to `dtype`."""
    lora.add_lora(backbone.denoiser, backbone.lora_targets, rank=4, alpha=8, seed=0)
    backbone.denoiser.to(dtype)
    backbone.dtype = dtype
    named = {name: p for name, p in backbone.denoiser.named_parameters() if p.requires_grad}
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in named.values():
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=generator))
    return named


def gradients(learner: Learner) -> dict[str, Tensor]:
    """The gradients that were left in the parameters; they are taken away."""
    found = {name: p.grad.clone() for name, p in learner.named.items() if p.grad is not None}
    for parameter in learner.parameters:
        parameter.grad = None
    return found


def assert_same(found: dict[str, Tensor], wanted: dict[str, Tensor], **tolerance: float) -> None:
    assert found.keys() == wanted.keys() and found
    scale = max(float(gradient.abs().max()) for gradient in wanted.values())
    assert scale > 0
    for name, gradient in wanted.items():
        torch.testing.assert_close(found[name] / scale, gradient / scale, **tolerance)


# diffusers' examples/research_projects/diffusion_dpo/train_diffusion_dpo_sdxl.py


def script_loss(case: Case) -> Tensor:
    """Its loss of a step: winners and losers stacked, adapters switched off for the reference."""
    (winner, loser, _, condition), _, t, eps, *_ = case.micro
    unet = case.learner.backbone.denoiser
    scheduler = DDPMScheduler.from_pretrained(case.learner.backbone.source, subfolder="scheduler")
    latent, noise, steps = torch.cat([winner, loser]), eps.repeat(2, 1, 1, 1), t.long().repeat(2)
    noisy = scheduler.add_noise(latent, noise, steps)
    told = {
        "time_ids": condition["time_ids"].repeat(2, 1),
        "text_embeds": condition["pooled"].repeat(2, 1),
    }
    target = noise
    if scheduler.config.prediction_type == "v_prediction":
        target = scheduler.get_velocity(latent, noise, steps)

    def difference() -> Tensor:
        predicted = unet(noisy, steps, condition["embeddings"].repeat(2, 1, 1), added_cond_kwargs=told).sample
        losses = F.mse_loss(predicted, target, reduction="none").mean(dim=(1, 2, 3))
        of_winner, of_loser = losses.chunk(2)
        return of_winner - of_loser

    model_difference = difference()
    unet.disable_adapters()
    with torch.no_grad():
        reference_difference = difference()
    unet.enable_adapters()
    inside = -0.5 * BETA * (model_difference - reference_difference)
    return -F.logsigmoid(inside).mean()


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_dpo_is_that_of_diffusers_script(
    double: None, case: Callable[..., Case], tmp_path: Path, prediction: str
) -> None:
    ours = case(tiny_sdxl(tmp_path / "model", prediction=prediction), "dpo")
    errors, _ = joint(ours.learner, ours.micro)
    found, loss = gradients(ours.learner), ours.learner.objective(errors).mean()
    wanted = script_loss(ours)
    wanted.backward()
    assert loss.dtype == wanted.dtype == torch.float64
    assert loss.item() == pytest.approx(wanted.item(), rel=1e-9)
    assert abs(loss.item() - torch.tensor(2.0).log().item()) > 0.01  # the LoRA has left the identity
    assert_same(found, gradients(ours.learner), **EXACT)


def test_dpo_is_that_of_diffusers_script_in_float32(case: Callable[..., Case], sdxl: Path) -> None:
    """As the loop runs: a gap's rounding, some 1e-7 of errors near 1, comes into the loss times beta / 2."""
    ours = case(sdxl, "dpo", torch.float32)
    errors, _ = joint(ours.learner, ours.micro)
    found, loss = gradients(ours.learner), ours.learner.objective(errors).mean()
    wanted = script_loss(ours)
    wanted.backward()
    assert loss.item() == pytest.approx(wanted.item(), abs=BETA / 2 * 5e-7)
    assert_same(found, gradients(ours.learner), rtol=1e-3, atol=1e-3)


def test_layers_and_captions_are_those_of_diffusers_script(case: Callable[..., Case], sdxl: Path) -> None:
    """The layers under the LoRA, and each encoder's hidden states but one and the second's pooled output."""
    ours = case(sdxl, "dpo")
    adapted = {name.rpartition(".lora_")[0] for name in ours.learner.named}
    ending = ("to_k", "to_q", "to_v", "to_out.0")
    wanted = {name for name, _ in ours.bare.named_modules() if name.endswith(ending)}
    assert adapted == wanted and len(wanted) >= 16
    pipeline, prompt = DiffusionPipeline.from_pretrained(sdxl), "a photo of person a"
    states, pooled = [], None
    for tokenizer, encoder in (
        (pipeline.tokenizer, pipeline.text_encoder),
        (pipeline.tokenizer_2, pipeline.text_encoder_2),
    ):
        tokens = tokenizer([prompt], truncation=True, padding="max_length", return_tensors="pt").input_ids
        with torch.no_grad():
            encoded = encoder(tokens, output_hidden_states=True)
        states.append(encoded.hidden_states[-2])
        pooled = encoded[0]
    condition = load(str(sdxl)).condition([prompt])
    torch.testing.assert_close(condition["embeddings"], torch.cat(states, dim=-1))
    torch.testing.assert_close(condition["pooled"], pooled)


# the equations: x_t and target of each family, e per latent position, L_M, delta, loss

Velocity = Callable[[Any, Tensor, Tensor, dict[str, Tensor]], Tensor]


def flux_velocity(network: Any, x_t: Tensor, t: Tensor, condition: dict[str, Tensor]) -> Tensor:
    """FLUX on latents (B, C, h, w): tokens are squares of 2 x 2 positions, (B, h/2 w/2, 4 C)."""
    batch, channels, height, width = x_t.shape
    rows, columns = height // 2, width // 2
    tokens = (
        x_t.reshape(batch, channels, rows, 2, columns, 2).permute(0, 2, 4, 1, 3, 5).flatten(1, 2).flatten(2)
    )
    places = torch.zeros(rows, columns, 3, dtype=x_t.dtype)
    places[..., 1], places[..., 2] = torch.arange(rows)[:, None], torch.arange(columns)[None]
    text = condition["embeddings"]
    out = network(
        tokens, encoder_hidden_states=text, pooled_projections=condition["pooled"], timestep=t,
        guidance=torch.ones(batch, dtype=x_t.dtype), img_ids=places.flatten(0, 1),
        txt_ids=torch.zeros(text.shape[1], 3, dtype=x_t.dtype),
    ).sample  # fmt: skip
    out = out.reshape(batch, rows, columns, channels, 2, 2).permute(0, 3, 1, 4, 2, 5)
    return out.reshape(x_t.shape)


def sd3_velocity(network: Any, x_t: Tensor, t: Tensor, condition: dict[str, Tensor]) -> Tensor:
    text, pooled = condition["embeddings"], condition["pooled"]
    return network(x_t, encoder_hidden_states=text, pooled_projections=pooled, timestep=1000 * t).sample


def unet_velocity(network: Any, x_t: Tensor, t: Tensor, condition: dict[str, Tensor]) -> Tensor:
    return network(x_t, t.long(), encoder_hidden_states=condition["embeddings"]).sample


def flow(x: Tensor, eps: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
    """x_t and target of the straight path."""
    t = t[:, None, None, None]
    return (1 - t) * x + t * eps, eps - x


def diffusion_v(x: Tensor, eps: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
    """x_t and v of Stable Diffusion's betas, whose roots lie evenly between those of the first and last."""
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float32) ** 2
    kept = torch.cumprod(1 - betas, dim=0)[t.long()].double()[:, None, None, None]
    return kept.sqrt() * x + (1 - kept).sqrt() * eps, kept.sqrt() * eps - (1 - kept).sqrt() * x


EQUATIONS: dict[str, tuple[Velocity, Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]]] = {
    "flux": (flux_velocity, flow),
    "sd3": (sd3_velocity, flow),
    "sd2": (unet_velocity, diffusion_v),
}


def asap_losses(case: Case, family: str) -> Tensor:
    """(delta - tau)^2, (B,), written out."""
    (winner, loser, region, condition), _, t, eps, *_ = case.micro
    velocity, path = EQUATIONS[family]

    def localized(network: Any, x: Tensor) -> Tensor:
        x_t, target = path(x, eps, t)
        error = ((velocity(network, x_t, t, condition) - target) ** 2).mean(dim=1)
        return ((1 + ALPHA * region) * error).mean(dim=(1, 2))

    policy = case.learner.backbone.denoiser
    with torch.no_grad():
        of_reference = localized(case.bare, winner) - localized(case.bare, loser)
    delta = -((localized(policy, winner) - localized(policy, loser)) - of_reference)
    return (delta - TAU) ** 2


@pytest.mark.parametrize("family", EQUATIONS)
@pytest.mark.parametrize("way", [joint, split])
def test_asap_is_what_the_equations_say(
    double: None,
    case: Callable[..., Case],
    tiny_family: Callable[[str], Path],
    family: str,
    way: Callable[[Learner, Micro], Any],
) -> None:
    ours = case(tiny_family(family), "asap")
    assert 0 < ours.micro.batch.weight.mean() < 1
    wanted = asap_losses(ours, family)
    wanted.mean().backward()
    slopes = gradients(ours.learner)
    losses = [ours.learner.objective(way(ours.learner, one)[0]) for one in micros(ours.micro, way)]
    torch.testing.assert_close(torch.cat(losses), wanted.detach(), **EXACT)
    assert_same(gradients(ours.learner), slopes, **EXACT)


def micros(whole: Micro, way: Callable[..., Any]) -> list[Micro]:
    """As the loop cuts a step: all pairs at once for `joint`, one by one for `split`."""
    if way is joint:
        return [whole]
    places = [slice(i, i + 1) for i in range(PAIRS)]
    return [
        Micro(
            latents.Batch(
                *(field[at] for field in whole.batch[:3]),
                {name: value[at] for name, value in whole.batch.condition.items()},
            ),
            whole.shown[at], whole.t[at], whole.eps[at], None, whole.weights[at],
        )
        for at in places
    ]  # fmt: skip


def test_the_gradient_is_the_slope_of_the_equations(
    double: None, case: Callable[..., Case], flux: Path
) -> None:
    """By central differences, without autograd: a step of the LoRA's parameters in a random direction."""
    ours = case(flux, "asap")
    joint(ours.learner, ours.micro)
    found = gradients(ours.learner)
    generator = torch.Generator().manual_seed(3)
    way = {name: torch.randn(g.shape, generator=generator, dtype=g.dtype) for name, g in found.items()}
    values = []
    with torch.no_grad():
        for step in (1e-5, -2e-5):
            for name, parameter in ours.learner.named.items():
                parameter.add_(step * way[name])
            values.append(asap_losses(ours, "flux").mean())
    slope = sum((found[name] * way[name]).sum() for name in found)
    assert slope.item() == pytest.approx(((values[0] - values[1]) / 2e-5).item(), rel=1e-6)
