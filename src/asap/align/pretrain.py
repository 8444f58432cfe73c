"""`asap pretrain`: make the embedded model `mini` from rendered hands, some of them faulty."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from asap import command, progress, store
from asap.align import checkpoint
from asap.backbones import schedule
from asap.backbones.cpu import tune_allocator
from asap.backbones.mini import MiniPipeline, embed, new_pipeline, predict_velocity
from asap.errors import UserError
from asap.figures import hands, scenes

SIZE = 24
CHECKPOINT = "checkpoint.safetensors"


@dataclass(frozen=True)
class Config(command.Settings):
    """Train the embedded model `mini` from scratch on rendered hands. The same command again resumes."""

    out: Path
    """The model's folder, in diffusers' layout; `--model` takes it."""
    steps: int = 2400
    """Optimiser steps."""
    seed: int = 0
    """Decides weights, pictures, order and noise."""
    images: int = 16384
    """Rendered scenes, each with a correct and a faulty picture."""
    faulty: float = 0.5
    """Share of faulty pictures shown, so that the model learns to make faults ..."""
    faulty_late: float = 0.35
    """... and the share in the last quarter of the steps."""
    batch_size: int = 48
    """Pictures per step."""
    learning_rate: float = 2e-3
    """AdamW's first step size; it falls linearly to zero."""
    ema: float = 0.995
    """Decay of the averaged weights, which are the result."""


def run(config: Config) -> Path:
    """Train and save; returns the model's folder."""
    if min(config.steps, config.images, config.batch_size) < 1:
        raise UserError("--steps, --images and --batch-size must be at least 1")
    tune_allocator()
    settings = {name: value for name, value in asdict(config).items() if name != "out"}
    with store.exclusive(config.out):
        store.open_run(config.out, "pretrain", settings)
        _pretrain(config, settings)
    return config.out


def _pretrain(config: Config, settings: store.Row) -> None:
    pipeline = new_pipeline(scenes.vocabulary(), config.seed)
    parameters = dict(_parameters(pipeline))
    averaged = {f"ema/{name}": nn.Parameter(p.detach().clone()) for name, p in parameters.items()}
    optimizer = torch.optim.AdamW(parameters.values(), lr=config.learning_rate, weight_decay=1e-4)
    state = parameters | averaged
    start = checkpoint.read(config.out / CHECKPOINT, state, optimizer)
    curve = [row for row in store.read_rows(config.out / "curve.jsonl") if row["step"] < start]
    if start < config.steps:
        _train(config, pipeline, parameters, averaged, optimizer, curve, start)
    _load_average(parameters, averaged)
    pipeline.save_pretrained(config.out)
    record = {"settings": settings, "torch": torch.__version__, "curve": curve}
    store.write_atomic(config.out / "pretrain.json", store.to_json(record, indent=1) + "\n")


def _parameters(pipeline: MiniPipeline) -> Iterator[tuple[str, nn.Parameter]]:
    for name in ("transformer", "captions"):
        part = getattr(pipeline, name)
        yield from ((f"{name}.{key}", p) for key, p in part.requires_grad_(True).named_parameters())


def _train(
    config: Config,
    pipeline: MiniPipeline,
    parameters: Mapping[str, nn.Parameter],
    averaged: Mapping[str, nn.Parameter],
    optimizer: torch.optim.Optimizer,
    curve: list[store.Row],
    start: int,
) -> None:
    captions, pictures = render_set(config.images, config.seed)
    losses: list[float] = []
    bar = progress.bar(
        range(start, config.steps), initial=start, total=config.steps, desc="pretrain", unit="step"
    )
    for step in bar:
        for group in optimizer.param_groups:
            group["lr"] = config.learning_rate * min(1, (step + 1) / 50) * (1 - step / config.steps)
        prompts, z, eps, t = _batch(config, captions, pictures, step)
        loss = flow_loss(pipeline, prompts, z, eps, t)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(parameters.values(), 1.0)
        optimizer.step()
        _average(parameters, averaged, min(config.ema, (step + 1) / (step + 10)))
        losses.append(loss.item())
        if (step + 1) % 100 == 0 or step + 1 == config.steps:
            curve.append({"step": step, "loss": sum(losses) / len(losses)})
            bar.set_postfix(loss=f"{curve[-1]['loss']:.4f}", refresh=False)
            losses.clear()
            text = "".join(store.to_json(row) + "\n" for row in curve)
            store.write_atomic(config.out / "curve.jsonl", text)
            checkpoint.write(config.out / CHECKPOINT, step + 1, {**parameters, **averaged}, optimizer)


def render_set(count: int, seed: int) -> tuple[list[str], Tensor]:
    """`count` captions, and pictures (count, 2, 3, 24, 24) uint8: the correct and the faulty one of each."""
    drawn = [scenes.scene(store.seed_of(seed, "pretrain", i)) for i in range(count)]
    errors = []
    for i, scene in enumerate(drawn):
        possible = hands.possible_errors(scene.gesture)
        errors.append(possible[store.seed_of(seed, "error", i) % len(possible)])
    seeds = [store.seed_of(seed, "pose", i) for i in range(count)]
    drawing = scenes.draw(drawn, errors, seeds, size=SIZE)
    both = np.stack([drawing.correct, drawing.faulty], axis=1)
    return [scene.caption for scene in drawn], torch.from_numpy(both).permute(0, 1, 4, 2, 3)


def _batch(
    config: Config, captions: Sequence[str], pictures: Tensor, step: int
) -> tuple[list[str], Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(store.seed_of(config.seed, "step", step))
    share = config.faulty if step < 0.75 * config.steps else config.faulty_late
    which = torch.randint(len(captions), (config.batch_size,), generator=generator)
    faulty = (torch.rand(config.batch_size, generator=generator) < share).long()
    z = pictures[which, faulty].float() / 127.5 - 1
    eps = torch.randn(z.shape, generator=generator)
    return [captions[int(i)] for i in which], z, eps, schedule.logit_normal_times(len(z), generator)


def flow_loss(pipeline: Any, prompts: Sequence[str], z: Tensor, eps: Tensor, t: Tensor) -> Tensor:
    """Mean squared error of the predicted velocity (flow matching)."""
    with torch.autocast("cpu", torch.bfloat16):
        z_t = schedule.flow_noise(z, eps, t)
        velocity = predict_velocity(pipeline.transformer, z_t, t, embed(pipeline.captions, prompts))
    return (velocity.float() - schedule.flow_target(z, eps)).square().mean()


@torch.no_grad()
def _average(parameters: Mapping[str, Tensor], averaged: Mapping[str, Tensor], decay: float) -> None:
    for name, parameter in parameters.items():
        averaged[f"ema/{name}"].lerp_(parameter, 1 - decay)


@torch.no_grad()
def _load_average(parameters: Mapping[str, Tensor], averaged: Mapping[str, Tensor]) -> None:
    for name, parameter in parameters.items():
        parameter.copy_(averaged[f"ema/{name}"])


def main(argv: Sequence[str]) -> None:
    """The command line of this stage."""
    print(f"model: {run(command.parse(Config, argv, 'pretrain'))}")
