"""Settings of `asap train` that cannot work, told before anything is loaded."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Literal, get_args, get_origin, get_type_hints

from asap.align import prompts
from asap.errors import UserError

if TYPE_CHECKING:
    from asap.align.train import Config


def choices(config: Config) -> None:
    """What the command line's parser has checked, for those who come from Python."""
    for name, hint in get_type_hints(type(config)).items():
        known, value = get_args(hint), getattr(config, name)
        if get_origin(hint) is Literal and value not in known:
            near = get_close_matches(str(value), known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}"
            raise UserError(f"--{name.replace('_', '-')} {value}: no such choice; {hint}")


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
