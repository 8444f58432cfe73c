"""What `--skip-settled` and `--reference cached --draws K` save on hands, and whether they harm.

    OMP_NUM_THREADS=1 TQDM_DISABLE=1 python benchmarks/thrift.py FOLDER

Every way trains `mini-hand` on the same pairs under the same seeds and draws the same fresh prompts from the
same noise. About a minute a run on one core; run again, it goes on where it was stopped.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
import tyro
from scipy import stats

from asap import store
from asap.align import train
from asap.bench import generate, judge, results
from asap.pairs import figures
from asap.store import read_rows

JUDGES = ("network", "figures")


@dataclass(frozen=True)
class Config:
    """Compare thrifty ways of `asap train` with the plain one on the embedded hands."""

    out: tyro.conf.Positional[Path]
    """Folder for all runs, images and judgements."""
    prompts: int = 300
    """Fresh prompts, drawn once each."""
    steps: int = 100
    """Training steps; the long study has three times as many."""
    seeds: int = 3
    """Training seeds of each way."""
    studies: tuple[str, ...] = ("settled", "draws", "long")
    """Which of the studies."""


@dataclass(frozen=True)
class Study:
    """Ways on one dataset, the first being what the others are compared with.

    Attributes:
        pairs: how many of them.
        times: steps, in multiples of the setting.
        ways: settings of `asap train` by name.
    """

    pairs: int
    times: int
    ways: Mapping[str, Mapping[str, Any]]


LIVE: Mapping[str, Any] = {}
SKIP = {"skip_settled": True}
STUDIES = {
    "settled": Study(500, 1, {"live": LIVE, "skip settled": SKIP, "cached, 2 draws": {"draws": 2}}),
    # 100 steps of 16 show each of 100 pairs sixteen times
    "draws": Study(100, 1, {"live": LIVE, "cached, 2 draws": {"draws": 2}, "cached, 8 draws": {"draws": 8}}),
    "long": Study(500, 3, {"live": LIVE, "skip settled": SKIP}),
}


@dataclass(frozen=True)
class Found:
    """One run: error rate by judge, CPU seconds a step, and the shares `learned` of its steps, if logged."""

    rates: Mapping[str, float]
    seconds: float
    learned: Sequence[float]
    delta: float


def run(config: Config) -> None:
    """Print the tables."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    fresh = figures.run(figures.Config(config.out / "fresh", 1, seed=2027, prompts=config.prompts))
    prompts = fresh / figures.PROMPTS
    base = judged(config.out / "base", prompts, None)
    print(f"base: {' and '.join(f'{base[name]:.1%} by {name}' for name in JUDGES)}")
    for name in config.studies:
        print_study(name, STUDIES[name], studied(config, name, prompts))


def studied(config: Config, name: str, prompts: Path) -> dict[str, list[Found]]:
    """The runs of a study, as far as they are not done, by way; ways in turns."""
    study, folder = STUDIES[name], config.out / name
    pairs = figures.run(
        figures.Config(config.out / f"pairs-{study.pairs}", study.pairs, look=1.0, biased=True)
    )
    found: dict[str, list[Found]] = {way: [] for way in study.ways}
    for seed in range(config.seeds):
        for way, settings in study.ways.items():
            own = folder / f"{way.replace(', ', '-').replace(' ', '-')}-{seed}"
            plain = train.Config(
                "mini-hand", str(pairs), own / "run", "asap", config.steps * study.times, seed,
                learning_rate=1e-3, alpha=10.0, tau=0.1, tracker="none",
                cache=config.out / f"cache-{study.pairs}",
                reference="cached" if "draws" in settings else "live",
            )  # fmt: skip
            seconds = trained(replace(plain, **settings))
            rates = judged(own, prompts, own / "run")
            rows = list(read_rows(own / "run" / "log.jsonl"))
            learned = [row["learned"] for row in rows if "learned" in row]
            delta = float(np.mean([row["delta_mean"] for row in rows[-20:]]))
            found[way].append(Found(rates, seconds, learned, delta))
    return found


def trained(config: train.Config) -> float:
    """CPU seconds a step: of the same command continued from its first step, less those of one that finds
    nothing to do; a run that is done is not repeated."""
    record = config.out.parent / "seconds.json"
    if not record.exists():
        train.run(replace(config, steps=1))  # makes the caches
        whole = cpu_seconds(config)
        idle = cpu_seconds(config)
        store.write_atomic(record, store.to_json({"per_step": (whole - idle) / (config.steps - 1)}))
    return float(json.loads(record.read_text(encoding="utf-8"))["per_step"])


def cpu_seconds(config: train.Config) -> float:
    """CPU seconds of a call of `asap train`."""
    started = time.process_time()
    train.run(config)
    return time.process_time() - started


def judged(folder: Path, prompts: Path, lora: Path | None) -> dict[str, float]:
    """The error rate by each judge; draws and judges as far as that is not done."""
    images = folder / "images"
    generate.run(generate.Config(prompts, images, lora=lora, batch=50, device="cpu"))
    for name in JUDGES:
        judge.run(judge.Config(images, folder / name, judge=name))
    methods = {name: results.read(str(folder / name)) for name in JUDGES}
    return {name: results.rate(method.judgements.values()).aer for name, method in methods.items()}


def print_study(name: str, study: Study, found: Mapping[str, Sequence[Found]]) -> None:
    """A row of each way: error rates, what it has learned, CPU time, and paired differences to the first."""
    print(f"\n### {name}: {study.pairs} pairs\n")
    print(
        "| way | delta, last 20 steps | network | against live, points | figures | against live, points |"
        " learned, all steps | last third | CPU s a step |"
    )
    print("|---|---:|---:|---|---:|---|---:|---:|---:|")
    first = next(iter(found.values()))
    for way, runs in found.items():
        cells = [f"{np.mean([one.delta for one in runs]):.3f}"]
        for judge_name in JUDGES:
            rates = [100 * one.rates[judge_name] for one in runs]
            plain = [100 * one.rates[judge_name] for one in first]
            cells += [f"{np.mean(rates):.1f}%", versus(rates, plain) if runs is not first else ""]
        cells += [*learned(runs), spread([one.seconds for one in runs])]
        print(f"| {way} | {' | '.join(cells)} |", flush=True)


def learned(runs: Sequence[Found]) -> tuple[str, str]:
    """The share of pairs that had a part in the gradient, over all steps and the last third of them."""
    if not runs[0].learned:
        return "1", "1"
    rows = np.array([one.learned for one in runs])
    return f"{rows.mean():.2f}", f"{rows[:, -len(rows[0]) // 3 :].mean():.2f}"


def versus(values: Sequence[float], plain: Sequence[float]) -> str:
    """The mean of paired differences, with its 95% interval by Student's t over seeds."""
    change = np.subtract(values, plain)
    half = stats.t.ppf(0.975, len(change) - 1) * change.std(ddof=1) / len(change) ** 0.5
    return f"{change.mean():+.1f} [{change.mean() - half:+.1f}, {change.mean() + half:+.1f}]"


def spread(values: Sequence[float]) -> str:
    """Mean and range."""
    return f"{np.mean(values):.3f} ({min(values):.3f} to {max(values):.3f})"


if __name__ == "__main__":
    run(tyro.cli(Config))
