"""How fast a core makes pairs, where its time goes, what more cores bring, and how much memory it takes.

`python benchmarks/build.py PHOTOS [--exclude ...]` times the steps in one process of one thread; with
`--scaling` it also runs `asap build` with 1 and 2 workers, and on 1 and 4 copies of the photos, whose bytes
differ. Seconds are CPU seconds, so other work on the machine matters little.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import cv2
import numpy as np
import psutil
import tyro

from asap.anatomy.detectors.mediapipe import find_regions
from asap.pairs.degradations import DEGRADATIONS
from asap.pairs.hap import dataset
from asap.pairs.photos import read_photo
from asap.pairs.rules import Rules
from asap.pairs.sources.find import find_photos
from asap.pairs.worker import attempts
from asap.records import Photo
from asap.store import Row

COPIES = 4
EVERY = 0.2  # seconds between two looks at the memory


@dataclass(frozen=True)
class Config:
    """Time the steps of `asap build` on a folder of photos."""

    photos: tyro.conf.Positional[Path]
    """Folder of photos."""
    exclude: tuple[str, ...] = ()
    """Patterns of files to leave out."""
    size: int = 1024
    """Longest side in pixels."""
    scaling: bool = False
    """Also run the whole command with 1 and 2 workers, and on 1 and 4 copies of the photos."""


class Run(NamedTuple):
    """What one `asap build` took; memory is that of private pages, in bytes."""

    photos: int
    workers: int
    pairs: int
    wall: float
    cpu: float
    parent: int
    worker: int
    size: int


def run(config: Config) -> None:
    """Print seconds per step, per photo and per pair; and the table of whole runs."""
    cv2.setNumThreads(1)
    photos, _ = find_photos(config.photos, config.exclude)
    steps(photos, config.size)
    if config.scaling:
        print(
            "\n| photos | workers | pairs | wall s | CPU s | CPU s a pair | MB parent | MB worker | MB data |"
        )
        print("|---:|---:|---:|---:|---:|---:|---:|---:|---:|")
        for copies, workers in ((1, 1), (1, 2), (COPIES, 1), (COPIES, 2)):
            told = built(photos, copies, workers, config.size)
            memory = " | ".join(f"{value / 1e6:.0f}" for value in (told.parent, told.worker, told.size))
            cpu = f"{told.cpu:.1f} | {told.cpu / told.pairs:.3f}"
            print(f"| {told.photos} | {workers} | {told.pairs} | {told.wall:.1f} | {cpu} | {memory} |")
        print(f"\nload average at the end: {os.getloadavg()[0]:.1f}")


def steps(photos: Sequence[Photo], size: int) -> None:
    """Time each step on its own."""
    rules = Rules(size, tuple(DEGRADATIONS), 2, 12, 0)
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
            whole = dataset.png(image, photo=True) if made else None
            for pair in made:
                dataset.encode(pair, whole, photo=True)
        pairs, tried = pairs + len(made), tried + len(made) + len(rejected)
    report(spent, len(photos), pairs, tried)


def built(photos: Sequence[Photo], copies: int, workers: int, size: int) -> Run:
    """Run `asap build` on copies of the photos; a byte after a picture's end makes it another photo."""
    with TemporaryDirectory() as folder:
        for copy in range(copies):
            for index, photo in enumerate(photos):
                name = Path(folder) / "photos" / str(copy) / f"{index:03d}{Path(photo.source).suffix}"
                name.parent.mkdir(parents=True, exist_ok=True)
                name.write_bytes(photo.file.read_bytes() + bytes([copy]) * copy)
        out = Path(folder) / "hap"
        words = ["build", str(Path(folder) / "photos"), "--out", str(out), "--size", str(size)]
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-m", "asap", *words, "--workers", str(workers)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        peaks = watched(process)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        data = sum(path.stat().st_size for path in (out / "data").iterdir())
        pairs = sum(1 for _ in dataset.read(out, ["id"]))
    wall = time.monotonic() - started
    return Run(copies * len(photos), workers, pairs, wall, cpu, *peaks, data)


def watched(process: subprocess.Popen[bytes]) -> tuple[int, int]:
    """Most memory of a process, and of any of its children, until it ends."""
    peaks, ended = [0, 0], threading.Event()

    def look() -> None:
        while not ended.wait(EVERY):
            with suppress(psutil.Error):  # a process that ends just now
                parent = psutil.Process(process.pid)
                own, *others = (held(each) for each in (parent, *parent.children(recursive=True)))
                peaks[:] = max(peaks[0], own), max([peaks[1], *others])

    watcher = threading.Thread(target=look)
    watcher.start()
    code = process.wait()
    ended.set()
    watcher.join()
    if code:
        raise SystemExit(f"asap build ended with {code}")
    return peaks[0], peaks[1]


def held(process: psutil.Process) -> int:
    """A process's private memory in bytes."""
    return int(process.memory_full_info().uss)


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
