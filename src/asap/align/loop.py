"""Phase II from top to bottom: cached pairs, a LoRA, and the loop that trains it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from dataclasses import asdict
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator, InitProcessGroupKwargs
from torch import Tensor, nn

from asap import command, progress, store
from asap.align import checkpoint, interrupts, latents, objectives
from asap.align.objectives import UNPAIRED, Objective, PairErrors
from asap.align.train import Config, complete
from asap.backbones import load, lora
from asap.backbones.backbone import Backbone
from asap.errors import UserError

CHECKPOINT = "checkpoint.safetensors"
LOG = "log.jsonl"
# settings that may change between the parts of one run: they do not decide what a step computes
FREE = {"out", "steps", "checkpoint_every", "tracker", "gradient_checkpointing"}


def run(config: Config) -> None:
    """Train into `config.out`; `config` has been checked.

    Raises:
        UserError: data, model or folder that cannot work; a loss that is no longer finite.
        KeyboardInterrupt: Ctrl-C or SIGTERM; the steps done are kept.
    """
    accelerator = _accelerator(config)
    backbone = load.load(config.model, device=str(accelerator.device), dtype=config.dtype)
    latents.open_dataset(config.data)  # before the run's folder is taken by settings that cannot work
    spelled = command.spell(config, "train")
    config = complete(config, backbone.name, backbone.native_size)
    # of several processes that train together, one has the folder for all
    with store.exclusive(config.out) if accelerator.is_main_process else nullcontext():
        accelerator.wait_for_everyone()
        _train(config, backbone, accelerator, spelled)


def _train(config: Config, backbone: Backbone, accelerator: Accelerator, spelled: str) -> None:
    pairs = _cached(config, backbone, accelerator, spelled)
    parameters = _add_lora(config, backbone)
    optimizer = torch.optim.AdamW(
        parameters.values(), lr=config.learning_rate or 0.0, weight_decay=config.weight_decay
    )
    start = checkpoint.read(config.out / CHECKPOINT, parameters, optimizer)
    if start >= config.steps and accelerator.is_main_process:
        print(f"{config.out} has {start} steps already, and --steps {config.steps} asks for no more")
    _drop_log_from(config.out / LOG, start)
    loop(config, backbone, pairs, parameters, optimizer, accelerator, start)
    accelerator.wait_for_everyone()
    if accelerator.is_main_process:
        backbone.save_lora(config.out)
    accelerator.end_training()


def _accelerator(config: Config) -> Accelerator:
    # the caches of several processes are not finished at the same time
    patience = InitProcessGroupKwargs(timeout=timedelta(days=1))
    log_with = None if config.tracker == "none" else config.tracker
    return Accelerator(log_with=log_with, project_dir=str(config.out), kwargs_handlers=[patience])


def _cached(
    config: Config, backbone: Backbone, accelerator: Accelerator, spelled: str
) -> latents.CachedPairs:
    """Each process makes its share of the cache; then all open it."""
    identity = {name: value for name, value in asdict(config).items() if name not in FREE}
    identity["processes"] = accelerator.num_processes
    identity |= {"pairs": latents.dataset_id(config.data), "weights": load.weights_id(backbone)}
    store.open_run(config.out, "train", identity, {"command": spelled})
    pairs = latents.prepare(
        backbone,
        config.data,
        config.out / "latents",
        resolution=config.resolution or backbone.native_size,
        mask_dilation=config.mask_dilation or 0,
        share=latents.Share(accelerator.process_index, accelerator.num_processes),
    )
    accelerator.wait_for_everyone()
    backbone.free_encoders()
    return pairs


def _add_lora(config: Config, backbone: Backbone) -> dict[str, nn.Parameter]:
    if config.gradient_checkpointing:
        backbone.denoiser.enable_gradient_checkpointing()  # type: ignore[operator]
    lora.add_lora(
        backbone.denoiser,
        backbone.lora_targets,
        rank=config.rank or 1,
        alpha=config.lora_alpha or 1,
        seed=store.seed_of(config.seed, "lora"),
    )
    return {name: p for name, p in backbone.denoiser.named_parameters() if p.requires_grad}


def loop(
    config: Config,
    backbone: Backbone,
    pairs: latents.CachedPairs,
    parameters: Mapping[str, nn.Parameter],
    optimizer: torch.optim.Optimizer,
    accelerator: Accelerator,
    start: int,
) -> None:
    """Steps `start` to `config.steps`: batch, shared noise and time, errors, objective, step, log."""
    if accelerator.log_with:
        # forget the steps that a killed run logged after its last checkpoint
        accelerator.init_trackers("asap", init_kwargs={"tensorboard": {"purge_step": start}})
    objective = objectives.bind(
        config.objective, alpha=config.alpha or 0.0, tau=config.tau or 0.0, beta=config.beta or 0.0
    )
    rows: list[store.Row] = []
    with interrupts.kept() as stop:
        for step in (bar := _bar(config, start, accelerator)):
            first = (step * accelerator.num_processes + accelerator.process_index) * (config.batch_size or 1)
            indices = shuffled(len(pairs), config.seed, range(first, first + (config.batch_size or 1)))
            batch = pairs.batch(indices).to(accelerator.device)
            t, eps = draw(backbone, batch.winner, config.seed, step, accelerator.process_index)
            with autocast(config.dtype, accelerator.device):
                errors = pair_errors(backbone, batch, t, eps, learn_loser=config.objective not in UNPAIRED)
            row = update(config, objective, errors, parameters, optimizer, accelerator, step)
            rows.append(row)
            accelerator.log({k: v for k, v in row.items() if k != "step"}, step=step)
            bar.set_postfix(_shown(row), refresh=False)
            stopped = stop.agreed(accelerator)
            if stopped or (step + 1) % config.checkpoint_every == 0 or step + 1 == config.steps:
                _save(config, step + 1, rows, parameters, optimizer, accelerator)
            if stopped and step + 1 < config.steps:
                raise KeyboardInterrupt(f"stopped after {step + 1} of {config.steps} steps")


def _bar(config: Config, start: int, accelerator: Accelerator) -> Any:
    return progress.bar(
        range(start, config.steps), initial=start, total=config.steps, desc=config.objective,
        disable=not accelerator.is_main_process,
        bar_format="{desc} {n_fmt}/{total_fmt} [{elapsed}<{remaining}{postfix}]",  # fits into 80 columns
    )  # fmt: skip


def _shown(row: store.Row) -> dict[str, str]:
    names = {"loss": "loss", "delta_mean": "delta", "winner_rise": "winner"}
    return {short: f"{row[name]:.3g}" for name, short in names.items()}


def autocast(dtype: str, device: torch.device) -> torch.autocast:
    """Mixed precision for a model in `dtype`. (Accelerate's own belongs to the process, not to the run.)"""
    return torch.autocast(device.type, torch.bfloat16, enabled=dtype == "bfloat16")


def shuffled(count: int, seed: int, positions: Iterable[int]) -> list[int]:
    """The pairs at `positions` of an endless stream that holds every one of `count` pairs once an epoch.

    A pure function of seed and position, so that a resumed run needs no record of where the data stood.
    """
    return [_permutation(count, seed, p // count)[p % count] for p in positions]


@lru_cache(maxsize=2)
def _permutation(count: int, seed: int, epoch: int) -> list[int]:
    generator = torch.Generator().manual_seed(store.seed_of(seed, "order", epoch))
    return [int(i) for i in torch.randperm(count, generator=generator)]


def draw(backbone: Backbone, latent: Tensor, seed: int, step: int, rank: int) -> tuple[Tensor, Tensor]:
    """Times (B,) and noise like `latent` for winner and loser alike, drawn on the CPU by seed and step."""
    generator = torch.Generator().manual_seed(store.seed_of(seed, "noise", step, rank))
    t = backbone.times(len(latent), generator)
    eps = torch.randn(latent.shape, generator=generator)
    return t.to(latent.device), eps.to(latent.device)


def pair_errors(
    backbone: Backbone, batch: latents.Batch, t: Tensor, eps: Tensor, *, learn_loser: bool = True
) -> PairErrors:
    """Squared errors of policy and reference on winner and loser at the same time and noise.

    The reference is the denoiser with its adapter off. Only the policy's errors carry gradients, the
    loser's only if `learn_loser`.
    """

    def error(z: Tensor) -> Tensor:
        predicted = backbone.predict(backbone.noise(z, eps, t), t, batch.condition)
        return (predicted.float() - backbone.target(z, eps, t)).square().mean(dim=1)

    policy_w = error(batch.winner)
    with torch.set_grad_enabled(learn_loser):
        policy_l = error(batch.loser)
    with torch.no_grad(), lora.adapter_off(backbone.denoiser):
        ref_w, ref_l = error(batch.winner), error(batch.loser)
    return PairErrors(policy_w, policy_l, ref_w, ref_l, batch.weight)


def update(
    config: Config,
    objective: Objective,
    errors: PairErrors,
    parameters: Mapping[str, nn.Parameter],
    optimizer: torch.optim.Optimizer,
    accelerator: Accelerator,
    step: int,
) -> store.Row:
    """One optimiser step on the mean loss of all processes; returns the row to log, of means over processes.

    Raises:
        UserError: the loss or its gradient is not finite; neither step nor checkpoint is made of it.
    """
    loss = objective(errors).mean()
    optimizer.zero_grad()
    accelerator.backward(loss)
    _average_gradients(parameters.values(), accelerator)
    norm = nn.utils.clip_grad_norm_(parameters.values(), config.max_grad_norm)
    gap = objectives.gap(config.objective, alpha=config.alpha or 0.0)
    row = {"loss": loss.item(), **objectives.summarize(errors, gap), "grad_norm": norm.item()}
    row = _average_row(row, accelerator)
    _check_finite(row, step)
    rate = (config.learning_rate or 0.0) * min(1.0, (step + 1) / max(1, config.warmup))
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.step()
    return {"step": step, **row, "learning_rate": rate}


def _check_finite(row: Mapping[str, float], step: int) -> None:
    for name, value in row.items():
        if not math.isfinite(value):
            raise UserError(
                f"step {step}: {name} is {value}; lower --learning-rate, with another --out "
                "(the last checkpoint here is kept)"
            )


def _average_row(row: dict[str, float], accelerator: Accelerator) -> dict[str, float]:
    if accelerator.num_processes == 1:
        return row
    values = torch.tensor(list(row.values()), device=accelerator.device)
    return dict(zip(row, accelerator.reduce(values, "mean").tolist()))


def _average_gradients(parameters: Any, accelerator: Accelerator) -> None:
    """The mean over processes. Plain all-reduce: DDP's hooks count forward passes, and a pair has several."""
    if accelerator.num_processes > 1:
        for parameter in parameters:
            parameter.grad = accelerator.reduce(parameter.grad, "mean")


def _save(
    config: Config,
    step: int,
    rows: list[store.Row],
    parameters: Mapping[str, nn.Parameter],
    optimizer: torch.optim.Optimizer,
    accelerator: Accelerator,
) -> None:
    if accelerator.is_main_process:
        store.append_rows(config.out / LOG, rows)
        checkpoint.write(config.out / CHECKPOINT, step, parameters, optimizer)
    rows.clear()


def _drop_log_from(path: Path, step: int) -> None:
    """Forget the logged steps that the checkpoint does not have: they will be done again."""
    rows = list(store.read_rows(path))
    kept = [row for row in rows if row["step"] < step]
    if len(kept) < len(rows):
        store.write_atomic(path, "".join(store.to_json(row) + "\n" for row in kept))
