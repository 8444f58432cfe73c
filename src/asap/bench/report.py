"""`asap report`: judged models side by side on one page, the first of them the base."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import tyro

from asap import __version__, command
from asap.bench import known_errors, results, second, standings, training
from asap.bench.cautions import cautions
from asap.bench.drift import PartMask, mean_drift
from asap.bench.headline import Contest, Outcome, lead, ranked
from asap.bench.kinds import error_kinds, kind_changes
from asap.bench.known_errors import corrected, corrected_json
from asap.bench.page import Section, render
from asap.bench.results import Method, Rate, Versus
from asap.bench.rewards import compared, section
from asap.bench.second import Judged
from asap.bench.sections import comparison, facts, pictures
from asap.bench.statistics import Interval
from asap.errors import UserError
from asap.lookup import choose
from asap.store import Row, exclusive, to_json, write_atomic

# What a judge looks at, for judges that look at one part whose place can be computed.
PART_MASKS = dict.fromkeys(("figures", "network"), "asap.figures.parts:part_mask")


@dataclass(frozen=True)
class Config:
    """Compare judged models on one page: report.html, and the same numbers in report.json."""

    judgements: tyro.conf.Positional[tuple[str, ...]]
    """Folders of judgements, the base model's first; NAME=FOLDER names a model."""
    out: Path
    """Folder for the report."""
    title: str = "Human anatomical fidelity"
    """The page's title."""
    first: int = 6
    """Prompts shown with their images, from the first on."""
    differing: int = 6
    """Further images shown on which the verdicts differ."""
    second: tuple[str, ...] = ()
    """Folders of judgements of the same images by another judge; NAME=FOLDER as for the first."""
    runs: tuple[str, ...] = ()
    """Folders of `asap train` whose curves to show; NAME=FOLDER ties one to the model of that name."""
    rewards: tuple[str, ...] = ()
    """Folders of `asap reward`, NAME=FOLDER of a model; the base needs its own for each reward."""
    calibration: tuple[Path, ...] = ()
    """Folders of `asap calibrate`, whose errors of the judge are taken out of its rates."""


def outcomes(methods: Sequence[Method], part_mask: PartMask | None = None) -> list[Outcome]:
    """The numbers of every method, the base first."""
    base, names, common = methods[0], results.categories(methods), results.shared(methods)
    alike = all(len(method.judgements) == len(common) for method in methods)
    found = [_outcome(base, method, names, part_mask) for method in methods]
    if alike:
        return found
    rates = [results.rate(method.judgements[key] for key in common) for method in methods]
    return [replace(outcome, common=rate) for outcome, rate in zip(found, rates, strict=True)]


def _outcome(base: Method, method: Method, names: Sequence[str], part_mask: PartMask | None) -> Outcome:
    judged = list(method.judgements.values())
    by_category = {name: results.rate(j for j in judged if j.category == name) for name in names}
    rate, kinds = results.rate(judged), error_kinds(method)
    if method is base:
        return Outcome(method.name, rate, by_category, kinds)
    return Outcome(
        name=method.name,
        rate=rate,
        categories=by_category,
        kinds=kinds,
        versus=results.versus(base, method),
        kind_changes=kind_changes(base, method),
        category_p=results.category_tests(base, method, names),
        drift=mean_drift(base, method, part_mask),
    )


def contest(methods: Sequence[Method], found: Sequence[Outcome]) -> Contest | None:
    """The two lowest rates against each other; None where one is the base's or nothing can be paired."""
    named = {method.name: method for method in methods}
    first = ranked(found)[:2]
    if len(first) < 2 or methods[0].name in (first[0].name, first[1].name):
        return None
    best, second = first
    versus = results.versus(named[second.name], named[best.name])
    return Contest(best.name, second.name, versus) if versus else None


def run(config: Config, sections: Sequence[Section] = (), commands: Sequence[str] = ()) -> Path:
    """Write `report.html` and `report.json`; returns the folder.

    Args:
        sections: further parts of the page, shown after the comparison and before curves and images.
        commands: what made the data and the prompts, for the page's list of commands.

    Raises:
        UserError: folders that are missing, empty, or cannot be compared.
    """
    if not config.judgements:
        raise UserError("give at least one folder of judgements, the base model's first")
    methods = [results.read(spec) for spec in config.judgements]
    results.check_comparable(methods)
    runs = [training.read(spec) for spec in config.runs]
    others = second.read(config.second, methods)
    known_errors.check_used(config.calibration, [*methods, *(other.second for other in others)])
    methods = known_errors.calibrated(methods, config.calibration)
    others = [replace(o, second=known_errors.calibrated([o.second], config.calibration)[0]) for o in others]
    groups = compared.read(config.rewards, [method.name for method in methods])
    found, told = outcomes(methods, _part_mask(methods[0])), cautions(methods)
    for caution in told:
        print(f"asap: {caution}", file=sys.stderr)
    page = [
        *_numbers(methods, found),
        *standings.sections(methods),
        *second.sections(others),
        *section.sections(groups),
        *sections,
        *([training.section(runs, [method.name for method in methods])] if runs else []),
        *pictures(methods, config.first, config.differing),
        repeat(methods, [*commands, *_commands(run.made for run in runs)], config, others),
    ]
    row = {**as_json(methods, found, others), "rewards": section.as_json(groups)}
    with exclusive(config.out):
        write_atomic(config.out / "report.json", to_json(row, indent=2) + "\n")
        words = _lead(methods, found)
        write_atomic(config.out / "report.html", render(config.title, words, facts(methods), page, told))
    return config.out


