"""Images whose anatomy is known, which raters meet among the others without being told: hidden gold."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from asap.errors import UserError
from asap.pairs.hap import dataset
from asap.store import Row, read_rows, seed_of
from asap.study import pictures

VERDICTS = ("correct", "error")
MOST = 60
"""Gold questions of one kind in a study."""


class Gold(NamedTuple):
    """A question whose answer is known: to rate one picture, or to vote between two, the better one first.
    Pictures are the bytes of their files, which can be decoded."""

    pictures: tuple[bytes, ...]
    truth: str


def read(path: Path, kinds: Sequence[str], seed: int) -> list[Gold]:
    """At most `MOST` questions of each of `kinds` ("rate", "vote"), drawn by `seed`.

    Args:
        path: a HAP dataset, whose positives are correct and whose negatives have an error; or a file of JSON
            lines, each {"image": FILE, "verdict": "correct" or "error"} or {"better": FILE, "worse": FILE},
            files relative to it.

    Raises:
        UserError: neither of these, a line or picture that cannot be read, or no question of these kinds.
    """
    found = list(_of_dataset(path, kinds, seed) if path.is_dir() else _of_lines(path, kinds, seed))
    if not found:
        raise UserError(f"--gold {path}: no question of this study's kind in it; see docs/study.md")
    return found


def _of_dataset(folder: Path, kinds: Sequence[str], seed: int) -> Iterator[Gold]:
    if not dataset.files(folder):
        raise UserError(f"--gold {folder}: no HAP dataset there; give one, or a file of JSON lines")
    ids = [row["id"] for row in dataset.read(folder, ["id"])]
    drawn = random.Random(seed_of(seed, "gold")).sample(ids, min(len(ids), MOST * len(kinds)))
    place = {id_: number for number, id_ in enumerate(drawn)}
    for row in dataset.read(folder, ["id", "chosen", "rejected"]):
        number = place.get(row["id"])
        if number is None:
            continue
        both = [pictures.checked(row[name]["bytes"] or b"", f"{folder} pair {row['id']}") for name in _SIDES]
        if kinds[number % len(kinds)] == "vote":
            yield Gold(tuple(both), "first")
        else:
            side = number // len(kinds) % 2
            yield Gold((both[side],), VERDICTS[side])


_SIDES = ("chosen", "rejected")


class _Line(NamedTuple):
    """What a line names: one file to rate, or the better and the worse of two."""

    files: tuple[str, ...]
    truth: str


def _of_lines(path: Path, kinds: Sequence[str], seed: int) -> Iterator[Gold]:
    found = [_line(row, f"{path} line {number}") for number, row in enumerate(read_rows(path), 1)]
    random.Random(seed_of(seed, "gold")).shuffle(found)
    left = dict.fromkeys(kinds, MOST)
    for files, truth in found:
        kind = "vote" if len(files) == 2 else "rate"
        if left.get(kind):
            left[kind] -= 1
            yield Gold(tuple(pictures.file(path.parent / file) for file in files), truth)


def _line(row: Row, where: str) -> _Line:
    vote = row.get("better") is not None
    files = (row.get("better"), row.get("worse")) if vote else (row.get("image"),)
    if not all(isinstance(file, str) and file for file in files) or not (
        vote or row.get("verdict") in VERDICTS
    ):
        raise UserError(f'{where}: give "image" and a "verdict" of correct or error, or "better" and "worse"')
    return _Line(tuple(map(str, files)), "first" if vote else str(row["verdict"]))
