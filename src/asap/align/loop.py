"""Phase II from top to bottom: cached pairs, a LoRA, and the loop that trains it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator, InitProcessGroupKwargs
from torch import nn

from asap import command, progress, store
from asap.align import checkpoint, interrupts, kinds, latents, objectives, sampling
from asap.align.objectives import UNPAIRED
from asap.align.sampling import Sampler
from asap.align.step import autocast, draw, pair_errors, update
from asap.align.train import Config, complete
from asap.backbones import compiled, load, lora
from asap.backbones.backbone import Backbone

CHECKPOINT = "checkpoint.safetensors"
LOG = "log.jsonl"
# settings that may change between the parts of one run: they do not decide what a step computes
FREE = {"out", "steps", "checkpoint_every", "tracker", "gradient_checkpointing", "offload", "compile"}


def run(config: Config) -> None:
    """Train into `config.out`; `config` has been checked.

    Raises:
        UserError: data, model or folder that cannot work; a loss that is no longer finite.
        KeyboardInterrupt: Ctrl-C or SIGTERM; the steps done are kept.
    """
    rows = latents.open_dataset(config.data)  # what cannot work is told before the model is loaded
    if config.sampling != "uniform":
        kinds.check(rows, config.data)
    accelerator = _accelerator(config)
    stored = {"quantize": config.quantize, "offload": config.offload}
    backbone = load.load(config.model, device=str(accelerator.device), dtype=config.dtype, **stored)
    spelled = command.spell(config, "train")
    config = complete(config, backbone.name, backbone.native_size)
    # of several processes that train together, one has the folder for all
    with store.exclusive(config.out) if accelerator.is_main_process else nullcontext():
        accelerator.wait_for_everyone()
        _train(config, backbone, accelerator, spelled)


def _train(config: Config, backbone: Backbone, accelerator: Accelerator, spelled: str) -> None:
    pairs = _cached(config, backbone, accelerator, spelled)
    parameters = _add_lora(config, backbone, accelerator)
    optimizer = torch.optim.AdamW(
        parameters.values(), lr=config.learning_rate or 0.0, weight_decay=config.weight_decay
    )
    sampler = _sampler(config, pairs, accelerator)
    start = checkpoint.read(config.out / CHECKPOINT, parameters, optimizer, sampler.state())
    if start >= config.steps and accelerator.is_main_process:
        print(f"{config.out} has {start} steps already, and --steps {config.steps} asks for no more")
    _drop_log_from(config.out / LOG, start)
    with compiled.readable_failure():
        loop(config, backbone, pairs, sampler, parameters, optimizer, accelerator, start)
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
    record = {"command": spelled, "before": store.commands_of(Path(config.data))}
    store.open_run(config.out, "train", identity, record)
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


def _add_lora(config: Config, backbone: Backbone, accelerator: Accelerator) -> dict[str, nn.Parameter]:
    if config.gradient_checkpointing:
        backbone.denoiser.enable_gradient_checkpointing()  # type: ignore[operator]
    lora.add_lora(
        backbone.denoiser,
        backbone.lora_targets,
        rank=config.rank or 1,
        alpha=config.lora_alpha or 1,
        seed=store.seed_of(config.seed, "lora"),
        device=accelerator.device,
    )
    if config.compile:
        compiled.compile_blocks(backbone.denoiser)
    return {name: p for name, p in backbone.denoiser.named_parameters() if p.requires_grad}


def _sampler(config: Config, pairs: latents.CachedPairs, accelerator: Accelerator) -> Sampler:
    slots = sampling.Slots(config.batch_size or 1, accelerator.process_index, accelerator.num_processes)
    if config.sampling == "uniform":
        return sampling.Uniform(len(pairs), config.seed, slots)
    lag = objectives.lag(config.objective, **_bound(config))
    return sampling.Lagging(
        kinds.read(pairs.folder), config.seed, slots, lag, unbiased=config.sampling == "lagging_unbiased"
    )


def _bound(config: Config) -> dict[str, float]:
    return {"alpha": config.alpha or 0.0, "tau": config.tau or 0.0, "beta": config.beta or 0.0}


def loop(
    config: Config,
    backbone: Backbone,
    pairs: latents.CachedPairs,
    sampler: Sampler,
    parameters: Mapping[str, nn.Parameter],
    optimizer: torch.optim.Optimizer,
    accelerator: Accelerator,
    start: int,
) -> None:
    """Steps `start` to `config.steps`: batch, shared noise and time, errors, objective, step, log."""
    if accelerator.log_with:
        # forget the steps that a killed run logged after its last checkpoint
        accelerator.init_trackers("asap", init_kwargs={"tensorboard": {"purge_step": start}})
    objective = objectives.bind(config.objective, **_bound(config))
    rows: list[store.Row] = []
    with interrupts.kept() as stop:
        for step in (bar := _bar(config, start, accelerator)):
            indices, weights, shown = sampler.draw(step)
            batch = pairs.batch(indices).to(accelerator.device)
            t, eps = draw(backbone, batch.winner, config.seed, step, accelerator.process_index)
            with autocast(config.dtype, accelerator.device):
                errors = pair_errors(backbone, batch, t, eps, learn_loser=config.objective not in UNPAIRED)
            loss = sampling.weighted(objective, weights)
            row = update(config, loss, errors, parameters, optimizer, accelerator, step)
            sampler.learn(indices, errors, accelerator)
            rows.append(row | _logged(shown))
            accelerator.log(_scalars(row, shown), step=step)
            bar.set_postfix(_in_bar(row), refresh=False)
            stopped = stop.agreed(accelerator)
            if stopped or (step + 1) % config.checkpoint_every == 0 or step + 1 == config.steps:
                _save(config, step + 1, rows, sampler, parameters, optimizer, accelerator)
            if stopped and step + 1 < config.steps:
                raise KeyboardInterrupt(f"stopped after {step + 1} of {config.steps} steps")


def _bar(config: Config, start: int, accelerator: Accelerator) -> Any:
    return progress.bar(
        range(start, config.steps), initial=start, total=config.steps, desc=config.objective,
        disable=not accelerator.is_main_process,
        bar_format="{desc} {n_fmt}/{total_fmt} [{elapsed}<{remaining}{postfix}]",  # fits into 80 columns
    )  # fmt: skip


def _logged(shown: Mapping[str, float]) -> store.Row:
    return {"shown": {kind: round(share, 4) for kind, share in shown.items()}} if shown else {}


def _scalars(row: store.Row, shown: Mapping[str, float]) -> dict[str, float]:
    """What trackers get of a step: numbers under flat names."""
    own = {name: value for name, value in row.items() if name != "step"}
    return own | {f"shown/{kind}": share for kind, share in shown.items()}


def _in_bar(row: store.Row) -> dict[str, str]:
    names = {"loss": "loss", "delta_mean": "delta", "winner_rise": "winner"}
    return {short: f"{row[name]:.3g}" for name, short in names.items()}


def _save(
    config: Config,
    step: int,
    rows: list[store.Row],
    sampler: Sampler,
    parameters: Mapping[str, nn.Parameter],
    optimizer: torch.optim.Optimizer,
    accelerator: Accelerator,
) -> None:
    if accelerator.is_main_process:
        store.append_rows(config.out / LOG, rows)
        checkpoint.write(config.out / CHECKPOINT, step, parameters, optimizer, sampler.state())
    rows.clear()


def _drop_log_from(path: Path, step: int) -> None:
    """Forget the logged steps that the checkpoint does not have: they will be done again."""
    rows = list(store.read_rows(path))
    kept = [row for row in rows if row["step"] < step]
    if len(kept) < len(rows):
        store.write_atomic(path, "".join(store.to_json(row) + "\n" for row in kept))
