"""Settings of `asap train` that cannot work, or have no effect, told before torch or a model is loaded."""

from __future__ import annotations

import importlib.util
import math
import sys
from collections.abc import Mapping
from dataclasses import fields
from difflib import get_close_matches
from typing import TYPE_CHECKING, Literal, get_args, get_origin, get_type_hints

from asap import command
from asap.align import dataset, folder, prompts
from asap.align.names import LOGISTIC, REGIONLESS, UNPAIRED, takes
from asap.errors import UserError

if TYPE_CHECKING:
    from asap.align.train import Config

COUNTS = (
    *("steps", "checkpoint_every", "batch_size", "accumulate", "draws", "rank", "resolution"),
    *("validation_seeds", "validation_steps"),
)


def all_of(config: Config) -> None:
    """Raises UserError: a setting that cannot work, or a model or dataset that is not there."""
    choices(config)
    numbers(config)
    care(config)
    sampling(config)
    ways(config)
    if config.tracker != "none" and importlib.util.find_spec(config.tracker) is None:
        raise UserError(f"--tracker {config.tracker}: not installed; `pip install {config.tracker}`, or none")
    from asap.backbones import load

    load.check(config.model)
    folder.check(config)
    dataset.check(config.data, masks=config.objective not in REGIONLESS)


def choices(config: Config) -> None:
    """What the command line's parser has checked, for those who come from Python."""
    for name, hint in get_type_hints(type(config)).items():
        known, value = get_args(hint), getattr(config, name)
        if get_origin(hint) is Literal and value not in known:
            near = get_close_matches(str(value), known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}"
            raise UserError(f"--{name.replace('_', '-')} {value}: no such choice; {hint}")


def numbers(config: Config) -> None:
    """Counts, rates and scales."""
    for name in COUNTS:
        value = getattr(config, name)
        if value is not None and value < 1:
            raise UserError(f"--{name.replace('_', '-')} {value}: must be at least 1")
    for name in ("learning_rate", "tau", "beta", "alpha", "mask_dilation", "warmup", "weight_decay"):
        value = getattr(config, name)
        if value is not None and (not math.isfinite(value) or value < 0):
            raise UserError(f"--{name.replace('_', '-')} {value}: must be a number of at least 0")
    for name in ("lora_alpha", "max_grad_norm"):
        value = getattr(config, name)
        if value is not None and not (math.isfinite(value) and value > 0):
            raise UserError(f"--{name.replace('_', '-')} {value}: must be a number above 0")


def care(config: Config) -> None:
    """Of what looks after a run: its page of masks, its average, its validation pictures."""
    for name in ("overlays", "validate_every"):
        if getattr(config, name) < 0:
            raise UserError(f"--{name.replace('_', '-')} {getattr(config, name)}: must be at least 0")
    if bool(config.validate_every) != bool(config.validation_prompts):
        raise UserError("--validate-every and --validation-prompts go together; give both or none")
    if config.validation_prompts:
        prompts.read(config.validation_prompts, config.validation_seeds)
    if not 0 <= config.ema < 1:
        raise UserError(f"--ema {config.ema}: must be at least 0 and below 1, such as 0.999")


def ways(config: Config) -> None:
    """The ways to a gradient exclude each other, and some need pairs."""
    chosen = [
        flag
        for flag, on in (("--guard-winner", config.guard_winner), ("--skip-settled", config.skip_settled))
        if on
    ]
    if chosen and config.objective in UNPAIRED:
        raise UserError(
            f"{chosen[0]} looks at both pictures, and --objective {config.objective} learns from one"
        )
    if len(chosen) > 1:
        raise UserError(f"{' and '.join(chosen)} exclude each other: one keeps what the other leaves out")
    if config.skip_settled and config.backward == "split":
        raise UserError(
            "--skip-settled decides before any backward pass, and --backward split takes one before "
            "both errors are known; use one of them"
        )


def sampling(config: Config) -> None:
    """Sampling by lag needs a gap that is driven, and a scale for it."""
    if config.sampling == "uniform":
        return
    if config.objective in UNPAIRED:
        raise UserError(
            f"--sampling {config.sampling} follows the gap between good and faulty pictures, which "
            f"--objective {config.objective} does not drive; use --sampling uniform"
        )
    if config.tau == 0 and config.objective not in LOGISTIC:
        raise UserError(
            f"--sampling {config.sampling} measures lags in shares of the margin; give --tau above 0"
        )


def tell_idle(config: Config, given: Mapping[str, str] | None) -> None:
    """A line on stderr for each setting that was given and has no effect.

    Those of a file are not told: one that was printed holds every setting.
    """
    for name, reason in idle(config).items():
        if given is None or given.get(name) == command.COMMAND_LINE:
            print(f"asap: --{name.replace('_', '-')} has no effect: {reason}", file=sys.stderr)


def idle(config: Config) -> dict[str, str]:
    """Setting -> why it has no effect, of those that are neither left open nor 0."""
    own = f"--objective {config.objective} does not use it"
    live = "--reference live draws anew in every step"
    none = "--validate-every 0 draws no pictures"
    found = {name: own for name in ("alpha", "tau", "beta") if not takes(config.objective, name)}
    found |= {"draws": live} if config.reference == "live" else {}
    found |= {} if config.validate_every else dict.fromkeys(("validation_seeds", "validation_steps"), none)
    plain = {field.name: field.default for field in fields(config)}
    return {name: why for name, why in found.items() if getattr(config, name) not in (plain[name], 0)}
