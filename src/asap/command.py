"""A stage's frozen `Config` as its command line, by tyro: fields are flags, docstrings are help."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Sequence
from typing import Any, TypeVar

import tyro

T = TypeVar("T")


def parse(config: type[T], argv: Sequence[str], stage: str) -> T:
    """The `config` that `argv` spells out; mistakes in `argv` end the process with status 2 and a hint."""
    return tyro.cli(config, args=list(argv), prog=f"asap {stage}")


def spell(config: Any, stage: str, *positional: str) -> str:
    """The command line that gives `config`, to repeat a run; fields at their default are left out."""
    words = ["asap", stage]
    for name in positional:
        words += _words(getattr(config, name))
    for field in dataclasses.fields(config):
        value, flag = getattr(config, field.name), field.name.replace("_", "-")
        if field.name in positional or value == field.default:
            continue
        if isinstance(value, bool):
            words.append(f"--{flag}" if value else f"--no-{flag}")
        else:
            words += [f"--{flag}", *_words(value)]
    return shlex.join(words)


def _words(value: object) -> list[str]:
    return [str(item) for item in (value if isinstance(value, tuple | list) else [value])]
