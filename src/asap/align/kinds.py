"""Kinds of pairs: which error the loser of each shows. What sampling by lag tells apart."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from asap import store
from asap.errors import UserError

FILE = "kinds.json"
COLUMNS = ("part", "error")
UNNAMED = "unnamed"


class Kinds(NamedTuple):
    """The kinds' names, sorted, and of each pair its kind's number, (N,) int64 in [0, len(names))."""

    names: tuple[str, ...]
    of: Tensor


def columns(rows: Any) -> list[str]:
    """The columns of the dataset `rows` that tell kinds; none where it names no errors."""
    known = rows.column_names or []
    return [name for name in COLUMNS if name in known] if "error" in known else []


def check(rows: Any, data: str) -> None:
    """Raises UserError: the dataset `data`, opened as `rows`, names no errors."""
    if not columns(rows):
        raise UserError(f"{data} has no column `error`, which tells kinds of pairs; use --sampling uniform")


def kinds_of(rows: Sequence[Mapping[str, Any]]) -> Kinds:
    """The kinds of `rows`, each with an `error` and maybe a `part`.

    An error is a kind; one that several parts share is one for each part, as "blurred (face)".
    """
    found = [(row["error"] or UNNAMED, row.get("part") or UNNAMED) for row in rows]
    parts = Counter(error for error, _ in set(found))
    named = [error if parts[error] == 1 else f"{error} ({part})" for error, part in found]
    names = sorted(set(named))
    numbers = {name: number for number, name in enumerate(names)}
    return Kinds(tuple(names), torch.tensor([numbers[name] for name in named]))


def write(folder: Path, kinds: Kinds) -> None:
    """Keep `kinds` in the cache `folder`, where an older version or a kill has left them out."""
    if not (folder / FILE).exists():
        store.write_atomic(folder / FILE, store.to_json({"names": kinds.names, "of": kinds.of}) + "\n")


def read(folder: Path) -> Kinds:
    """The kinds of the pairs cached in `folder`.

    Raises:
        UserError: the file is damaged, or missing because the dataset names no errors.
    """
    path = folder / FILE
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return Kinds(tuple(found["names"]), torch.tensor(found["of"]))
    except FileNotFoundError:
        raise UserError(f"{folder} knows no kinds of pairs: its dataset names no errors") from None
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is damaged ({error}); delete it and run the stage again") from None
