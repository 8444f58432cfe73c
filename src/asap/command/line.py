"""A stage's `Config` from its command line, by tyro, and from the YAML file that the command line names."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

import tyro

from asap.command import help, mistakes, show, yaml_file
from asap.command.settings import built, flat, settings_of
from asap.command.yaml_file import Given
from asap.errors import UserError

T = TypeVar("T")
HELP = {"-h", "--help"}
COMMAND_LINE = show.COMMAND_LINE
Explained = Callable[[Any], tuple[Any, dict[str, str]]]
"""Fills in what a config leaves open; with, by name, where that comes from."""
Foreign = Callable[[Any, Mapping[str, Any], Collection[str]], Collection[str]]
"""Of a config, the values by name that a file gives, and the names in the command line: which of the file's
values are not meant for this config, and are to be left open."""


class Read(NamedTuple, Generic[T]):
    """A `config`, and of each of its settings that were given where: "command line", or "run.yaml:3"."""

    config: T
    given: dict[str, str]


def parse(config: type[T], argv: Sequence[str], stage: str, explained: Explained | None = None) -> T:
    """The `config` of `read`."""
    return read(config, argv, stage, explained).config


def read(
    config: type[T],
    argv: Sequence[str],
    stage: str,
    explained: Explained | None = None,
    foreign: Foreign | None = None,
) -> Read[T]:
    """The `config` that `argv` spells out, and the YAML file after --config in it; options win over the file.

    With --print-config it prints the settings as YAML, those that `explained` fills in too, and ends the
    process. Paths in the file are relative to the working directory, as those of options. Values of the file
    that `foreign` names are left open, unless the command line gives them.

    Raises:
        UserError: an unknown option or setting, a value of the wrong kind, or no value where one is required.
            Other mistakes end the process with status 2 and a hint.
    """
    if HELP & set(argv) or any(word.startswith("--tyro-") for word in argv):
        _parsed(help.shown(config), argv, stage)  # which ends the process
    words, file = _without_config(argv)
    settings = settings_of(config)
    named = mistakes.check(words, settings, stage)
    given = yaml_file.read(file, settings) if file else {}
    rest = [word for word in words if word.replace("_", "-") != "--print-config"]
    missing = show.placeholders(settings, {*given, *named})
    if missing and len(rest) == len(words):
        raise UserError(mistakes.told_missing([settings[name] for name in missing], stage))
    chosen, given = _chosen(config, rest, stage, named, given, missing, foreign)
    sources = show.Sources(settings, named, given, missing)
    if len(rest) < len(words):
        _print(chosen, stage, sources, explained)
        raise SystemExit(0)
    return Read(chosen, show.places(sources))


def _chosen(
    config: type[T],
    words: Sequence[str],
    stage: str,
    named: Collection[str],
    given: Mapping[str, Given],
    missing: Mapping[str, Any],
    foreign: Foreign | None,
) -> tuple[T, dict[str, Given]]:
    """The config, and of the file's values those that it takes."""
    values = {name: one.value for name, one in given.items()}
    default = built(config, {**missing, **values}) if missing or given else None
    own = _parsed(config, words, stage, default)
    left = set(foreign(own, values, named)) if foreign and given else set()
    kept = {name: one for name, one in given.items() if name not in left}
    return (replace(own, **dict.fromkeys(left)) if left else own), kept


def _print(chosen: Any, stage: str, sources: show.Sources, explained: Explained | None) -> None:
    whole, filled = explained(chosen) if explained else (chosen, {})
    print(yaml_file.written(show.entries(flat(whole), sources, filled), stage), end="")


def _parsed(config: type[T], argv: Sequence[str], stage: str, default: T | None = None) -> T:
    given: dict[str, Any] = {} if default is None else {"default": default}
    parsed: T = tyro.cli(
        config,
        args=list(argv),
        prog=f"asap {stage}",
        description=help.wrapped(config.__doc__ or ""),
        config=(tyro.conf.DisallowNone,),  # a setting is left open by leaving its flag out
        **given,
    )
    return parsed


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
