"""What the watch says of real runs on `mini-hand`: well set ones, and ones that go wrong.

    OMP_NUM_THREADS=1 TQDM_DISABLE=1 python benchmarks/watch.py FOLDER

Every run goes on whatever is said (`--on-trouble warn`). One process, one thread; about half an hour.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
import tyro

from asap import store
from asap.align import loop, train
from asap.pairs import figures

# name -> steps, pairs a step, and what differs from the recipe
RUNS: dict[str, tuple[int, int, dict[str, Any]]] = {
    "asap": (150, 16, {}),
    "asap, one pair a step": (500, 1, {"learning_rate": 3e-4}),
    "area": (150, 16, {"objective": "area"}),
    "relative": (150, 16, {"objective": "relative"}),
    "dpo": (200, 16, {"objective": "dpo"}),
    "sft, one pair a step": (400, 1, {"objective": "sft"}),
    "dpo, ten times the rate": (150, 16, {"objective": "dpo", "learning_rate": 3e-3}),
    "dpo, one pair a step": (500, 1, {"objective": "dpo"}),
    "asap, thirty times the rate": (100, 16, {"learning_rate": 3e-2}),
    "asap, thirty times the rate, one pair a step": (300, 1, {"learning_rate": 3e-2}),
}


@dataclass(frozen=True)
class Config:
    """Train the runs, and print their table."""

    folder: tyro.conf.Positional[Path]
    """Folder for pairs and runs; finished runs in it are taken as they are."""


def main(config: Config) -> None:
    """Print the table."""
    torch.set_num_threads(1)
    pairs = figures.run(figures.Config(config.folder / "pairs", pairs=400, look=1.0))
    print("| run | steps | rise at the end | first said at step | what |\n|---|---:|---:|---:|---|")
    for name, (steps, batch, changes) in RUNS.items():
        plain = train.Config("mini-hand", str(pairs), config.folder / store.content_id(name), steps=steps)
        settings = replace(plain, batch_size=batch, on_trouble="warn", overlays=0, tracker="none", **changes)
        rows = list(store.read_rows(train.run(settings) / loop.LOG))
        print(f"| {name} | {steps} | {_rise(rows[-50:]):.0%} | {_said(rows)} |", flush=True)


def _rise(rows: list[store.Row]) -> float:
    return fmean(row["winner_rise"] for row in rows) / fmean(row["winner_base"] for row in rows)


def _said(rows: list[store.Row]) -> str:
    told = [row for row in rows if "warning" in row]
    return f"{told[0]['step']} | {'; then '.join(row['warning'] for row in told)}" if told else "- | nothing"


if __name__ == "__main__":
    main(tyro.cli(Config))
