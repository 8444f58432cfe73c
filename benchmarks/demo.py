"""Which settings the demonstration ships: each objective gets as many settings and training seeds.

    python benchmarks/demo.py FOLDER

Each setting is trained on the demonstration's pairs and judged on validation prompts; the best of each
objective by its mean over training seeds is then judged on the demonstration's own prompts, which chose
nothing. The same command again does what is missing.
"""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import tyro

from asap import store
from asap.align import train
from asap.bench import generate, judge, report
from asap.bench.statistics import difference_interval
from asap.demo import METHODS, PROMPT_SEED
from asap.pairs import figures

PROMPTS = {"validation": 7, "fresh": PROMPT_SEED}  # the seeds of the two sets of prompts
T95 = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776}  # Student's t, 97.5%, by the number of training seeds

Settings = Mapping[str, float]
SEARCH: Mapping[str, Sequence[Settings]] = {
    "sft": (
        {"learning_rate": 3e-5},
        {"learning_rate": 1e-4},
        {"learning_rate": 3e-4},
        {"learning_rate": 1e-3},
    ),
    "dpo": (
        {"learning_rate": 1e-4, "beta": 1000.0},
        {"learning_rate": 3e-4, "beta": 1000.0},
        {"learning_rate": 1e-3, "beta": 1000.0},
        {"learning_rate": 1e-3, "beta": 300.0},
    ),
    "asap": (
        {"learning_rate": 1e-4, "alpha": 10.0, "tau": 0.1},
        {"learning_rate": 3e-4, "alpha": 10.0, "tau": 0.1},
        {"learning_rate": 1e-3, "alpha": 10.0, "tau": 0.1},
        {"learning_rate": 1e-3, "alpha": 10.0, "tau": 0.3},
    ),
}


@dataclass(frozen=True)
class Config:
    """Search the settings of `asap demo`; the defaults are those of benchmarks/demo.md."""

    out: tyro.conf.Positional[Path]
    """Folder for pairs, runs, images and judgements."""
    seeds: int = 3
    """Training seeds of every setting, from 0 on; 2 to 5."""
    steps: int = 100
    """Optimiser steps."""
    pairs: int = 2000
    """Preference pairs, the same for every run."""
    look: float = 1.0
    """Dose of the photographic look of the pairs, in [0, 1]."""
    validation: int = 150
    """Prompts that choose the settings."""
    fresh: int = 300
    """Prompts that the chosen settings are reported on."""
    workers: int = 2
    """Processes side by side, one thread each."""


@dataclass(frozen=True)
class Trial:
    """One training run: setting number `choice` of an objective, and a training seed."""

    objective: str
    choice: int
    seed: int

    @property
    def settings(self) -> Settings:
        return SEARCH[self.objective][self.choice]

    @property
    def name(self) -> str:
        """A folder's name, such as `dpo-learning_rate0.0003-beta1000-seed0`."""
        numbers = (f"{name}{value:g}" for name, value in self.settings.items())
        return "-".join([self.objective, *numbers, f"seed{self.seed}"])


@dataclass(frozen=True)
class Score:
    """A run on one set of prompts: error rate, drift outside the hand, share of the base's right images that
    became wrong, all in [0, 1]."""

    aer: float
    drift: float
    broken: float


def run(config: Config) -> None:
    """Do what is missing, then print both tables."""
    os.environ |= {"OMP_NUM_THREADS": "1", "TQDM_DISABLE": "1"}  # before the workers start
    store.open_run(config.out, "search", {k: getattr(config, k) for k in ("steps", "pairs", "look")})
    figures.run(figures.Config(config.out / "pairs", config.pairs, look=config.look, biased=True))
    every = [
        Trial(objective, choice, seed)
        for objective, settings in SEARCH.items()
        for choice in range(len(settings))
        for seed in range(config.seeds)
    ]
    searched = evaluate(config, "validation", every)
    print_table("validation", config, searched)
    best = {objective: best_choice(searched, objective) for objective in SEARCH}
    chosen = [t for t in every if t.choice == best[t.objective]]
    reported = [t for t in every if t in chosen or t.settings == METHODS[t.objective]]
    print_table("fresh", config, evaluate(config, "fresh", reported))
    print_differences(config.out / "fresh", chosen)


def evaluate(config: Config, prompts: str, trials: Sequence[Trial]) -> dict[Trial, Score]:
    """The scores of `trials` on the set `prompts`, several trials at a time."""
    count = getattr(config, prompts)
    folder = config.out / prompts
    figures.run(figures.Config(folder, 1, PROMPTS[prompts], prompts=count))
    judged(folder, folder / "base", None)
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(config.workers, spawn, torch.set_num_threads, (1,)) as pool:
        scores = pool.map(score, *zip(*((config, folder, trial) for trial in trials), strict=True))
        return dict(zip(trials, scores, strict=True))


def score(config: Config, prompts: Path, trial: Trial) -> Score:
    """Train `trial` and judge it on the prompts in the folder `prompts`, as far as that is not done."""
    folder = prompts / trial.name
    if not (folder / "score.json").exists():
        trained = config.out / "runs" / trial.name
        if not (trained / "pytorch_lora_weights.safetensors").exists():
            train.run(training(config, trial))
        rates = compared(prompts / "base", judged(prompts, folder, trained), folder)
        store.write_atomic(folder / "score.json", store.to_json(rates))
        print(f"{prompts.name} {trial.name}: AER {rates.aer:.3f}", flush=True)
    return Score(**json.loads((folder / "score.json").read_text(encoding="utf-8")))


