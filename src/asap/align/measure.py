"""The work of `asap propose`: the reference's gap, trials of rates, and what both come to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any, NamedTuple

from accelerate import Accelerator
from torch import Tensor

from asap import command, store
from asap.align import caches, dataset, folder, latents, loop, objectives, trial
from asap.align.calibration import (
    MARGIN,
    STEEPNESS,
    Gaps,
    Scale,
    by_alpha,
    held,
    margin,
    noise_seed,
    reference_gaps,
    scale,
    spread,
    temperature,
    uncertainty,
)
from asap.align.draws import Shown
from asap.align.filled import complete, origins
from asap.align.names import REGIONLESS
from asap.align.propose import CALIBRATION, SETTINGS, Config
from asap.align.recipes import recipe_of
from asap.align.sampling import Uniform
from asap.align.train import Config as Settings
from asap.align.trial import Trial
from asap.backbones import load
from asap.backbones.backbone import Backbone
from asap.errors import UserError

FREE = folder.FREE - {"batch_size", "accumulate"}
CONSTANTS = {"margin": MARGIN, "steepness": STEEPNESS, **trial.CONSTANTS}


class Proposal(NamedTuple):
    """A setting's value, and why."""

    value: float
    why: str


def run(config: Config) -> None:
    """Measure into `config.out`, which is this process's; `config` has been checked.

    Raises:
        UserError: data, model or folder that cannot work, or a model whose gap does not vary.
    """
    dataset.opened(
        config.data, masks=config.objective not in REGIONLESS
    )  # what cannot work is told before the model is loaded
    accelerator = Accelerator()
    backbone = load.load(config.model, device=str(accelerator.device), dtype=config.dtype)
    whole = complete(config, backbone.name, backbone.native_size)
    _open(config, whole, backbone)
    pairs = _cached(whole, backbone)
    shown = held(len(pairs), config.measured, config.seed)
    gaps = reference_gaps(backbone, pairs, shown, size=whole.batch_size or 1, seed=noise_seed(config.seed))
    gap = gaps.under(loop.objective_of(whole))
    found = _scaled(config, _scale(gap, config.data))
    whole = _with(whole, found)
    trials = _trials(config, whole, backbone, pairs, shown, gaps, accelerator)
    if trials:
        found["learning_rate"] = _rate(trials[-1], config.objective)
    _write(config, _with(whole, found), backbone.name, gaps, trials, found)


def _with(settings: Settings, found: Mapping[str, Proposal]) -> Settings:
    values: dict[str, Any] = {name: one.value for name, one in found.items()}
    return replace(settings, **values)


def _scale(gap: Tensor, data: str) -> Scale:
    if not (found := scale(gap)).spread > 0:
        raise UserError(f"{data}: the untrained model does not tell its good pictures from the faulty")
    return found


def _trials(
    config: Config,
    whole: Settings,
    backbone: Backbone,
    pairs: latents.CachedPairs,
    shown: Sequence[Shown],
    gaps: Gaps,
    accelerator: Accelerator,
) -> list[Trial]:
    if not config.trial or config.learning_rate is not None:
        return []
    work = loop.work_of(whole, backbone, pairs, None, accelerator)
    return trial.search(work, Uniform(len(pairs), whole.seed, _per_step(whole)), shown, gaps, config.trial)


def _per_step(whole: Settings) -> int:
    return (whole.batch_size or 1) * whole.accumulate


def _write(
    config: Config,
    whole: Settings,
    family: str,
    gaps: Gaps,
    trials: Sequence[Trial],
    found: Mapping[str, Proposal],
) -> None:
    gap = gaps.under(loop.objective_of(whole))
    record = {
        "objective": config.objective, "alpha": loop.objective_of(whole).alpha, "seed": config.seed,
        "measured": len(gap), "pairs_per_step": _per_step(whole), "constants": CONSTANTS,
        "by_alpha": {f"{alpha:g}": one._asdict() for alpha, one in by_alpha(gaps).items()},
        "gap": scale(gap)._asdict(), "trials": [one._asdict() for one in trials],
        "proposed": _beside_recipe(found, config, family),
        "origins": {name: why for name, why in origins(config, family).items() if name not in found},
        "notes": notes(uncertainty(gap, config.seed), trials, _goal(whole, spread(gap).item())),
    }  # fmt: skip
    store.write_atomic(config.out / CALIBRATION, store.to_json(record, indent=1) + "\n")
    store.write_atomic(config.out / SETTINGS, settings(config, whole, found, family))


