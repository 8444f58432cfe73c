"""What is known of judges' errors: counts on the labelled sets, kept in `hands.json` and `people.json`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from asap.bench.corrected import Tally
from asap.store import Row, content_id

FOLDER = Path(__file__).parent
RECORDS = ("hands.json", "people.json")


@dataclass(frozen=True)
class Calibration:
    """A judge's errors on a labelled set.

    Attributes:
        subject: what the set shows, "hands" or "people".
        tally: on all pictures.
        by_model: on the pictures of each model.
        alike_on_faulty_p, alike_on_correct_p: p-values of it calling equal shares of all models' faulty
            pictures wrong, and of their correct ones.
        source: where the set is from, and its labels.
        weighed: the tally as of independent pictures, where several are of one prompt.
        kinds: kind of error -> how many pictures show it that the judge calls wrong, and how many in all.
    """

    subject: str

    tally: Tally
    by_model: Mapping[str, Tally]
    alike_on_faulty_p: float
    alike_on_correct_p: float
    source: str = "drawn by the embedded models and labelled by eye"
    weighed: Tally | None = None
    kinds: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def alike(self) -> bool:
        """Whether the judge errs alike on all models, as far as is known (p of 0.05)."""
        return not min(self.alike_on_faulty_p, self.alike_on_correct_p) < 0.05  # not a number: not known


def calibration_of(judge: object, settings: object) -> Calibration | None:
    """What is recorded of the judge of that name and those settings; None where nothing is."""
    wanted, paths = content_id(judge, settings), [FOLDER / name for name in RECORDS]
    texts = [path.read_text(encoding="utf-8") for path in paths if path.is_file()]
    return next((made for text in texts for key, made in _parsed(text) if key == wanted), None)


@cache
def _parsed(text: str) -> tuple[tuple[str, Calibration], ...]:
    read = json.loads(text)
    return tuple(_rows(read["subject"], read["judges"]))


def _rows(subject: str, judges: Sequence[Row]) -> Iterator[tuple[str, Calibration]]:
    for row in judges:
        by_model = {name: read_tally(counts) for name, counts in row["by_model"].items()}
        alike = float(row["alike_on_faulty_p"]), float(row["alike_on_correct_p"])
        yield (
            content_id(row["name"], row["settings"]),
            Calibration(subject, read_tally(row), by_model, *alike),
        )


def read_tally(row: Row) -> Tally:
    """The counts in a row of the record."""
    return Tally(*(int(row[name]) for name in Tally._fields))
