"""The help of a stage: its `Config`'s docstrings, each a paragraph that the terminal wraps."""

from __future__ import annotations

import ast
import dataclasses
import functools
import inspect
import shutil
import textwrap
from itertools import pairwise
from typing import Annotated, Any, TypeVar, get_type_hints

import tyro

T = TypeVar("T")
OPEN = "(left open)"
FILE = "A YAML file of settings by name, such as `seed: 1`; options given beside it win."
PRINT = "Print all settings as such a file, each with where it comes from, and stop."


def shown(config: type[T]) -> type[T]:
    """`config` with the options that every stage has, and with texts that tyro wraps once."""
    return _made(
        config,
        [
            (
                "config",
                _told(str, FILE, metavar="FILE", help_behavior_hint=OPEN),
                dataclasses.field(default=""),
            ),
            (
                "print_config",
                _told(tyro.conf.FlagCreatePairsOff[bool], PRINT),
                dataclasses.field(default=False),
            ),
        ],
    )


def _made(config: type[T], more: list[tuple[str, Any, Any]]) -> type[T]:
    """`config` and `more` fields. Left to itself, tyro keeps the line breaks of the source."""
    texts, hints = docstrings(config), get_type_hints(config, include_extras=True)
    own = [_field(field, hints[field.name], texts.get(field.name)) for field in dataclasses.fields(config)]  # type: ignore[arg-type]
    made: type[T] = dataclasses.make_dataclass(
        config.__name__, [*own, *more], bases=(config,), frozen=True, namespace={"__doc__": config.__doc__}
    )
    return made


def _field(field: dataclasses.Field[Any], hint: Any, text: str | None) -> tuple[str, Any, Any]:
    """Name, type and default, also of a group of settings."""
    kind, marks = getattr(hint, "__origin__", hint), getattr(hint, "__metadata__", ())
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        group: Any = _made(kind, [])
        return field.name, Annotated[(group, *marks)], dataclasses.field(default_factory=group)
    default: Any = {"default": field.default, "default_factory": field.default_factory}
    hinted = any(getattr(mark, "help_behavior_hint", None) for mark in marks)
    more = {} if hinted or field.default not in (None, "") else {"help_behavior_hint": OPEN}
    return field.name, _told(hint, text, **more) if text else hint, dataclasses.field(**default)


def _told(hint: Any, text: str, **more: Any) -> Any:
    return Annotated[hint, tyro.conf.arg(help=text, **more)]


def docstrings(config: type) -> dict[str, str]:
    """Field -> the text below it in the source of the dataclass `config` or of a base, as one paragraph."""
    found: dict[str, str] = {}
    for base in reversed(config.__mro__):
        if dataclasses.is_dataclass(base):
            found |= _below_fields(base)
    return found


def _below_fields(config: type) -> dict[str, str]:
    (made,) = ast.parse(textwrap.dedent(inspect.getsource(config))).body
    found = {}
    for field, text in pairwise(getattr(made, "body", ())):
        match field, text:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(said))):
                found[name] = " ".join(said.split())
    return found


def wrapped(text: str) -> str:
    """`text` in lines as long as the terminal's, its paragraphs kept.

    Indented, because tyro joins lines that begin with a letter.
    """
    width, indent = shutil.get_terminal_size().columns, "  "
    fill = functools.partial(textwrap.fill, width=width, initial_indent=indent, subsequent_indent=indent)
    return "\n\n".join(fill(" ".join(part.split())) for part in text.split("\n\n"))
