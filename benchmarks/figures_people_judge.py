"""How often the judge of drawn people errs on renders whose truth is known, and how its threshold lies.

    OMP_NUM_THREADS=1 python benchmarks/figures_people_judge.py

Every scene of `mini-people` is rendered twice from the same joints, correct and with an error of its framing,
in a dose of the photographic look, and both are given what a small model adds to right and wrong pictures
alike: they waver, are soft, carry noise and patches. The curve of thresholds and the rates are measured on
different seeds, neither of which draws pairs, prompts or the judge's own library.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import tyro
from numpy.typing import NDArray

from asap.bench.judges.people.figures import THRESHOLD, Finding, examine
from asap.bench.statistics import wilson
from asap.figures.people.render import render_people
from asap.figures.people.shading import Array
from asap.figures.people.world import FRAMINGS, MiniScene
from asap.pairs.drawn import mini_people
from asap.store import seed_of

SIZE = 64
DOSES = (0.0, 0.5, 1.0)
THRESHOLDS = (1.2, 1.4, 1.6, 1.7, 1.8, 1.9, 2.0, 2.2, 2.5, 3.0)


@dataclass(frozen=True)
class Config:
    """Measure false alarms, detections and names of the judge of drawn people."""

    scenes: int = 420
    """Scenes of each set, poses in turn, rendered correct and faulty."""
    seed: int = 1
    """Draws the set that is reported; the curve is measured on the seed before it."""


@dataclass(frozen=True)
class Case:
    """One scene, its error, and what the judge found in the correct and in the faulty render."""

    scene: MiniScene
    error: str
    correct: Finding
    faulty: Finding

    @property
    def framing(self) -> str:
        return FRAMINGS[self.scene.pose]


def run(config: Config) -> None:
    """Print the tables of `benchmarks/figures_people_judge.md`."""
    cv2.setNumThreads(1)
    print_curve({dose: examined(config.scenes, config.seed - 1, dose) for dose in DOSES})
    reported = {dose: examined(config.scenes, config.seed, dose) for dose in DOSES}
    print_rates(reported)
    print_names(reported[0.0])
    print_speed(config)


def rendered(number: int, seed: int, dose: float) -> tuple[MiniScene, str, NDArray[np.uint8]]:
    """Scene, error and both pictures (2, 64, 64, 3), correct and faulty, of case `number`."""
    draft = next(mini_people.drafts(seed_of("judge of people", seed), number))
    own = seed_of("judge of people look", seed, number)
    pictures, _ = render_people([draft.correct, draft.faulty], SIZE, look=dose, seeds=[own, own])
    assert isinstance(draft.scene, MiniScene)
    return draft.scene, draft.error, np.stack([as_a_model(picture, own) for picture in pictures])


def examined(count: int, seed: int, dose: float) -> list[Case]:
    """The judge's findings on `count` scenes at a dose of the photographic look."""
    cases = []
    for i in range(count):
        scene, error, (correct, faulty) = rendered(i, seed, dose)
        cases.append(Case(scene, error, examine(correct, scene), examine(faulty, scene)))
    return cases


def as_a_model(picture: NDArray[np.uint8], seed: int) -> NDArray[np.uint8]:
    """`picture` as a small flow model draws: wavering by some tenths of a pixel, soft, with noise and patches
    of colour; equal seeds do the same to every picture."""
    rng = np.random.default_rng(seed)
    image = _wavered(picture.astype(np.float32), rng)
    soft = cv2.GaussianBlur(image, (5, 5), rng.uniform(0.4, 0.9))
    image = np.asarray(image + rng.uniform(-0.3, 1.0) * (soft - image), np.float32)
    noise = rng.standard_normal((SIZE, SIZE, 3)) * rng.uniform(0, 5)
    return _bytes(np.asarray(image + noise + _smooth(rng, 12, 3) * rng.uniform(0, 3), np.float32))


