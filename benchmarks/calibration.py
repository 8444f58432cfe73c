"""How often the judges of drawn figures err on the models' own samples, as labelled by eye.

    OMP_NUM_THREADS=1 python benchmarks/calibration.py             # print the tables of calibration.md
    OMP_NUM_THREADS=1 python benchmarks/calibration.py --write     # and record the counts for `asap report`
    OMP_NUM_THREADS=1 python benchmarks/calibration.py --coverage  # simulate the interval of corrected rates

`--set people` measures those of whole people. The labelled sets lie in `src/asap/bench/calibration`; no judge
was trained or set on them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import tyro

from asap.bench.calibration import labelled, measure, record
from asap.bench.corrected import Agreement, Tally, agreement, correct
from asap.bench.statistics import Interval, wilson
from asap.errors import UserError
from asap.store import Row, to_json, write_atomic

RATES = (0.0, 0.05, 0.3, 0.55, 0.9)
JUDGES = ((0.95, 0.9), (0.9, 0.95), (0.8, 0.75))


@dataclass(frozen=True)
class Config:
    """Measure the judges of drawn figures on a labelled set."""

    set: Literal["hands", "people"] = "hands"
    """Which one."""
    folder: Path = labelled.FOLDER
    """Folder of the labelled set, and of the record."""
    write: bool = False
    """Write the record that `asap report` reads."""
    coverage: bool = False
    """Simulate how often the interval of a corrected rate holds the true one, instead."""
    runs: int = 4000
    """Simulated calibrations and rates for each cell of that table."""


def run(config: Config) -> None:
    """Print the tables, and write the record where that is asked for."""
    cv2.setNumThreads(1)
    if config.coverage:
        print_coverage(config.runs)
        return
    known = labelled.read(config.set, config.folder)
    made = measure.measure(known)
    print_set(known, made)
    print_judges(made)
    print_by_model(made)
    print_unequal(made)
    print_ranking(known)
    print_agreement(known, made)
    if config.write:
        write_atomic(config.folder / f"{config.set}.json", to_json(made, indent=1) + "\n")


def print_set(known: labelled.Labelled, made: Row) -> None:
    """What the set holds."""
    counts = f"{made['correct']} correct, {made['errors']} with an error, {made['unsure']} unsure"
    print(f"{made['count']} {known.name}: {counts}\n")
    print("| model | pictures | correct | error | unsure |\n|---|---:|---:|---:|---:|")
    for model in dict.fromkeys(row["model"] for row in known.rows):
        labels = [row["label"] for row in known.rows if row["model"] == model]
        print(
            f"| {model} | {len(labels)} | {' | '.join(str(labels.count(name)) for name in labelled.LABELS)} |"
        )


def print_judges(made: Row) -> None:
    """Sensitivity and specificity of each judge."""
    print("\n| judge | settings | caught | missed | false alarms | right | sensitivity | specificity |")
    print("|---|---|---:|---:|---:|---:|---|---|")
    for row in made["judges"]:
        settings = ", ".join(f"{name} {value}" for name, value in row["settings"].items())
        print(f"| {row['name']} | {settings} | {cells(record.read_tally(row))} |")


def print_by_model(made: Row) -> None:
    """The same for the pictures of each model."""
    print("\n| judge | pictures of | caught | missed | false alarms | right | sensitivity | specificity |")
    print("|---|---|---:|---:|---:|---:|---|---|")
    for row in made["judges"]:
        for model, counts in row["by_model"].items():
            print(f"| {row['name']} | {model} | {cells(record.read_tally(counts))} |")


def print_unequal(made: Row) -> None:
    """Whether a judge errs alike on the pictures of all models."""
    print("\n| judge | p, alike on faulty ones | p, alike on correct ones |\n|---|---:|---:|")
    for row in made["judges"]:
        print(f"| {row['name']} | {row['alike_on_faulty_p']:.4f} | {row['alike_on_correct_p']:.4f} |")


def print_ranking(known: labelled.Labelled) -> None:
    """Whatever the threshold: how often a faulty picture gets a higher score than a correct one."""
    wrong, right = known.wrong(), known.sure() & ~known.wrong()
    scores = {judge.name: measure.opinions(judge, known)[1] for judge in measure.judges(known.name)}
    print()
    for name, values in scores.items():
        above = np.subtract.outer(values[wrong], values[right])
        print(f"{name}: area under the ROC curve {np.mean((above > 0) + 0.5 * (above == 0)):.3f}")


def cells(found: Tally) -> str:
    """Counts and rates with Wilson's intervals, as cells of a table."""
    counts = " | ".join(map(str, found))
    return f"{counts} | {share(found.caught, found.faulty)} | {share(found.right, found.sound)} |".rstrip(
        " |"
    )


