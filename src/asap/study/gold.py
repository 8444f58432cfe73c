"""Images whose anatomy is known, which raters meet among the others without being told: hidden gold."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from asap.errors import UserError
from asap.pairs.hap import dataset
from asap.records import Image
from asap.store import read_rows, seed_of
from asap.study import pictures

VERDICTS = ("correct", "error")
MOST = 60
"""Gold questions of one kind in a study."""


class Gold(NamedTuple):
    """A question whose answer is known: to rate one picture, or to vote between two, the better one first."""

    pictures: tuple[Image, ...]
    truth: str


def read(path: Path, kinds: tuple[str, ...], seed: int) -> Iterator[Gold]:
    """At most `MOST` questions of each of `kinds` ("rate", "vote"), drawn by `seed`.

    Args:
        path: a HAP dataset, whose positives are correct and whose negatives have an error; or a file of JSON
            lines, each {"image": FILE, "verdict": "correct" or "error"} or {"better": FILE, "worse": FILE},
            files relative to it.

    Raises:
        UserError: neither of these, or a line or picture that cannot be read.
    """
    return _of_dataset(path, kinds, seed) if path.is_dir() else _of_lines(path, kinds, seed)


def _of_dataset(folder: Path, kinds: tuple[str, ...], seed: int) -> Iterator[Gold]:
    if not dataset.files(folder):
        raise UserError(f"--gold {folder}: no HAP dataset there; give one, or a file of JSON lines")
    ids = [row["id"] for row in dataset.read(folder, ["id"])]
    drawn = random.Random(seed_of(seed, "gold")).sample(ids, min(len(ids), MOST * len(kinds)))
    place = {id_: number for number, id_ in enumerate(drawn)}
    for row in dataset.read(folder, ["id", "chosen", "rejected"]):
        number = place.get(row["id"])
        if number is None:
            continue
        both = [pictures.decoded(row[name]["bytes"] or b"", f"{folder} pair {row['id']}") for name in _SIDES]
        if kinds[number % len(kinds)] == "vote":
            yield Gold(tuple(both), "first")
        else:
            side = number // len(kinds) % 2
            yield Gold((both[side],), VERDICTS[side])


_SIDES = ("chosen", "rejected")


def _of_lines(path: Path, kinds: tuple[str, ...], seed: int) -> Iterator[Gold]:
    found = [
        (f"{path} line {number}", tuple(row.get(name) for name in ("image", "verdict", "better", "worse")))
        for number, row in enumerate(read_rows(path), 1)
    ]
    random.Random(seed_of(seed, "gold")).shuffle(found)
    left = dict.fromkeys(kinds, MOST)
    for where, (image, verdict, better, worse) in found:
        files = (better, worse) if better is not None else (image,)
        if not all(isinstance(file, str) and file for file in files) or (
            len(files) == 1 and verdict not in VERDICTS
        ):
            raise UserError(
                f'{where}: give "image" and a "verdict" of correct or error, or "better" and "worse"'
            )
        kind = "vote" if len(files) == 2 else "rate"
        if left.get(kind):
            left[kind] -= 1
            opened = tuple(pictures.read(path.parent / str(file)) for file in files)
            yield Gold(opened, "first" if kind == "vote" else str(verdict))
