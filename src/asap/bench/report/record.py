"""`report.json`: the numbers of the page."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from asap import __version__
from asap.bench import results
from asap.bench.report import known_errors, prompted, second, standings, votes
from asap.bench.report.cast import Voted
from asap.bench.report.cautions import cautions
from asap.bench.report.headline import Contest, Outcome
from asap.bench.report.known_errors import corrected, corrected_json
from asap.bench.report.pairwise import Pairing
from asap.bench.report.second import Judged
from asap.bench.results import Method, Rate, Versus
from asap.bench.statistics import Interval
from asap.store import Row


def as_json(
    methods: Sequence[Method],
    found: Sequence[Outcome],
    pairs: Sequence[Pairing],
    last: Contest | None,
    others: Sequence[Judged] = (),
    voted: Sequence[Voted] = (),
    usage: Mapping[str, Row | None] | None = None,
) -> Row:
    """The numbers of the page; what is not a number or infinite is null."""
    base, (judge, settings) = methods[0], results.judge_of(methods[0])
    known = known_errors.known(base)
    named = zip(methods, found, strict=True)
    return {
        "version": __version__,
        "base": base.name,
        "judge": {"name": judge, "settings": settings, "calibration": known_errors.as_json(known)},
        "prompts": len({prompt for prompt, _ in base.judgements}),
        "models": [
            {
                **_outcome_json(o),
                **prompted.as_json(method),
                "corrected": corrected_json(corrected(o.rate, known)),
            }
            for method, o in named
        ],
        "pairs": [_pair_json(pair) for pair in pairs],
        "second": second.as_json(others),
        "strengths": standings.as_json(methods),
        "votes": votes.as_json(voted, [method.name for method in methods]),
        "cost": {name: row for name, row in (usage or {}).items() if row} or None,
        "best_against_next": {"best": last.best, "next": last.next, **_versus_json(last.versus)}
        if last
        else None,
        "cautions": cautions(methods),
    }


def _pair_json(pair: Pairing) -> Row:
    return {"first": pair.first, "second": pair.second, **_versus_json(pair.versus), "p_holm": pair.p}


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
        categories = outcome.by_category or {}
        row["against_base"] = {
            **_versus_json(outcome.versus),
            "category_p_holm": {name: found.p for name, found in categories.items()},
            "categories": {name: _versus_json(found) for name, found in categories.items()},
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