def _open(config: Config, whole: Settings, backbone: Backbone) -> None:
    identity = {name: value for name, value in asdict(whole).items() if name not in FREE}
    identity |= {"pairs": dataset.identity(config.data), "weights": load.weights_id(backbone)}
    record = {"command": command.spell(config, "propose"), "before": store.commands_of(Path(config.data))}
    store.open_run(config.out, "propose", identity, record)


def _cached(whole: Settings, backbone: Backbone) -> latents.CachedPairs:
    place = whole.cache or whole.out / folder.LATENTS
    masked = whole.objective not in REGIONLESS
    with store.exclusive(place):
        pairs = latents.prepare(backbone, whole.data, place, caches.cut_of(whole, backbone), masked=masked)
    backbone.free_encoders()
    return pairs


def _scaled(config: Config, own: Scale) -> dict[str, Proposal]:
    """tau, or of objectives without a margin beta, where `config` leaves it open."""
    told = f"the spread of the model's own gap, {own.spread:.3g}"
    if config.objective in objectives.LOGISTIC:
        found = {"beta": Proposal(_short(temperature(own.spread)), f"{2 * STEEPNESS:g} / {told}")}
    else:
        found = {"tau": Proposal(_short(margin(own.spread)), f"{MARGIN:g} x {told}")}
    return {name: one for name, one in found.items() if getattr(config, name) is None}


def _rate(last: Trial, objective: str) -> Proposal:
    goal = trial.wanted(objective, last.steps)
    why = f"{last.steps} steps change predictions by {last.drift:.1%} of their error (wanted: {goal:.1%})"
    return Proposal(_short(last.rate), why)


def _short(value: float) -> float:
    """Three digits: no more are known."""
    return float(f"{value:.3g}")


def _beside_recipe(found: Mapping[str, Proposal], config: Config, family: str) -> store.Row:
    recipe = recipe_of(config.recipe or family, config.objective)
    return {name: {**one._asdict(), "recipe": recipe[name]} for name, one in found.items()}


def _goal(whole: Settings, spread: float) -> float:
    """The gap that training is to open: the margin, or where a pair's pull is spent."""
    return spread if whole.objective in objectives.LOGISTIC else whole.tau or 0.0


def notes(unsure: float, trials: Sequence[Trial], goal: float) -> list[str]:
    """What a person should know of the measurement beside its numbers: `unsure` is the spread's own error as
    a share, `goal` the gap to reach."""
    found = [f"the spread is known to {unsure:.0%} (one standard error)"]
    if not trials:
        return found
    last = trials[-1]
    if last.gap < 2 * last.gap_error:
        told = f"the gap did not open beyond its noise in {last.steps} steps, so the pace is not known"
    else:
        told = f"at the trial's pace the gap is {goal:.3g} after {goal / last.gap * last.steps:.0f} steps"
    return [*found, told]


def settings(config: Config, whole: Settings, found: Mapping[str, Proposal], family: str) -> str:
    """run.yaml: all settings of `asap train`, and where each comes from."""
    values = {field.name: getattr(whole, field.name) for field in fields(Settings)}
    values |= {"cache": whole.cache or config.out / "latents", "calibration": config.out / CALIBRATION}
    given = {"resolution": "the model's own", "lora_alpha": "the rank"}
    given = {name: why for name, why in given.items() if getattr(config, name) is None}
    measured = {name: f"measured: {one.why}" for name, one in found.items()}
    ours = dict.fromkeys(("cache", "calibration"), "asap propose")
    return command.to_yaml(
        Settings(**values), "train", origins(config, family) | given | measured | ours, ("out",)
    )
