"""Pairs of drawn hands, one correct and one with an error that its gesture allows; the mask is exact."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from asap import store
from asap.figures import hands, scenes
from asap.pairs.checks import gates
from asap.pairs.composite import crop_box
from asap.records import Pair

SIZE = 24
SMALLEST_SIZE = 16
CHUNK = 64


def pairs(
    seed: int, count: int, size: int, *, look: float = 0.0, biased: bool = False, first: int = 0
) -> Iterator[Pair]:
    """`count` pairs of `size` pixels, from number `first` on; number i depends on the seed and i alone.

    `look` in [0, 1] is the dose of the photographic look; `biased` keeps to few skins and backgrounds.
    """
    for start in range(first, first + count, CHUNK):
        numbers = range(start, min(start + CHUNK, first + count))
        drawn = [scenes.scene(store.seed_of(seed, "pair", i), biased=biased) for i in numbers]
        errors = [_error(scene, i) for scene, i in zip(drawn, numbers, strict=True)]
        yield from _chunk(drawn, errors, [store.seed_of(seed, "pose", i) for i in numbers], size, look)


def _chunk(
    drawn: Sequence[scenes.Scene], errors: Sequence[str], seeds: Sequence[int], size: int, look: float
) -> Iterator[Pair]:
    drawing = scenes.draw(drawn, errors, seeds, size=size, look=look)
    for k, (scene, error, seed) in enumerate(zip(drawn, errors, seeds, strict=True)):
        chosen, rejected = drawing.correct[k], drawing.faulty[k]
        mask = np.any(chosen != rejected, axis=-1)
        yield Pair(
            id=store.content_id("figure", size, look, seed, error, scene.caption),
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
