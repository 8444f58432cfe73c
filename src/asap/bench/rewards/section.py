"""Rewards in the report: means, changes against the base, and whether a loss can be excluded."""

from __future__ import annotations

import math
from collections.abc import Sequence

from asap.bench.page import Section, Table
from asap.bench.rewards.compared import MARGIN, Compared, Group
from asap.bench.statistics import Interval
from asap.bench.wording import NOTHING
from asap.store import Row

TEXT = (
    "What rewards of others say of the images: general quality and agreement with the prompt. They hardly "
    "see anatomy, so they are no evidence of it; they guard against paying for it elsewhere."
)
NOTE = (
    "Change: of the mean against the base, on images of the same prompts and noise, with a 95% percentile "
    f"bootstrap interval over prompts. Not worse: the interval excludes a loss of {MARGIN:g} standard "
    "deviations of the base's scores. Whoever claims that no reward fell by more needs every row to say so, "
    "for which no correction for many tests is due."
)


def sections(groups: Sequence[Group]) -> list[Section]:
    """The table of all rewards, and that of categories where there are several; nothing without rewards."""
    if not groups:
        return []
    header = ("reward", "model", "mean", "change", "95% interval", "in deviations", "images", "verdict")
    rows = [
        (group.label if n == 0 else "", *_cells(one, n == 0))
        for group in groups
        for n, one in enumerate(group.models)
    ]
    first = Section("Rewards: a guard of general quality", TEXT, table=Table(header, rows), note=NOTE)
    return [first, *_categories(groups)]


def _cells(one: Compared, base: bool) -> tuple[str, ...]:
    if base:
        return (one.model, number(one.mean), *[NOTHING] * 3, str(one.images), "base")
    share = one.difference / one.deviation if one.deviation else math.nan
    return (
        one.model,
        number(one.mean),
        signed(one.difference),
        span(one.interval),
        signed(share, 2) if math.isfinite(share) else NOTHING,
        str(one.images),
        one.verdict,
    )


def _categories(groups: Sequence[Group]) -> list[Section]:
    """The means by category, of rewards on images of several."""
    several = [group for group in groups if len(group.models[0].categories) > 1]
    if not several:
        return []
    names = list(dict.fromkeys(one.model for group in several for one in group.models))
    rows = []
    for group in several:
        means = {one.model: one.categories for one in group.models}
        for n, category in enumerate(group.models[0].categories):
            found = [means.get(name, {}).get(category) for name in names]
            shown = [NOTHING if value is None else number(value) for value in found]
            rows.append((group.label if n == 0 else "", category, *shown))
    return [Section("Rewards by category", table=Table(("reward", "category", *names), rows))]


def number(value: float) -> str:
    """With four digits of those that tell rewards apart."""
    return f"{value:.4f}" if abs(value) < 1 else f"{value:.3f}"


def signed(value: float, digits: int = 4) -> str:
    """A change with its sign: `-0.0031` as "−0.0031"."""
    text = f"{abs(value):.{digits}f}"
    if not float(text):
        return text
    return ("−" if value < 0 else "+") + text


def span(interval: Interval | None) -> str:
    """The interval's ends as changes."""
    return NOTHING if interval is None else f"{signed(interval.low)} to {signed(interval.high)}"


def as_json(groups: Sequence[Group]) -> list[Row]:
    """The numbers of `sections`."""
    return [
        {
            "label": group.label,
            "reward": group.reward,
            "margin": MARGIN * group.models[0].deviation,
            "models": [_json(one, n == 0) for n, one in enumerate(group.models)],
        }
        for group in groups
    ]


def _json(one: Compared, base: bool) -> Row:
    row: Row = {"name": one.model, "mean": one.mean, "images": one.images, "categories": one.categories}
    if not base:
        row |= {"difference": one.difference, "interval": one.interval, "verdict": one.verdict}
    return row
