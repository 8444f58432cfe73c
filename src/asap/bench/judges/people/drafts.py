"""One drawn person on the way to a lesson of the judge `network-people`, and the parts of them in view."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from asap.bench.judges.people.fields import Array
from asap.bench.judges.people.library import KIND, RENDERS, SEEN, Library
from asap.bench.judges.people.pictures import SIZE
from asap.figures.people import world
from asap.figures.people.looks import LABELS, NUMBER

PARTS: dict[str, tuple[str, ...]] = {
    "left hand": ("left_hand",), "right hand": ("right_hand",),
    "left arm": ("left_arm",), "right arm": ("right_arm",),
    "left leg": ("left_leg", "left_foot"), "right leg": ("right_leg", "right_foot"),
    "left foot": ("left_foot",), "right foot": ("right_foot",),
    "head": ("head", "face", "hair"), "body": ("torso", "neck"), "object": ("object",),
}  # fmt: skip
"""Part -> the labels that it has in a label picture."""
_CHANCES = {"hand": 3.0, "arm": 2.0, "leg": 1.5, "foot": 1.0, "head": 2.0, "body": 0.5, "object": 1.5}
_KINDS = {"foot": "leg"}  # where a part goes by the name of another
_ALSO = {"face": "head", "hair": "head", "neck": "torso"}  # labels that are of another part
LEAST_PIXELS = 8
SIZES = {"full body": 5.0, "half body": 7.0, "portrait": 9.0, "hand": 9.0}


class Part(NamedTuple):
    """A part that is in view: the kind of error that its faults are, and (64, 64) where it is seen."""

    kind: int
    mask: NDArray[np.bool_]

    def point(self, rng: np.random.Generator) -> tuple[float, float]:
        """One of its pixels, (x, y)."""
        ys, xs = np.nonzero(self.mask)
        i = int(rng.integers(len(ys)))
        return float(xs[i]), float(ys[i])


@dataclass(frozen=True, eq=False)
class Draft:
    """One person.

    Attributes:
        whole, twin, other, error, bare: (64, 64, 3) as in `Library`.
        labels: (64, 64) the part seen at each pixel of `whole`.
        error_kind, bare_kind: places in `KINDS`.
        framing: one that `world.FRAMINGS` names.
        rng: the picture's own randomness.
    """

    whole: Array
    twin: Array
    other: Array
    error: Array
    bare: Array
    labels: NDArray[np.uint8]
    error_kind: int
    bare_kind: int
    framing: str
    rng: np.random.Generator

    @property
    def size(self) -> float:
        """Pixels of the order of a hand's, which depend on the framing."""
        return SIZES[self.framing]

    def behind(self) -> Array:
        """(64, 64, 3) the wall without the person: each row's mean colour where it is seen."""
        seen = (self.labels == 0).astype(np.float32)
        counts = seen.sum(axis=1)
        rows = np.flatnonzero(counts > 3)
        sums = (self.whole[rows] * seen[rows, :, None]).sum(axis=1)
        colours = sums / counts[rows, None]
        every = [np.interp(np.arange(SIZE), rows, colours[:, channel]) for channel in range(3)]
        return np.asarray(np.broadcast_to(np.stack(every, axis=1)[:, None], self.whole.shape), np.float32)

    def seen(self, part: str) -> NDArray[np.bool_]:
        """(64, 64) where a part of `SEEN` is."""
        return _LOOKUP[part][self.labels]

    def part(self) -> Part:
        """One of the parts in view, hands more often than others."""
        counts = np.bincount(self.labels.ravel(), minlength=len(LABELS))
        seen = [name for name, of in PARTS.items() if counts[_numbers(of)].sum() >= LEAST_PIXELS]
        chances = np.asarray([self._chance(name) for name in seen])
        name = seen[int(self.rng.choice(len(seen), p=chances / chances.sum()))]
        word, within = name.split()[-1], np.zeros(len(LABELS), bool)
        within[_numbers(PARTS[name])] = True
        return Part(KIND[f"faulty {_KINDS.get(word, word)}"], within[self.labels])

    def _chance(self, part: str) -> float:
        word = part.split()[-1]
        if (self.framing, word) in (("hand", "hand"), ("portrait", "head")):
            return 20.0
        return _CHANCES[word]


_LOOKUP = {
    part: np.asarray([part in (name, *name.split("_"), _ALSO.get(name)) for name in LABELS]) for part in SEEN
}


def _numbers(labels: Sequence[str]) -> list[int]:
    return [NUMBER[label] for label in labels]


def draft(library: Library, row: int, rng: np.random.Generator) -> Draft:
    """Scene `row` of the library, mirrored every other time."""
    step = int(rng.choice([-1, 1]))
    pictures = {name: getattr(library, name)[row][:, ::step].astype(np.float32) for name in RENDERS}
    framing = list(world.FRAMINGS.values())[library.poses[row]]
    kinds = (int(library.error_kinds[row]), int(library.bare_kinds[row]))
    return Draft(**pictures, labels=np.array(library.labels[row][:, ::step]), error_kind=kinds[0],
                 bare_kind=kinds[1], framing=framing, rng=rng)  # fmt: skip


def now(before: Draft, picture: Array) -> Draft:
    """The draft with `picture` as what it is so far."""
    return replace(before, whole=picture)