def share(count: int, total: int) -> str:
    """A share with Wilson's 95% interval."""
    low, high = wilson(count, total)
    return f"{count / total:.1%} [{low:.1%}, {high:.1%}]" if total else "none"


def print_agreement(known: labelled.Labelled, made: Row) -> None:
    """Cohen's kappa between judges, between labellers, and of each judge with the labels."""
    sure, wrong = known.sure(), known.wrong()
    found = measure.verdicts(known)
    rows = {"labeller a and labeller b": known.labellers()}
    rows[" and ".join(found)] = Agreement(*(made["between_judges"][name] for name in Agreement._fields))
    for name, called in found.items():
        rows[f"{name} and the labels"] = agreement(called[sure].tolist(), wrong[sure].tolist())
    print("\n| | pictures | both wrong | first alone | second alone | neither | differing | kappa |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    for name, pair in rows.items():
        counts = " | ".join(map(str, pair))
        print(f"| {name} | {pair.total} | {counts} | {pair.differing:.1%} | {pair.kappa:.2f} |")


def print_coverage(runs: int) -> None:
    """How often intervals of a corrected rate of 300 images hold the true rate, and how wide they are."""
    for faulty, sound in ((150, 150), (60, 60)):
        print(
            f"\nJudge known from {faulty} faulty and {sound} sound hands; coverage, mean width in points.\n"
        )
        print(f"| sensitivity, specificity | interval | {' | '.join(f'rate {r:g}' for r in RATES)} |")
        print(f"|---|---|{'---|' * len(RATES)}")
        for judge in JUDGES:
            for name, interval in INTERVALS.items():
                found = [simulated(interval, rate, judge, (300, faulty, sound), runs) for rate in RATES]
                print(f"| {judge[0]:g}, {judge[1]:g} | {name} | {' | '.join(found)} |")


def simulated(
    interval: Callable[[int, int, Tally], Interval],
    rate: float,
    judge: tuple[float, float],
    counts: tuple[int, int, int],
    runs: int,
) -> str:
    """Coverage and mean width, in points, of an interval."""
    rng, (images, faulty, sound) = np.random.default_rng(0), counts
    raw = rate * judge[0] + (1 - rate) * (1 - judge[1])
    drawn = np.stack(
        [rng.binomial(n, p, runs) for n, p in ((images, raw), (faulty, judge[0]), (sound, judge[1]))]
    )
    ends = np.array(
        [interval(e, images, Tally(a, faulty - a, sound - b, b)) for e, a, b in drawn.T.tolist()]
    ).clip(0, 1)
    held = (ends[:, 0] <= rate + 1e-9) & (rate <= ends[:, 1] + 1e-9)
    return f"{held.mean():.3f}, {100 * np.ptp(ends, axis=1).mean():.1f}"


def shipped(errors: int, count: int, judge: Tally) -> Interval:
    """The interval that the report shows."""
    found = correct(errors, count, judge)
    if found is None:
        raise UserError("a simulated judge is no better than chance; simulate better ones")
    return found.interval


def plain_delta(errors: int, count: int, judge: Tally) -> Interval:
    """The delta method at the estimates themselves (Rogan and Gladen 1978)."""
    sens, spec, raw = judge.sensitivity, judge.specificity, errors / count
    power = sens + spec - 1
    rate = min(1.0, max(0.0, (raw + spec - 1) / power))
    shares: Sequence[tuple[float, int, float]] = (
        (raw, count, 1.0),
        (sens, judge.faulty, rate),
        (spec, judge.sound, 1 - rate),
    )
    half = 1.96 * np.sqrt(sum(p * (1 - p) / n * weight**2 for p, n, weight in shares)) / power
    return Interval(float(rate - half), float(rate + half))


def bootstrap(errors: int, count: int, judge: Tally) -> Interval:
    """Quantiles over draws of the three shares from their beta posteriors under Jeffreys' prior."""
    rng = np.random.default_rng([errors, judge.caught, judge.right])
    raw = rng.beta(errors + 0.5, count - errors + 0.5, 400)
    sens = rng.beta(judge.caught + 0.5, judge.missed + 0.5, 400)
    spec = rng.beta(judge.right + 0.5, judge.false_alarms + 0.5, 400)
    low, high = np.quantile(((raw + spec - 1) / (sens + spec - 1)).clip(0, 1), [0.025, 0.975])
    return Interval(float(low), float(high))


INTERVALS = {"Lang and Reiczigel (shipped)": shipped, "plain delta": plain_delta, "bootstrap": bootstrap}

if __name__ == "__main__":
    run(tyro.cli(Config))
