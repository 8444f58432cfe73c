"""A stage's `Config` from its command line, by tyro, and from the YAML file that the command line names."""

from __future__ import annotations

import dataclasses
import functools
import shutil
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

import tyro

from asap.command import mistakes, show, yaml_file
from asap.command.settings import built, flat, settings_of
from asap.errors import UserError

T = TypeVar("T")
HELP = {"-h", "--help"}
CONFIG_HELP = "A YAML file of settings by name, such as `seed: 1`; options given beside it win."
PRINT_HELP = "Print all settings as such a file, each with where it comes from, and stop."
Explained = Callable[[Any], tuple[Any, dict[str, str]]]
"""Fills in what a config leaves open; with, by name, where that comes from."""


def parse(config: type[T], argv: Sequence[str], stage: str, explained: Explained | None = None) -> T:
    """The `config` that `argv` spells out, and the YAML file after --config in it; options win over the file.

    With --print-config it prints the settings as YAML, those that `explained` fills in too, and ends the
    process. Paths in the file are relative to the working directory, as those of options.

    Raises:
        UserError: an unknown option or setting, or a value of the wrong kind. Other mistakes end the process
            with status 2 and a hint.
    """
    if HELP & set(argv) or any(word.startswith("--tyro-") for word in argv):
        return _parsed(_with_common(config), argv, stage)
    words, file = _without_config(argv)
    settings = settings_of(config)
    named = mistakes.check(words, settings, stage)
    given = yaml_file.read(file, settings) if file else {}
    rest = [word for word in words if word.replace("_", "-") != "--print-config"]
    values = {name: one.value for name, one in given.items()}
    if len(rest) == len(words):
        default: T | None = built(config, values) if given else None
        return _parsed(config, words, stage, default)
    missing = show.placeholders(settings, values)
    chosen = _parsed(config, rest, stage, built(config, missing | values))
    whole, filled = explained(chosen) if explained else (chosen, {})
    sources = show.Sources(settings, named, given, missing, filled)
    print(yaml_file.written(show.entries(flat(chosen), flat(whole), sources), stage), end="")
    raise SystemExit(0)


def _parsed(config: type[T], argv: Sequence[str], stage: str, default: T | None = None) -> T:
    given: dict[str, Any] = {} if default is None else {"default": default}
    parsed: T = tyro.cli(
        config,
        args=list(argv),
        prog=f"asap {stage}",
        description=_wrapped(config.__doc__ or ""),
        config=(tyro.conf.DisallowNone,),  # a setting is left open by leaving its flag out
        **given,
    )
    return parsed


def _with_common(config: type[T]) -> type[T]:
    """`config` with the options that every stage has, for its help."""
    file = Annotated[str, tyro.conf.arg(help=CONFIG_HELP, metavar="FILE")]
    printed = Annotated[tyro.conf.FlagCreatePairsOff[bool], tyro.conf.arg(help=PRINT_HELP)]
    fields = [
        ("config", file, dataclasses.field(default="")),
        ("print_config", printed, dataclasses.field(default=False)),
    ]
    made: type[T] = dataclasses.make_dataclass(
        config.__name__, fields, bases=(config,), frozen=True, namespace={"__doc__": config.__doc__}
    )
    return made


def _without_config(argv: Sequence[str]) -> tuple[list[str], Path | None]:
    """`argv` without --config, and its file."""
    words, file, rest = [], None, iter(argv)
    for word in rest:
        flag, attached, value = word.partition("=")
        if flag != "--config":
            words.append(word)
            continue
        if file is not None:
            raise UserError("--config: given twice; put all settings into one file")
        value = value if attached else next(rest, "")
        if not value or mistakes.is_flag(value):
            raise UserError("--config: give a YAML file after it")
        file = Path(value)
    return words, file


def _wrapped(text: str) -> str:
    """`text` in lines as long as the terminal's, its paragraphs kept.

    Indented, because tyro joins lines that begin with a letter.
    """
    width, indent = shutil.get_terminal_size().columns, "  "
    fill = functools.partial(textwrap.fill, width=width, initial_indent=indent, subsequent_indent=indent)
    return "\n\n".join(fill(" ".join(part.split())) for part in text.split("\n\n"))
