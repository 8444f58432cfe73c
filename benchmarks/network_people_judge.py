"""Train the judge `network-people`, choose its threshold, and say how often it errs where truth is known.

    OMP_NUM_THREADS=1 python benchmarks/network_people_judge.py          # measure the weights in the package
    OMP_NUM_THREADS=1 python benchmarks/network_people_judge.py --train  # make them anew, then measure

Lessons (`asap.bench.judges.people.lessons`), their held-out set and the pictures measured come from seeds of
their own, none of which draws pairs or prompts. No picture of a model is used.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch
import tyro
from numpy.typing import NDArray
from safetensors.torch import save
from torch import Tensor, nn

from asap import store
from asap.bench.judges import learned
from asap.bench.judges.people import lessons as people_lessons
from asap.bench.judges.people import library as people_library
from asap.bench.judges.people import network as network_people
from asap.bench.judges.people.faults import FAULTS
from asap.bench.judges.people.lessons import Lessons
from asap.bench.judges.people.library import KINDS, Library
from asap.bench.judges.people.network_model import Model
from asap.bench.judges.people.pictures import SIZE
from asap.figures.people import world
from asap.store import seed_of
from network_judge import batches, best_threshold, fit, share

MARGIN = 2  # pixels by which a picture shown again is moved at most


@dataclass(frozen=True)
class Config:
    """Train (with --train) and measure the judge `network-people`."""

    train: bool = False
    """Make the weights anew; without it, those in the package are measured."""
    out: Path = network_people.WEIGHTS
    """Where --train writes the weights."""
    cache: Path = Path("build/network-people")
    """Where the renders of lessons are kept for the next run."""
    seed: int = 0
    """Decides lessons, weights and their order."""
    scenes: int = 3500
    """Scenes that the lessons are of, each rendered in five ways."""
    lessons: int = 36_000
    """Pictures to train on."""
    held_out: int = 3_000
    """Further ones, of 420 other scenes, on which the threshold is chosen."""
    epochs: int = 4
    """Times that each is shown."""
    batch: int = 64
    """Pictures per step."""
    learning_rate: float = 2e-3
    """AdamW's largest step size; it falls to zero along a cosine."""


def run(config: Config) -> None:
    """Print the tables of `benchmarks/network_people_judge.md`."""
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    if config.train:
        train(config)
    print_tables(config)


def library(config: Config, name: str, scenes: int) -> Library:
    """The renders for the lessons called `name`."""
    return people_library.stored(config.cache, scenes, seed_of(f"network people {name}", config.seed))


def lessons(config: Config, name: str, scenes: int, count: int) -> Lessons:
    """`count` lessons of those called `name`."""
    rows = range(count)
    return people_lessons.draw(library(config, name, scenes), rows, seed_of(name, config.seed))


def train(config: Config) -> None:
    """Write the weights, with the threshold and what made them as metadata."""
    started = time.process_time()
    known = lessons(config, "lessons", config.scenes, config.lessons)
    print(f"{len(known)} lessons drawn in {time.process_time() - started:.0f} CPU s", flush=True)
    torch.manual_seed(seed_of("network people", config.seed) % 2**32)
    model = Model().to(memory_format=torch.channels_last)
    learn(model, known, config)
    model.half().float()  # as the weights will be stored
    new = lessons(config, "held out", 420, config.held_out)
    chances, wrong = chances_of(model, new), new.kinds >= 0
    threshold = best_threshold(chances, wrong)
    found = chances > threshold
    rates = f"caught {found[wrong].mean():.3f}, false alarms {found[~wrong].mean():.3f}"
    print(f"threshold {threshold}: {rates}; {time.process_time() - started:.0f} CPU s in all", flush=True)
    names = ("seed", "scenes", "lessons", "epochs", "batch", "learning_rate")
    settings = store.to_json({name: getattr(config, name) for name in names})
    record = {learned.THRESHOLD: str(threshold), "settings": settings, "held out": rates}
    store.write_atomic(config.out, save(stored(model), metadata=record))


def stored(model: Model) -> dict[str, Tensor]:
    """The weights in half precision."""
    return {
        name: (value.half() if value.is_floating_point() else value).contiguous(
            memory_format=torch.contiguous_format
        )
        for name, value in model.state_dict().items()
    }


