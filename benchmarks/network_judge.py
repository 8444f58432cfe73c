"""Train the judge `network`, choose its threshold, and say how often it errs on renders of known truth.

    OMP_NUM_THREADS=1 python benchmarks/network_judge.py            # measure the weights in the package
    OMP_NUM_THREADS=1 python benchmarks/network_judge.py --train    # make them anew, then measure

Lessons (`asap.bench.judges.hands.lessons`), their held-out set and the renders measured come from seeds of
their own, none of which draws pairs, prompts or the other judge's library. No picture of a model is used.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
import tyro
from numpy.typing import NDArray
from safetensors.torch import save
from torch import Tensor, nn

from asap import progress, store
from asap.bench.judges import learned
from asap.bench.judges.hands import lessons, network
from asap.bench.judges.hands.faults import FAULTS, SIZE
from asap.bench.judges.hands.network_model import Model
from asap.bench.statistics import wilson
from asap.figures import hands, scenes
from asap.figures.hands import GESTURES
from asap.store import seed_of

DOSES = (0.0, 0.5, 1.0)
EVERY = 300  # steps from one word on the loss to the next


@dataclass(frozen=True)
class Config:
    """Train (with --train) and measure the judge `network`."""

    train: bool = False
    """Make the weights anew; without it, those in the package are measured."""
    out: Path = network.WEIGHTS
    """Where --train writes the weights."""
    seed: int = 0
    """Decides lessons, weights and their order."""
    lessons: int = 40_000
    """Pictures to train on."""
    held_out: int = 6_000
    """Further ones, on which the threshold is chosen."""
    epochs: int = 10
    """Times that each is shown."""
    batch: int = 128
    """Pictures per step."""
    learning_rate: float = 3e-3
    """AdamW's largest step size; it falls to zero along a cosine."""
    scenes: int = 1500
    """Scenes measured at each dose of the photographic look, rendered correct and faulty."""


def run(config: Config) -> None:
    """Print the tables of `benchmarks/network_judge.md`."""
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    if config.train:
        train(config)
    else:
        print_rates(config.scenes)
        print_faults(config)


def train(config: Config) -> None:
    """Write the weights, with the threshold and what made them as metadata."""
    started = time.process_time()
    known = lessons.draw(config.lessons, seed_of("network lessons", config.seed))
    print(f"{len(known)} lessons drawn in {time.process_time() - started:.0f} CPU s", flush=True)
    torch.manual_seed(seed_of("network", config.seed) % 2**32)
    model = Model().to(memory_format=torch.channels_last)
    learn(model, known, config)
    new = lessons.draw(config.held_out, seed_of("network held out", config.seed))
    chances, wrong = chances_of(model, new), new.kinds >= 0
    threshold = best_threshold(chances, wrong)
    found = chances > threshold
    rates = f"caught {found[wrong].mean():.3f}, false alarms {found[~wrong].mean():.3f}"
    print(f"threshold {threshold}: {rates}; {time.process_time() - started:.0f} CPU s in all")
    settings = {
        name: getattr(config, name) for name in ("seed", "lessons", "epochs", "batch", "learning_rate")
    }
    record = {learned.THRESHOLD: str(threshold), "settings": store.to_json(settings), "held out": rates}
    state = {
        name: value.contiguous(memory_format=torch.contiguous_format)
        for name, value in model.state_dict().items()
    }
    store.write_atomic(config.out, save(state, metadata=record))


