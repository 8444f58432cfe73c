"""The laboratory's rows of results, grouped: what one objective did at one step, over its training seeds."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from asap.lab.numbers import Estimate, broken, error_rate, mean_interval, prompt_interval
from asap.lab.plan import Chosen, Data
from asap.lab.search import Settings
from asap.store import to_json

Row = Mapping[str, Any]
ORDER = (
    "base",
    "sft",
    "local_sft",
    "dpo",
    "local_dpo",
    "bounded",
    "asap",
    "one_sided",
    "anchored",
    "area",
    "relative",
    "mapo",
)


@dataclass(frozen=True)
class Group:
    """The runs of one objective under one setting on one dataset, judged after `step` steps; `rows` are its
    training seeds, in order."""

    objective: str
    settings: Settings
    data: Data
    step: int
    rows: Sequence[Row]

    @property
    def seeds(self) -> int:
        return len(self.rows)

    def estimate(self, name: str) -> Estimate:
        """Mean and interval over seeds of a number in the rows, such as "drift"."""
        return mean_interval([float(row[name]) for row in self.rows])

    def error_rate(self, judge: str) -> Estimate:
        """Mean and interval over seeds of the error rate."""
        return mean_interval([error_rate(row["verdicts"][judge]) for row in self.rows])

    def broken(self, judge: str, base: Row) -> Estimate:
        """Mean and interval over seeds of the share of the base's correct images that became wrong."""
        return mean_interval([broken(base["verdicts"][judge], row["verdicts"][judge]) for row in self.rows])

    def kinds(self, judge: str) -> dict[str, float]:
        """Images with each kind of error, the mean over seeds."""
        counts: Counter[str] = Counter()
        for row in self.rows:
            counts.update(row["kinds"][judge])
        return {kind: count / self.seeds for kind, count in counts.items()}


def groups(rows: Iterable[Row], study: str) -> list[Group]:
    """The groups of a study, in the objectives' order, then by step."""
    found: dict[tuple[str, str, str, int], list[Row]] = defaultdict(list)
    for row in rows:
        if row["study"] == study:
            key = (row["objective"], to_json(row["settings"]), to_json(row["data"]), row["step"])
            found[key].append(row)
    made = [
        Group(
            objective,
            Settings(**own[0]["settings"]),
            Data(**own[0]["data"]),
            step,
            sorted(own, key=lambda row: row["seed"]),
        )
        for (objective, _, _, step), own in found.items()
    ]
    return sorted(made, key=lambda g: (ORDER.index(g.objective), g.step))


def best(rows: Iterable[Row], study: str) -> Chosen:
    """For each objective the settings and the step with the lowest error rate, the mean over seeds and
    judges, so that what pleases one judge alone is not chosen."""
    lowest: dict[str, tuple[float, Group]] = {}
    for group in groups(rows, study):
        rates = [group.error_rate(judge).mean for judge in group.rows[0]["verdicts"]]
        rate = sum(rates) / len(rates)
        if group.objective not in lowest or rate < lowest[group.objective][0]:
            lowest[group.objective] = (rate, group)
    return Chosen(
        {name: group.settings for name, (_, group) in lowest.items()},
        {name: group.step for name, (_, group) in lowest.items()},
    )


def difference_over_prompts(one: Group, other: Group, judge: str) -> Estimate:
    """The same mean with an interval over prompts: their differences, averaged over seeds, resampled."""
    theirs = {row["seed"]: row["verdicts"][judge] for row in other.rows}
    texts = [(row["verdicts"][judge], theirs[row["seed"]]) for row in one.rows if row["seed"] in theirs]
    return prompt_interval(texts)


def difference(one: Group, other: Group, judge: str) -> Estimate:
    """Mean and interval of the difference in error rate, `one` - `other`, over the seeds that both have."""
    theirs = {row["seed"]: row for row in other.rows}
    pairs = [(row, theirs[row["seed"]]) for row in one.rows if row["seed"] in theirs]
    return mean_interval(
        [error_rate(a["verdicts"][judge]) - error_rate(b["verdicts"][judge]) for a, b in pairs]
    )
