"""The judge of drawn people: analysis by synthesis.

A picture's light is taken away, then every small window of it is compared with correct renders of the scene
that was asked for, in many joints and a little moved. What none of them has there is an error.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from asap.bench.judges.drawn import Drawn, verdict
from asap.bench.judges.people.light import evened, halved, light_on
from asap.bench.judges.people.pictures import SIZE, scene_of
from asap.bench.judges.people.renders import SIDES, Candidates, candidates
from asap.figures.people.looks import BACKGROUNDS, CLOTHES, LABELS, NUMBER, SKINS
from asap.figures.people.shading import Array
from asap.figures.people.world import TOPS, MiniScene
from asap.records import Box, Judgement, Sample

# residual, in tolerances, above which a person counts as wrong: set on renders and on samples of `mini`, of
# other seeds than any that are reported (benchmarks/figures_people_judge.md)
THRESHOLD = 1.9
NEAREST = 16  # of the renders of the side that fits, those that windows are compared with
REACH = 1  # pixels, across plus down, that a window may have moved
WINDOW = 7
SOFTNESS, CELL = 0.6, 3  # deviation and side of the filters that both pictures pass through
PLAIN, OFF = 0.8, 25.0  # share from which on a pixel is of one colour, and how far that may be off
NOISE, PLAY = 6.0, 0.35  # colour distance that is nothing in flat places, and more per unit of contrast
GRAIN = 10.0  # the most of a picture's median colour distance that is nothing
SHIFTS = [
    (x, y) for y in range(-REACH, REACH + 1) for x in range(-REACH, REACH + 1) if abs(x) + abs(y) <= REACH
]
PART_NAMES = {"neck": "head", "face": "face", "hair": "head", "torso": "body"}


class FiguresPeople:
    """The `Judge` of pictures of `mini-people`; benchmarks/figures_people_judge.md says how often it errs."""

    name = "figures-people"

    @property
    def settings(self) -> dict[str, object]:
        return {"threshold": THRESHOLD, "window": WINDOW, "version": 2}

    def judge(self, images: Path, samples: Sequence[Sample]) -> Iterator[Judgement]:
        """See `Judge`.

        Raises:
            UserError: samples that are not of mini-people.
        """
        yield from Drawn(SIZE, scene_of, _judged).judge(images, samples)


def _judged(
    samples: Sequence[Sample], pictures: NDArray[np.uint8], scenes: Sequence[MiniScene]
) -> Iterator[Judgement]:
    for sample, picture, scene in zip(samples, pictures, scenes, strict=True):
        finding = examine(picture, scene)
        yield verdict(sample, finding.error, finding.score, THRESHOLD, {"worst": finding.box})


@dataclass(frozen=True)
class Finding:
    """`score`: a window's largest residual, in tolerances; `error`: what it would be; `box`: its place."""

    score: float
    error: str
    box: Box


@dataclass(frozen=True, eq=False)
class _Side:
    """The correct renders of one side, and each one's weights of pixels, at full and at half the size."""

    correct: Candidates
    weights: Array
    halves: Array
    half_weights: Array

    def distances(self, picture: Array) -> Array:
        """Weighted mean squares of the difference from `picture` (64, 64, 3) at half the size, (K,)."""
        error = np.square(self.halves - halved(picture)).sum(axis=3) * self.half_weights
        return np.asarray(error.sum(axis=(1, 2)) / np.maximum(self.half_weights.sum(axis=(1, 2)), 1))


def examine(picture: NDArray[np.uint8], scene: MiniScene) -> Finding:
    """What is wrong with `picture` (64, 64, 3), if anything, as a picture of `scene` on either side."""
    flat, light, side = _fitted(picture.astype(np.float32), scene)
    order = np.argsort(side.distances(flat))[:NEAREST]
    nearest = side.correct[order]
    nearest = nearest.recoloured(_shift(flat, nearest))
    flat = evened(flat, nearest.pictures[0], side.weights[order[0]])
    weights = side.weights[order] * np.minimum(light, 1)  # as noise grows where the dark is made light
    residual, which = _residual(flat, nearest.pictures, weights)
    row, column = (int(i) for i in np.unravel_index(int(residual.argmax()), residual.shape))
    box = _around(row, column)
    error = _named(flat, nearest, int(which[row, column]), box, scene)
    return Finding(float(residual[row, column]), error, box)


def _fitted(picture: Array, scene: MiniScene) -> tuple[Array, Array, _Side]:
    """The picture without its light, the light's brightness (64, 64), and the side that fits best."""
    sides = [_side(picture, candidates(scene, name), scene) for name in SIDES]
    flat, side = picture, sides[0]
    for _ in range(2):
        side = min(sides, key=lambda each: float(each.distances(flat).min()))
        best = int(side.distances(flat).argmin())
        light = light_on(picture, side.halves[best], side.half_weights[best])
        flat = picture / light
    return flat, light.mean(axis=2), side


def _shift(picture: Array, nearest: Candidates) -> Array:
    """What `picture` adds to the colours of skin, shirt and wall, (3, 3): medians."""
    shift = np.zeros((3, 3), np.float32)
    for row in range(3):
        plain = nearest.shares[0, ..., row] > PLAIN
        if plain.sum() >= WINDOW:
            shift[row] = np.median((picture - nearest.pictures[0])[plain], axis=0)
    return np.asarray(np.clip(shift, -OFF, OFF))


