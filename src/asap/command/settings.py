"""The settings of a stage's `Config`: their names, types and defaults, also of groups inside it.

What the command line and a YAML file share: words become values here, and mistakes get their sentences.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import NoneType
from typing import Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

import tyro

from asap.command.nearest import did_you_mean

POSITIONAL = get_args(tyro.conf.Positional[int])[1]
REQUIRED: Any = dataclasses.MISSING
UNSET = "\0"
"""What a required word is while settings are printed that lack it; no user's word equals it."""
YES, NO = ("true", "yes", "on"), ("false", "no", "off")
WANTED = {int: "a whole number", float: "a number", bool: "true or false", Path: "a path", str: "a word"}


class Settings:
    """The base of a stage's `Config`: from Python, paths may be given as strings."""

    def __post_init__(self) -> None:
        for name, hint in get_type_hints(type(self)).items():
            value, kinds = getattr(self, name), {hint, *get_args(hint)}
            if isinstance(value, str) and Path in kinds and str not in kinds:
                object.__setattr__(self, name, Path(value))
            elif isinstance(value, tuple | list) and hint == tuple[Path, ...]:
                object.__setattr__(self, name, tuple(Path(item) for item in value))


class Setting(NamedTuple):
    """A field: name, type, default (`REQUIRED` where it has none), and whether it is given without a flag."""

    name: str
    hint: Any
    default: Any
    positional: bool

    @property
    def flag(self) -> str:
        """As on the command line: --learning-rate."""
        return "--" + self.name.replace("_", "-")

    @property
    def many(self) -> int | None:
        """How many words it takes; None: any number."""
        if get_origin(self.hint) is not tuple:
            return 1
        kinds = get_args(self.hint)
        return None if Ellipsis in kinds else len(kinds)

    def value(self, words: Sequence[str]) -> Any:
        """What `words` say.

        Raises:
            ValueError: they say nothing of its type; the text tells what to give.
        """
        if get_origin(self.hint) is not tuple:
            if len(words) != 1:
                raise ValueError("give one value")
            return _value(self.hint, words[0])
        kinds = get_args(self.hint)
        if self.many not in (None, len(words)):
            raise ValueError(f"give {self.many} values")
        return tuple(_value(kinds[0], word) for word in words)


def settings_of(config: type) -> dict[str, Setting]:
    """Name -> setting of the dataclass `config`, in order; a group inside it lends its own."""
    found: dict[str, Setting] = {}
    marked, hints = get_type_hints(config, include_extras=True), get_type_hints(config)
    for field in dataclasses.fields(config):
        if dataclasses.is_dataclass(hint := hints[field.name]):
            found |= settings_of(hint)  # type: ignore[arg-type]
        else:
            positional = POSITIONAL in getattr(marked[field.name], "__metadata__", ())
            found[field.name] = Setting(field.name, hint, _default(field), positional)
    return found


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default


def built(config: type, values: Mapping[str, Any]) -> Any:
    """A `config` with `values` by name, in its groups too; what is required and not among them is MISSING."""
    hints, chosen = get_type_hints(config), {}
    for field in dataclasses.fields(config):
        if dataclasses.is_dataclass(hint := hints[field.name]):
            chosen[field.name] = built(hint, values)  # type: ignore[arg-type]
        else:
            default = _default(field)
            chosen[field.name] = values.get(field.name, tyro.MISSING if default is REQUIRED else default)
    return config(**chosen)


def flat(config: Any) -> dict[str, Any]:
    """Name -> value of the instance `config`, those of groups beside its own."""
    found: dict[str, Any] = {}
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        found |= flat(value) if dataclasses.is_dataclass(value) else {field.name: value}
    return found


def _value(hint: Any, word: str) -> Any:
    kinds = [kind for kind in _alternatives(hint) if kind is not NoneType]
    for kind in kinds:
        try:
            return _of_kind(kind, word)
        except ValueError as error:
            said = str(error)
    raise ValueError(said)


def _alternatives(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) is not Literal and get_args(hint) else (hint,)


def _of_kind(kind: Any, word: str) -> Any:
    if get_origin(kind) is Literal:
        if word not in get_args(kind):
            raise ValueError(f"no such choice{did_you_mean(word, get_args(kind), among=True)}")
        return word
    if kind is bool:
        if word.lower() not in YES + NO:
            raise ValueError("give true or false")
        return word.lower() in YES
    try:
        return kind(word)
    except ValueError:
        raise ValueError(f"give {WANTED[kind]}") from None