def _numbers(methods: Sequence[Method], found: Sequence[Outcome]) -> list[Section]:
    """The comparison, with corrected rates after the raw ones where the judge's errors are known."""
    first, *rest = comparison(found)
    known = known_errors.known(methods[0])
    rates = [(outcome.name, outcome.rate) for outcome in found]
    judge, _ = results.judge_of(methods[0])
    return [first, *([known_errors.section(judge, rates, known)] if known else []), *rest]


def _lead(methods: Sequence[Method], found: Sequence[Outcome]) -> str:
    judge, _ = results.judge_of(methods[0])
    caveat = known_errors.caveat(judge, known_errors.known(methods[0]))
    return f"{lead(found, contest(methods, found))} {caveat}".strip()


def _part_mask(base: Method) -> PartMask | None:
    judge = base.judged.get("identity", {}).get("judge")
    mask: PartMask | None = choose(PART_MASKS, judge, "part mask") if judge in PART_MASKS else None
    return mask


def _commands(configs: Iterable[Row]) -> list[str]:
    return [str(line) for made in configs for line in (*made.get("before", ()), made.get("command")) if line]


def repeat(
    methods: Sequence[Method], before: Sequence[str], config: Config, others: Sequence[Judged] = ()
) -> Section:
    """The commands that give this page again, `before` first: those of data and training."""
    lines = [*before, *_commands(made for m in methods for made in (m.made, m.judged))]
    lines += _commands(other.second.judged for other in others)
    versions = ", ".join(sorted({str(m.judged.get("version")) for m in methods}))
    settings = methods[0].judged.get("identity", {}).get("settings") or {}
    told = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in settings.items())
    note = f"Judged with asap {versions}" + (f"; the judge's settings: {told}." if told else ".")
    commands = dict.fromkeys([*lines, command.spell(config, "report", "judgements")])
    return Section("To repeat this", commands=list(commands), note=note)


def as_json(methods: Sequence[Method], found: Sequence[Outcome], others: Sequence[Judged] = ()) -> Row:
    """The numbers of the page; what is not a number or infinite is null."""
    base, (judge, settings) = methods[0], results.judge_of(methods[0])
    last, known = contest(methods, found), known_errors.known(base)
    return {
        "version": __version__,
        "base": base.name,
        "judge": {"name": judge, "settings": settings, "calibration": known_errors.as_json(known)},
        "prompts": len({prompt for prompt, _ in base.judgements}),
        "models": [
            {**_outcome_json(o), "corrected": corrected_json(corrected(o.rate, known))} for o in found
        ],
        "second": second.as_json(others),
        "strengths": standings.as_json(methods),
        "best_against_next": {"best": last.best, "next": last.next, **_versus_json(last.versus)}
        if last
        else None,
        "cautions": cautions(methods),
    }


def _outcome_json(outcome: Outcome) -> Row:
    row: Row = {
        "name": outcome.name,
        **_rate_json(outcome.rate),
        "categories": {name: _rate_json(rate) for name, rate in outcome.categories.items()},
        "errors_by_kind": dict(outcome.kinds),
    }
    if outcome.common:
        row["common"] = _rate_json(outcome.common)
    if outcome.versus:
        row["against_base"] = {
            **_versus_json(outcome.versus),
            "category_p_holm": dict(outcome.category_p or {}),
            "kinds": {kind: change._asdict() for kind, change in (outcome.kind_changes or {}).items()},
        }
    if outcome.drift:
        row["drift"] = outcome.drift._asdict()
    return row


def _versus_json(versus: Versus) -> Row:
    paired = versus.paired
    return {
        **paired._asdict(),
        "ties": paired.ties,
        "rsi": _number(paired.rsi),
        "mended": _number(paired.mended),
        "broken": _number(paired.broken),
        "rsi_interval": _ends(versus.preference.rsi_interval),
        "win_rate": _number(versus.preference.win_rate),
        "win_rate_interval": _ends(versus.preference.win_rate_interval),
        "p": versus.p,
        "aer_difference": versus.difference,
        "aer_difference_interval": versus.interval,
        "aer_difference_detectable": versus.detectable,
    }


def _rate_json(rate: Rate) -> Row:
    return {
        "aer": _number(rate.aer),
        "aer_interval": list(rate.interval),
        "errors": rate.errors,
        "scored": rate.scored,
        "effective": rate.effective,
        "unscored": dict(rate.unscored),
    }


def _ends(interval: Interval | None) -> list[float | None] | None:
    return [_number(end) for end in interval] if interval else None


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def main(argv: list[str]) -> None:
    """The command `asap report`."""
    print(f"report: {run(command.parse(Config, argv, 'report')) / 'report.html'}")
