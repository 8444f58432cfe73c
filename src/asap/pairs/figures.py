"""`asap figures`: preference pairs of procedural figures, whose truth is exact, as a HAP dataset."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from asap import command, store
from asap.errors import UserError
from asap.figures import hands, scenes
from asap.pairs import dataset, gates
from asap.pairs.composite import crop_box
from asap.records import Pair

PROMPTS = "prompts.jsonl"
CHUNK = 64
LARGEST = 1024


@dataclass(frozen=True)
class Config:
    """Draw pairs of hands, one correct and one with a known error, and write them as a HAP dataset."""

    out: Path
    """Folder of the dataset."""
    pairs: int = 2000
    """How many pairs."""
    seed: int = 0
    """Decides everything that is drawn; the same seed gives the same bytes."""
    size: int = 24
    """Pixels a side; the embedded model `mini` wants 24."""
    look: float = 0.0
    """Dose in [0, 1] of a photographic look (grading, light, vignette, noise), shared by both of a pair."""
    biased: bool = False
    """Keep to two skins and two backgrounds, as a collection of photos might."""
    prompts: int = 0
    """Also write that many fresh prompts, unrelated to the pairs, to `prompts.jsonl` in the folder."""


def run(config: Config) -> Path:
    """Write the dataset (and prompts); returns its folder.

    Raises:
        UserError: numbers that cannot be, or a folder made with other settings.
    """
    _check(config)
    with store.exclusive(config.out):
        store.open_run(config.out, "figures", {k: v for k, v in asdict(config).items() if k != "out"})
        _write(config)
    return config.out


def _write(config: Config) -> None:
    if config.prompts:
        fresh = scenes.prompts(config.prompts, config.seed)
        lines = "".join(store.to_json(prompt) + "\n" for prompt in fresh)
        store.write_atomic(config.out / PROMPTS, lines)
    rows = (
        dataset.encode(pair) for pair in tqdm(draw(config), total=config.pairs, unit="pair", desc="figures")
    )
    look = f"{config.look:g} of the photographic look" if config.look else "the figures' own look"
    notes = [f"Drawn by `asap figures` from seed {config.seed}: hands of {config.size} pixels in {look}."]
    dataset.write(config.out, rows, title="HAP figures", notes=notes)


def _check(config: Config) -> None:
    if config.pairs < 1 or config.prompts < 0:
        raise UserError("--pairs must be at least 1, --prompts at least 0")
    if not 16 <= config.size <= LARGEST:
        raise UserError(f"--size {config.size}: must lie between 16 and {LARGEST}")
    if not 0 <= config.look <= 1:
        raise UserError(f"--look {config.look}: must lie between 0 and 1")


def draw(config: Config) -> Iterator[Pair]:
    """The pairs, in order; number i depends on the seed and i alone."""
    for start in range(0, config.pairs, CHUNK):
        yield from _chunk(config, range(start, min(start + CHUNK, config.pairs)))


def _chunk(config: Config, numbers: Sequence[int]) -> Iterator[Pair]:
    drawn = [scenes.scene(store.seed_of(config.seed, "pair", i), biased=config.biased) for i in numbers]
    seeds = [store.seed_of(config.seed, "pose", i) for i in numbers]
    errors = [_error(scene, i) for scene, i in zip(drawn, numbers, strict=True)]
    drawing = scenes.draw(drawn, errors, seeds, size=config.size, look=config.look)
    for k, (scene, error, seed) in enumerate(zip(drawn, errors, seeds, strict=True)):
        chosen, rejected = drawing.correct[k], drawing.faulty[k]
        mask = np.any(chosen != rejected, axis=-1)
        yield Pair(
            id=store.content_id("figure", config.size, config.look, seed, error, scene.caption),
            prompt=scene.caption,
            chosen=chosen,
            rejected=rejected,
            mask=mask,
            part="hand",
            error=error,
            degradation=f"skeleton_{error.replace(' ', '_')}",
            box=crop_box(mask) or (0, 0, 0, 0),
            source=f"figure {seed}",
            seed=seed,
            metrics=gates.similarity(chosen, rejected, mask),
        )


def _error(scene: scenes.Scene, number: int) -> str:
    possible = hands.possible_errors(scene.gesture)
    return possible[number % len(possible)]


def main(argv: Sequence[str]) -> None:
    """The command line of this stage."""
    print(f"dataset: {run(command.parse(Config, argv, 'figures'))}")