def training(config: Config, trial: Trial) -> train.Config:
    """The run of `trial`."""
    return train.Config(
        model="mini",
        data=str(config.out / "pairs"),
        out=config.out / "runs" / trial.name,
        objective=trial.objective,  # type: ignore[arg-type]
        steps=config.steps,
        seed=trial.seed,
        tracker="none",
        **trial.settings,  # type: ignore[arg-type]
    )


def judged(prompts: Path, folder: Path, lora: Path | None) -> Path:
    """Draw the prompts with a LoRA, or with the base alone, and judge the images; returns `folder`."""
    images, texts = folder / "images", prompts / figures.PROMPTS
    generate.run(generate.Config(texts, images, lora=lora, batch=50))
    judge.run(judge.Config(images, folder / "judgements"))
    return folder


def compared(base: Path, method: Path, out: Path) -> Score:
    """What the report says of `method` against `base`."""
    named = tuple(f"{name}={folder / 'judgements'}" for name, folder in (("base", base), ("method", method)))
    report.run(report.Config(named, out / "report"))
    _, row = json.loads((out / "report" / "report.json").read_text(encoding="utf-8"))["models"]
    return Score(row["aer"], row["drift"]["mean"], row["against_base"]["broken"])


def best_choice(scores: Mapping[Trial, Score], objective: str) -> int:
    """The setting of `objective` with the lowest mean error rate over seeds."""
    choices = {trial.choice for trial in scores if trial.objective == objective}
    return min(choices, key=lambda c: np.mean([s.aer for s in of(scores, objective, c)]))


def of(scores: Mapping[Trial, Score], objective: str, choice: int) -> list[Score]:
    """The scores of one setting, seed by seed."""
    return [s for trial, s in scores.items() if (trial.objective, trial.choice) == (objective, choice)]


def print_table(prompts: str, config: Config, scores: Mapping[Trial, Score]) -> None:
    """Means over training seeds; +- is the standard error, brackets the 95% interval by Student's t."""
    base = json.loads(next((config.out / prompts).glob("*/report/report.json")).read_text())["models"][0]
    print(f"\n{prompts}: {base['scored']} prompts, base AER {base['aer']:.3f}\n")
    print("| objective | settings | AER | by seed | 95% | drift | broken |\n|---|---|---|---|---|---|---|")
    for objective, choice in dict.fromkeys((trial.objective, trial.choice) for trial in scores):
        rows = of(scores, objective, choice)
        settings = SEARCH[objective][choice]
        shipped = " (shipped)" if settings == METHODS[objective] else ""
        text = ", ".join(f"{name} {value:g}" for name, value in settings.items())
        aer = [row.aer for row in rows]
        mean, error = np.mean(aer), np.std(aer, ddof=1) / len(aer) ** 0.5
        half = T95[len(aer)] * error
        print(
            f"| {objective} | {text}{shipped} | {mean:.3f} ± {error:.3f} | {listed(aer)} "
            f"| {max(0, mean - half):.3f} to {min(1, mean + half):.3f} "
            f"| {spread([row.drift for row in rows], 4)} | {spread([row.broken for row in rows], 3)} |"
        )


def print_differences(prompts: Path, trials: Sequence[Trial]) -> None:
    """Differences in error rate on the same prompts and noise, over all training seeds. The interval is a
    bootstrap over prompts: it says nothing of training seeds that were not run."""
    wrong = {
        objective: verdicts(prompts, [t for t in trials if t.objective == objective]) for objective in SEARCH
    }
    seeds = len(trials) // len(SEARCH)
    wrong["base"] = verdicts(prompts, []) * seeds
    clusters = [str(i) for i in range(len(wrong["base"]) // seeds)] * seeds
    print("\n| | AER, points | 95% over prompts |\n|---|---:|---|")
    for method, other in (("sft", "base"), ("dpo", "base"), ("asap", "base"), ("asap", "dpo")):
        low, high = difference_interval(wrong[other], wrong[method], clusters)
        mean = np.mean(wrong[method]) - np.mean(wrong[other])
        print(f"| {method} - {other} | {mean * 100:+.1f} | {low * 100:+.1f} to {high * 100:+.1f} |")


def verdicts(prompts: Path, trials: Sequence[Trial]) -> list[bool]:
    """Whether each image is wrong, prompt by prompt, trial after trial; of the base where there are none."""
    names = [trial.name for trial in trials] or ["base"]
    found = [judge.read(prompts / name / "judgements") for name in names]
    order = sorted(found[0])
    return [judged[sample].verdict == "error" for judged in found for sample in order]


def listed(values: Iterable[float]) -> str:
    return " ".join(f"{value:.3f}" for value in values)


def spread(values: Sequence[float], digits: int) -> str:
    """Mean and standard error."""
    error = np.std(values, ddof=1) / len(values) ** 0.5
    return f"{np.mean(values):.{digits}f} ± {error:.{digits}f}"


if __name__ == "__main__":
    run(tyro.cli(Config))
