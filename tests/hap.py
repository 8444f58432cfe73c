"""A small HAP dataset made by hand, for tests of what is done with one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from skimage import data

from asap.pairs.checks.gates import similarity
from asap.pairs.hap import dataset
from asap.pairs.hap.duplicates import perceptual_hash
from asap.records import Pair

PORTRAIT = data.astronaut()[:160, 120:300]


def pair(index: int, source: str | None = None, error: str = "twisted mouth") -> Pair:
    picture = np.roll(PORTRAIT, 9 * index, axis=1)
    mask = np.zeros(picture.shape[:2], bool)
    mask[40 + index : 100 + index, 50:120] = True
    rejected = picture.copy()
    rejected[mask] = rejected[mask][::-1]
    metrics = similarity(picture, rejected, mask)
    box = (50, 40 + index, 120, 100 + index)
    return Pair(
        f"{index:016x}", f"an astronaut, number {index}", picture, rejected, mask, "face", error,
        "mouth_twisted", box, source or f"photos/{index}.png", index, metrics, {"angle": 12.5},
    )  # fmt: skip


def row(index: int, **changes):
    made = pair(index)
    told = {
        "source_hash": f"{index:016x}",
        "perceptual_hash": perceptual_hash(made.chosen),
        "license": "cc-by-4.0",
        "detector": "mediapipe",
    }
    return dataset.encode(made, None, told) | changes


def write(folder: Path, count: int = 4, tests: int = 1, **changes) -> Path:
    """A dataset of `count` pairs, the first `tests` of them in the test split."""
    rows = [row(index, **changes) for index in range(count)]
    held = {r["source"]: "test" for r in rows[:tests]}
    dataset.write(
        folder, rows, title="HAP: a test", notes=["By hand."], splits=held, test_share=0.25 if tests else 0.0
    )
    return folder
