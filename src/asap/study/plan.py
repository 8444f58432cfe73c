"""Who is asked what, in which order and on which side: pure functions of a seed.

Everything of one prompt and noise seed is a unit, and a rater gets units whole: the images of all models, and
the votes between them. So how strict a rater is cancels where models are compared on the same prompts.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from asap.store import seed_of

Kind = Literal["rate", "vote"]
Role = Literal["study", "repeat", "obvious", "gold"]
APART = 1 / 3
"""Of a block: how far behind its first showing an item is repeated."""


class Unit(NamedTuple):
    """The items of one prompt and noise seed: images to rate, and pairs of images to vote on."""

    rates: tuple[str, ...]
    votes: tuple[str, ...]


class Slot(NamedTuple):
    """One question to one rater.

    Attributes:
        item: which.
        kind: of the item.
        role: "study" counts; "repeat" (a study item again) and "obvious" watch attention; "gold" is known.
        swapped: of a vote, whether the second image is shown first.
    """

    item: str
    kind: Kind
    role: Role
    swapped: bool = False


class Checks(NamedTuple):
    """Items beside those of the study, of one kind, and how many of each a rater gets."""

    obvious: Sequence[str] = ()
    gold: Sequence[str] = ()
    attention: int = 0
    golds: int = 0


def raters_needed(units: int, each: int, per_rater: int, largest: int) -> int:
    """How many raters it takes until every unit has `each`, at `per_rater` items, of which the largest unit
    has `largest`.

    Raises:
        ValueError: a rater's items hold no unit.
    """
    whole = per_rater // largest
    if not whole:
        raise ValueError(f"{per_rater} items hold no unit of {largest}")
    return max(each, math.ceil(units * each / whole))


def shared_out(units: int, raters: int, each: int, seed: int) -> list[list[tuple[int, int]]]:
    """For every rater the units to judge, each with its round in [0, each).

    Every unit comes once in each round, to `each` different raters; their shares differ by one unit at most.
    The units, in an order drawn by `seed`, are dealt out `each` times over, a run of them to a rater.

    Raises:
        ValueError: fewer raters than `each`, or none.
    """
    if not 0 < each <= raters:
        raise ValueError(f"{raters} raters for {each} answers to each item")
    order = list(range(units))
    random.Random(seed_of(seed, "units")).shuffle(order)
    cuts = [k * units * each // raters for k in range(raters + 1)]
    return [
        [(order[at % units], at // units) for at in range(start, end)]
        for start, end in itertools.pairwise(cuts)
    ]


def swapped(item: str, turn: int, seed: int) -> bool:
    """Whether a vote's second image is shown first in round `turn`: by turns, from a start drawn by seed."""
    return bool((seed_of(seed, "side", item) + turn) % 2)


def slots(
    share: Sequence[tuple[Unit, int]], rates: Checks, votes: Checks, seed: int, rater: int
) -> list[Slot]:
    """A rater's questions in order: images to rate first, then votes, each with its checks mixed in.

    Args:
        share: the rater's units, each with its round.
        rates, votes: checks of either kind; a kind without items of the study gets none.
        seed, rater: of the study, and the rater's number; all chance comes from them.
    """
    draw = random.Random(seed_of(seed, "order", rater))
    rated = [Slot(item, "rate", "study") for item in _passes([unit.rates for unit, _ in share], draw)]
    turns = {item: turn for unit, turn in share for item in unit.votes}
    voted = [
        Slot(item, "vote", "study", swapped(item, turns[item], seed))
        for item in _passes([unit.votes for unit, _ in share], draw)
    ]
    return [*_mixed(rated, rates, draw), *_mixed(voted, votes, draw)]


def _passes(groups: Sequence[Sequence[str]], draw: random.Random) -> Iterator[str]:
    """All items, of each group one in a pass, so that those of one prompt lie far apart."""
    mixed = [draw.sample(group, len(group)) for group in groups]
    for number in range(max(map(len, mixed), default=0)):
        turn = [group[number] for group in mixed if number < len(group)]
        yield from draw.sample(turn, len(turn))


def _mixed(block: Sequence[Slot], checks: Checks, draw: random.Random) -> list[Slot]:
    """`block` with its checks at places drawn by chance, never at the very beginning."""
    count = len(block)
    if not count:
        return []
    placed = [(float(at), slot) for at, slot in enumerate(block)]
    obvious = min(math.ceil(checks.attention / 2), len(checks.obvious)) if checks.attention else 0
    kind = block[0].kind
    for role, items in (
        ("obvious", draw.sample(checks.obvious, obvious)),
        ("gold", draw.sample(checks.gold, min(checks.golds, len(checks.gold)))),
    ):
        placed += [(draw.uniform(0.5, count), Slot(i, kind, role, draw.random() < 0.5)) for i in items]  # type: ignore[arg-type]
    again = draw.sample(range(max(1, count // 2)), min(checks.attention - obvious, max(1, count // 2)))
    for at in again:
        first = block[at]
        place = draw.uniform(min(at + APART * count, count), count)
        turned = kind == "vote" and not first.swapped
        placed.append((place + 0.25, first._replace(role="repeat", swapped=turned)))
    return [slot for _, slot in sorted(placed, key=lambda entry: entry[0])]


def split(total: int, rates: int, votes: int) -> tuple[int, int]:
    """`total` checks for two blocks of `rates` and `votes` items, by their length; at least one for each
    where there are two or more."""
    if not rates or not votes:
        return (total if rates else 0), (total if votes else 0)
    first = round(total * rates / (rates + votes))
    first = min(max(first, 1), total - 1) if total > 1 else first
    return first, total - first
