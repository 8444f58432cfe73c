"""Three and more models on one scale: Davidson's strengths from all pairs of verdicts on the same images."""

from __future__ import annotations

import math
from collections.abc import Sequence

from asap.bench.page import Section, Table
from asap.bench.results import Method, shared
from asap.bench.statistics import FEWEST, Interval, Strengths, from_verdicts, strengths
from asap.bench.wording import NOTHING, percent, range_of, ratio
from asap.store import Row


def found(methods: Sequence[Method]) -> Strengths | str | None:
    """The strengths over the images that were scored for every model, or why there are none; None for fewer
    than three models, or without a common image."""
    if len(methods) < 3:
        return None
    rows = [[method.judgements[key] for method in methods] for key in shared(methods)]
    rows = [row for row in rows if all(j.verdict != "unscored" for j in row)]
    if not rows:
        return None
    wrong = [[row[m].verdict == "error" for row in rows] for m in range(len(methods))]
    outcomes = from_verdicts(wrong, [row[0].prompt_id for row in rows])
    return strengths(outcomes, [method.name for method in methods])


def sections(methods: Sequence[Method]) -> list[Section]:
    """The models, the strongest first; nothing where there are fewer than three."""
    result = found(methods)
    if result is None:
        return []
    if isinstance(result, str):
        return [Section("On one scale", f"No strengths can be told: {result}.")]
    table = strengths_table(result, [method.name for method in methods])
    note = (
        "Davidson's model (Bradley-Terry with ties), fitted to all pairs of models on the images that all "
        "have; an image that one model gets right and another wrong is a win. Odds: of a win against a loss "
        "with the base. Intervals: bootstrap over prompts"
        + (f", {percent(result.unidentified)} of whose draws had no maximum" if result.unidentified else "")
        + (f"; it needs {FEWEST} prompts." if result.intervals[1] is None else ".")
    )
    return [Section("On one scale", table=table, note=note)]


def strengths_table(found: Strengths, names: Sequence[str]) -> Table:
    """The models called `names`, the strongest first; the first of `names` is the base."""
    order = sorted(range(len(names)), key=lambda m: -found.log[m])
    rows = [(names[m], *_cells(found.log[m], found.intervals[m])) for m in order]
    return Table(("model", f"odds against {names[0]}", "95% interval", f"beats {names[0]}, if decided"), rows)


def _cells(log: float, interval: Interval | None) -> tuple[str, str, str]:
    odds = math.exp(log)
    told = range_of(Interval(*map(math.exp, interval)), ratio) if interval else NOTHING
    return ratio(odds), told, percent(odds / (1 + odds))


def as_json(methods: Sequence[Method]) -> Row | None:
    """The numbers of `sections`; an infinite end of an interval is null."""
    result = found(methods)
    if result is None or isinstance(result, str):
        return {"none": result} if result else None
    return strengths_json(result, [method.name for method in methods])


def strengths_json(found: Strengths, names: Sequence[str]) -> Row:
    """Logarithms of strengths with their intervals; an infinite end is null."""
    named = zip(names, found.log, found.intervals, strict=True)
    return {
        "models": [{"name": name, "log": log, "interval": _ends(interval)} for name, log, interval in named],
        "ties": found.ties,
        "unidentified": found.unidentified,
    }


def _ends(interval: Interval | None) -> list[float | None] | None:
    return [end if math.isfinite(end) else None for end in interval] if interval else None
