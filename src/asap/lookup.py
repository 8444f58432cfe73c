"""Names to code: a table of ``name -> "module:attribute"`` in which only the chosen entry is imported."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from asap.errors import UserError


def choose(table: Mapping[str, str], name: str, kind: str) -> Any:
    """Import and return the attribute that `table` holds under `name`.

    Args:
        table: name -> "package.module:attribute".
        name: what the user asked for.
        kind: what the table lists ("judge", "backbone"), for the message.

    Raises:
        UserError: `name` is not in the table; the message lists the nearest names, or all.
    """
    if name not in table:
        near = get_close_matches(name, table, n=2)
        hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(sorted(table))}"
        raise UserError(f"no {kind} named {name!r}; {hint}")
    module, _, attribute = table[name].partition(":")
    return getattr(importlib.import_module(module), attribute)
