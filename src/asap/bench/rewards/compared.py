"""Rewards of several models against the base's, image by image: a guard against loss of general quality."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from asap.bench import reward as reward_files
from asap.bench.results import split
from asap.bench.statistics import Interval, difference_interval
from asap.errors import UserError
from asap.store import content_id, read_config

MARGIN = 0.1
"""What counts as a loss, in standard deviations of the base's scores."""
Key = tuple[str, int]


@dataclass(frozen=True)
class Scored:
    """One model's images by one reward: `scores` by prompt id and seed, those that have one; `categories` of
    all of these."""

    model: str
    folder: Path
    reward: str
    settings: str
    scores: Mapping[Key, float]
    categories: Mapping[Key, str]


@dataclass(frozen=True)
class Compared:
    """A model's scores against the base's, on the images that both have.

    Attributes:
        mean: of the model on all its images.
        difference: of the means on shared images, model minus base; not a number for the base itself.
        interval: of that, clustered by prompt; None where there is none.
        deviation: standard deviation of the base's scores.
        images: shared ones.
        categories: category -> mean of the model.
    """

    model: str
    mean: float
    difference: float
    interval: Interval | None
    deviation: float
    images: int
    categories: Mapping[str, float]

    @property
    def verdict(self) -> str:
        """What the interval says: "better" above 0; "not worse" where a loss of `MARGIN` deviations is
        excluded, "lower, within the margin" where also no loss is; "worse" below 0; else "not shown"."""
        if self.interval is None:
            return "not shown"
        if self.interval.low > 0:
            return "better"
        if self.interval.low > -MARGIN * self.deviation:
            return "not worse" if self.interval.high >= 0 else "lower, within the margin"
        return "worse" if self.interval.high < 0 else "not shown"


@dataclass(frozen=True)
class Group:
    """One reward on one set of prompts, the base first; `label` is its name on the page."""

    label: str
    reward: str
    models: Sequence[Compared]


def read(specs: Sequence[str], names: Sequence[str]) -> list[Group]:
    """The rewards in the folders that `specs` name, NAME=FOLDER, by reward and by set of prompts.

    Args:
        names: the models' names, the base's first. The base needs every reward that another model has.

    Raises:
        UserError: an unknown name, a folder of no scores, or scores that the base has none to set beside.
    """
    found = [_scored(spec, names) for spec in specs]
    bases = [one for one in found if one.model == names[0]]
    members: list[list[Scored]] = [[base] for base in bases]
    for one in found:
        if one.model != names[0]:
            _group_of(one, members, names[0]).append(one)
    return [
        Group(_label(group[0], bases), group[0].reward, [_compared(group[0], one) for one in group])
        for group in members
    ]


def _scored(spec: str, names: Sequence[str]) -> Scored:
    name, folder = split(spec)
    if name not in names:
        raise UserError(f"--rewards {name}: no such model here ({', '.join(names)}); write NAME=FOLDER")
    rows = reward_files.read(folder).values()
    scores = {(row.prompt_id, row.seed): row.score for row in rows if row.score is not None}
    if not scores:
        raise UserError(f"--rewards {folder}: no image has a score there; run `asap reward` first")
    identity = read_config(folder).get("identity", {})
    categories = {(row.prompt_id, row.seed): row.category for row in rows}
    settings = content_id(identity.get("reward"), identity.get("settings"))
    return Scored(name, folder, str(identity.get("reward")), settings, scores, categories)


def _group_of(one: Scored, groups: Sequence[list[Scored]], base: str) -> list[Scored]:
    """The group whose reward, settings and prompts are those of `one`."""
    fitting = [group for group in groups if group[0].settings == one.settings]
    best = max(fitting, key=lambda group: len(group[0].scores.keys() & one.scores.keys()), default=None)
    if best is None or not best[0].scores.keys() & one.scores.keys():
        what = "with the same weights and settings" if best is None else "of the same prompts and seeds"
        raise UserError(f"--rewards {one.folder}: {base} has no {one.reward} {what}; score its images, too")
    if any(other.model == one.model for other in best):
        raise UserError(f"--rewards: {one.model} has {one.reward} twice; give one folder for each model")
    return best


def _label(base: Scored, bases: Sequence[Scored]) -> str:
    """The reward's name, with the folder's where the base has several of it."""
    alone = sum(other.reward == base.reward for other in bases) == 1
    return base.reward if alone else f"{base.reward} ({base.folder.name})"


def _compared(base: Scored, one: Scored) -> Compared:
    keys = [key for key in base.scores if key in one.scores]
    before, after = ([scored.scores[key] for key in keys] for scored in (base, one))
    own = one is base
    return Compared(
        model=one.model,
        mean=_mean(one.scores.values()),
        difference=float("nan") if own else _mean(after) - _mean(before),
        interval=None if own else difference_interval(before, after, [prompt for prompt, _ in keys]),
        deviation=float(np.std(list(base.scores.values()))),
        images=len(keys),
        categories={
            name: _mean(value for key, value in one.scores.items() if one.categories[key] == name)
            for name in dict.fromkeys(one.categories[key] for key in one.scores)
        },
    )


def _mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))