def learn(model: Model, known: lessons.Lessons, config: Config) -> None:
    """Fit `model` to the lessons."""
    pictures, gestures = torch.from_numpy(known.pictures), torch.from_numpy(known.gestures)
    kinds = torch.from_numpy(known.kinds)

    def loss_at(step: int, rows: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            wrong, kind = model(shifted(pictures[rows], step), gestures[rows])
        return loss_of(wrong.float(), kind.float(), kinds[rows])

    steps = config.epochs * (len(known) // config.batch)
    fit(model, batches(len(known), config), steps, loss_at, learning_rate=config.learning_rate, decay=0.02)


def fit(
    model: nn.Module,
    rows: Iterable[Tensor],
    steps: int,
    loss_at: Callable[[int, Tensor], Tensor],
    *,
    learning_rate: float,
    decay: float,
) -> None:
    """`steps` steps of AdamW down the loss at each step's `rows`, the step size along one cycle."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate, weight_decay=decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, learning_rate, steps, pct_start=0.1)
    total = 0.0
    for step, chosen in enumerate(progress.bar(rows, total=steps, desc="training", unit="step")):
        loss = loss_at(step, chosen)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        schedule.step()
        total += loss.item()
        if (step + 1) % EVERY == 0:
            print(f"step {step + 1} of {steps}: loss {total / EVERY:.4f}", flush=True)
            total = 0.0
    model.eval()


def batches(count: int, config: Config) -> Iterator[Tensor]:
    """Rows of each step; every epoch in an order of its own."""
    for epoch in range(config.epochs):
        generator = torch.Generator().manual_seed(seed_of("network order", config.seed, epoch) % 2**32)
        order = torch.randperm(count, generator=generator)
        yield from order[: count // config.batch * config.batch].view(-1, config.batch)


def shifted(pictures: Tensor, step: int) -> Tensor:
    """A batch (N, 24, 24, 3) as input, all moved by up to one pixel, its borders repeated."""
    dx, dy = (seed_of("network shift", step, axis) % 3 for axis in "xy")
    padded = nn.functional.pad(learned.as_input(pictures.numpy()), (1, 1, 1, 1), mode="replicate")
    moved = padded[:, :, dy : dy + SIZE, dx : dx + SIZE]
    return moved.contiguous(memory_format=torch.channels_last)


def loss_of(wrong: Tensor, kind: Tensor, truth: Tensor) -> Tensor:
    """Cross-entropy of right and wrong, and of the kind where there is one; labels a little softened."""
    target = (truth >= 0).float() * 0.96 + 0.02
    found = nn.functional.binary_cross_entropy_with_logits(wrong, target)
    return found + 0.2 * nn.functional.cross_entropy(kind, truth, ignore_index=-1)


@torch.no_grad()
def chances_of(model: Model, held_out: lessons.Lessons) -> NDArray[np.float64]:
    """The probability of an error in each picture."""
    gestures = torch.from_numpy(held_out.gestures)
    logits = [
        model(learned.as_input(held_out.pictures[i : i + 500]), gestures[i : i + 500])[0]
        for i in range(0, len(held_out), 500)
    ]
    return torch.cat(logits).sigmoid().double().numpy()


def best_threshold(chances: NDArray[np.float64], wrong: NDArray[np.bool_]) -> float:
    """The threshold at which sensitivity and specificity add up to most (Youden 1950), in hundredths."""
    grid = np.arange(5, 96) / 100
    sums = [np.mean(chances[wrong] > t) + np.mean(chances[~wrong] <= t) for t in grid]
    return float(grid[int(np.argmax(sums))])


def rendered(count: int, dose: float) -> tuple[list[str], list[str], scenes.Drawing]:
    """Gestures, errors and pictures of `count` random scenes, every kind of error equally often."""
    drawn = [scenes.scene(seed_of("network measured", i)) for i in range(count)]
    possible = [hands.possible_errors(scene.gesture) for scene in drawn]
    errors = [kinds[i % len(kinds)] for i, kinds in enumerate(possible)]
    poses = [seed_of("network measured pose", i) for i in range(count)]
    return [s.gesture for s in drawn], errors, scenes.draw(drawn, errors, poses, size=SIZE, look=dose)


def print_rates(count: int) -> None:
    """False alarms and detections on plain renders, by the dose of the look and by error."""
    limit, rows = network.threshold(), {}
    for dose in DOSES:
        gestures, errors, pictures = rendered(count, dose)
        good, bad = network.examine(pictures.correct, gestures), network.examine(pictures.faulty, gestures)
        found = np.array([opinion.probability > limit for opinion in bad])
        rows.setdefault("correct", []).append(share(np.array([o.probability > limit for o in good])))
        rows.setdefault("faulty", []).append(share(found))
        for error in hands.ERRORS:
            rows.setdefault(error, []).append(share(found[[e == error for e in errors]]))
    print(f"\n| called wrong{''.join(f' | look {dose:g}' for dose in DOSES)} |\n|---{'|---' * len(DOSES)}|")
    for name, cells in rows.items():
        print(f"| {name} | {' | '.join(cells)} |")


def print_faults(config: Config) -> None:
    """Detections by the fault drawn, and false alarms, in lessons that were neither learned nor held out."""
    new = lessons.draw(config.held_out, seed_of("network reported", config.seed))
    names = np.asarray(new.faults)
    opinions = network.examine(new.pictures, [list(GESTURES)[g] for g in new.gestures])
    found = np.array([opinion.probability > network.threshold() for opinion in opinions])
    print("\n| lesson | called wrong |\n|---|---|")
    print(f"| correct | {share(found[names == ''])} |\n| any fault | {share(found[names != ''])} |")
    for fault in FAULTS:
        print(f"| {fault.__name__} | {share(found[names == fault.__name__])} |")


def share(flags: NDArray[np.bool_]) -> str:
    """A share with Wilson's 95% interval, and the number behind it."""
    low, high = wilson(int(flags.sum()), len(flags))
    return f"{np.mean(flags):.1%} [{low:.1%}, {high:.1%}] of {len(flags)}"


if __name__ == "__main__":
    run(tyro.cli(Config))
