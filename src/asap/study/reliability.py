"""How far raters can be trusted, and agree: attention checks, hidden gold, kappa."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from asap.bench.statistics import Interval, wilson
from asap.review import agreement
from asap.store import Row
from asap.study.answers import Said
from asap.study.folder import Study

OPPOSED = ({"correct", "error"}, {"first", "second"})


class Count(NamedTuple):
    """How many of `total` were right."""

    right: int
    total: int

    @property
    def share(self) -> float | None:
        return self.right / self.total if self.total else None

    @property
    def interval(self) -> Interval | None:
        """Wilson's, 95%."""
        return wilson(self.right, self.total) if self.total else None


class Rating(NamedTuple):
    """What is known of a rater.

    Attributes:
        name: in the journal.
        answered, asked: questions, all of them.
        attention: obvious items answered right, and repeats not contradicted.
        gold: known images answered right; "cannot tell" and a tie are not right.
        seconds: median of a question, or None.
    """

    name: str
    answered: int
    asked: int
    attention: Count
    gold: Count
    seconds: float | None

    def kept(self, least: float) -> bool:
        """Whether at least a share of `least` of the attention checks was passed, or none was answered."""
        return self.attention.share is None or self.attention.share >= least


def ratings(study: Study, said: Iterable[Said]) -> list[Rating]:
    """Each rater who has answered, in order."""
    by_rater: dict[str, list[Said]] = defaultdict(list)
    for one in said:
        by_rater[one.rater].append(one)
    asked = {rater.name: len(rater.asked) for rater in study.raters}
    return [_rating(name, asked[name], by_rater[name]) for name in asked if name in by_rater]


def _rating(name: str, asked: int, said: Sequence[Said]) -> Rating:
    first = {one.asked.item: one.word for one in said if one.asked.role == "study"}
    repeats = [
        not contradicts(first[one.asked.item], one.word)
        for one in said
        if one.asked.role == "repeat" and one.asked.item in first
    ]
    obvious, gold = ([one for one in said if one.asked.role == role] for role in ("obvious", "gold"))
    right = [one.word == one.item.truth for one in obvious]
    known = [one.word == one.item.truth for one in gold]
    times = [one.seconds for one in said if one.seconds is not None]
    return Rating(
        name,
        len(said),
        asked,
        Count(sum(repeats) + sum(right), len(repeats) + len(right)),
        Count(sum(known), len(known)),
        statistics.median(times) if times else None,
    )


def contradicts(one: str, other: str) -> bool:
    """Whether two answers to one item cannot both be meant: error and correct, or one image and the other."""
    return {one, other} in OPPOSED


def agreed(said: Iterable[Said], kind: str) -> Row:
    """How far raters agree on the study's items of one kind: alpha, Fleiss' kappa, Cohen's of each two."""
    table = agreement.by_item(
        (one.asked.item, one.rater, one.word)
        for one in said
        if one.item.kind == kind and one.asked.role == "study"
    )
    twos = agreement.twos(table)
    kappas = [two.kappa for two in twos if two.kappa is not None]
    return {
        "items": len(table),
        "shared": sum(len(words) > 1 for words in table.values()),
        "disputed": len(agreement.disputed(table)),
        "krippendorff_alpha": agreement.alpha(table),
        "fleiss_kappa": agreement.fleiss(table),
        "cohen_kappa_mean": statistics.fmean(kappas) if kappas else None,
        "twos": [two._asdict() for two in twos],
    }
