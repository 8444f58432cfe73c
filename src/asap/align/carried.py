"""Numbers of a settings file that belong to another objective, or recipe, than the command line asks for.

A file that was printed or proposed pins every number. But a rate, margin or temperature of one objective is
on another scale under the next, so those that were the objective's own are left to the new one's recipe, and
those that a person wrote are kept. Both are told in one line.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from asap.align.names import takes
from asap.align.recipes import recipe_of
from asap.command import UNSET
from asap.errors import UserError

if TYPE_CHECKING:
    from asap.align.train import Config


class Owner(NamedTuple):
    """Whose numbers are meant: a recipe's for an objective."""

    recipe: str
    objective: str


def foreign(config: Config, values: Mapping[str, Any], named: Collection[str]) -> set[str]:
    """The settings among a file's `values` that `config` is to leave open, as they were another's own; and a
    line on stderr on these and on those that are kept. `named` are the settings in the command line."""
    now = _owner(config.recipe, config.model, config.objective)
    if now is None or "objective" not in values:
        return set()
    before = _owner(values.get("recipe"), values.get("model", config.model), values["objective"])
    if before is None or before == now:
        return set()
    recipe = recipe_of(*now)
    given = {name: values[name] for name in recipe if values.get(name) is not None and name not in named}
    own = _own(before, values.get("calibration"))
    left = {name for name, value in given.items() if value in own.get(name, ())}
    _tell(now, before, {name: (value, recipe[name]) for name, value in given.items()}, left)
    measured = {"calibration"} if before.objective != now.objective else set()
    return left | (measured & {*values} - {*named})


def _owner(recipe: str | None, model: str, objective: str) -> Owner | None:
    """None where the model is not known, nor the recipe."""
    from asap.backbones import load

    try:
        return Owner(recipe or load.family_of(model), objective) if recipe or model != UNSET else None
    except UserError:  # which the stage itself tells, of the model that it is to load
        return None


def _own(before: Owner, calibration: Path | None) -> dict[str, tuple[Any, ...]]:
    """Setting -> the numbers that are `before`'s own: its recipe's, and what was proposed for it."""
    found: dict[str, tuple[Any, ...]] = {name: (value,) for name, value in recipe_of(*before).items()}
    try:
        measured = json.loads(calibration.read_text(encoding="utf-8")) if calibration else {}
        proposed = measured["proposed"] if measured.get("objective") == before.objective else {}
        return found | {name: (*found[name], one["value"]) for name, one in proposed.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):  # `loop` tells, where it is used
        return found


def _tell(now: Owner, before: Owner, given: Mapping[str, tuple[Any, Any]], left: Collection[str]) -> None:
    """`given`: setting -> its value in the file, and in the recipe now."""
    name = "objective" if now.objective != before.objective else "recipe"
    mine, others = getattr(now, name), getattr(before, name)
    told = [
        f"{key} {new:g}, not {others}'s {old:g} of the file"
        if key in left
        else f"{key} {old:g} of the file is kept, where {mine}'s own is {new:g}"
        for key, (old, new) in given.items()
        if old != new and takes(now.objective, key)
    ]
    if told:
        print(f"asap: --{name} {mine}: {'; '.join(told)}", file=sys.stderr)