def _side(picture: Array, correct: Candidates, scene: MiniScene) -> _Side:
    unseen = np.stack([_grown(label == NUMBER["object"], 1) for label in correct.labels])
    if scene.framing.endswith("hand"):  # no caption tells the colour of the shirt of a close-up
        shirt = np.stack([_grown(label == NUMBER["torso"], 1) for label in correct.labels])
        unseen = unseen | shirt | _grown(_cloth(picture, scene), 2)
    weights = np.asarray(~unseen, np.float32)
    halves = np.stack([halved(each) for each in correct.pictures])
    return _Side(correct, weights, halves, np.stack([halved(each) for each in weights]))


def _cloth(picture: Array, scene: MiniScene) -> NDArray[np.bool_]:
    """Pieces, from the border inwards, nearer in colour to a shirt than to skin and wall, lit or in shade."""
    cloth = np.asarray([CLOTHES[name] for name in TOPS], np.float32)
    others = np.asarray([SKINS[scene.look.skin], BACKGROUNDS[scene.look.background]], np.float32)
    known = np.concatenate([*(cloth * s for s in (1.0, 0.6)), *(others * s for s in (1.1, 1.0, 0.8, 0.6))])
    soft = cv2.GaussianBlur(picture, (0, 0), SOFTNESS)
    nearest = np.square(soft[:, :, None] - known).sum(axis=3).argmin(axis=2)
    alone = (nearest < 2 * len(cloth)).astype(np.uint8)
    _, pieces = cv2.connectedComponents(cv2.morphologyEx(alone, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)))
    border = np.concatenate([pieces[0], pieces[-1], pieces[:, 0], pieces[:, -1]])
    return np.asarray((pieces > 0) & np.isin(pieces, border))


def _grown(mask: NDArray[np.bool_], pixels: int) -> NDArray[np.bool_]:
    side = 2 * pixels + 1
    return np.asarray(cv2.dilate(mask.astype(np.uint8), np.ones((side, side), np.uint8)), bool)


def _residual(picture: Array, correct: Array, weights: Array) -> tuple[Array, NDArray[np.intp]]:
    """Per window the least difference from any of `correct` (K, 64, 64, 3), and which that is: (64, 64).

    The difference is the mean over the window of colour distances, in units of what a sound picture may
    have there: `NOISE`; more where the render has contrast, for edges are soft or lie a little aside; and
    more where half of the whole picture differs from the first render, as in texture and grain.
    """
    seen = _smoothed(picture)
    grain = min(float(np.median(np.linalg.norm(seen - _smoothed(correct[0]), axis=2))), GRAIN)
    residuals = []
    for render, weight in zip(correct, weights, strict=True):
        tolerance = np.hypot(np.hypot(NOISE, grain), PLAY * _mean(_contrast(render)))
        away = np.linalg.norm(seen[:, :, None] - _moved(_smoothed(render)), axis=3) * weight[..., None]
        residuals.append(_mean(away).min(axis=2) / tolerance)
    every = np.stack(residuals)
    return every.min(axis=0), every.argmin(axis=0)


def _smoothed(image: Array) -> Array:
    """Signed differences of smoothed pictures: noise and thin lines along edges count less than pieces."""
    return np.asarray(cv2.blur(cv2.GaussianBlur(image, (0, 0), SOFTNESS), (CELL, CELL)), np.float32)


def _moved(image: Array) -> Array:
    """`image` (64, 64, 3) moved by each of `SHIFTS`: (64, 64, S, 3)."""
    wide = np.pad(image, ((REACH, REACH), (REACH, REACH), (0, 0)), mode="edge")
    return np.stack([wide[REACH + y :, REACH + x :][:SIZE, :SIZE] for x, y in SHIFTS], axis=2)


def _contrast(image: Array) -> Array:
    """The length of the gradient of all channels, per pixel."""
    soft = cv2.GaussianBlur(image, (0, 0), SOFTNESS)
    across, down = (cv2.Sobel(soft, -1, *axes, scale=0.125) for axes in ((1, 0), (0, 1)))
    return np.asarray(np.sqrt((across * across + down * down).sum(axis=2)), np.float32)


def _mean(values: Array) -> Array:
    """Means over windows; beyond the border nothing differs."""
    return np.asarray(cv2.blur(values, (WINDOW, WINDOW), borderType=cv2.BORDER_CONSTANT), np.float32)


def _around(row: int, column: int) -> Box:
    reach = WINDOW // 2
    return (
        max(0, column - reach), max(0, row - reach),
        min(SIZE, column + reach + 1), min(SIZE, row + reach + 1),
    )  # fmt: skip


def _named(picture: Array, correct: Candidates, which: int, box: Box, scene: MiniScene) -> str:
    """What the error in `box` is: the part that ought to be most of what differs there, missing or distorted;
    a stray piece where there ought to be none."""
    left, top, right, bottom = box
    window = (slice(top, bottom), slice(left, right))
    seen, ought, labels = picture[window], correct.pictures[which][window], correct.labels[which][window]
    off = np.linalg.norm(seen - ought, axis=2)
    shares = np.bincount(labels.ravel(), weights=off.ravel(), minlength=len(LABELS))
    part = int(shares[1:].argmax()) + 1
    if shares[part] <= shares[0] / 2:
        return "stray piece"
    wall = np.linalg.norm(seen - np.asarray(BACKGROUNDS[scene.look.background], np.float32), axis=2)
    there = labels == part
    gone = float(wall[there].mean()) < 0.5 * float(off[there].mean())
    return f"{'missing' if gone else 'distorted'} {PART_NAMES.get(LABELS[part], LABELS[part].split('_')[-1])}"
