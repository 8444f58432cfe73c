"""A judge's verdicts against labels: sensitivity, specificity, kappa, by category and by kind of error."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np

from asap.bench.calibration.labels import SURE, Labels
from asap.bench.corrected import Tally, agreement, tally
from asap.bench.statistics import Interval, effective_count, wilson
from asap.bench.statistics.rates import cluster_sums
from asap.bench.statistics.resampling import FEWEST, percentiles, resampled_sums
from asap.errors import UserError
from asap.records import Judgement
from asap.store import Row

RESAMPLES = 10_000


class Case(NamedTuple):
    """One image: whether it is wrong, whether the judge calls it so, and what stands beside that."""

    wrong: bool
    called: bool
    prompt: str
    category: str
    kinds: tuple[str, ...]
    named: tuple[str, ...]


class Matched(NamedTuple):
    """The cases, and how many images were left out: without a label, with one that nobody is sure of, and
    without a verdict of the judge, by the truth ("correct", "error")."""

    cases: Sequence[Case]
    unlabelled: int
    unsure: int
    unscored: Counter[str]


def match(judgements: Iterable[Judgement], labels: Labels) -> Matched:
    """Judgements with their labels.

    Raises:
        UserError: none has one.
    """
    cases, unscored, unlabelled, unsure, total = [], Counter[str](), 0, 0, 0
    for judgement in judgements:
        label, total = labels.of(judgement), total + 1
        if label is None:
            unlabelled += 1
        elif label.verdict not in SURE:
            unsure += 1
        elif judgement.verdict == "unscored":
            unscored[label.verdict] += 1
        else:
            wrong, called = label.verdict == "error", judgement.verdict == "error"
            beside = (judgement.prompt_id, judgement.category, label.kinds, judgement.errors)
            cases.append(Case(wrong, called, *beside))
    if unlabelled == total:
        raise UserError("no label is of an image that was judged; give labels by the same sample_id")
    return Matched(cases, unlabelled, unsure, unscored)


def counted(cases: Sequence[Case]) -> Tally:
    """The judge's counts on `cases`."""
    return tally([case.wrong for case in cases], [case.called for case in cases])


def weighed(cases: Sequence[Case]) -> Tally:
    """The counts as of independent images, which several of one prompt are not."""
    parts: list[float] = []
    for wrong in (True, False):
        own = [case for case in cases if case.wrong is wrong]
        called = [case.called for case in own]
        scale = effective_count(called, [case.prompt for case in own]) / len(own) if own else 0.0
        parts += [round(sum(called) * scale, 3), round((len(own) - sum(called)) * scale, 3)]
    return Tally(*parts)


def share(cases: Sequence[Case], hit: Callable[[Case], bool]) -> Interval:
    """The interval of the share of `cases` that are a `hit`: Wilson's where each prompt has one image, else
    the percentile bootstrap over prompts, or Wilson's of the effective count where that tells nothing."""
    hits, prompts = [hit(case) for case in cases], [case.prompt for case in cases]
    if len(set(prompts)) < len(prompts):
        sums, sizes = cluster_sums(np.asarray(hits, dtype=np.float64), prompts)
        if len(sums) >= FEWEST and 0 < sums.sum() < sizes.sum():
            drawn = resampled_sums(np.stack([sums, sizes], axis=1), RESAMPLES, 0)
            return percentiles(drawn[:, 0] / drawn[:, 1])
    count = effective_count(hits, prompts)
    return wilson(count * sum(hits) / len(hits) if hits else 0.0, count)


def kappa(cases: Sequence[Case]) -> tuple[float, Interval | None]:
    """Cohen's kappa of judge and labels, and its percentile bootstrap interval over prompts, or None."""
    value = agreement([case.wrong for case in cases], [case.called for case in cases]).kappa
    cells = np.array([[c.wrong and c.called, c.wrong, c.called, True] for c in cases], dtype=np.float64)
    sums, _ = cluster_sums(cells.reshape(-1, 4), [case.prompt for case in cases])
    if not math.isfinite(value) or len(sums) < FEWEST:
        return value, None
    both, wrong, called, count = resampled_sums(sums, RESAMPLES, 0).T
    chance = (wrong * called + (count - wrong) * (count - called)) / count**2
    agreed = (count - wrong - called + 2 * both) / count
    known = chance < 1
    found = (agreed[known] - chance[known]) / (1 - chance[known])
    return value, percentiles(found, int((~known).sum()))


def as_json(cases: Sequence[Case]) -> Row:
    """Counts and shares of `cases`; what is not a number is null."""
    found = counted(cases)
    faulty, sound = ([c for c in cases if c.wrong is wrong] for wrong in (True, False))
    return {
        **found._asdict(),
        "sensitivity": found.sensitivity if faulty else None,
        "sensitivity_interval": share(faulty, lambda c: c.called),
        "specificity": found.specificity if sound else None,
        "specificity_interval": share(sound, lambda c: not c.called),
    }


def by_kind(cases: Sequence[Case]) -> dict[str, Row]:
    """Kind of error -> images that show it, how many the judge calls wrong, of how many it names the kind."""
    found: dict[str, Row] = {}
    for kind in sorted({kind for case in cases for kind in case.kinds}):
        own = [case for case in cases if kind in case.kinds]
        caught = sum(case.called for case in own)
        found[kind] = {
            "images": len(own),
            "caught": caught,
            "sensitivity": caught / len(own),
            "sensitivity_interval": share(own, lambda c: c.called),
            "named": sum(case.called and kind in case.named for case in own),
        }
    return found
