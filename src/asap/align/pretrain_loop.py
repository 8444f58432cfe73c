"""The training of an embedded model from drawn hands or people, some of them faulty, by flow matching."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor, nn

from asap import progress, store
from asap.align import checkpoint, dataset, pretrain_data
from asap.align.pretrain import Config
from asap.align.pretrain_data import TrainingSet
from asap.backbones import schedule
from asap.backbones.cpu import tune_allocator
from asap.backbones.mini import HANDS, PEOPLE, MiniPipeline, embed, new_pipeline, predict_velocity

SHAPES = {"hands": HANDS, "people": PEOPLE}
CHECKPOINT = "checkpoint.safetensors"
EVERY = 100  # steps between checkpoints, and of the mean loss in the curve


def run(config: Config) -> None:
    """Train from the last checkpoint on, and save the averaged weights.

    Raises:
        UserError: no data for this kind; a folder of another run.
    """
    if config.data:
        dataset.opened(str(config.data), masks=False)
    tune_allocator()
    settings = {name: value for name, value in asdict(config).items() if name not in ("out", "data")}
    if config.data:
        settings["data"] = dataset.identity(str(config.data))
    with store.exclusive(config.out):
        store.open_run(config.out, "pretrain", settings)
        _pretrain(config, settings)


def _pretrain(config: Config, settings: store.Row) -> None:
    shape = SHAPES[config.kind]
    if config.data:
        data = pretrain_data.read(config.data, shape.size)
    else:
        data = pretrain_data.draw_hands(config.images, config.seed)
    pipeline = new_pipeline(data.words, config.seed, shape)
    parameters = dict(_parameters(pipeline))
    averaged = {f"ema/{name}": nn.Parameter(p.detach().clone()) for name, p in parameters.items()}
    optimizer = torch.optim.AdamW(parameters.values(), lr=config.learning_rate, weight_decay=1e-4)
    state = parameters | averaged
    start = checkpoint.read(config.out / CHECKPOINT, state, optimizer)
    curve = [row for row in store.read_rows(config.out / "curve.jsonl") if row["step"] < start]
    if start < config.steps:
        _train(config, pipeline, data, averaged, optimizer, curve, start)
    _load_average(parameters, averaged)
    pipeline.to(torch.float16 if config.half else torch.float32).save_pretrained(config.out)
    record = {"settings": settings, "torch": torch.__version__, "curve": curve}
    if config.data and (config.data / "config.json").exists():
        record["drawn"] = store.read_config(config.data)[
            "identity"
        ]  # with which `asap figures` makes the data
    store.write_atomic(config.out / "pretrain.json", store.to_json(record, indent=1) + "\n")


def _parameters(pipeline: MiniPipeline) -> Iterator[tuple[str, nn.Parameter]]:
    for name in ("transformer", "captions"):
        part = getattr(pipeline, name)
        yield from ((f"{name}.{key}", p) for key, p in part.requires_grad_(True).named_parameters())


def _train(
    config: Config,
    pipeline: MiniPipeline,
    data: TrainingSet,
    averaged: Mapping[str, nn.Parameter],
    optimizer: torch.optim.Optimizer,
    curve: list[store.Row],
    start: int,
) -> None:
    parameters = dict(_parameters(pipeline))
    losses: list[float] = []
    bar = progress.bar(
        range(start, config.steps), initial=start, total=config.steps, desc="pretrain", unit="step"
    )
    for step in bar:
        for group in optimizer.param_groups:
            group["lr"] = config.learning_rate * min(1, (step + 1) / 50) * min(1, _left(config, step))
        prompts, z, eps, t = _batch(config, data, step)
        loss = flow_loss(pipeline, prompts, z, eps, t)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(parameters.values(), 1.0)
        optimizer.step()
        _average(parameters, averaged, min(config.ema, (step + 1) / (step + 10)))
        losses.append(loss.item())
        if (step + 1) % EVERY == 0 or step + 1 == config.steps:
            curve.append({"step": step, "loss": sum(losses) / len(losses)})
            bar.set_postfix(loss=f"{curve[-1]['loss']:.4f}", refresh=False)
            losses.clear()
            text = "".join(store.to_json(row) + "\n" for row in curve)
            store.write_atomic(config.out / "curve.jsonl", text)
            checkpoint.write(config.out / CHECKPOINT, step + 1, {**parameters, **averaged}, optimizer)


def _left(config: Config, step: int) -> float:
    """The part of the step size that is left once it falls: above 1 before that, 0 after the last step."""
    return (1 - step / config.steps) / config.decay


def _batch(config: Config, data: TrainingSet, step: int) -> tuple[list[str], Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(store.seed_of(config.seed, "step", step))
    share = config.faulty if step < 0.75 * config.steps else config.faulty_late
    prompts, z, eps, t = data.batch(config.batch_size, share, generator)
    return prompts, z, eps, config.shift * t / (1 + (config.shift - 1) * t)


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
