"""How often the judge of figures errs on renders whose truth is known, and how its threshold lies.

    OMP_NUM_THREADS=1 python benchmarks/figures_judge.py

Every scene is rendered twice from one pose, correct and with an error. The curve of thresholds and the rates
are measured on different seeds, neither of which draws pairs, prompts or the judge's own library.
"""

from __future__ import annotations

import statistics
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import tyro
from numpy.typing import NDArray

from asap.bench.judges.hands.figures import SIZE, THRESHOLD, Finding, examine
from asap.bench.statistics import wilson
from asap.figures import hands, scenes
from asap.store import seed_of

DOSES = (0.0, 0.5, 1.0)
THRESHOLDS = (0.26, 0.28, 0.30, 0.32, 0.33, 0.34, 0.35, 0.36, 0.38, 0.40, 0.42, 0.46)


@dataclass(frozen=True)
class Config:
    """Measure false alarms, detections and names of the judge of figures."""

    scenes: int = 1500
    """Scenes of each set, rendered correct and faulty."""
    seed: int = 1
    """Draws the set that is reported; the curve is measured on the seed before it."""


@dataclass(frozen=True)
class Examined:
    """What the judge found in renders of known truth: one entry per scene."""

    errors: list[str]
    gestures: list[str]
    correct: list[Finding]
    faulty: list[Finding]

    def alarms(self, threshold: float, gesture: str | None = None) -> list[bool]:
        """Of each correct render (of `gesture`), whether it counts as wrong."""
        rows = zip(self.correct, self.gestures, strict=True)
        return [f.score > threshold for f, name in rows if gesture in (None, name)]

    def detections(self, threshold: float, error: str | None = None) -> list[bool]:
        """Of each faulty render (of kind `error`), whether it counts as wrong."""
        rows = zip(self.faulty, self.errors, strict=True)
        return [f.score > threshold for f, name in rows if error in (None, name)]


def run(config: Config) -> None:
    """Print the tables of `benchmarks/figures.md`."""
    cv2.setNumThreads(1)
    before = {dose: examined(config.scenes, config.seed - 1, dose) for dose in DOSES}
    print_curve(before)
    reported = {dose: examined(config.scenes, config.seed, dose) for dose in DOSES}
    print_rates(reported)
    print_names(reported)
    print_speed(config)


def rendered(count: int, seed: int, dose: float) -> tuple[list[str], list[str], scenes.Drawing]:
    """Gestures, errors and pictures of `count` random scenes, every kind of error equally often."""
    drawn = [scenes.scene(seed_of("judge", seed, i)) for i in range(count)]
    possible = [hands.possible_errors(scene.gesture) for scene in drawn]
    errors = [kinds[i % len(kinds)] for i, kinds in enumerate(possible)]
    poses = [seed_of("judge pose", seed, i) for i in range(count)]
    return [s.gesture for s in drawn], errors, scenes.draw(drawn, errors, poses, size=SIZE, look=dose)


def examined(count: int, seed: int, dose: float) -> Examined:
    """The judge's findings on `count` scenes at a dose of the photographic look."""
    gestures, errors, pictures = rendered(count, seed, dose)
    return Examined(errors, gestures, examine(pictures.correct, gestures), examine(pictures.faulty, gestures))


def print_curve(found: dict[float, Examined]) -> None:
    """False alarms and misses by threshold."""
    doses = "".join(f" | look {dose:g}: false alarms | missed" for dose in found)
    print(f"\n| threshold{doses} |\n|---{'|---:|---:' * len(found)}|")
    for threshold in THRESHOLDS:
        cells = [
            f"{np.mean(e.alarms(threshold)):.1%} | {1 - np.mean(e.detections(threshold)):.1%}"
            for e in found.values()
        ]
        mark = "**" if threshold == THRESHOLD else ""
        print(f"| {mark}{threshold:.2f}{mark} | {' | '.join(cells)} |")


def print_rates(found: dict[float, Examined]) -> None:
    """False alarms by gesture and detections by kind of error, at the judge's own threshold."""
    print(f"\n| renders{''.join(f' | look {dose:g}' for dose in found)} |\n|---{'|---' * len(found)}|")
    alarms = {
        f"correct, {name}": [e.alarms(THRESHOLD, name) for e in found.values()] for name in hands.GESTURES
    }
    kinds = {name: [e.detections(THRESHOLD, name) for e in found.values()] for name in hands.ERRORS}
    every = [e.alarms(THRESHOLD) for e in found.values()]
    all_faulty = [e.detections(THRESHOLD) for e in found.values()]
    for name, flags in {"correct": every, **alarms, "faulty": all_faulty, **kinds}.items():
        print(f"| {name} | {' | '.join(share(row) for row in flags)} |")


def share(flags: Sequence[bool]) -> str:
    """A share with Wilson's 95% interval, and the number behind it."""
    low, high = wilson(sum(flags), len(flags))
    return f"{np.mean(flags):.1%} [{low:.1%}, {high:.1%}] of {len(flags)}"


def print_names(found: dict[float, Examined]) -> None:
    """What the detected errors are called, in the figures' own look and in the others."""
    for dose, e in found.items():
        named = Counter(
            (error, f.error) for error, f in zip(e.errors, e.faulty, strict=True) if f.score > THRESHOLD
        )
        right = [error == f.error for error, f in zip(e.errors, e.faulty, strict=True) if f.score > THRESHOLD]
        print(f"\nLook {dose:g}: the name is right in {share(right)} detected errors.\n")
        print(f"| truth \\ named | {' | '.join(hands.ERRORS)} |\n|---{'|---:' * len(hands.ERRORS)}|")
        for error in hands.ERRORS:
            print(f"| {error} | {' | '.join(str(named[error, name]) for name in hands.ERRORS)} |")


def print_speed(config: Config) -> None:
    """Pictures examined per CPU second, the library made beforehand."""
    gestures, _, pictures = rendered(config.scenes, config.seed, 0.0)
    seconds = [cpu_seconds(pictures.correct, gestures) for _ in range(5)]
    print(f"\n{config.scenes / statistics.median(seconds):,.0f} pictures examined per CPU second")


def cpu_seconds(pictures: NDArray[np.uint8], gestures: list[str]) -> float:
    """CPU seconds to examine `pictures`."""
    started = time.process_time()
    examine(pictures, gestures)
    return time.process_time() - started


if __name__ == "__main__":
    run(tyro.cli(Config))
