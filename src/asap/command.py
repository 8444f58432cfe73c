"""A stage's frozen `Config` as its command line, by tyro: fields are flags, docstrings are help."""

from __future__ import annotations

import dataclasses
import functools
import shlex
import shutil
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

import tyro

T = TypeVar("T")


class Settings:
    """The base of a stage's `Config`: from Python, paths may be given as strings."""

    def __post_init__(self) -> None:
        for name, hint in get_type_hints(type(self)).items():
            value, kinds = getattr(self, name), {hint, *get_args(hint)}
            if isinstance(value, str) and Path in kinds and str not in kinds:
                object.__setattr__(self, name, Path(value))
            elif isinstance(value, tuple | list) and hint == tuple[Path, ...]:
                object.__setattr__(self, name, tuple(Path(item) for item in value))


def parse(config: type[T], argv: Sequence[str], stage: str) -> T:
    """The `config` that `argv` spells out; mistakes in `argv` end the process with status 2 and a hint."""
    return tyro.cli(
        config,
        args=list(argv),
        prog=f"asap {stage}",
        description=_wrapped(config.__doc__ or ""),
        config=(tyro.conf.DisallowNone,),  # a setting is left open by leaving its flag out
    )


def _wrapped(text: str) -> str:
    """`text` in lines as long as the terminal's, its paragraphs kept.

    Indented, because tyro joins lines that begin with a letter.
    """
    width, indent = shutil.get_terminal_size().columns, "  "
    fill = functools.partial(textwrap.fill, width=width, initial_indent=indent, subsequent_indent=indent)
    return "\n\n".join(fill(" ".join(part.split())) for part in text.split("\n\n"))


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
