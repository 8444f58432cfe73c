"""`laboratory.md` and its plots: everything that was measured, as tables and curves, without an opinion."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asap import store
from asap.bench.calibration.record import Calibration
from asap.lab import tables
from asap.lab.numbers import Estimate, error_rate
from asap.lab.pictures import grid
from asap.lab.plots import Line, Panel, svg
from asap.lab.results import ORDER, Group, best, groups

Row = Mapping[str, Any]
CONTRASTS = (
    ("asap", "sft"), ("asap", "dpo"), ("bounded", "dpo"), ("local_dpo", "dpo"), ("asap", "bounded"),
    ("one_sided", "asap"), ("anchored", "asap"), ("area", "asap"), ("relative", "asap"), ("relative", "dpo"),
    ("local_sft", "sft"),
)  # fmt: skip
FIRST = ("sft", "dpo", "asap", "area")
VARIANTS = ("asap", "bounded", "local_dpo", "one_sided", "anchored", "relative")


@dataclass(frozen=True)
class Findings:
    """What there is to tell: rows of results, the base's rows by set of prompts, the judges' known errors,
    and the spreads of the reference's gap by alpha."""

    rows: Sequence[Row]
    bases: Mapping[str, Row]
    judges: Mapping[str, Calibration | None]
    spreads: Mapping[str, float]

    @property
    def first(self) -> str:
        return next(iter(self.judges))


def write(out: Path, found: Findings) -> None:
    """Write `laboratory.md` and the plots beside it."""
    parts = ["# What the laboratory measured\n", _about(found)]
    for make in (_choice, _main, _by_data, _margin, _parts):
        parts += make(out, found)
    store.write_atomic(out / "laboratory.md", "\n".join(parts))


def _about(found: Findings) -> str:
    return (
        "Rates are means over training seeds, brackets their 95% intervals (Student's t over seeds; none\n"
        "for a single seed). Settings were chosen by the mean of the judges' rates. `broken` is the share\n"
        f"of the base's correct images that became wrong, by the judge `{found.first}`; drift is the mean\n"
        "change outside the hand or person in thousandths of full range; style leak the way to the\n"
        "photographic look in percent; the winner's rise is that of its squared error over the untrained\n"
        "model's, in thousandths.\n"
    )


def _choice(out: Path, found: Findings) -> list[str]:
    parts = []
    for study in ("choice", "choice in the own look"):
        if own := groups(found.rows, study):
            chosen = best(found.rows, study)
            table = tables.choice(own, list(found.judges), found.bases["validation"], chosen)
            verdicts = found.bases["validation"]["verdicts"]
            rates = ", ".join(f"{error_rate(verdicts[name]):.1%} by {name}" for name in found.judges)
            parts += [
                f"## {study.capitalize()}\n\nBase: {rates}. The chosen ones are bold; of ties, the first.\n",
                table,
            ]
    return parts


def _main(out: Path, found: Findings) -> list[str]:
    own, base = groups(found.rows, "main"), found.bases["fresh"]
    if not own:
        return []
    chosen, judges = best(found.rows, "choice"), list(found.judges)
    at_best = [g for g in own if g.step == chosen.stops.get(g.objective)]
    last = [g for g in own if g.step == max(group.step for group in own)]
    parts = [
        f"## Main, on fresh prompts, training seeds: {max(g.seeds for g in own)}\n",
        tables.outcomes(own, judges, base),
        "### At the step that the choice found best\n",
        tables.corrected(at_best, base, found.judges),
        tables.contrasts(_contrasts(at_best), judges),
        "### At the last step\n",
        tables.corrected(last, base, found.judges),
        tables.contrasts(_contrasts(last), judges),
        f"### Kinds of error at the step that the choice found best, by `{found.first}`\n",
        tables.kinds(at_best, found.first, base),
        "### By what the prompt shows, at the step that the choice found best\n",
        tables.by_subject(at_best, judges, base),
    ]
    for name, objectives in (("main", FIRST), ("variants", VARIANTS)):
        there = [o for o in objectives if any(group.objective == o for group in own)]
        if set(there) - {"asap"}:
            store.write_atomic(out / f"{name}.svg", svg(_curves(own, found, there)))
            parts.append(f"![{', '.join(there)} against training steps]({name}.svg)\n")
    return parts + _samples(out, own)


