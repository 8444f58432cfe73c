"""Tables of the laboratory's results, as Markdown; rates are means over training seeds."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from asap import store
from asap.lab.numbers import broken, error_rate, mean_interval
from asap.lab.plan import Chosen, Settings

Row = Mapping[str, Any]


def best(rows: Iterable[Row], judge: str) -> Chosen:
    """For each objective the settings and the stop with the lowest mean error rate over seeds."""
    rates: dict[tuple[str, str, int], list[float]] = defaultdict(list)
    for row in rows:
        key = (row["objective"], json.dumps(row["settings"], sort_keys=True), row["step"])
        rates[key].append(error_rate(row["verdicts"][judge]))
    lowest: dict[str, tuple[str, str, int]] = {}
    for key, values in rates.items():
        least = lowest.get(key[0])
        if least is None or _mean(values) < _mean(rates[least]):
            lowest[key[0]] = key
    settings = {name: Settings(**json.loads(text)) for name, (_, text, _) in lowest.items()}
    return Chosen(settings, {name: step for name, (_, _, step) in lowest.items()})


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def write(out: Path, judges: Sequence[str], rows: Sequence[Row]) -> None:
    store.write_atomic(out / "laboratory.md", "")
