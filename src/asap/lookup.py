"""Names to code: a table of ``name -> "module:attribute"`` in which only the chosen entry is imported."""

from __future__ import annotations

import importlib
import re
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from typing import Any

from asap.errors import UserError

MOST = 4
"""Names that a message suggests."""


def choose(table: Mapping[str, str], name: str, kind: str) -> Any:
    """Import and return the attribute that `table` holds under `name`.

    Args:
        table: name -> "package.module:attribute".
        name: what the user asked for.
        kind: what the table lists ("judge", "backbone"), for the message.

    Raises:
        UserError: `name` is not in the table; the message lists the nearest names, or all.
    """
    check_name(table, name, kind)
    module, _, attribute = table[name].partition(":")
    return getattr(importlib.import_module(module), attribute)


def check_name(known: Collection[str], name: str, kind: str) -> None:
    """Raises UserError: `name` is none of `known`; the message lists the nearest names, or all.

    Near are names in nearly the same letters, then those with which it shares a word, as in "sixth finger".
    """
    if name in known:
        return
    same = [other for other in known if _words(other) == _words(name)]  # but for spaces, dashes, capitals
    near = get_close_matches(name, known, n=2)
    near += [other for other in known if set(_words(name)) & set(_words(other))]
    shown = same or list(dict.fromkeys(near))[:MOST]
    hint = f"did you mean {' or '.join(shown)}?" if shown else f"known: {', '.join(sorted(known))}"
    raise UserError(f"no {kind} named {name!r}; {hint}")


def _words(name: str) -> list[str]:
    return re.findall("[a-z0-9]+", name.lower())
