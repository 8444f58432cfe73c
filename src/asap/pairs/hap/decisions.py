"""What people decided on pairs: `decisions.jsonl` beside a dataset, one line a decision, the last one counts.

    {"id": "0123456789abcdef", "decision": "reject"}
    {"id": "fedcba9876543210", "decision": "wrong label", "error": "fused fingers"}

Of a pair whose label is wrong the "error" is the right one, where the line tells it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from asap.errors import UserError
from asap.store import Row, read_rows

FILE = "decisions.jsonl"
KEEP, REJECT, WRONG_LABEL, UNSURE = "keep", "reject", "wrong label", "unsure"
WORDS = (KEEP, REJECT, WRONG_LABEL, UNSURE)
UNNAMED = "unnamed"
"""The error of a pair whose label is wrong and whose right one nobody told."""


class Decision(NamedTuple):
    """One of `WORDS`, and the right name of the error where somebody gave it."""

    word: str
    error: str | None = None


def read(folder: Path) -> dict[str, Decision]:
    """The decisions on the pairs of the dataset in `folder`, by their ids; none where nobody decided.

    Raises:
        UserError: a line that is no decision.
    """
    path = folder / FILE
    return {str(row["id"]): _decision(path, row) for row in _rows(path)}


def _rows(path: Path) -> Iterator[Row]:
    for number, row in enumerate(read_rows(path), 1):
        if not isinstance(row.get("id"), str) or not isinstance(row.get("decision"), str):
            raise UserError(
                f'{path} row {number}: expected {{"id": ..., "decision": ...}}; mend or delete that line'
            )
        yield row


def _decision(path: Path, row: Row) -> Decision:
    if row["decision"] not in WORDS:
        raise UserError(f"{path}: {row['decision']!r} of pair {row['id']} is none of {', '.join(WORDS)}")
    return Decision(row["decision"], str(row["error"]) if row.get("error") else None)


def rejected(decisions: Mapping[str, Decision]) -> frozenset[str]:
    """The ids of the pairs that are to stay out."""
    return frozenset(pair for pair, decision in decisions.items() if decision.word == REJECT)


def applied(row: Row, decisions: Mapping[str, Decision]) -> Row | None:
    """The row as decided: None if its pair was rejected, with another "error" if its label was wrong."""
    decision = decisions.get(row["id"], Decision(KEEP))
    if decision.word == REJECT:
        return None
    return row | {"error": decision.error or UNNAMED} if decision.word == WRONG_LABEL else row
