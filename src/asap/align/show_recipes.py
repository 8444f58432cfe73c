"""`asap recipes`: the settings that `asap train` takes where none is given, and how each was come by."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from shutil import get_terminal_size

import tyro

from asap import command
from asap.align.names import takes
from asap.align.recipes import RECIPES, Name, origins_of, recipe_of
from asap.align.train import Objective


@dataclass(frozen=True)
class Config(command.Settings):
    """Show the recipes: the settings that `asap train` takes where you give none, and how each number was
    come by. `asap train --recipe NAME` takes those of another recipe than the model's own."""

    names: tyro.conf.Positional[tuple[Name, ...]] = ()
    """Recipes to show; all of them when left open."""
    objective: Objective = "asap"
    """The objective: some have settings of their own."""


def run(config: Config) -> str:
    """The text for people: recipes that agree in all, numbers and origins, are told together."""
    told: dict[str, list[str]] = {}
    for name in config.names or RECIPES:
        told.setdefault(_told(name, config.objective), []).append(name)
    return "\n\n".join(f"{', '.join(names)}: {config.objective}\n{text}" for text, names in told.items())


def _told(name: str, objective: str) -> str:
    origins = origins_of(name, objective)
    width = max(get_terminal_size().columns, 60)
    lines = []
    for setting, value in recipe_of(name, objective).items():
        if not takes(objective, setting):
            continue
        lead = f"  {setting:15}{value:<8g}"
        lines.append(textwrap.fill(lead + str(origins[setting]), width, subsequent_indent=" " * len(lead)))
    return "\n".join(lines)


def main(argv: Sequence[str]) -> None:
    """The command line of this stage."""
    print(run(command.parse(Config, argv, "recipes")))
