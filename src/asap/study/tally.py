"""Answers to the study's own items as the rows of a judge: verdicts by majority, votes as they were cast."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from asap.records import Choice, Judgement, Vote
from asap.study import majority
from asap.study.answers import Said
from asap.study.folder import Study


def judgements(study: Study, said: Iterable[Said], number: int) -> list[Judgement]:
    """The majority's verdict on each image of folder `number` that somebody rated, in the plan's order."""
    by_item: dict[str, list[Said]] = defaultdict(list)
    for one in said:
        if one.item.kind == "rate" and one.asked.role == "study":
            by_item[one.asked.item].append(one)
    return [
        majority.verdict(item.samples[0], by_item[key], study.sizes[item.pictures[0]])
        for key, item in study.items.items()
        if key in by_item and item.samples[0]["folder"] == number
    ]


def votes(said: Iterable[Said], number: int) -> list[Vote]:
    """The votes between the first folder and folder `number`, a row for each rater, whose prompt tells what
    belongs together: intervals are drawn over prompts, so that several raters of one do not count as more."""
    found = [
        one
        for one in said
        if one.item.kind == "vote" and one.asked.role == "study" and one.item.samples[1]["folder"] == number
    ]
    return [_vote(one) for one in sorted(found, key=lambda one: (one.asked.item, one.rater))]


def _vote(one: Said) -> Vote:
    first, second = one.item.samples
    choice: Choice = one.word  # type: ignore[assignment]  # checked when it was read
    evidence = {"seconds": one.seconds, "shown_first": "second" if one.asked.swapped else "first"}
    return Vote(
        first=first["id"],
        second=second["id"],
        prompt_id=first["prompt_id"],
        seed=first["seed"],
        category=first["category"],
        choice=choice,
        rater=one.rater,
        evidence=evidence,
    )
