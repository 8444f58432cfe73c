"""What people decided on pairs: what `asap review` recorded, and `decisions.jsonl` beside a dataset.

    {"id": "0123456789abcdef", "decision": "reject"}
    {"id": "fedcba9876543210", "decision": "wrong label", "error": "fused fingers"}

One line is a decision, and the last one of a pair counts. Of a pair whose label is wrong the "error" is the
right one, where the line tells it. Where several people reviewed a pair, `agreed` makes one decision of
theirs; a line in `decisions.jsonl` overrules them all.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from asap.errors import UserError
from asap.store import Row, read_rows
from asap.web import journal

FILE = "decisions.jsonl"
REVIEWS = "reviews.sqlite"
"""Where `asap review` keeps what people decided, beside the dataset."""
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
        UserError: a line that is no decision, or reviews that are damaged.
    """
    return reviewed(folder) | written(folder)


def written(folder: Path) -> dict[str, Decision]:
    """The decisions in `decisions.jsonl` alone.

    Raises:
        UserError: a line that is no decision.
    """
    path = folder / FILE
    return {str(row["id"]): _decision(path, row) for row in _rows(path)}


def reviewed(folder: Path) -> dict[str, Decision]:
    """The decisions of the people who used `asap review`, one a pair.

    Raises:
        UserError: the file of reviews is damaged.
    """
    said: dict[str, list[Decision]] = defaultdict(list)
    for answer in journal.standing(folder / REVIEWS):
        said[answer.item].append(Decision(answer.word, answer.detail))
    return {pair: agreed(votes) for pair, votes in said.items()}


def agreed(votes: Sequence[Decision]) -> Decision:
    """The decision that most of the people who were sure made; "unsure" on a tie, and where nobody was sure.

    The right error of a wrong label is the one that most of them named, none on a tie.
    """
    word = _most([vote.word for vote in votes if vote.word != UNSURE]) or UNSURE
    named = [vote.error for vote in votes if vote.error] if word == WRONG_LABEL else []
    return Decision(word, _most(named))


def _most(words: Sequence[str]) -> str | None:
    """The most frequent word; None where there is none or more than one."""
    ranked = Counter(words).most_common(2)
    tie = len(ranked) == 2 and ranked[0][1] == ranked[1][1]
    return ranked[0][0] if ranked and not tie else None


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
