"""Rewards in the report: means, changes against the base, and whether a loss can be excluded."""

from __future__ import annotations

import math
from collections.abc import Sequence

from asap.bench.page import Check, Section, Table
from asap.bench.rewards.compared import MARGIN, Compared, Group
from asap.bench.statistics import Interval
from asap.bench.wording import NOTHING, without
from asap.store import Row

TITLES = {
    "aesthetic": "LAION aesthetics",
    "hpsv2": "HPSv2.1",
    "hpsv3": "HPSv3",
    "imagereward": "ImageReward",
    "pickscore": "PickScore",
    "vqascore": "VQAScore",
}
TEXT = (
    "What rewards of others say of the images: general quality and agreement with the prompt. They hardly "
    "see anatomy, so they are no evidence of it; they guard against paying for it elsewhere."
)
NOTE = (
    "Change: of the mean against the base, on images of the same prompts and noise, with a 95% percentile "
    f"bootstrap interval over prompts. Not worse: the interval excludes a loss of {MARGIN:g} standard "
    "deviations of the base’s scores. Whoever claims that no reward fell by more needs every row to say so, "
    "for which no correction for many tests is due."
)


def sections(groups: Sequence[Group]) -> list[Section]:
    """The table of all rewards, and that of categories where there are several; nothing without rewards."""
    if not groups:
        return []
    header = ("reward", "mean", "change", "95% interval", "in deviations", "images", "verdict")
    rows = [_cells(group, one, n == 0) for group in groups for n, one in enumerate(group.models)]
    missing = without(one.interval for group in groups for one in group.models[1:])
    first = Section(
        "Rewards: a guard of general quality", TEXT, table=Table(header, rows), note=NOTE + missing
    )
    return [first, *_categories(groups)]


def _cells(group: Group, one: Compared, base: bool) -> tuple[str, ...]:
    name = f"{title(group)}, {one.model}"
    if base:
        return (name, number(one.mean), *[NOTHING] * 3, str(one.images), "base")
    share = one.difference / one.deviation if one.deviation else math.nan
    return (
        name,
        number(one.mean),
        signed(one.difference),
        span(one.interval),
        signed(share, 2) if math.isfinite(share) else NOTHING,
        str(one.images),
        one.verdict,
    )


def checks(groups: Sequence[Group]) -> list[Check]:
    """What stands at the page's head: rewards by which a model is worse than the base."""
    return [
        Check("bad", f"By {title(group)} {one.model} is worse than {group.models[0].model}; see the rewards.")
        for group in groups
        for one in group.models[1:]
        if one.verdict == "worse"
    ]


def title(group: Group) -> str:
    """The group's name as its authors write the reward's."""
    return group.label.replace(group.reward, TITLES.get(group.reward, group.reward), 1)


def _categories(groups: Sequence[Group]) -> list[Section]:
    """The means by category, of rewards on images of several."""
    return [
        Section(f"{title(group)} by category", table=_by_category(group))
        for group in groups
        if len(group.models[0].categories) > 1
    ]


def _by_category(group: Group) -> Table:
    rows = [
        (name, *(number(one.categories.get(name, math.nan)) for one in group.models))
        for name in group.models[0].categories
    ]
    return Table(("category", *(one.model for one in group.models)), rows)


def number(value: float) -> str:
    """With four digits of those that tell rewards apart."""
    if not math.isfinite(value):
        return NOTHING
    return (f"{value:.4f}" if abs(value) < 1 else f"{value:.3f}").replace("-", "−")


def signed(value: float, digits: int = 4) -> str:
    """A change with its sign: `-0.0031` as "−0.0031"."""
    text = f"{value:+.{digits}f}"
    return text.replace("-", "−") if float(text) else text[1:]


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
