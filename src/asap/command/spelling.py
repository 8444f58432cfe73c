"""From a `Config` back to the command line that gives it."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Sequence
from typing import Any


def spell(config: Any, stage: str, *positional: str) -> str:
    """The command line that gives `config`, to repeat a run; fields at their default are left out."""
    words = ["asap", stage]
    for name in positional:
        words += _words(getattr(config, name))
    return shlex.join([*words, *_flags(config, positional)])


def _flags(config: Any, skipped: Sequence[str] = ()) -> list[str]:
    """Flags and values of the fields that are not at their default; groups of settings lend theirs."""
    words = []
    for field in dataclasses.fields(config):
        value, flag = getattr(config, field.name), field.name.replace("_", "-")
        if field.name in skipped or value == field.default:
            continue
        if dataclasses.is_dataclass(value):
            words += _flags(value)
        elif isinstance(value, bool):
            words.append(f"--{flag}" if value else f"--no-{flag}")
        else:
            words += [f"--{flag}", *_words(value)]
    return words


def _words(value: object) -> list[str]:
    return [str(item) for item in (value if isinstance(value, tuple | list) else [value])]
