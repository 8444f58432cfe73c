"""Golden hashes: a seed draws the pixels that it drew when these were recorded.

A failure means that datasets of one seed are no longer those made before. Either the drawing was changed on
purpose: then say so in the changelog and record the new hashes, which the failure prints. Or it was not: then
look for a renderer that reads something besides its seed, or a library whose arithmetic changed. NumPy and
OpenCV may differ in the last bit of a float between processors and versions. That seldom reaches the 8 bits
hashed here; where it does, pictures differ from those of another machine by 1 in a few pixels, and nothing is
wrong but the hash.

Pixels are hashed after decoding, and rows without what was measured or tells where they come from, so that no
other version of PNG, parquet or SSIM matters. Recorded with Python 3.11, NumPy 2.4, OpenCV 5.0 on x86-64.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

import datasets
import numpy as np
import pytest

from asap import store
from asap.figures import hands
from asap.figures import scenes as hand_scenes
from asap.figures.people import scenes as people_scenes
from asap.figures.people.catalogue import POSES
from asap.figures.people.render import render_people
from asap.pairs import figures
from asap.pairs.hap import dataset
from asap.store import seed_of

HANDS = {  # (pixels, look)
    (24, 0.0): "d1452410242a58bf",
    (24, 1.0): "012508dc8d61f126",
    (100, 0.0): "f108f60d9e158a24",
    (100, 1.0): "bbf2ec6b227a8513",
}
PEOPLE = {
    (64, 0.0): "b38a1fffb37b9a13",
    (64, 1.0): "22dbbe7df497ce05",
    (160, 0.0): "02df884b55526ce3",
    (160, 1.0): "9f0b909ad511cdd4",
}
DATASETS = {  # (kind, look, biased)
    ("hands", 0.0, False): "bd6127b8a4713a16",
    ("hands", 1.0, False): "be112eec45da24aa",
    ("hands", 1.0, True): "3a829c843f1aa576",
    ("people", 0.0, False): "1423bf0a3aa58bde",
    ("people", 1.0, False): "e8f6ed9068bab6ee",
    ("people", 1.0, True): "bd79f444946c6710",
}
MEASURED = {"ssim_inside", "ssim_outside", "lpips_inside", "lpips_outside"}
ORIGIN = {"parameters", *dataset.PROVENANCE, "version"}


def digest(parts: Iterable[np.ndarray | str]) -> str:
    """The first 16 digits of the SHA-256 of pictures and texts."""
    total = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            assert part.dtype == np.uint8
        total.update(part.encode() if isinstance(part, str) else np.ascontiguousarray(part).tobytes())
    return total.hexdigest()[:16]


@pytest.mark.parametrize(("size", "look"), list(HANDS))
def test_pixels_of_hands(size: int, look: float) -> None:
    drawn = [hand_scenes.scene(seed_of("golden", i)) for i in range(12)]
    errors = [hands.possible_errors(scene.gesture)[i % 3] for i, scene in enumerate(drawn)]
    pair = hand_scenes.draw(drawn, errors, list(range(12)), size=size, look=look)
    assert digest([pair.correct, pair.faulty]) == HANDS[size, look]


@pytest.mark.parametrize(("size", "look"), list(PEOPLE))
def test_pixels_of_people(size: int, look: float) -> None:
    drawn = [people_scenes.scene(seed_of("golden", pose), pose) for pose in list(POSES)[::6]]
    images, labels = render_people(people_scenes.figures(drawn), size, look=look, seeds=range(len(drawn)))
    assert digest([images, labels]) == PEOPLE[size, look]


@pytest.mark.parametrize(("kind", "look", "biased"), list(DATASETS))
def test_datasets_and_their_prompts(kind: str, look: float, biased: bool, tmp_path: Path) -> None:
    size, pairs = (24, 8) if kind == "hands" else (128, 3)
    config = figures.Config(
        tmp_path / "hap", pairs=pairs, seed=11, size=size, look=look, biased=biased, prompts=3, kind=kind
    )  # type: ignore[arg-type]
    out = figures.run(config)
    parts: list[np.ndarray | str] = []
    for row in datasets.load_dataset(str(out), split="train"):
        pictures = ("chosen", "rejected", "mask")
        parts += [np.asarray(row[name]) for name in pictures]
        parts.append(repr(sorted((k, v) for k, v in row.items() if k not in MEASURED | {*pictures, *ORIGIN})))
    parts += [store.to_json(row) for row in store.read_rows(out / figures.PROMPTS)]
    assert digest(parts) == DATASETS[kind, look, biased]