def learn(model: Model, known: Lessons, config: Config) -> None:
    """Fit `model` to the lessons."""
    told, kinds = torch.from_numpy(known.told), torch.from_numpy(known.kinds)
    tiles = torch.from_numpy(np.concatenate([known.tiles[:, None], known.parts], axis=1))

    def loss_at(step: int, rows: Tensor) -> Tensor:
        pictures, where = shown(known.pictures[rows.numpy()], tiles[rows], step)
        with torch.autocast("cpu", torch.bfloat16):
            guess = model(pictures, told[rows])
        return loss_of([part.float() for part in guess], kinds[rows], where)

    steps = config.epochs * (len(known) // 2 // (config.batch // 2))
    fit(model, in_pairs(len(known), config), steps, loss_at, learning_rate=config.learning_rate, decay=0.03)


def in_pairs(count: int, config: Config) -> Iterator[Tensor]:
    """Rows of each step: right lessons, each followed by the faulty one of its scene."""
    for pairs in batches(count // 2, replace(config, batch=config.batch // 2)):
        yield torch.stack([2 * pairs, 2 * pairs + 1], dim=1).flatten()


def shown(pictures: NDArray[np.uint8], tiles: Tensor, step: int) -> tuple[Tensor, Tensor]:
    """A batch as input, with what is in its tiles: mirrored or not, moved by up to two pixels, its borders
    repeated, each picture in a light of its own."""
    dx, dy = (seed_of("network people shift", step, axis) % (2 * MARGIN + 1) for axis in "xy")
    sides = (MARGIN, MARGIN, MARGIN, MARGIN)
    padded = nn.functional.pad(learned.as_input(pictures), sides, mode="replicate")
    moved = padded[:, :, dy : dy + SIZE, dx : dx + SIZE]
    if seed_of("network people mirror", step) % 2:
        moved, tiles = moved.flip(3), tiles.flip(3)
    generator = torch.Generator().manual_seed(seed_of("network people light", step) % 2**32)
    light = 1 + 0.03 * torch.randn((len(moved), 3, 1, 1), generator=generator)
    noise = 0.012 * torch.randn(moved.shape, generator=generator)
    return (moved * light + noise).contiguous(memory_format=torch.channels_last), tiles


def loss_of(guess: list[Tensor], kinds: Tensor, tiles: Tensor) -> Tensor:
    """Cross-entropy of right and wrong (labels a little softened), of each tile's error and parts, and of the
    kind of error."""
    wrong, kind, where = guess
    binary = nn.functional.binary_cross_entropy_with_logits
    found = binary(wrong, (kinds >= 0).float() * 0.96 + 0.02)
    named = nn.functional.cross_entropy(kind, kinds, ignore_index=-1)
    errors, parts = binary(where[:, 0], tiles[:, 0]), binary(where[:, 1:], tiles[:, 1:])
    return found + 2.0 * errors + parts + 0.15 * named


@torch.no_grad()
def chances_of(model: Model, held_out: Lessons) -> NDArray[np.float64]:
    """The probability of an error in each picture."""
    told = torch.from_numpy(held_out.told)
    logits = [
        model(learned.as_input(held_out.pictures[i : i + 250]), told[i : i + 250])[0]
        for i in range(0, len(held_out), 250)
    ]
    return torch.cat(logits).sigmoid().double().numpy()


def print_tables(config: Config) -> None:
    """Detections by fault, kind and framing, and false alarms, in lessons neither learned nor held out."""
    new = lessons(config, "reported", 420, config.held_out)
    found = chances_of(network_people.load(), new) > network_people.threshold()
    names, wrong = np.asarray(new.faults), new.kinds >= 0
    rows = {"correct": ~wrong, "any fault": wrong}
    rows |= {fault.__name__: names == fault.__name__ for fault in FAULTS}
    rows |= {kind: new.kinds == number for number, kind in enumerate(KINDS)}
    framings = np.asarray(list(world.FRAMINGS.values()))[new.told[:, 0]]
    for framing in dict.fromkeys(world.FRAMINGS.values()):
        rows |= {f"correct, {framing}": ~wrong & (framings == framing)}
        rows |= {f"any fault, {framing}": wrong & (framings == framing)}
    print("\n| lesson | called wrong |\n|---|---|")
    for name, chosen in rows.items():
        print(f"| {name} | {share(found[chosen])} |")


if __name__ == "__main__":
    run(tyro.cli(Config))
