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
    order = sorted(range(len(methods)), key=lambda m: -result.log[m])
    rows = [(methods[m].name, *_cells(result.log[m], result.intervals[m])) for m in order]
    table = Table(("model", "odds against the base", "95% interval", "beats the base, if decided"), rows)
    note = (
        "Davidson's model (Bradley-Terry with ties), fitted to all pairs of models on the images that all "
        "have; an image that one model gets right and another wrong is a win. Odds: of a win against a loss "
        "with the base. Intervals: bootstrap over prompts"
        + (f", {percent(result.unidentified)} of whose draws had no maximum" if result.unidentified else "")
        + (f"; it needs {FEWEST} prompts." if result.intervals[1] is None else ".")
    )
    return [Section("On one scale", table=table, note=note)]


def _cells(log: float, interval: Interval | None) -> tuple[str, str, str]:
    odds = math.exp(log)
    told = range_of(Interval(*map(math.exp, interval)), ratio) if interval else NOTHING
    return ratio(odds), told, percent(odds / (1 + odds))


def as_json(methods: Sequence[Method]) -> Row | None:
    """The numbers of `sections`; an infinite end of an interval is null."""
    result = found(methods)
    if result is None or isinstance(result, str):
        return {"none": result} if result else None
    named = zip(methods, result.log, result.intervals, strict=True)
    return {
        "models": [
            {"name": method.name, "log": log, "interval": _ends(interval)} for method, log, interval in named
        ],
        "ties": result.ties,
        "unidentified": result.unidentified,
    }


def _ends(interval: Interval | None) -> list[float | None] | None:
    return [end if math.isfinite(end) else None for end in interval] if interval else None
