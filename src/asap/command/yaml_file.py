"""Settings in a YAML file: one a line, by name. Read as words, like those of a command line; written with
where each comes from.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from asap.command.nearest import did_you_mean
from asap.command.settings import Setting
from asap.errors import UserError

ABSENT = object()
NULL = "tag:yaml.org,2002:null"
PLAIN = re.compile(r"[A-Za-z0-9_./][A-Za-z0-9_./\-]*")


class Given(NamedTuple):
    """A setting's value, and where it stands: run.yaml:3."""

    value: Any
    place: str


class Entry(NamedTuple):
    """A setting to write: its value (`ABSENT`: none yet) and where it comes from, for the comment."""

    name: str
    value: Any
    origin: str


def read(path: Path, settings: Mapping[str, Setting]) -> dict[str, Given]:
    """Name -> what the file says of the setting. Those without a value (`null`) are left open.

    Nothing in the file is constructed: tags mean nothing, numbers are read as on the command line.

    Raises:
        UserError: no such file, not YAML, another shape than one setting a line, an unknown name, or a value
            of the wrong kind.
    """
    found: dict[str, Given] = {}
    for place, name, node in _entries(path):
        if name not in settings:
            raise UserError(f"{place}: no setting named {name!r}{did_you_mean(name, settings, among=True)}")
        if name in found:
            raise UserError(f"{place}: {name} is given already, in {found[name].place}")
        if node.tag != NULL:
            found[name] = Given(_value(settings[name], node, place), place)
        elif settings[name].default is not None:
            raise UserError(f"{place}: {name} has no value; give one, or leave the line out")
    return found


def _entries(path: Path) -> Iterator[tuple[str, str, yaml.Node]]:
    """Place, name and value of each line."""
    root = _root(path)
    if root is None:
        return
    if not isinstance(root, yaml.MappingNode):
        raise UserError(f"{_place(path, root)}: give one setting a line, such as `seed: 1`")
    for key, node in root.value:
        if not isinstance(key, yaml.ScalarNode):
            raise UserError(f"{_place(path, key)}: give one setting a line, such as `seed: 1`")
        yield _place(path, key), key.value.replace("-", "_"), node


def _root(path: Path) -> yaml.Node | None:
    try:
        return yaml.compose(path.read_text(encoding="utf-8"), yaml.SafeLoader)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not text"
        raise UserError(f"--config {path}: {reason}; give a YAML file of settings") from None
    except yaml.composer.ComposerError as error:
        several = "a single document" in str(error.context)
        problem = "more than one document (`---`); keep one" if several else error.problem
        raise UserError(f"{_at(path, error.problem_mark)}: {problem}") from None
    except yaml.MarkedYAMLError as error:
        raise UserError(f"{_at(path, error.problem_mark)}: not YAML ({error.problem})") from None
    except yaml.YAMLError as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{path}: not YAML ({reason})") from None


def _place(path: Path, node: yaml.Node) -> str:
    return _at(path, node.start_mark)


def _at(path: Path, mark: yaml.Mark | None) -> str:
    return f"{path}:{mark.line + 1}" if mark else str(path)


def _value(setting: Setting, node: yaml.Node, place: str) -> Any:
    nodes = node.value if isinstance(node, yaml.SequenceNode) else [node]
    if not all(isinstance(one, yaml.ScalarNode) for one in nodes):
        raise UserError(f"{place}: {setting.name} takes {_wanted(setting)}, nothing nested")
    if setting.many == 1 and isinstance(node, yaml.SequenceNode):
        raise UserError(f"{place}: {setting.name} takes {_wanted(setting)}, not a list")
    words = [one.value for one in nodes]
    try:
        return setting.value(words)
    except ValueError as error:
        raise UserError(f"{place}: {setting.name} {' '.join(words)}: {error}") from None


def _wanted(setting: Setting) -> str:
    return "one value" if setting.many == 1 else "a list of values"


def written(entries: Sequence[Entry], stage: str) -> str:
    """The file that gives `entries` to `asap STAGE --config`, each with a comment on where it comes from."""
    lines = [f"# asap {stage} --config THIS.yaml: options given beside it win"]
    for name, value, origin in entries:
        text = f"# {name}:" if value is ABSENT else f"{name}: {_spelled(value)}"
        lines.append(f"{text:31} # {origin}")
    return "\n".join(lines) + "\n"


def _spelled(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, tuple | list):
        return f"[{', '.join(_spelled(item) for item in value)}]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):  # YAML's own numbers have a point
        return re.sub(r"^(-?\d+)e", r"\1.0e", repr(value))
    text = str(value)
    if isinstance(value, int):
        return text
    alone = PLAIN.fullmatch(text) and isinstance(yaml.safe_load(text), str)
    return text if alone else json.dumps(text, ensure_ascii=False)
