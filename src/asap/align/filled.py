"""Settings that a run leaves open: what its recipe gives for them, and where each value comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asap import command
from asap.align.names import takes
from asap.align.recipes import origins_of, recipe_of

if TYPE_CHECKING:
    from asap.align.train import Config

OPEN = {"resolution": "left open: the model's own", "lora_alpha": "left open: the rank"}
UNUSED = "the objective does not use it"


def complete(config: Config, family: str, native_size: int) -> Config:
    """`config` with what it leaves open taken from its recipe, or that of `family`, for its objective."""
    config = replace(_by_recipe(config, family), resolution=config.resolution or native_size)
    return replace(config, lora_alpha=config.lora_alpha or config.rank)


def _by_recipe(config: Config, family: str) -> Config:
    recipe = recipe_of(config.recipe or family, config.objective)
    return replace(config, **{name: value for name, value in recipe.items() if getattr(config, name) is None})


def origins(config: Config, family: str) -> dict[str, str]:
    """Setting -> where its value comes from, of those that `config` leaves to its recipe."""
    name = config.recipe or family
    found = origins_of(name, config.objective)
    return {key: f"recipe {name}, {of}" for key, of in found.items() if getattr(config, key) is None}


def explained(config: Config) -> tuple[Config, dict[str, str]]:
    """`config` with what its recipe gives, and of each setting left open where its value comes from.

    The model's index is read, not the model: its own resolution stays open.
    """
    if config.model == command.UNSET and config.recipe is None:
        return config, OPEN | dict.fromkeys(origins_of("mini", "asap"), "left open: by the model's recipe")
    from asap.backbones import load

    family = config.recipe or load.family_of(config.model)
    return _by_recipe(config, family), OPEN | origins(config, family)


def of_run(
    config: Config, family: str, given: Mapping[str, str] | None, measured: Mapping[str, Any]
) -> dict[str, str]:
    """Setting -> where its value comes from, of all of `config`.

    Args:
        given: of the settings that a person gave, "command line" or the file's line; None where nobody knows.
        measured: the calibration that the settings come from, or nothing.
    """
    found = {}
    for field in fields(config):
        value = getattr(config, field.name)
        plain = "given" if given is None and value != field.default else "default"
        found[field.name] = Path((given or {}).get(field.name, plain)).name  # of a file, without its folder
    found |= {name: why for name, why in OPEN.items() if getattr(config, name) is None}
    found |= origins(config, family) | _measured(config, family, found, measured)
    return {name: of if takes(config.objective, name) else UNUSED for name, of in found.items()}


def _measured(
    config: Config, family: str, found: Mapping[str, str], measured: Mapping[str, Any]
) -> dict[str, str]:
    """What a calibration says of the values that were taken from its file as they are."""
    if measured.get("objective") != config.objective:
        return {}
    recipe = recipe_of(config.recipe or family, config.objective)
    kept = {name: (recipe[name], why) for name, why in measured["origins"].items() if name in recipe}
    kept |= {name: (one["value"], f"measured: {one['why']}") for name, one in measured["proposed"].items()}
    return {
        name: why
        for name, (value, why) in kept.items()
        if getattr(config, name) == value and found[name] != command.COMMAND_LINE
    }
