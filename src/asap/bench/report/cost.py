"""What the judgements cost: calls, tokens and money, from `usage.json` beside the judgements."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from asap.bench.page import Section, Table
from asap.bench.wording import NOTHING
from asap.store import Row

USAGE = "usage.json"
COUNTS = ("calls", "cached", "tokens_in", "tokens_out")


def read(folder: Path) -> Row | None:
    """The usage of a folder of judgements; None where there is none, or it is no such file."""
    try:
        found = json.loads((folder / USAGE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def sections(judged: Mapping[str, int], usage: Mapping[str, Row | None]) -> list[Section]:
    """The account by folder, with its sum; nothing where no judge kept one.

    Args:
        judged: what was asked about -> its number of images (of pairs, for votes).
        usage: the same -> what it used.
    """
    if not any(usage.values()):
        return []
    rows = [_row(name, found or {}, judged.get(name)) for name, found in usage.items()]
    known = [found for found in usage.values() if found]
    if len(known) > 1:
        rows.append(
            _row("all", {name: _sum(known, name) for name in (*COUNTS, "cost")}, sum(judged.values()))
        )
    header = (
        "judgements of",
        "calls",
        "from the cache",
        "tokens in",
        "tokens out",
        "cost",
        "cost per 1,000",
    )
    note = "As the judge's service counted. Costs are in the currency of the prices that the judge was given."
    return [Section("Cost", table=Table(header, rows), note=note)]


def _sum(known: Sequence[Row], name: str) -> float | None:
    values = [_number(row.get(name)) for row in known]
    told = [value for value in values if value is not None]
    return sum(told) if len(told) == len(values) else None


def _number(value: object) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _row(name: str, found: Row, images: int | None) -> tuple[str, ...]:
    cost, counts = _number(found.get("cost")), [_number(found.get(key)) for key in COUNTS]
    each = None if cost is None or not images else 1000 * cost / images
    return (name, *map(_whole, counts), _money(cost), _money(each))


def _whole(value: float | None) -> str:
    return NOTHING if value is None else f"{value:,.0f}"


def _money(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.3g}" if 0 < value < 1 else f"{value:,.2f}"
