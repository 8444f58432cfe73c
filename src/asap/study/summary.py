"""The summary of a study: raters, their agreement, and the results with and without those left out."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from asap.bench import results as bench
from asap.bench.statistics import Interval, preference
from asap.store import Row
from asap.study import reliability, tally
from asap.study.answers import Said
from asap.study.folder import Study
from asap.study.reliability import Count, Rating
from asap.wording import counted

OUTCOMES = {"first": -1, "tie": 0, "second": 1}


def numbers(
    study: Study, said: Sequence[Said], ratings: Sequence[Rating], kept: Collection[str], least: float
) -> Row:
    """All numbers of the summary; "kept" are the results proper, "all" those with every rater."""
    some = [one for one in said if one.rater in kept]
    return {
        "study": study.id,
        "min_attention": least,
        "raters": [_rater(one, one.name in kept) for one in ratings],
        "gold": _count(Count(*(sum(one.gold[at] for one in ratings) for at in (0, 1)))),
        "kept": _outcome(study, some),
        "all": _outcome(study, said),
    }


def reliability_of(told: Row) -> Row:
    """Of `numbers`, what a report says of the raters that count: checks passed, gold right, agreement."""
    some = [one for one in told["raters"] if one["kept"]]
    counts = {
        kind: [sum(one[kind][name] for one in some) for name in Count._fields]
        for kind in ("attention", "gold")
    }
    return counts | {"raters": len(some), "agreement": told["kept"]["agreement"]["rate"]}


def _rater(one: Rating, kept: bool) -> Row:
    plain = {"name": one.name, "answered": one.answered, "asked": one.asked, "kept": kept}
    return {
        **plain,
        "attention": _count(one.attention),
        "gold": _count(one.gold),
        "median_seconds": one.seconds,
    }


def _count(count: Count) -> Row:
    return {**count._asdict(), "share": count.share, "interval": count.interval}


def _outcome(study: Study, said: Sequence[Said]) -> Row:
    numbers = range(len(study.folders))
    return {
        "raters": len({one.rater for one in said}),
        "agreement": {kind: reliability.agreed(said, kind) for kind in ("rate", "vote")},
        "models": [_model(study, said, number) for number in numbers],
        "votes": [votes for number in numbers[1:] if (votes := _votes(study, said, number))],
    }


def _model(study: Study, said: Sequence[Said], number: int) -> Row:
    rate = bench.rate(tally.judgements(study, said, number))
    return {
        "name": study.folders[number]["name"],
        "aer": rate.aer if rate.scored else None,
        "aer_interval": rate.interval,
        "errors": rate.errors,
        "scored": rate.scored,
        "unscored": dict(rate.unscored),
    }


def _votes(study: Study, said: Sequence[Said], number: int) -> Row | None:
    cast = tally.votes(said, number)
    if not cast:
        return None
    found = preference([OUTCOMES[vote.choice] for vote in cast], [vote.prompt_id for vote in cast])
    plain = found._asdict() | {"prompts": len({vote.prompt_id for vote in cast})}
    finite = {key: None if value != value else value for key, value in plain.items()}
    return {"base": study.folders[0]["name"], "model": study.folders[number]["name"], **finite}


def text(study: Study, told: Row) -> str:
    """The summary as Markdown."""
    left_out = [one["name"] for one in told["raters"] if not one["kept"]]
    kept, every = told["kept"], told["all"]
    verb = "has" if len(study.raters) == 1 else "have"
    lines = [
        f"# {study.title}: results",
        "",
        f"{every['raters']} of {counted(len(study.raters), 'rater')} {verb} answered. "
        + (
            f"Left out for passing less than {told['min_attention']:.0%} of the attention checks: "
            f"{', '.join(left_out)}."
            if left_out
            else "Nobody is left out."
        ),
        "",
        *_rates(kept, every if left_out else None),
        *_preferences(kept, every if left_out else None),
        *_agreement(kept),
        *_raters(told["raters"]),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    rule = ["---", *["---:"] * (len(header) - 1)]
    return [*(f"| {' | '.join(row)} |" for row in (header, rule, *rows)), ""]


def _rates(kept: Row, every: Row | None) -> list[str]:
    if not any(model["scored"] for model in kept["models"]):
        return []
    header = ["images", "errors", "scored", "unscored", "AER", "95% interval"]
    rows = []
    for at, model in enumerate(kept["models"]):
        row = [
            model["name"],
            str(model["errors"]),
            str(model["scored"]),
            str(sum(model["unscored"].values())),
        ]
        rows.append([*row, _share(model["aer"]), _interval(model["aer_interval"])])
        if every:
            other = every["models"][at]
            rows[-1].append(f"{_share(other['aer'])} ({_interval(other['aer_interval'])})")
    return ["## Anatomical errors", "", *_table([*header, *(["AER, all raters"] if every else [])], rows)]


def _preferences(kept: Row, every: Row | None) -> list[str]:
    if not kept["votes"]:
        return []
    header = [
        "model against base",
        "won",
        "tied",
        "lost",
        "RSI",
        "95% interval",
        "won of decided",
        "95% interval",
    ]
    rows = [_preference(votes, votes["model"]) for votes in kept["votes"]]
    rows += [_preference(votes, f"{votes['model']}, all raters") for votes in (every or {}).get("votes", ())]
    note = "Each rater's vote counts; intervals are drawn over prompts."
    return ["## Votes", "", *_table(header, rows), note, ""]


def _preference(votes: Row, name: str) -> list[str]:
    counts = [str(votes[word]) for word in ("wins", "ties", "losses")]
    rsi = "–" if votes["rsi"] is None else f"{votes['rsi']:.2f}"
    ends = votes["rsi_interval"]
    spread = f"{ends[0]:.2f} to {ends[1]:.2f}" if ends else "–"
    rate = [_share(votes["win_rate"]), _interval(votes["win_rate_interval"])]
    return [f"{name} against {votes['base']}", *counts, rsi, spread, *rate]


def _agreement(kept: Row) -> list[str]:
    header = [
        "",
        "items",
        "by two or more",
        "disputed",
        "Fleiss' kappa",
        "Krippendorff's alpha",
        "Cohen's, mean",
    ]
    names = {"rate": "ratings", "vote": "votes"}
    rows = []
    for kind, found in kept["agreement"].items():
        kappas = [found[name] for name in ("fleiss_kappa", "krippendorff_alpha", "cohen_kappa_mean")]
        counts = [str(found[name]) for name in ("items", "shared", "disputed")]
        if found["items"]:
            rows.append([names[kind], *counts, *("–" if k is None else f"{k:.2f}" for k in kappas)])
    return ["## How far raters agree", "", *_table(header, rows), "1 is full agreement, 0 is chance.", ""]


def _raters(raters: Sequence[Row]) -> list[str]:
    header = ["rater", "answered", "attention", "gold", "95% interval", "seconds", "counted"]
    rows = [
        [
            one["name"],
            f"{one['answered']} of {one['asked']}",
            _of(one["attention"]),
            _of(one["gold"]),
            _interval(one["gold"]["interval"]),
            "–" if one["median_seconds"] is None else f"{one['median_seconds']:.1f}",
            "yes" if one["kept"] else "no",
        ]
        for one in raters
    ]
    return ["## Raters", "", *_table(header, rows), "Gold: hidden images whose anatomy is known.", ""]


def _of(count: Row) -> str:
    return f"{count['right']} of {count['total']}" if count["total"] else "–"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"


def _interval(ends: Interval | None) -> str:
    return f"{ends[0]:.1%} to {ends[1]:.1%}" if ends else "–"
