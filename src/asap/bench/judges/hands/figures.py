"""The judge of figures: analysis by synthesis.

The correct hand that fits a picture best is found among renders of the captioned gesture in many poses; what
the fit cannot explain, locally, is an error. Which error is told by the faulty renders that fit better.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from asap.bench.judges.drawn import Drawn, verdict
from asap.bench.judges.hands.pictures import SIZE, gesture_of
from asap.figures import hands, scenes
from asap.figures.hands import Array, Hands
from asap.figures.parts import soft_cover, stretch
from asap.figures.render import render
from asap.records import Box, Judgement, Sample
from asap.store import seed_of

# local residual above which a hand counts as wrong, set on renders of other seeds than any that are
# reported (benchmarks/figures_judge.py)
THRESHOLD = 0.34
WINDOW = 3
NEUTRAL = scenes.Scene("palm", "fair", "green", "black")
VARIANTS = 6


@dataclass(frozen=True, eq=False)
class Library:
    """Rendered hands as vectors: `covers` (K, SIZE * SIZE), and the error of each, None for correct ones."""

    covers: Array
    errors: tuple[str | None, ...]


class Figures:
    """The `Judge` of pictures of figures (24 x 24); benchmarks/figures.md says how often it errs."""

    name = "figures"

    @property
    def settings(self) -> dict[str, object]:
        return {"threshold": THRESHOLD, "window": WINDOW, "version": 1}

    def judge(self, images: Path, samples: Sequence[Sample]) -> Iterator[Judgement]:
        """See `Judge`.

        Raises:
            UserError: samples that are not of figures.
        """
        yield from Drawn(SIZE, gesture_of, _judged).judge(images, samples)


def _judged(
    samples: Sequence[Sample], pictures: NDArray[np.uint8], gestures: Sequence[str]
) -> Iterator[Judgement]:
    for sample, finding in zip(samples, examine(pictures, gestures), strict=True):
        yield _judgement(sample, finding)


@dataclass(frozen=True)
class Finding:
    """`score`: the largest local residual, in [0, 1]; `error`: what explains it best; `box`: its place."""

    score: float
    error: str
    box: Box


def examine(pictures: Any, gestures: Sequence[str]) -> list[Finding]:
    """A finding for each of `pictures` (N, 24, 24, 3), captioned with `gestures`."""
    covers = soft_cover(pictures).reshape(len(pictures), -1)
    findings: list[Finding | None] = [None] * len(pictures)
    for gesture in sorted(set(gestures)):
        rows = [i for i, name in enumerate(gestures) if name == gesture]
        for i, finding in zip(rows, _fit(covers[rows], gesture), strict=True):
            findings[i] = finding
    return [finding for finding in findings if finding is not None]


def _fit(covers: Array, gesture: str) -> Iterator[Finding]:
    correct, faulty = library(gesture), faulty_library(gesture)
    best = _squares(covers, correct.covers).argmin(axis=1)
    kinds = _squares(covers, faulty.covers).argmin(axis=1)
    for cover, fit, kind in zip(covers, best, kinds, strict=True):
        residual = np.abs(_local(cover - correct.covers[fit]))
        row, column = np.unravel_index(int(residual.argmax()), residual.shape)
        yield Finding(float(residual.max()), faulty.errors[kind] or "", _around(int(row), int(column)))


def _squares(covers: Array, candidates: Array) -> Array:
    """Squared distance of every cover (N, P) to every candidate (K, P), up to a constant per cover."""
    squares: Array = (candidates * candidates).sum(axis=1) - 2 * covers @ candidates.T
    return squares


def _local(residual: Array) -> Array:
    """Means over small windows, so that a line along an edge counts less than a finger's worth of pixels."""
    return np.asarray(cv2.blur(residual.reshape(SIZE, SIZE), (WINDOW, WINDOW)), np.float32)


def _around(row: int, column: int) -> Box:
    return (max(0, column - 2), max(0, row - 2), min(SIZE, column + 3), min(SIZE, row + 3))


@cache
def library(gesture: str) -> Library:
    """Correct hands of `gesture` on a grid of poses."""
    turns, shifts = np.linspace(-0.11, 0.11, 7), np.linspace(-0.035, 0.035, 5)
    poses = np.array(list(product(turns, (0.95, 0.99, 1.03), shifts, shifts)), np.float32)
    return Library(_covers(_posed(gesture, poses)), (None,) * len(poses))


@cache
def faulty_library(gesture: str) -> Library:
    """Hands of `gesture` with each possible error, in several variants on a coarse grid of poses."""
    poses = np.array(
        list(product((-0.06, 0.06), (0.99,), (-0.02, 0.0, 0.02), (-0.02, 0.0, 0.02))), np.float32
    )
    errors = [error for error in hands.possible_errors(gesture) for _ in range(VARIANTS * len(poses))]
    batch = _posed(gesture, np.tile(poses, (len(errors) // len(poses), 1)))
    for i, error in enumerate(errors):
        rng = np.random.default_rng(seed_of("variant", error, i // len(poses)))
        hands.with_error(batch, i, gesture, error, rng)
    return Library(_covers(batch), tuple(errors))


def _posed(gesture: str, poses: Array) -> Hands:
    return hands.hands([gesture] * len(poses), poses[:, 0], poses[:, 1], poses[:, 2:])


def _covers(batch: Hands) -> Array:
    _, cover = render(batch, scenes.colours([NEUTRAL] * len(batch)), SIZE)
    return stretch(cover).reshape(len(batch), -1)


def _judgement(sample: Sample, finding: Finding) -> Judgement:
    return verdict(sample, finding.error, finding.score, THRESHOLD, {"worst": finding.box})
