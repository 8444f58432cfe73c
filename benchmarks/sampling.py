"""Whether hands mend more where kinds of errors that lag are shown more often (`asap train --sampling`).

    OMP_NUM_THREADS=1 TQDM_DISABLE=1 python benchmarks/sampling.py sampling

Every sampling trains `mini-hand` on the same pairs under the same seeds and draws the same fresh prompts from
the same noise. About two minutes a run on one core; run again, it goes on where it was stopped.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
import tyro
from safetensors.torch import load_file
from scipy import stats

from asap.align import train
from asap.backbones.lora import WEIGHTS
from asap.bench import generate, judge, results
from asap.pairs import figures
from asap.store import read_rows

SAMPLING = ("uniform", "lagging", "lagging_unbiased")
JUDGES = ("network", "figures")


@dataclass(frozen=True)
class Config:
    """Compare the samplings of `asap train` on the embedded hands."""

    out: tyro.conf.Positional[Path]
    """Folder for all runs, images and judgements."""
    pairs: int = 2000
    """Pairs to train on."""
    prompts: int = 300
    """Fresh prompts, drawn once each."""
    steps: int = 100
    """Training steps."""
    seeds: int = 5
    """Training seeds of each sampling."""


@dataclass(frozen=True)
class Judged:
    """One model's images: error rate by judge, and how many of them the network calls each error."""

    rates: Mapping[str, float]
    kinds: Mapping[str, int]


def run(config: Config) -> None:
    """Print the tables of `benchmarks/sampling.md`."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    pairs = figures.run(figures.Config(config.out / "pairs", config.pairs, look=1.0, biased=True))
    fresh = figures.run(figures.Config(config.out / "fresh", 1, seed=2027, prompts=config.prompts))
    prompts = fresh / figures.PROMPTS
    base = judged(config.out / "base", prompts, None)
    found: dict[str, list[Judged]] = {name: [] for name in SAMPLING}
    for seed in range(config.seeds):
        for name in SAMPLING:
            folder = config.out / f"{name}-{seed}"
            found[name].append(judged(folder, prompts, trained(config, folder / "run", pairs, name, seed)))
    print_rates(base, found)
    print_kinds(base, found)
    print_shown(config)


def trained(config: Config, out: Path, pairs: Path, sampling: str, seed: int) -> Path:
    """A run of `asap train`, as far as it is not done; its cache is dropped."""
    if not (out / WEIGHTS).exists():
        settings = train.Config(
            "mini-hand", str(pairs), out, "asap", config.steps, seed, learning_rate=1e-3, alpha=10.0, tau=0.1,
            sampling=sampling, tracker="none",
        )  # type: ignore[arg-type]  # fmt: skip
        train.run(settings)
        shutil.rmtree(out / "latents")
    return out


def judged(folder: Path, prompts: Path, lora: Path | None) -> Judged:
    """Draw the prompts and judge the images, as far as that is not done."""
    images = folder / "images"
    generate.run(generate.Config(prompts, images, lora=lora, batch=50, device="cpu"))
    for name in JUDGES:
        judge.run(judge.Config(images, folder / name, judge=name))
    methods = {name: results.read(str(folder / name)) for name in JUDGES}
    rates = {name: results.rate(method.judgements.values()).aer for name, method in methods.items()}
    return Judged(rates, results.error_kinds(methods["network"]))


def print_rates(base: Judged, found: Mapping[str, Sequence[Judged]]) -> None:
    """Error rates by both judges, and paired differences to uniform sampling."""
    print("\n| sampling | judge | error rate, mean | sd | against uniform, points |\n|---|---|---:|---:|---|")
    for name in JUDGES:
        print(f"| none (the base) | {name} | {base.rates[name]:.1%} | | |")
        uniform = [100 * one.rates[name] for one in found["uniform"]]
        for sampling, models in found.items():
            rates = [100 * one.rates[name] for one in models]
            change = versus(rates, uniform) if sampling != "uniform" else ""
            print(f"| {sampling} | {name} | {np.mean(rates):.1f}% | {np.std(rates, ddof=1):.1f} | {change} |")


def print_kinds(base: Judged, found: Mapping[str, Sequence[Judged]]) -> None:
    """Images that the network calls each error, and paired differences to uniform sampling."""
    print(
        "\n| error, by the network | base | "
        + " | ".join(found)
        + " | lagging - uniform | unbiased - uniform |"
    )
    print("|---|---:|---:|---:|---:|---|---|")
    for kind in sorted(base.kinds, key=lambda kind: -base.kinds[kind]):
        counts = {name: [one.kinds.get(kind, 0) for one in models] for name, models in found.items()}
        means = " | ".join(f"{np.mean(row):.1f}" for row in counts.values())
        changes = " | ".join(versus(counts[name], counts["uniform"]) for name in SAMPLING[1:])
        print(f"| {kind} | {base.kinds[kind]} | {means} | {changes} |")


def versus(values: Sequence[float], uniform: Sequence[float]) -> str:
    """The mean of paired differences, with its 95% interval by Student's t over seeds."""
    change = np.subtract(values, uniform)
    half = stats.t.ppf(0.975, len(change) - 1) * change.std(ddof=1) / len(change) ** 0.5
    return f"{change.mean():+.1f} [{change.mean() - half:+.1f}, {change.mean() + half:+.1f}]"


def print_shown(config: Config) -> None:
    """What was shown of each kind, and how far it lags at the end, as means over seeds."""
    print("\n| kind | sampling | share in the data | share shown: mean | least | most | lag at the end |")
    print("|---|---|---:|---:|---:|---:|---:|")
    for sampling in SAMPLING[1:]:
        runs = [config.out / f"{sampling}-{seed}" / "run" for seed in range(config.seeds)]
        rows = [[row["shown"] for row in read_rows(run / "log.jsonl")] for run in runs]
        lags = [load_file(run / "checkpoint.safetensors")["state/lags"].tolist() for run in runs]
        for number, kind in enumerate(sorted(rows[0][0])):
            shares = [row[kind] for run in rows for row in run]
            cells = [rows[0][0][kind], np.mean(shares), min(shares), max(shares)]
            lag = np.mean([one[number] for one in lags])
            print(f"| {kind} | {sampling} | {' | '.join(f'{cell:.1%}' for cell in cells)} | {lag:.2f} |")


if __name__ == "__main__":
    run(tyro.cli(Config))
