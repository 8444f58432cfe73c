"""The commands that give a report again, as far as the folders it is made of tell them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from asap.bench.page import Section
from asap.bench.results import Method
from asap.store import Row, commands_in


def section(before: Sequence[str], made: Iterable[Row], methods: Sequence[Method], last: str) -> Section:
    """The commands, each once.

    Args:
        before: what no folder tells.
        made: records of the folders (`asap.store.read_config`), each with its commands, and with those that
            made what it was made of.
        methods: whose versions and judge's settings the note tells.
        last: the report's own command.
    """
    lines = [line for row in made for line in commands_in(row)]
    versions = ", ".join(sorted({str(method.judged.get("version")) for method in methods}))
    settings = methods[0].judged.get("identity", {}).get("settings") or {}
    told = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in settings.items())
    note = f"Judged with asap {versions}" + (f"; the judge's settings: {told}." if told else ".")
    return Section("To repeat this", commands=list(dict.fromkeys([*before, *lines, last])), note=note)
