"""Questions whose answer is known: scrambled pictures, plainly wrong to whoever looks, and hidden gold."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from asap.errors import UserError
from asap.store import seed_of
from asap.study import gold as gold_files
from asap.study import pictures, plan
from asap.study.folder import PICTURES, Item
from asap.study.wanted import Made, Wanted

OBVIOUS = 8
"""Scrambled pictures in a study."""


def checks(
    made: Made, known: Mapping[str, str], gold: Path | None, want: Wanted, units: Sequence[plan.Unit]
) -> tuple[plan.Checks, plan.Checks]:
    """Obvious and gold items, put to those of `made`, and how many a rater gets, for ratings and for votes.

    Args:
        made: the study so far.
        known: the ids of its pictures, by "FOLDER/SAMPLE".
        gold: what `gold.read` reads, or None.
        want: how many of them.
        units: what else is asked.

    Raises:
        UserError: gold that cannot be read, or has no question of this study's kinds.
    """
    asked = [sum(len(getattr(unit, name)) for unit in units) for name in ("rates", "votes")]
    kinds = [kind for kind, count in zip(("rate", "vote"), asked, strict=True) if count]
    obvious = _obvious(made, known, kinds, want.seed) if want.attention else {}
    golds = dict(_gold(made, gold, tuple(kinds), want.seed)) if gold else {}
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


def _obvious(made: Made, known: Mapping[str, str], kinds: Sequence[str], seed: int) -> dict[str, Item]:
    """Scrambled pictures, to be rated as errors, or to be voted on against what they were made of."""
    names = random.Random(seed_of(seed, "obvious")).sample(sorted(known), min(OBVIOUS, len(known)))
    found: dict[str, Item] = {}
    for number, name in enumerate(names):
        picture = pictures.read(made.folder / PICTURES / f"{known[name]}.png")
        if min(picture.shape[:2]) < pictures.TILES:
            continue
        broken = made.put(pictures.scrambled(picture, number), "scrambled", name)
        if "rate" in kinds:
            found[f"rate-obvious/{name}"] = Item("rate", "obvious", (broken,), truth="error")
        if "vote" in kinds:
            found[f"vote-obvious/{name}"] = Item("vote", "obvious", (known[name], broken), truth="first")
    return found


def _gold(made: Made, gold: Path, kinds: tuple[str, ...], seed: int) -> Iterator[tuple[str, Item]]:
    count = 0
    for count, one in enumerate(gold_files.read(gold, kinds, seed), 1):
        kind: plan.Kind = "vote" if len(one.pictures) == 2 else "rate"
        ids = tuple(made.put(p, "gold", count, side) for side, p in enumerate(one.pictures))
        yield f"{kind}-gold/{count}", Item(kind, "gold", ids, truth=one.truth)
    if not count:
        raise UserError(f"--gold {gold}: no question of this study's kind in it; see docs/study.md")
