"""Every model against every other, image by image."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

from asap.bench.page import Section, Table
from asap.bench.page.charts import Dot, changes
from asap.bench.results import Method, Versus, versus
from asap.bench.statistics import holm
from asap.bench.wording import NOTHING, p_value, points, range_of, ratio, without


class Pairing(NamedTuple):
    """The model `second` against `first`, with the p-value Holm-adjusted over all pairs."""

    first: str
    second: str
    versus: Versus
    p: float


def pairings(methods: Sequence[Method]) -> list[Pairing]:
    """All pairs of models that have images scored for both, in the order of `methods`."""
    found = [(a.name, b.name, v) for a, b in combinations(methods, 2) if (v := versus(a, b))]
    adjusted = holm([v.p for _, _, v in found])
    return [Pairing(*pair, p) for pair, p in zip(found, adjusted, strict=True)]


def sections(found: Sequence[Pairing]) -> list[Section]:
    """The forest plot and the table of all pairs; nothing where there is one pair alone."""
    if len(found) < 2:
        return []
    items = [_dot(pairing) for pairing in found]
    header = ("pair", "wins", "ties", "losses", "RSI", "AER change, points", "p")
    table = Table(header, [_row(pairing) for pairing in found])
    text = (
        "Each model against each other on the same prompts and noise; left of the line the first named "
        "is better."
    )
    note = (
        "p: the exact test, Holm-adjusted over all pairs. The intervals are of one pair each and are not "
        "adjusted; a pair counts as different where p is below 0.05."
        + without(pairing.versus.interval for pairing in found)
    )
    return [Section("Every comparison", text, [changes(items, _tick)], table, note=note)]


def _dot(pairing: Pairing) -> Dot:
    v = pairing.versus
    sure = pairing.p < 0.05
    return Dot(
        name(pairing), v.difference, v.interval, change(v), (1 if v.difference < 0 else 2) if sure else 0
    )


def name(pairing: Pairing) -> str:
    """The pair as its rows call it, the later model first."""
    return f"{pairing.second} – {pairing.first}"


def change(found: Versus) -> str:
    """The change of the error rate with its interval, in points."""
    return f"{points(found.difference)} ({range_of(found.interval, points) if found.interval else NOTHING})"


def _tick(value: float) -> str:
    return points(value).removesuffix(".0")


def _row(pairing: Pairing) -> tuple[str, ...]:
    v = pairing.versus
    counts = (str(v.paired.wins), str(v.paired.ties), str(v.paired.losses))
    return (name(pairing), *counts, ratio(v.paired.rsi), change(v), p_value(pairing.p))
