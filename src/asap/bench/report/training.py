"""What `asap train` logged, as a section of the report: has the gap opened, and at whose cost?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from markupsafe import Markup

from asap.bench.page import Section
from asap.bench.page.curves import Curve, curves
from asap.bench.results import split
from asap.errors import UserError
from asap.store import Row, read_config, read_rows

LOG = "log.jsonl"
LOGGED = ("delta_mean", "delta_p10", "delta_p90", "winner_rise", "loser_rise")
MOST = 25  # points of a curve; each is the mean over as many steps as that takes


@dataclass(frozen=True)
class Run:
    """A training run: its name in the report, what it was made with, and what it logged at every step."""

    name: str
    made: Row
    rows: Sequence[Row]


def read(spec: str) -> Run:
    """The run that `spec` names: a folder of `asap train`, or NAME=FOLDER.

    Raises:
        UserError: no such folder, not one of `asap train`, or nothing logged yet.
    """
    name, folder = split(spec)
    made = read_config(folder)
    if made.get("stage") != "train":
        raise UserError(f"{folder} was not made by `asap train`; give --runs folders that were")
    rows = [row for row in read_rows(folder / LOG) if all(_finite(row.get(key)) for key in LOGGED)]
    if not rows:
        raise UserError(f"{folder}: no steps in its {LOG} yet; train first, or leave it out of --runs")
    return Run(name, made, rows)


def _finite(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def section(runs: Sequence[Run], models: Sequence[str]) -> Section:
    """The runs' curves; a run that is called like one of `models` has its colour."""
    others = iter(range(len(models), len(models) + len(runs)))
    colours = [models.index(run.name) if run.name in models else next(others) for run in runs]
    column = Markup("<div>{}{}</div>")
    drawn = [column.format(_gap(run, c), _rise(run, c)) for run, c in zip(runs, colours, strict=True)]
    charts = Markup('<div class="wide columns">{}</div>').format(Markup("").join(drawn))
    text = (
        "The preference gap says how far the trained model prefers the good picture of a pair to the faulty "
        "one, beyond what its base does. Rises of the error are against the base, too: below zero, the model "
        "fits such pictures better. A rise on good pictures means that the gap grows by ruining both."
    )
    width = max(_width(run.rows) for run in runs)
    followed = [f"{run.name} by --sampling {how}" for run in runs if (how := _sampling(run)) != "uniform"]
    note = (
        (f"Each point is the mean over {width} steps. " if width > 1 else "")
        + (f"Pairs were not shown evenly: {', '.join(followed)}. " if followed else "")
        + "The charts have scales of their own. ASAP measures the gap with the errors in the region counted "
        "1 + alpha times."
    )
    return Section("Training", text, [charts], note=note)


def _sampling(run: Run) -> str:
    return str(run.made.get("identity", {}).get("sampling", "uniform"))


def _gap(run: Run, colour: int) -> Markup:
    band = list(zip(_values(run.rows, "delta_p10"), _values(run.rows, "delta_p90"), strict=True))
    line = Curve("mean; band: 10 to 90% of pairs", _points(run.rows, "delta_mean"), band, colour)
    settings = run.made.get("identity", {})
    tau = settings.get("tau") if settings.get("objective") == "asap" else None
    level = (tau, f"tau = {tau:g}") if tau else None
    return curves(f"{run.name}: preference gap", "step", [line], level=level)


def _rise(run: Run, colour: int) -> Markup:
    good = Curve("good pictures", _points(run.rows, "winner_rise"), colour=colour)
    faulty = Curve("faulty pictures", _points(run.rows, "loser_rise"), colour=colour, dashed=True)
    return curves(f"{run.name}: rise of the error", "step", [good, faulty])


def _points(rows: Sequence[Row], key: str) -> list[tuple[float, float]]:
    return list(zip(_values(rows, "step"), _values(rows, key), strict=True))


def _values(rows: Sequence[Row], key: str) -> list[float]:
    width = _width(rows)
    return [fmean(row[key] for row in rows[start : start + width]) for start in range(0, len(rows), width)]


def _width(rows: Sequence[Row]) -> int:
    return -(-len(rows) // MOST)
