"""How fast a core draws whole people and pairs of them.

    OMP_NUM_THREADS=1 TQDM_DISABLE=1 python benchmarks/people.py

One process, one thread; seconds are CPU seconds of the process, so other work on the machine matters little.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import pyarrow as pa
import tyro

from asap.figures.people import scenes
from asap.figures.people.render import render_people
from asap.pairs import figures
from asap.store import seed_of

SIZES = (64, 256, 512)  # pixels a side
LOOKS = (0.0, 1.0)  # doses of the photographic look


@dataclass(frozen=True)
class Config:
    """Time the renderer and `asap figures --kind people`."""

    runs: int = 5
    """Runs of each measurement; the median is reported, and the range."""
    people: int = 40
    """People in one run of the renderer."""
    pairs: int = 40
    """Pairs in one run of the stage: twice each error."""


def run(config: Config) -> None:
    """Print the table of `benchmarks/people.md`."""
    cv2.setNumThreads(1)
    pa.set_cpu_count(1)
    drawn = scenes.figures([scenes.scene(seed_of("benchmark", i)) for i in range(config.people)])
    print("| pixels | look | ms a person | range | pairs/s | range |\n|---|---|---:|---:|---:|---:|")
    for size in SIZES:
        for look in LOOKS:
            draw, write = partial(render_people, drawn, size, look=look), partial(dataset, config, size, look)
            person = [1000 * t / config.people for t in times(draw, config.runs)]
            pairs = [config.pairs / t for t in times(write, config.runs)]
            print(f"| {size} | {look:g} | {_cells(person, 0)} | {_cells(pairs, 1)} |", flush=True)


def dataset(config: Config, size: int, look: float) -> None:
    """`asap figures --kind people`, from seeds to parquet, card and contact sheet."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "pairs"
        figures.run(figures.Config(out, kind="people", pairs=config.pairs, size=size, look=look))


def times(work: Callable[[], object], runs: int) -> list[float]:
    """CPU seconds of each run, ascending; one before them warms up."""
    seconds = []
    for _ in range(runs + 1):
        started = time.process_time()
        work()
        seconds.append(time.process_time() - started)
    return sorted(seconds[1:])


def _cells(values: list[float], digits: int) -> str:
    low, high = min(values), max(values)
    return f"{statistics.median(values):.{digits}f} | {low:.{digits}f} to {high:.{digits}f}"


if __name__ == "__main__":
    run(tyro.cli(Config))
