"""Correct people of `mini-people` in many joints, in any of its colours, for judges to compare pictures with.

A drawn picture is affine in the colours of skin, shirt and wall: I = F + a s + b t + c w per pixel, with one
a, b, c for the three channels. So two renders in different colours give all others: the rows of their
difference are (a, b, c) times the differences of the three colours, and that 3 x 3 matrix is inverted once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from asap.figures.people import scenes, world
from asap.figures.people.figure import Look
from asap.figures.people.looks import BACKGROUNDS, CLOTHES, SKINS
from asap.figures.people.render import render_people
from asap.figures.people.shading import Array
from asap.figures.people.world import MiniScene
from asap.store import seed_of

SIZE = 64
JOINTS = 32  # correct renders of one pose, person and side
SIDES = ("left", "right")
FIRST = {"skin": "brown", "top": "green", "background": "blue"}
SECOND = {"skin": "fair", "top": "purple", "background": "peach"}
"""Two looks whose colours differ in ways as independent as any of which no light part is over 255."""


@dataclass(frozen=True, eq=False)
class Candidates:
    """K correct pictures of one scene.

    Attributes:
        pictures: (K, 64, 64, 3), 0 to 255.
        shares: (K, 64, 64, 3), the a, b, c of every pixel: how much of the colours of skin, shirt and wall.
        labels: (K, 64, 64), numbers in `looks.LABELS`.
    """

    pictures: Array
    shares: Array
    labels: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, rows: Sequence[int] | NDArray[np.intp] | slice) -> Candidates:
        return Candidates(self.pictures[rows], self.shares[rows], self.labels[rows])

    def recoloured(self, shift: Array) -> Candidates:
        """With `shift` (3, 3) added to the RGB of skin, shirt and wall."""
        return replace(self, pictures=self.pictures + self.shares @ shift)


@dataclass(frozen=True, eq=False)
class _Renders:
    """Of each geometry the picture in the look `FIRST`, and what `SECOND` changes."""

    first: NDArray[np.uint8]
    change: NDArray[np.int16]
    labels: NDArray[np.uint8]


def candidates(scene: MiniScene, side: str) -> Candidates:
    """`JOINTS` correct pictures of the scene, with the hand of `side`, each with joints of its own."""
    drawn = _renders(scene.pose, scene.look.gender, side)
    shares: Array = drawn.change.astype(np.float32) @ _INVERSE
    pictures: Array = drawn.first.astype(np.float32) + shares @ (colours(scene.look) - _BASE)
    return Candidates(pictures, shares, drawn.labels)


def colours(look: Look) -> Array:
    """(3, 3): the RGB of skin, shirt and wall."""
    return np.asarray([SKINS[look.skin], CLOTHES[look.top], BACKGROUNDS[look.background]], np.float32)


@lru_cache(maxsize=64)  # all there are: 14 poses, 2 genders, 2 sides, 1.3 MB each
def _renders(pose: str, gender: str, side: str) -> _Renders:
    facts = {"pose": pose, "gender": gender, "side": side}
    looks = [world.scene_of({**facts, "skin": "fair", "top": "red", "background": "gray"})] * JOINTS
    figures = scenes.figures(
        [replace(scene, seed=seed_of("people library", i)) for i, scene in enumerate(looks) if scene]
    )
    first, second = (
        render_people([replace(figure, look=replace(figure.look, **names)) for figure in figures], SIZE)
        for names in (FIRST, SECOND)
    )
    return _Renders(first[0], np.subtract(second[0], first[0], dtype=np.int16), first[1])


_BASE = colours(Look(**FIRST))
_INVERSE: Array = np.linalg.inv(colours(Look(**SECOND)) - _BASE).astype(np.float32)
