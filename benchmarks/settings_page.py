"""Writes docs/settings.md: every setting of `asap train`, its default, and what each recipe gives.

python benchmarks/settings_page.py > docs/settings.md
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from asap.align.recipes import BY_OBJECTIVE, ORIGINS, RECIPES, recipe_of
from asap.align.train import Config
from asap.command.help import docstrings
from asap.command.settings import REQUIRED, Setting, settings_of

HEAD = """# The settings of `asap train`

Made by `python benchmarks/settings_page.py > docs/settings.md`; a test holds it equal to the code.

Settings are options (`--learning-rate 1e-4`), lines of a YAML file (`learning_rate: 1e-4`), or fields of
`asap.align.train.Config`. Options win over the file, and the recipe gives what both leave open:

```console
asap train --model mini-hand --data hands --print-config > run.yaml   # all of them, and where each comes from
asap train --config run.yaml --out run --steps 500
asap recipes flux --objective dpo                                     # what a recipe gives, and why
asap propose --model mini-hand --data hands --out proposal            # measured: see calibration.md
```

Every stage takes `--config FILE` and `--print-config`. A file holds one setting a line, by its name;
lists stand in brackets; `null` leaves open. Paths are relative to the working directory. Unknown names,
values of the wrong kind and names given twice are refused with file and line. Options win over the
file, the file over the recipe, the recipe over the default. One thing a file does not carry over: where
the command line names another `--objective` (or `--recipe`) than the file, numbers that were the first
one's own, by its recipe or by `asap propose`, are left to the new one's recipe; numbers of yours are
kept; one line tells both. The command that a run records has all of its settings, wherever they came
from.
"""


def page() -> str:
    """The whole page."""
    settings, words = settings_of(Config), docstrings(Config)
    rows = [(f"`{name}`", kind(one.hint), default(one), words[name]) for name, one in settings.items()]
    parts = [HEAD.strip(), "## All settings", table(("setting", "takes", "default", "meaning"), rows)]
    parts += [
        "## What recipes give",
        table(*recipes()),
        "Other numbers under other objectives:",
        table(*others()),
    ]
    return "\n\n".join([*parts, "## How the numbers were come by", table(*origins())]) + "\n"


def kind(hint: Any) -> str:
    """What a setting takes, in words."""
    kinds = [one for one in (get_args(hint) or (hint,)) if one is not type(None)]
    if get_origin(hint) is Literal:
        return ", ".join(f"`{choice}`" for choice in get_args(hint))
    if get_origin(kinds[0]) is Literal:
        return kind(kinds[0])
    names = {int: "whole number", float: "number", bool: "yes or no", Path: "path", str: "words"}
    return names[kinds[0]]


def default(setting: Setting) -> str:
    """A setting's default, in words."""
    if setting.default is REQUIRED:
        return "required"
    if setting.default is None:
        return "by recipe" if setting.name in recipe_of("flux", "asap") else "left open"
    return "no" if setting.default is False else f"{setting.default}"


def recipes() -> tuple[list[str], list[list[str]]]:
    """Columns and rows: the numbers of each recipe, those that agree together."""
    groups: dict[Any, list[str]] = {}
    for name, recipe in RECIPES.items():
        groups.setdefault(recipe, []).append(name)
    header = ["setting", *(", ".join(f"`{name}`" for name in names) for names in groups.values())]
    names = list(recipe_of("flux", "asap"))
    return header, [[f"`{name}`", *(f"{getattr(recipe, name):g}" for recipe in groups)] for name in names]


def others() -> tuple[list[str], list[list[str]]]:
    """Columns and rows: what single objectives get instead."""
    groups: dict[tuple[str, str], list[str]] = {}
    for (name, objective), values in BY_OBJECTIVE.items():
        told = ", ".join(f"{key} {value:g}" for key, value in values.items())
        groups.setdefault((objective, told), []).append(name)
    rows = [[f"`{objective}`", ", ".join(names), told] for (objective, told), names in groups.items()]
    return ["objective", "recipes", "settings"], sorted(rows)


def origins() -> tuple[list[str], list[list[str]]]:
    """Columns and rows: setting, recipes, and where their number comes from."""
    groups: dict[tuple[str, str, str], list[str]] = {}
    for name, found in ORIGINS.items():
        for setting, origin in found.items():
            groups.setdefault((setting, *origin), []).append(name)
    order = list(recipe_of("flux", "asap"))
    keys = sorted(groups, key=lambda key: order.index(key[0]))
    rows = [[f"`{key[0]}`", ", ".join(groups[key]), f"**{key[1]}**", key[2]] for key in keys]
    return ["setting", "recipes", "how", "where"], rows


def table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table in Markdown."""
    lines = [list(header), *(list(row) for row in rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


if __name__ == "__main__":
    print(page(), end="")
