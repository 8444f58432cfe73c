"""Pictures to train the judge `network` on: hands, correct or with a fault, in the look of a small model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from asap.bench.judges.hands.faults import FAULTS, KINDS, SIZE, Draft, nearly, shape
from asap.figures import scenes
from asap.figures.hands import GESTURES, SLOTS, WIDTHS, Array, Hands
from asap.figures.photographic import photographic
from asap.figures.render import Colours, render
from asap.store import seed_of

CORRECT_SHARE = 0.5
CHUNK = 512


@dataclass(frozen=True, eq=False)
class Lessons:
    """N pictures of known truth.

    Attributes:
        pictures: (N, 24, 24, 3) uint8.
        gestures: (N,) place in `GESTURES` of the gesture that the caption names.
        kinds: (N,) place in `KINDS` of what is wrong, -1 where nothing is.
        faults: the fault's name, "" where nothing is wrong.
    """

    pictures: NDArray[np.uint8]
    gestures: NDArray[np.int64]
    kinds: NDArray[np.int64]
    faults: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.pictures)


def draw(count: int, seed: int) -> Lessons:
    """`count` lessons; number i depends on the seed and i alone."""
    parts = [_chunk(range(i, min(i + CHUNK, count)), seed) for i in range(0, count, CHUNK)]
    return Lessons(
        np.concatenate([part.pictures for part in parts]),
        np.concatenate([part.gestures for part in parts]),
        np.concatenate([part.kinds for part in parts]),
        tuple(name for part in parts for name in part.faults),
    )


def _chunk(numbers: range, seed: int) -> Lessons:
    rngs = [np.random.default_rng(seed_of("lesson", seed, i)) for i in numbers]
    drawn = [scenes.scene(seed_of("lesson scene", seed, i)) for i in numbers]
    drafts = [_draft(scene.gesture, rng) for scene, rng in zip(drawn, rngs, strict=True)]
    faults, kinds, weights = zip(*map(_with_fault, drafts), strict=True)
    paint = _paint(drawn, rngs)
    above, _ = render(_joined([d.above for d in drafts]), paint, SIZE)
    below, _ = render(_joined([d.below for d in drafts]), paint, SIZE)
    weight = np.stack(weights)[..., None]
    pictures = below + weight * (above.astype(np.float32) - below)
    seen = np.stack([_as_a_model(p, rng) for p, rng in zip(pictures, rngs, strict=True)])
    names = list(GESTURES)
    return Lessons(seen, np.asarray([names.index(s.gesture) for s in drawn]), np.asarray(kinds), faults)


def _with_fault(draft: Draft) -> tuple[str, int, Array]:
    """The fault's name, its kind's place in `KINDS`, and the weight of the picture; "" and -1 for none."""
    if draft.rng.random() < CORRECT_SHARE:
        return "", -1, nearly(draft)
    chances = np.asarray(list(FAULTS.values()))
    fault = list(FAULTS)[int(draft.rng.choice(len(FAULTS), p=chances / chances.sum()))]
    kind, weight = fault(draft)
    return fault.__name__, KINDS.index(kind), weight


def _draft(gesture: str, rng: np.random.Generator) -> Draft:
    """A correct hand; poses a little wider than the figures', fingers as unequal as a model draws them."""
    pose = (rng.uniform(-0.12, 0.12, 1), rng.uniform(0.93, 1.06, 1), rng.uniform(-0.035, 0.035, (1, 2)))
    rotation, scale, shift = (np.asarray(value, np.float32) for value in pose)
    joints = shape(gesture)
    lengths = rng.uniform(0.88, 1.06, (SLOTS, 1, 1)).astype(np.float32)
    fingers = (joints[:, :1] + lengths * (joints - joints[:, :1]))[None]
    widths = np.asarray([*WIDTHS, 0.0]) * rng.uniform(0.85, 1.25) * rng.uniform(0.9, 1.1, SLOTS)
    above, below = (
        Hands(fingers.copy(), widths[None].astype(np.float32), rotation, scale, shift) for _ in range(2)
    )
    return Draft(gesture, above, below, rng)


def _joined(batches: Sequence[Hands]) -> Hands:
    names = ("fingers", "widths", "rotation", "scale", "shift")
    return Hands(*(np.concatenate([getattr(batch, name) for batch in batches]) for name in names))


def _paint(drawn: Sequence[scenes.Scene], rngs: Sequence[np.random.Generator]) -> Colours:
    """The scenes' colours, each a little off."""
    exact = scenes.colours(drawn)
    shifts = np.stack([rng.normal(0, 6, (3, 3)) for rng in rngs]).astype(np.float32)
    parts = (exact.skin, exact.background, exact.sleeve)
    return Colours(*(np.clip(part + shifts[:, i], 0, 255) for i, part in enumerate(parts)))


def _as_a_model(picture: Array, rng: np.random.Generator) -> NDArray[np.uint8]:
    """`picture` with what a small flow model adds to right and wrong hands alike: it wavers, is soft or rings
    at edges, carries noise, and may have taken on part of the photographic look."""
    image = _wavered(picture, rng)
    image = _softened(image, rng)
    if rng.random() < 0.45:
        seed = np.asarray([rng.integers(2**31)])
        image = photographic(_bytes(image)[None], rng.uniform(0, 1), seed)[0].astype(np.float32)
    patches = rng.standard_normal((6, 6, 3)).astype(np.float32) * rng.uniform(0, 2.5)
    noise = rng.standard_normal((SIZE, SIZE, 3)) * rng.uniform(0, 5) + np.kron(patches, np.ones((4, 4, 1)))
    return _bytes(np.asarray(image + noise, np.float32))


def _wavered(picture: Array, rng: np.random.Generator) -> Array:
    """Moved by a smooth random field of up to some tenths of a pixel."""
    field = rng.standard_normal((2, 5, 5)).astype(np.float32) * rng.uniform(0, 0.35)
    dx, dy = (cv2.resize(part, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC) for part in field)
    x, y = np.meshgrid(np.arange(SIZE, dtype=np.float32), np.arange(SIZE, dtype=np.float32))
    moved = cv2.remap(picture, x + dx, y + dy, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.float32)


def _softened(image: Array, rng: np.random.Generator) -> Array:
    """Blurred, or sharpened so that edges ring."""
    soft = np.asarray(cv2.GaussianBlur(image, (5, 5), rng.uniform(0.3, 0.65)), np.float32)
    return np.asarray(image + rng.uniform(-0.5, 1.0) * (soft - image), np.float32)


def _bytes(image: Array) -> NDArray[np.uint8]:
    return np.asarray(np.clip(image + 0.5, 0, 255), np.uint8)
