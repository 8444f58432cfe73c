"""What two labellers saw in the laboratory's images without knowing the model, and what the judges said.

    python benchmarks/laboratory_eye.py                                                # hands
    python benchmarks/laboratory_eye.py --path docs/laboratory/people/eye.jsonl         # people

`docs/laboratory/eye.jsonl` holds one row an image: which model drew it, the labels of both labellers (error,
correct, unsure) and the verdict of each judge (1 error, 0 correct).
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import tyro

from asap.bench.corrected import agreement, tally

EYE = Path(__file__).parent.parent / "docs" / "laboratory" / "eye.jsonl"
VALUES = {"error": 1.0, "correct": 0.0}
JUDGES = ("network", "figures", "network-people", "figures-people")
RESAMPLES = 10_000

Row = Mapping[str, object]


def run(path: Path = EYE) -> None:
    """Print the tables of docs/laboratory.md and laboratory-people.md that rest on labels."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    models: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        models[row["model"]].append(row)
    judges = [name for name in JUDGES if name in rows[0]]
    print_labellers(rows)
    print_rates(models, judges)
    print_differences(models)
    print_judges(models, judges)


def score(row: Row) -> float:
    """The mean of what both labellers say, 1 for an error; not a number where both are unsure."""
    said = [VALUES[str(row[who])] for who in ("label_a", "label_b") if row[who] in VALUES]
    return sum(said) / len(said) if said else float("nan")


def print_labellers(rows: Sequence[Row]) -> None:
    """How far the labellers agree."""
    both = [row for row in rows if row["label_a"] in VALUES and row["label_b"] in VALUES]
    found = agreement([r["label_a"] == "error" for r in both], [r["label_b"] == "error" for r in both])
    print(
        f"{len(rows)} images, {len(rows) - len(both)} unsure for one labeller or both; of the others they "
        f"label {found.differing:.1%} differently (kappa {found.kappa:.2f}; with unsure as a third label "
        f"{three_way_kappa(rows):.2f})\n"
    )


def three_way_kappa(rows: Sequence[Row]) -> float:
    """Cohen's kappa over error, correct and unsure."""
    labels = ("error", "correct", "unsure")
    same = np.mean([row["label_a"] == row["label_b"] for row in rows])
    shares = [
        [np.mean([row[who] == name for row in rows]) for name in labels] for who in ("label_a", "label_b")
    ]
    chance = sum(a * b for a, b in zip(*shares, strict=True))
    return float((same - chance) / (1 - chance))


def print_rates(models: Mapping[str, Sequence[Row]], judges: Sequence[str]) -> None:
    """Error rate by eye with a bootstrap over prompts, and by each judge."""
    print("| " + " | ".join(["model", "images", "error rate by eye", "unsure as error", *judges]) + " |")
    print("|---" + "|---:" * (3 + len(judges)) + "|")
    for name, rows in models.items():
        scores = np.array([score(row) for row in rows])
        scores = scores[np.isfinite(scores)]
        low, high = resampled(scores)
        judged = [f"{np.mean([float(str(row[j])) for row in rows]):.1%}" for j in judges]
        strict = np.mean([row[who] != "correct" for row in rows for who in ("label_a", "label_b")])
        rate = f"{scores.mean():.1%} [{low:.1%}, {high:.1%}]"
        print("| " + " | ".join([name, str(len(scores)), rate, f"{strict:.1%}", *judged]) + " |")


def print_differences(models: Mapping[str, Sequence[Row]]) -> None:
    """Differences by eye on the same prompts and noise."""
    print("\n| difference by eye, points | mean | 95% over prompts |\n|---|---:|---:|")
    base = next(iter(models))
    pairs = [(name, base) for name in models if name != base]
    pairs += [(a, b) for a, b in CONTRASTS if a in models and b in models]
    for one, other in pairs:
        change = np.array([score(a) - score(b) for a, b in paired(models[one], models[other])])
        change = change[np.isfinite(change)]
        low, high = resampled(change)
        print(f"| {one} - {other} | {change.mean() * 100:+.1f} | {low * 100:+.1f} to {high * 100:+.1f} |")


CONTRASTS = (
    ("local_dpo, 100 steps", "dpo, 100 steps"),
    ("asap, 100 steps", "bounded, 30 steps"),
    ("local_dpo, 300 steps", "dpo, 300 steps"),
    ("asap, 300 steps", "local_dpo, 300 steps"),
    ("local_dpo, 300 steps", "local_dpo, 100 steps"),
    ("asap, 100 steps", "dpo, 100 steps"),
    ("asap, 100 steps", "bounded, 100 steps"),
    ("area, 100 steps", "asap, 100 steps"),
    ("area, 100 steps", "dpo, 100 steps"),
    ("asap, 300 steps", "dpo, 300 steps"),
    ("area, 300 steps", "dpo, 300 steps"),
    ("area, 300 steps", "asap, 300 steps"),
    ("dpo, 300 steps", "dpo, 100 steps"),
    ("asap, 300 steps", "asap, 100 steps"),
    ("area, 300 steps", "area, 100 steps"),
)


def paired(one: Sequence[Row], other: Sequence[Row]) -> list[tuple[Row, Row]]:
    """Rows of the same prompt."""
    theirs = {row["prompt"]: row for row in other}
    return [(row, theirs[row["prompt"]]) for row in one if row["prompt"] in theirs]


def resampled(values: np.ndarray) -> tuple[float, float]:
    """Percentile bootstrap of the mean; an image stands for its prompt."""
    rng = np.random.default_rng(0)
    means = values[rng.integers(len(values), size=(RESAMPLES, len(values)))].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def print_judges(models: Mapping[str, Sequence[Row]], judges: Sequence[str]) -> None:
    """Each judge against the images on which both labellers agree."""
    every = {**models, "all": [row for own in models.values() for row in own]}
    for judge in judges:
        print(f"\n| {judge} | sensitivity | specificity |\n|---|---:|---:|")
        for name, rows in every.items():
            sure = [r for r in rows if r["label_a"] == r["label_b"] and r["label_a"] in VALUES]
            found = tally([r["label_a"] == "error" for r in sure], [r[judge] == 1 for r in sure])
            seen, passed = found.sensitivity_interval, found.specificity_interval
            print(
                f"| {name} | {found.sensitivity:.1%} [{seen.low:.1%}, {seen.high:.1%}] of {found.faulty} "
                f"| {found.specificity:.1%} [{passed.low:.1%}, {passed.high:.1%}] of {found.sound} |"
            )


if __name__ == "__main__":
    tyro.cli(run)
