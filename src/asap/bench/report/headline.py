"""The result in a few sentences, with no claim that its numbers do not carry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from asap.bench.drift import Drift
from asap.bench.kinds import KindChange
from asap.bench.page import Tile
from asap.bench.results import Rate, Versus
from asap.bench.wording import p_value, percent, points, range_of, ratio
from asap.wording import counted


@dataclass(frozen=True)
class Outcome:
    """All that the report says of one model; what compares is empty for the base, and `common`, the rate over
    the images that all models have, is empty where all have the same."""

    name: str
    rate: Rate
    categories: Mapping[str, Rate]
    kinds: Mapping[str, int]
    common: Rate | None = None
    versus: Versus | None = None
    kind_changes: Mapping[str, KindChange] | None = None
    by_category: Mapping[str, Versus] | None = None
    drift: Drift | None = None


@dataclass(frozen=True)
class Contest:
    """The model of the lowest rate, `best`, against the `next` lowest; neither is the base."""

    best: str
    next: str
    versus: Versus


def ranked(found: Sequence[Outcome]) -> list[Outcome]:
    """What could be judged, the lowest rate first."""
    return sorted((o for o in found if o.rate.scored), key=aer)


def aer(outcome: Outcome) -> float:
    """The rate to compare: over the common images where the models have others too."""
    return (outcome.common or outcome.rate).aer


def best_of(found: Sequence[Outcome]) -> Outcome | None:
    """The model of the lowest rate among those compared with the base, the first of `found`."""
    return next((o for o in ranked(found[1:]) if o.versus), None)


def verdict(found: Sequence[Outcome]) -> str:
    """The result in one short sentence; only what is beyond chance is called better or worse."""
    base, best = found[0], best_of(found)
    if not base.rate.scored:
        return "Nothing could be judged" if not best else f"Nothing of {base.name} could be judged"
    if best is None or best.versus is None:
        return f"{base.name}: an anatomical error in {percent(aer(base))} of the images"
    if best.versus.better:
        return f"{best.name} makes fewer anatomical errors than {base.name}"
    if len(found) == 2 and best.versus.worse:
        return f"{best.name} makes more anatomical errors than {base.name}"
    return (
        f"{best.name} and {base.name} cannot be told apart"
        if len(found) == 2
        else f"No model is clearly better than {base.name}"
    )


def tiles(found: Sequence[Outcome]) -> list[Tile]:
    """The numbers of the best model and of the base."""
    base, best = found[0], best_of(found)
    named = [(base, "base"), *([(best, "lowest of the others" if len(found) > 2 else "")] if best else [])]
    parts = [_rate_tile(outcome, role) for outcome, role in named if outcome.rate.scored]
    return parts if best is None or best.versus is None else [*parts, *_versus_tiles(best.versus)]


def _rate_tile(outcome: Outcome, role: str) -> Tile:
    rate = outcome.common or outcome.rate
    name = f"AER of {outcome.name}" + (f", {role}" if role and role != outcome.name else "")
    return Tile(name, percent(rate.aer), f"95% interval {range_of(rate.interval, percent)}")


def _versus_tiles(versus: Versus) -> list[Tile]:
    paired, preferred = versus.paired, versus.preference
    sure = f"95% interval {range_of(versus.interval, points)}; " if versus.interval else ""
    within = f"95% interval {range_of(preferred.rsi_interval, ratio)}; " if preferred.rsi_interval else ""
    counts = f"{counted(paired.wins, 'win')}, {counted(paired.ties, 'tie')}, "
    counts += counted(paired.losses, "loss", "losses")
    reach = versus.detectable
    found = f"; a change of {points(reach)[1:]} points is found four times in five" if reach else ""
    return [
        Tile("Change of the AER", f"{points(versus.difference)} points", f"{sure}p {_equals(versus.p)}"),
        Tile("RSI against the base", ratio(paired.rsi), f"{within}{counts}"),
        Tile("Compared on", counted(paired.total, "image"), f"of {counted(versus.prompts, 'prompt')}{found}"),
    ]


def _equals(p: float) -> str:
    return text if (text := p_value(p)).startswith("<") else f"= {text}"


def lead(found: Sequence[Outcome], contest: Contest | None = None) -> str:
    """The result in words."""
    base = found[0]
    sentences = [
        f"Nothing could be judged of {o.name}: {reasons(o.rate)}." for o in found if not o.rate.scored
    ]
    if base.rate.scored:
        sentences.append(f"{base.name} draws an anatomical error in {percent(aer(base))} of its images.")
    best = best_of(found)
    if best and best.versus:
        sentences.append(_against_base(base, best, best.versus))
        sentences += _more_of(best)
    return " ".join([*sentences, *([_against_next(contest)] if contest else [])])


def reasons(rate: Rate) -> str:
    """Why images have no verdict, such as "90 unreachable, 10 refused"."""
    counts = sorted(rate.unscored.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{count} {reason}" for reason, count in counts)


def _against_base(base: Outcome, best: Outcome, versus: Versus) -> str:
    change = f"{points(versus.difference)} points, {_certainty(versus)}"
    both = versus.paired.total
    if both < max(
        base.rate.scored, best.rate.scored
    ):  # or the change would not be the difference of the rates told
        change += f", on the {counted(both, 'image')} with a verdict for both"
    if versus.better:
        return f"{best.name} has the lowest rate, {percent(aer(best))} ({change})."
    return f"No model is clearly better; {best.name} comes to {percent(aer(best))} ({change})."


def _certainty(versus: Versus) -> str:
    if versus.interval:
        return f"95% interval {range_of(versus.interval, points)}"
    return f"p {_equals(versus.p)}, no interval from {counted(versus.prompts, 'prompt')}"


def _more_of(best: Outcome) -> list[str]:
    changes = rises(best)
    if not changes:
        return []
    told = ", ".join(f"{kind} ({c.before} to {counted(c.after, 'image')})" for kind, c in changes.items())
    return [f"It makes more of some errors than the base: {told}."]


def rises(outcome: Outcome) -> dict[str, KindChange]:
    """The errors that the model makes more often than the base beyond chance."""
    changes = outcome.kind_changes or {}
    return {kind: c for kind, c in changes.items() if c.after > c.before and c.p < 0.05}


def _against_next(contest: Contest) -> str:
    versus = contest.versus
    change = f"{points(versus.difference)} points, {_certainty(versus)}"
    if versus.better:
        return f"Against {contest.next}, the next lowest, {contest.best} is better, too ({change})."
    return f"{contest.best} and {contest.next}, the next lowest, cannot be told apart ({change})."
