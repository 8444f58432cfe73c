"""How fast a core makes pairs, and where its time goes: `python benchmarks/build.py PHOTOS [--exclude ...]`.

One process, one thread; seconds are CPU seconds, so other work on the machine matters little.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import tyro

from asap.anatomy.detect import find_regions
from asap.pairs import dataset
from asap.pairs.degradations import DEGRADATIONS
from asap.pairs.photos import read_photo
from asap.pairs.sources.find import find_photos
from asap.pairs.worker import Rules, attempts
from asap.store import Row


@dataclass(frozen=True)
class Config:
    """Time the steps of `asap build` on a folder of photos."""

    photos: tyro.conf.Positional[Path]
    """Folder of photos."""
    exclude: tuple[str, ...] = ()
    """Patterns of files to leave out."""
    size: int = 1024
    """Longest side in pixels."""


def run(config: Config) -> None:
    """Print seconds per step, per photo and per pair."""
    cv2.setNumThreads(1)
    rules = Rules(config.size, tuple(DEGRADATIONS), 2, 12, 0)
    photos, _ = find_photos(config.photos, config.exclude)
    spent: dict[str, float] = defaultdict(float)
    pairs, tried = 0, 0
    with clock(spent, "load the models (once a process)"):
        find_regions(np.zeros((64, 64, 3), np.uint8))
    for photo in photos:
        with clock(spent, "read the photo"):
            image = read_photo(photo.file, rules.size)
        with clock(spent, "find hands, faces, bodies"):
            regions = find_regions(image)
        rejected: list[Row] = []
        with clock(spent, "edit, composite, gate"):
            made = list(attempts(image, regions, photo, rules, rejected))
        with clock(spent, "encode as PNG"):
            whole = dataset.png(image)
            for pair in made:
                dataset.encode(pair, whole)
        pairs, tried = pairs + len(made), tried + len(made) + len(rejected)
    report(spent, len(photos), pairs, tried)


@contextmanager
def clock(spent: dict[str, float], step: str) -> Iterator[None]:
    """Add the CPU seconds of the block to `spent[step]`."""
    started = time.process_time()
    yield
    spent[step] += time.process_time() - started


def report(spent: dict[str, float], photos: int, pairs: int, tried: int) -> None:
    """Print the table of `benchmarks/build.md`."""
    print("| step | CPU s | s a photo | s a pair |\n|---|---:|---:|---:|")
    for step, seconds in spent.items():
        print(f"| {step} | {seconds:.2f} | {seconds / photos:.3f} | {seconds / pairs:.3f} |")
    work = sum(seconds for step, seconds in spent.items() if "once" not in step)
    print(f"\n{photos} photos, {tried} attempts, {pairs} pairs: {pairs / work:.2f} pairs a second and core")


if __name__ == "__main__":
    run(tyro.cli(Config))
