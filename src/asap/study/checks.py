"""Questions whose answer is known: scrambled pictures, plainly wrong to whoever looks, and hidden gold."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence

from asap.store import seed_of
from asap.study import pictures, plan
from asap.study.folder import PICTURES, Item
from asap.study.gold import Gold
from asap.study.wanted import Made, Wanted

OBVIOUS = 8
"""Scrambled pictures in a study."""


def kinds(units: Sequence[plan.Unit]) -> list[plan.Kind]:
    """What is asked: "rate", "vote", or both."""
    asked: dict[plan.Kind, bool] = {
        "rate": any(unit.rates for unit in units),
        "vote": any(unit.votes for unit in units),
    }
    return [kind for kind, there in asked.items() if there]


def checks(
    made: Made, known: Mapping[str, str], gold: Sequence[Gold], want: Wanted, units: Sequence[plan.Unit]
) -> tuple[plan.Checks, plan.Checks]:
    """Obvious and gold items, put to those of `made`, and how many a rater gets, for ratings and for votes.

    Args:
        made: the study so far.
        known: the ids of its pictures, by "FOLDER/SAMPLE".
        gold: of the kinds that are asked.
        want: how many of them.
        units: what else is asked.
    """
    asked = [sum(len(getattr(unit, name)) for unit in units) for name in ("rates", "votes")]
    obvious = _obvious(made, known, kinds(units), want.seed) if want.attention else {}
    golds = dict(_gold(made, gold))
    attention, known_ones = plan.split(want.attention, *asked), plan.split(want.golds, *asked)
    by_kind = [
        ([k for k in obvious if k.startswith(kind)], [k for k in golds if k.startswith(kind)])
        for kind in ("rate", "vote")
    ]
    made.items |= {**obvious, **golds}
    one, two = (
        plan.Checks(plain, truths, attention[at], known_ones[at])
        for at, (plain, truths) in enumerate(by_kind)
    )
    return one, two


def _obvious(made: Made, known: Mapping[str, str], asked: Sequence[str], seed: int) -> dict[str, Item]:
    """Scrambled pictures, to be rated as errors, or to be voted on against what they were made of."""
    names = random.Random(seed_of(seed, "obvious")).sample(sorted(known), min(OBVIOUS, len(known)))
    found: dict[str, Item] = {}
    for number, name in enumerate(names):
        picture = pictures.read(made.folder / PICTURES / f"{known[name]}.png")
        if min(picture.shape[:2]) < pictures.TILES:
            continue
        broken = made.put(pictures.scrambled(picture, number), "scrambled", name)
        if "rate" in asked:
            found[f"rate-obvious/{name}"] = Item("rate", "obvious", (broken,), truth="error")
        if "vote" in asked:
            found[f"vote-obvious/{name}"] = Item("vote", "obvious", (known[name], broken), truth="first")
    return found


def _gold(made: Made, gold: Sequence[Gold]) -> Iterator[tuple[str, Item]]:
    for count, one in enumerate(gold, 1):
        kind: plan.Kind = "vote" if len(one.pictures) == 2 else "rate"
        shown = [pictures.decoded(data, "gold") for data in one.pictures]
        ids = tuple(made.put(picture, "gold", count, side) for side, picture in enumerate(shown))
        yield f"{kind}-gold/{count}", Item(kind, "gold", ids, truth=one.truth)