def _wavered(image: Array, rng: np.random.Generator) -> Array:
    field = _smooth(rng, 11, 2) * np.float32(rng.uniform(0, 0.5))
    x, y = np.meshgrid(np.arange(SIZE, dtype=np.float32), np.arange(SIZE, dtype=np.float32))
    moved = cv2.remap(
        image, x + field[..., 0], y + field[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(moved, np.float32)


def _smooth(rng: np.random.Generator, knots: int, channels: int) -> Array:
    coarse = rng.standard_normal((knots, knots, channels)).astype(np.float32)
    return np.asarray(cv2.resize(coarse, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC), np.float32)


def _bytes(image: Array) -> NDArray[np.uint8]:
    return np.asarray(np.clip(image + 0.5, 0, 255), np.uint8)


def print_curve(found: dict[float, list[Case]]) -> None:
    """False alarms and misses by threshold."""
    doses = "".join(f" | look {dose:g}: false alarms | missed" for dose in found)
    print(f"\n| threshold{doses} |\n|---{'|---:|---:' * len(found)}|")
    for threshold in THRESHOLDS:
        cells = [
            f"{np.mean([c.correct.score > threshold for c in cases]):.1%} | "
            f"{np.mean([c.faulty.score <= threshold for c in cases]):.1%}"
            for cases in found.values()
        ]
        mark = "**" if threshold == THRESHOLD else ""
        print(f"| {mark}{threshold:.1f}{mark} | {' | '.join(cells)} |")


def print_rates(found: dict[float, list[Case]]) -> None:
    """False alarms and detections by framing, detections by error, at the judge's own threshold."""
    print(f"\n| renders{''.join(f' | look {dose:g}' for dose in found)} |\n|---{'|---' * len(found)}|")
    _print_row("**correct**", [[alarm(c) for c in cases] for cases in found.values()])
    for framing in mini_people.ERRORS:
        rows = [[alarm(c) for c in cases if c.framing == framing] for cases in found.values()]
        _print_row(f"correct, {framing}", rows)
    _print_row("**faulty**", [[detected(c) for c in cases] for cases in found.values()])
    for framing in mini_people.ERRORS:
        rows = [[detected(c) for c in cases if c.framing == framing] for cases in found.values()]
        _print_row(f"faulty, {framing}", rows)
    for error in sorted({c.error for cases in found.values() for c in cases}):
        rows = [[detected(c) for c in cases if c.error == error] for cases in found.values()]
        _print_row(error.replace("_", " "), rows)


def alarm(case: Case) -> bool:
    """Whether the correct render counts as wrong."""
    return case.correct.score > THRESHOLD


def detected(case: Case) -> bool:
    """Whether the faulty render counts as wrong."""
    return case.faulty.score > THRESHOLD


def _print_row(name: str, flags: Sequence[Sequence[bool]]) -> None:
    print(f"| {name} | {' | '.join(share(row) for row in flags)} |")


def share(flags: Sequence[bool]) -> str:
    """A share with Wilson's 95% interval, and the number behind it."""
    low, high = wilson(sum(flags), len(flags))
    return f"{np.mean(flags):.1%} [{low:.1%}, {high:.1%}] of {len(flags)}"


def print_names(cases: Sequence[Case]) -> None:
    """What detected errors are called, the most frequent names first."""
    print("\n| error | named |\n|---|---|")
    for error in sorted({c.error for c in cases}):
        named = Counter(c.faulty.error for c in cases if c.error == error and detected(c))
        print(
            f"| {error.replace('_', ' ')} | {', '.join(f'{n} {name}' for name, n in named.most_common())} |"
        )


def print_speed(config: Config) -> None:
    """Pictures examined per CPU second, the library made beforehand."""
    made = [rendered(i, config.seed, 0.0) for i in range(56)]
    started = time.process_time()
    for scene, _, pictures in made:
        examine(pictures[0], scene)
    print(f"\n{len(made) / (time.process_time() - started):,.0f} pictures examined per CPU second")


if __name__ == "__main__":
    run(tyro.cli(Config))
