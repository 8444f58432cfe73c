"""Phase II from top to bottom: cached pairs, a LoRA, and the loop that trains it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from datetime import timedelta
from typing import Any

from accelerate import Accelerator, InitProcessGroupKwargs

from asap import progress, store
from asap.align import (
    caches,
    dataset,
    folder,
    interrupts,
    kinds,
    latents,
    objectives,
    overlays,
    reference,
    room,
    sampling,
    shards,
    validation,
)
from asap.align.adapt import adapted
from asap.align.care import CHECKPOINT as CHECKPOINT
from asap.align.care import LOG as LOG
from asap.align.care import Care
from asap.align.gradient import Learner, Thrifty, Way, guarded, joint, split
from asap.align.names import REGIONLESS, UNPAIRED
from asap.align.objectives import Objective
from asap.align.sampling import Sampler
from asap.align.step import Work, adamw, take
from asap.align.train import Config, complete
from asap.backbones import compiled, load
from asap.backbones.backbone import Backbone


def run(config: Config, given: Mapping[str, str] | None = None) -> None:
    """Train into `config.out`; `config` has been checked, `given` says where settings stand that were given.

    Raises:
        UserError: data, model or folder that cannot work; a loss that is no longer finite.
        KeyboardInterrupt: Ctrl-C or SIGTERM; the steps done are kept.
    """
    # what cannot work is told before the model is loaded
    rows = dataset.opened(config.data, masks=config.objective not in REGIONLESS)
    if config.sampling != "uniform":
        kinds.check(rows, config.data)
    shards.check(config)
    accelerator = _accelerator(config)
    stored = {"quantize": config.quantize, "offload": config.offload, "spread": shards.asked()}
    backbone = load.load(config.model, device=str(accelerator.device), dtype=config.dtype, **stored)
    layers = backbone.layers()
    room.check_targets(backbone, layers)
    record = folder.record(config, backbone.name, given)
    config = complete(config, backbone.name, backbone.native_size)
    checkpoints = room.of_checkpoints(backbone, layers, config.rank or 1, averaged=config.ema > 0)
    room.check(config.out, checkpoints, "its checkpoints")
    # of several processes that train together, one has the folder for all
    with store.exclusive(config.out) if accelerator.is_main_process else nullcontext():
        accelerator.wait_for_everyone()
        _open(config, backbone, accelerator, record)
        _train(config, backbone, accelerator, record)


def _open(config: Config, backbone: Backbone, accelerator: Accelerator, record: store.Row) -> None:
    identity = folder.identity(config, _per_step(config, accelerator), load.weights_id(backbone))
    if accelerator.is_main_process:
        own = latents.identity(backbone, config.data, caches.cut_of(config, backbone))
        folder.open_for(config.out, identity, record, own)
    accelerator.wait_for_everyone()
    store.open_run(config.out, folder.STAGE, identity, record)  # the others compare


def _train(config: Config, backbone: Backbone, accelerator: Accelerator, record: store.Row) -> None:
    pairs = caches.pairs(config, backbone, accelerator)
    if accelerator.is_main_process:
        overlays.show(config.out, backbone, pairs, config.data, config.overlays)
    backbone.free_encoders()
    drawn = validation.of(config, backbone) if accelerator.is_main_process else None
    errors = caches.errors(config, backbone, pairs, accelerator)
    work = work_of(config, backbone, pairs, errors, accelerator)
    sampler = _sampler(config, pairs, accelerator)
    care = Care(work, sampler.state(), drawn)
    start = care.resume()
    if start < config.steps:
        if accelerator.is_main_process:
            folder.note(config.out, record["command"], start)
        with compiled.readable_failure():
            loop(work, sampler, care, start)
    elif accelerator.is_main_process:
        print(f"{config.out} has {start} steps already, and --steps {config.steps} asks for no more")
    accelerator.wait_for_everyone()
    if accelerator.is_main_process:
        care.publish()
    accelerator.end_training()


def work_of(
    config: Config,
    backbone: Backbone,
    pairs: latents.CachedPairs,
    errors: reference.CachedErrors | None,
    accelerator: Accelerator,
) -> Work:
    """A LoRA on `backbone`, its objective and its optimiser; `config` is complete."""
    named = adapted(config, backbone)
    optimizer = adamw(named.values(), config.learning_rate or 0.0, config.weight_decay)
    learner = Learner(backbone, named, objective_of(config), config.objective in UNPAIRED)
    return Work(config, backbone, pairs, errors, learner, _way(config), optimizer, accelerator)


def _way(config: Config) -> Way:
    if config.skip_settled:
        return Thrifty(config.seed)
    if config.guard_winner:
        return guarded
    return split if config.backward == "split" else joint


def _accelerator(config: Config) -> Accelerator:
    # the caches of several processes are not finished at the same time
    patience = InitProcessGroupKwargs(timeout=timedelta(days=1))
    log_with = None if config.tracker == "none" else config.tracker
    return Accelerator(log_with=log_with, project_dir=str(config.out), kwargs_handlers=[patience])


def _per_step(config: Config, accelerator: Accelerator) -> int:
    return (config.batch_size or 1) * config.accumulate * int(accelerator.num_processes)


def _sampler(config: Config, pairs: latents.CachedPairs, accelerator: Accelerator) -> Sampler:
    total = _per_step(config, accelerator)
    if config.sampling == "uniform":
        return sampling.Uniform(len(pairs), config.seed, total)
    lag = objectives.lag(config.objective, **_bound(config))
    return sampling.Lagging(
        kinds.read(pairs.folder), config.seed, total, lag, unbiased=config.sampling == "lagging_unbiased"
    )


def objective_of(config: Config) -> Objective:
    """The objective with its settings; `config` is complete."""
    return objectives.bind(config.objective, **_bound(config))


def _bound(config: Config) -> dict[str, float]:
    return {"alpha": config.alpha or 0.0, "tau": config.tau or 0.0, "beta": config.beta or 0.0}


def loop(work: Work, sampler: Sampler, care: Care, start: int) -> None:
    """Steps `start` to the run's last: what to show, gradients, the optimiser's step, log, checkpoint."""
    config, accelerator = work.config, work.accelerator
    if accelerator.log_with:
        # forget the steps that a killed run logged after its last checkpoint
        accelerator.init_trackers("asap", init_kwargs={"tensorboard": {"purge_step": start}})
    if start == 0:
        care.validate(0)
    with interrupts.kept() as stop:
        for step in (bar := _bar(config, start, accelerator)):
            shown = sampler.draw(step)
            with care.guarding(step):
                outcome, row = take(work, shown, step, care.scale)
            sampler.learn(shown.pairs, outcome.errors)
            care.after(step, row | _logged(shown.shown))
            accelerator.log(_scalars(row, shown.shown), step=step)
            bar.set_postfix(_in_bar(row), refresh=False)
            care.validate(step + 1)
            stopped = stop.agreed(accelerator)
            if stopped or (step + 1) % config.checkpoint_every == 0 or step + 1 == config.steps:
                care.save(step + 1)
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
