"""Pictures to train the judge `network-people` on: people, right or faulty, as a small model draws them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from asap.bench.judges.people.drafts import Draft, draft, now
from asap.bench.judges.people.faults import FAULTS, Fault
from asap.bench.judges.people.fields import TILE, Array, blended, circle, displaced, smooth, vector
from asap.bench.judges.people.library import SEEN, Library
from asap.bench.judges.people.look import as_a_model
from asap.bench.judges.people.pictures import SIZE
from asap.store import seed_of

AGAIN = 0.2  # chance of one more fault
CLEAR = 90.0  # difference of a colour's value at which a pixel counts as changed
LEAST = {"full body": 9.0, "half body": 13.0, "portrait": 11.0, "hand": 16.0}
"""Framing -> changed pixels from which on a fault is one."""
LEAST_OF_TILE = 1.0  # changed pixels from which on a tile is faulty
LEAST_OF_PART = 3  # pixels from which on a part is seen in a tile


@dataclass(frozen=True, eq=False)
class Lessons:
    """N pictures of known truth.

    Attributes:
        pictures: (N, 64, 64, 3) uint8.
        told: (N, 4) places of the pose, gender, skin and background that the caption names.
        kinds: (N,) place in `KINDS` of what is wrong, -1 where nothing is.
        tiles: (N, 8, 8) 1 where the picture is faulty, else 0, float32.
        parts: (N, len(SEEN), 8, 8) 1 where a part of `SEEN` ought to be seen, else 0.
        faults: the fault's name, "" where nothing is wrong.
    """

    pictures: NDArray[np.uint8]
    told: NDArray[np.int64]
    kinds: NDArray[np.int64]
    tiles: Array
    parts: NDArray[np.uint8]
    faults: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.pictures)


def draw(library: Library, numbers: Sequence[int], seed: int) -> Lessons:
    """The lessons of these numbers, right where even and faulty where odd; each depends on the library, the
    seed and its number alone."""
    made = [_lesson(library, number, seed) for number in numbers]
    pictures, told, kinds, tiles, parts, faults = zip(*made, strict=True)
    return Lessons(
        np.stack(pictures), np.stack(told), np.asarray(kinds), np.stack(tiles), np.stack(parts), faults
    )


def _lesson(library: Library, number: int, seed: int) -> tuple[Any, ...]:
    """The fields of `Lessons` for one; a right one and the faulty one after it share scene and look."""
    pair, faulty = divmod(number, 2)
    scene, look = (
        np.random.default_rng(seed_of("people lesson", name, seed, pair)) for name in ("scene", "look")
    )
    row = int(scene.integers(len(library)))
    told = np.asarray(
        [library.poses[row], library.genders[row], library.skins[row], library.backgrounds[row]]
    )
    plain = draft(library, row, scene)
    plain = now(plain, nearly(plain))
    if faulty:
        fault, kind, picture, changed = _with_fault(plain)
        tiles = (_per_tile(changed) >= LEAST_OF_TILE).astype(np.float32)
    else:
        fault, kind, picture = "", -1, plain.whole
        tiles = np.zeros((SIZE // TILE, SIZE // TILE), np.float32)
    return as_a_model(picture, look), told, kind, tiles, _parts(plain), fault


def _parts(plain: Draft) -> NDArray[np.uint8]:
    """(len(SEEN), 8, 8) which parts are seen in which tiles."""
    masks = [plain.seen(part) for part in SEEN]
    return np.stack([_per_tile(mask) >= LEAST_OF_PART for mask in masks]).astype(np.uint8)


def _with_fault(plain: Draft) -> tuple[str, int, Array, Array]:
    """A fault that is seen: its name, kind, picture, and how much each pixel (64, 64) has changed."""
    chances = np.asarray(list(FAULTS.values())) / sum(FAULTS.values())
    while True:
        fault: Fault = list(FAULTS)[int(plain.rng.choice(len(FAULTS), p=chances))]
        kind, picture = fault(plain)
        if plain.rng.random() < AGAIN:
            _, picture = fault(now(plain, picture))
        changed = _changed(plain.whole, picture)
        if changed.sum() >= LEAST[plain.framing]:
            return fault.__name__, kind, picture, changed


def _changed(before: Array, after: Array) -> Array:
    """(64, 64) in [0, 1]; slight moves of edges count little, as does what averages out."""
    difference = cv2.GaussianBlur(after - before, (0, 0), 0.8)
    return np.asarray(np.clip(np.abs(difference).max(axis=2) / CLEAR, 0, 1), np.float32)


def _per_tile(field: Array | NDArray[np.bool_]) -> Array:
    cells = field.reshape(SIZE // TILE, TILE, SIZE // TILE, TILE)
    return np.asarray(cells.sum(axis=(1, 3)), np.float32)


def nearly(plain: Draft) -> Array:
    """A person who is still correct: whole, or a part a little soft, bent or faint."""
    picture, rng = plain.whole, plain.rng
    for _ in range(int(rng.integers(0, 4))):
        part = plain.part()
        near = circle(part.point(rng), rng.uniform(0.6, 1.6) * plain.size, rng)
        kind = rng.random()
        if kind < 0.5:
            soft = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.5, 1.1))
            picture = blended(picture, np.asarray(soft, np.float32), near)
        elif kind < 0.75:
            dx, dy = vector(rng, rng.uniform(0, 1.2))
            bend = near * (1 + smooth(rng, 6, 0.3))
            picture = displaced(picture, np.float32(dx) * bend, np.float32(dy) * bend)
        else:
            picture = blended(picture, plain.behind(), near * np.float32(rng.uniform(0, 0.2)))
    return picture