def _samples(out: Path, own: Sequence[Group]) -> list[str]:
    """The main objectives' images of the first prompts, at the two last steps."""
    steps = sorted({group.step for group in own})[-2:]
    shown = [
        (group, out / "trials" / group.rows[0]["trial"] / f"step-{group.step}" / "images")
        for group in own
        if group.objective in FIRST and group.step in steps
    ]
    drawn = grid(out / "base" / "fresh" / "images", shown)
    if drawn is None:
        return []
    store.write_atomic(out / "samples.png", drawn)
    return ["![The same prompts and noise under each objective](samples.png)\n"]


def _contrasts(own: Sequence[Group]) -> list[tuple[Group, Group]]:
    named = {group.objective: group for group in own}
    return [(named[a], named[b]) for a, b in CONTRASTS if a in named and b in named]


def _curves(own: Sequence[Group], found: Findings, objectives: Sequence[str]) -> list[Panel]:
    """Error by each judge, broken and drift against training steps."""
    base = found.bases["fresh"]
    shown = [group for group in own if group.objective in objectives]

    def panel(
        title: str, of: Callable[[Group], Estimate], level: float | None = None, most: float = math.inf
    ) -> Panel:
        lines = _lines(shown, of, lambda g: float(g.step))
        return Panel(title, "training steps", lines, level=level, most=most)

    def by(judge: str) -> Panel:
        level = error_rate(base["verdicts"][judge])
        return panel(f"AER by {judge}", lambda g: g.error_rate(judge), level, 1.0)

    rest = [
        panel("good images broken", lambda g: g.broken(found.first, base), most=1.0),
        panel("drift outside the part", lambda g: g.estimate("drift")),
        panel("leak of the photographic look", lambda g: g.estimate("leak")),
        panel("Frechet distance", lambda g: g.estimate("frechet"), float(base["frechet"])),
    ]
    return [*map(by, found.judges), *rest]


def _lines(
    shown: Sequence[Group], of: Callable[[Group], Estimate], x: Callable[[Group], float]
) -> list[Line]:
    names = dict.fromkeys(group.objective for group in shown)
    return [
        Line(name, sorted((x(g), of(g)) for g in shown if g.objective == name), ORDER.index(name) - 1)
        for name in names
    ]


def _by_data(out: Path, found: Findings) -> list[str]:
    parts, base = [], found.bases["fresh"]
    for study, name in (("pairs", "pairs"), ("dose", "look")):
        if own := groups(found.rows, study):
            # the full data's own runs belong to the series
            steps = {group.step for group in own}
            own += [
                g for g in groups(found.rows, "main")
                if g.step in steps and any(g.objective == o.objective for o in own)
            ]  # fmt: skip
            title = "Fewer pairs" if study == "pairs" else "Dose of the photographic look"
            parts += [f"## {title}\n", tables.by_data(own, list(found.judges), base, name)]
    return parts


def _margin(out: Path, found: Findings) -> list[str]:
    own = groups(found.rows, "margin")
    if not own:
        return []
    return [
        "## Margins of asap, in spreads of the reference's own gap\n",
        tables.margins(own, list(found.judges), found.bases["fresh"], found.spreads),
    ]


def _parts(out: Path, found: Findings) -> list[str]:
    """What pairs of one part teach of the others."""
    own, base = groups(found.rows, "parts"), found.bases["fresh"]
    if not own:
        return []
    names, steps = {g.objective for g in own}, {g.step for g in own}
    all_parts = [
        g for g in groups(found.rows, "main")
        if g.objective in names and g.step in steps and any(g.settings == o.settings for o in own)
    ]  # fmt: skip
    parts = ["## Pairs of one part alone\n"]
    for part in ("", *dict.fromkeys(g.data.part for g in own)):
        shown = [g for g in own if g.data.part == part] if part else all_parts
        title = f"Errors of the {part} alone" if part else "Errors of all parts"
        parts += [f"### {title}\n", tables.by_subject(shown, list(found.judges), base)]
    return parts


def read(
    out: Path, judges: Sequence[str], rows: Sequence[Row], known: Sequence[Calibration | None]
) -> Findings:
    """The findings in the laboratory's folder."""
    bases = {str(row["prompts"]): row for row in store.read_rows(out / "base.jsonl")}
    path = out / "spread.json"
    spreads = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return Findings(rows, bases, dict(zip(judges, known, strict=True)), spreads)
