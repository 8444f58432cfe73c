"""How fast a core draws figures and pairs of them.

    OMP_NUM_THREADS=1 TQDM_DISABLE=1 python benchmarks/figures.py

One process, one thread; seconds are CPU seconds of the process, so other work on the machine matters little.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import tyro

from asap.figures import hands as skeletons
from asap.figures import scenes
from asap.figures.render import render
from asap.pairs import figures
from asap.store import seed_of

SIZES = {24: 4096, 64: 1024, 256: 64}  # pixels a side, and hands drawn in one run
DATASETS = ((24, 2000), (64, 500), (256, 50))  # pixels a side, and pairs in one run


@dataclass(frozen=True)
class Config:
    """Time the renderer and `asap figures`."""

    runs: int = 7
    """Runs of each measurement; the median is reported, and the range."""
    share: float = 1.0
    """Of the usual number of hands and pairs, for a quick look."""


def run(config: Config) -> None:
    """Print the tables of `benchmarks/figures.md`."""
    cv2.setNumThreads(1)
    pa.set_cpu_count(1)
    print("| pixels | hands a run | hands/s | range |\n|---|---:|---:|---:|")
    for size, usual in SIZES.items():
        count = max(1, round(usual * config.share))
        print(f"| {size} | {count} | {rate(drawer(count, size), count, config.runs)} |", flush=True)
    print("\n| pixels | look | pairs a run | pairs/s | range |\n|---|---|---:|---:|---:|")
    for size, usual in DATASETS:
        count = max(1, round(usual * config.share))
        for look in (0.0, 1.0):
            speed = rate(writer(count, size, look), count, config.runs)
            print(f"| {size} | {look:g} | {count} | {speed} |", flush=True)


def drawer(count: int, size: int) -> Callable[[], object]:
    """A call that renders `count` hands of random scenes and poses, images and coverage."""
    drawn = [scenes.scene(seed_of("benchmark", i)) for i in range(count)]
    rng = np.random.default_rng(0)
    hands = skeletons.hands([scene.gesture for scene in drawn], *skeletons.pose(count, rng))
    paint = scenes.colours(drawn)
    return lambda: render(hands, paint, size)


def writer(count: int, size: int, look: float) -> Callable[[], object]:
    """A call that is `asap figures`, from seeds to parquet, card and contact sheet."""

    def write() -> None:
        with tempfile.TemporaryDirectory() as folder:
            figures.run(figures.Config(Path(folder) / "pairs", pairs=count, size=size, look=look))

    return write


def rate(work: Callable[[], object], count: int, runs: int) -> str:
    """Median and range of `count` per CPU second, as two cells of a table; a first run warms up."""
    work()
    rates = sorted(count / cpu_seconds(work) for _ in range(runs))
    return f"{statistics.median(rates):,.0f} | {rates[0]:,.0f} to {rates[-1]:,.0f}"


def cpu_seconds(work: Callable[[], object]) -> float:
    """CPU seconds of this process, all threads together."""
    started = time.process_time()
    work()
    return time.process_time() - started


if __name__ == "__main__":
    run(tyro.cli(Config))
