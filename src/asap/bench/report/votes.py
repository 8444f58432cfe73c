"""Votes between two models' images: wins, ties and losses, RSI, and all models on one scale by votes."""

from __future__ import annotations

import math
from collections.abc import Sequence

from asap.bench.page import Check, Section, Table
from asap.bench.report.cast import Voted
from asap.bench.report.standings import strengths_json, strengths_table
from asap.bench.statistics import Outcomes, Strengths, prompt_test, strengths
from asap.bench.wording import NOTHING, p_value, percent, range_of, ratio, without
from asap.records import Vote
from asap.store import Row
from asap.wording import counted

MANY_FLIPS = 0.25
"""The share of votes that change with the order of the images from which on a reader should know. A judge
who looks at a share q of the pairs and tosses a coin on the others flips (1 - q) / 2: here q is a half."""


def sections(voted: Sequence[Voted], names: Sequence[str]) -> list[Section]:
    """Wins, ties and losses by vote, and with three models or more their strengths; `names` in the report's
    order. Nothing without votes."""
    if not voted:
        return []
    header = (
        "pair",
        "by",
        "votes",
        "wins",
        "ties",
        "losses",
        "RSI",
        "decided won",
        "p",
        "flipped",
        "unusable",
    )
    text = (
        "Which of two images of one prompt shows the better anatomy, the models unknown to who votes. "
        "Wins, RSI and shares are of the model named first."
    )
    note = (
        "RSI: (wins + ties) / (losses + ties), bootstrap over prompts. Decided won: Wilson's interval. p: "
        "exact test in which a prompt's votes change sides together. Flipped: of the votes asked in both "
        "orders of the images, the share whose answer changed with the order; such votes are no preference."
        + without(v.preference.rsi_interval for v in voted)
    )
    first = Section("By vote", text, table=Table(header, [_row(v) for v in voted]), note=note)
    found = standing(voted, names)
    return [first] if found is None else [first, _scale(found, _voted_on(voted, names))]


def _row(voted: Voted) -> tuple[str, ...]:
    told, (flipped, both) = voted.preference, voted.flips
    interval = f" ({range_of(told.rsi_interval, ratio) if told.rsi_interval else NOTHING})"
    share = f"{percent(told.win_rate)} ({range_of(told.win_rate_interval, percent)})"
    return (
        voted.pair,
        _raters(voted.votes),
        str(len(voted.votes)),
        str(told.wins),
        str(told.ties),
        str(told.losses),
        ratio(told.rsi) + interval,
        share if told.wins + told.losses else NOTHING,
        p_value(p_of(voted)),
        f"{percent(flipped / both)} of {both}" if both else NOTHING,
        str(len(voted.votes) - len(voted.usable)),
    )


def p_of(voted: Voted) -> float:
    """The exact test of wins against losses over prompts, `prompt_test`."""
    won, lost = ([outcome == side for outcome in voted.outcomes] for side in (1, -1))
    return prompt_test(won, lost, [vote.prompt_id for vote in voted.usable])


def _raters(votes: Sequence[Vote]) -> str:
    names = sorted({vote.rater for vote in votes if vote.rater})
    return names[0] if len(names) == 1 else counted(len(names), "rater") if names else NOTHING


def checks(voted: Sequence[Voted]) -> list[Check]:
    """How far who votes is led by the place of an image rather than by what it shows."""
    return [_flip_check(v.pair, *v.flips) for v in voted if v.flips[1]]


def _flip_check(pair: str, flipped: int, both: int) -> Check:
    told = f"{pair}: with the order of the two images {flipped} of {counted(both, 'vote')} changed"
    if flipped < MANY_FLIPS * both:
        return Check("good", f"{told} ({percent(flipped / both)}).")
    return Check(
        "bad",
        f"{told} ({percent(flipped / both)}). A tossed coin changes half of them: from {MANY_FLIPS:.0%} on, "
        "half of the votes or more may be chance.",
    )


def standing(voted: Sequence[Voted], names: Sequence[str]) -> Strengths | str | None:
    """Davidson's strengths by votes of all models; None where the votes do not reach three models."""
    if len({name for v in voted for name in (v.first, v.second)}) < 3:
        return None
    place = {name: number for number, name in enumerate(_voted_on(voted, names))}
    rows = [
        (place[v.first], place[v.second], -outcome, vote.prompt_id)
        for v in voted
        for vote, outcome in zip(v.usable, v.outcomes, strict=True)
    ]
    return strengths(Outcomes(*map(list, zip(*rows, strict=True))), list(place)) if rows else None


def _voted_on(voted: Sequence[Voted], names: Sequence[str]) -> list[str]:
    reached = {name for v in voted for name in (v.first, v.second)}
    return [name for name in names if name in reached]


def _scale(found: Strengths | str, names: Sequence[str]) -> Section:
    if isinstance(found, str):
        return Section("On one scale, by votes", f"No strengths can be told: {found}.")
    note = "Davidson's model (Bradley-Terry with ties) of all votes; bootstrap over prompts."
    return Section("On one scale, by votes", table=strengths_table(found, names), note=note)


def as_json(voted: Sequence[Voted], names: Sequence[str]) -> Row | None:
    """The numbers of `sections`."""
    if not voted:
        return None
    found = standing(voted, names)
    reached = _voted_on(voted, names)
    return {
        "pairs": [_pair_json(v) for v in voted],
        "strengths": {"none": found} if isinstance(found, str) else found and strengths_json(found, reached),
    }


def _pair_json(voted: Voted) -> Row:
    told, (flipped, both) = voted.preference, voted.flips
    return {
        "first": voted.first,
        "second": voted.second,
        "by": _raters(voted.votes),
        "votes": len(voted.votes),
        "wins": told.wins,
        "ties": told.ties,
        "losses": told.losses,
        "rsi": told.rsi if math.isfinite(told.rsi) else None,
        "rsi_interval": told.rsi_interval
        and [end if math.isfinite(end) else None for end in told.rsi_interval],
        "win_rate": told.win_rate if math.isfinite(told.win_rate) else None,
        "win_rate_interval": list(told.win_rate_interval),
        "p": p_of(voted),
        "flipped": flipped,
        "asked_both_ways": both,
    }
