"""Votes between two models' images: wins, ties and losses, RSI, and all models on one scale by votes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from asap.bench import vote as vote_files
from asap.bench.page import Section, Table
from asap.bench.report.standings import strengths_json, strengths_table
from asap.bench.results import Method
from asap.bench.statistics import Outcomes, Preference, Strengths, preference, prompt_test, strengths
from asap.bench.wording import NOTHING, p_value, percent, range_of, ratio
from asap.errors import UserError
from asap.records import Vote
from asap.store import Row, read_config

WON = {"first": -1, "tie": 0, "second": 1}
"""A vote as an outcome of the second model."""


@dataclass(frozen=True)
class Voted:
    """All votes of a folder on images of `first` and `second`, two of the report's models in its order, so
    that a base comes first; `turned` where the folder has them the other way round."""

    first: str
    second: str
    votes: Sequence[Vote]
    made: Row
    turned: bool = False
    folder: Path | None = None

    @property
    def pair(self) -> str:
        """The models as the tables call them, the second first: the numbers are its own."""
        return f"{self.second} – {self.first}"

    @property
    def outcomes(self) -> list[int]:
        """1 where the second model won, 0 for a tie, -1 where the first did; the usable votes alone."""
        side = -1 if self.turned else 1
        return [side * WON[vote.choice] for vote in self.usable]

    @property
    def usable(self) -> list[Vote]:
        return [vote for vote in self.votes if vote.choice != "unscored"]

    @property
    def preference(self) -> Preference:
        return preference(self.outcomes, [vote.prompt_id for vote in self.usable])

    @property
    def flips(self) -> tuple[int, int]:
        """Of the votes cast in both orders of the images: how many changed with the order, and all."""
        both = [orders for vote in self.votes if len(orders := _orders(vote)) == 2]
        return sum(one != two for one, two in both), len(both)


def _orders(vote: Vote) -> list[str]:
    """The choice in each order of display, in the models' own names "first" and "second", where it is "
    "told."""
    told = vote.evidence.get("orders")
    return [str(choice) for choice in told] if isinstance(told, list | tuple) else []


def read(specs: Sequence[str], methods: Sequence[Method]) -> list[Voted]:
    """The votes that `specs` name.

    Args:
        specs: folders of `asap vote` or `asap study`, whose images tell the two models; or
            FIRST,SECOND=FOLDER, with the names of `methods` in the order in which the votes have them.

    Raises:
        UserError: no such folder, no votes in it, or models that are not in the report.
    """
    return [_read(spec, methods) for spec in specs]


def _read(spec: str, methods: Sequence[Method]) -> Voted:
    names, equals, rest = spec.partition("=")
    named = bool(equals) and not Path(spec).exists()
    folder = Path(rest if named else spec)
    made = read_config(folder)
    votes = vote_files.read(folder)
    if not votes:
        raise UserError(f"--votes {folder}: no votes in it yet")
    first, second = _models(names.split(",") if named else _found(made, methods), methods, folder)
    order = [method.name for method in methods]
    turned = order.index(first) > order.index(second)
    return Voted(*((second, first) if turned else (first, second)), votes, made, turned, folder)


def _found(made: Row, methods: Sequence[Method]) -> list[str]:
    """The models whose images the votes are on."""
    identity = made.get("identity", {})
    images = identity.get("images") or [identity.get("first"), identity.get("second")]
    known = {str(m.judged.get("identity", {}).get("images")): m.name for m in methods}
    listed = images if isinstance(images, list) else []
    return [known[str(name)] for name in listed if str(name) in known] if len(listed) == 2 else []


def _models(names: Sequence[str], methods: Sequence[Method], folder: Path) -> tuple[str, str]:
    found, known = [name.strip() for name in names], [method.name for method in methods]
    if len(found) != 2 or len({*found} & {*known}) != 2:
        raise UserError(
            f"--votes {folder}: which two of the report's models ({', '.join(known)}) are voted on? "
            "Write FIRST,SECOND=FOLDER, in the order in which the votes have them"
        )
    return found[0], found[1]


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
        "orders "
        "of the images, the share that named another image when the order changed; such votes are no "
        "preference."
    )
    first = Section("By vote", text, table=Table(header, [_row(v) for v in voted]), note=note)
    found = standing(voted, names)
    return [first] if found is None else [first, _scale(found, _voted_on(voted, names))]


def _row(voted: Voted) -> tuple[str, ...]:
    told, (flipped, both) = voted.preference, voted.flips
    interval = f" ({range_of(told.rsi_interval, ratio)})" if told.rsi_interval else ""
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
    return names[0] if len(names) == 1 else f"{len(names)} raters" if names else NOTHING


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
