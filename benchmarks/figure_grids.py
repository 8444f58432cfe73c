"""Grids of what `asap figures` draws, for the eye: poses, gestures, errors, doses of the photographic look.

    OMP_NUM_THREADS=1 python benchmarks/figure_grids.py

writes the pictures of `docs/figures.md`. Everything comes from fixed seeds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import tyro

from asap.anatomy.people_errors import PEOPLE_ERRORS
from asap.figures import hands
from asap.figures import scenes as hand_scenes
from asap.figures.people import scenes as people_scenes
from asap.figures.people.catalogue import POSES
from asap.figures.people.render import render_people
from asap.pairs.drawn import hand_figures, people_figures
from asap.pairs.hap.contact import outlined
from asap.records import Image, Pair
from asap.store import seed_of

DOSES = (0.0, 0.5, 1.0)
SMALL, LARGE = 24, 256  # pixels a side of the hands and people that the stage draws by itself
BAR, GAP = 18, 4  # pixels of a tile's title, and between tiles
QUALITY = 82  # of the JPEG files
Titled = tuple[str, Image]


@dataclass(frozen=True)
class Config:
    """Draw the grids."""

    out: Path = Path("docs/figures")
    """Folder of the pictures."""
    tile: int = 144
    """Pixels a side of one tile; people are drawn at 256 and reduced."""


def run(config: Config) -> None:
    """Write every grid of `GRIDS` to its file and print their sizes."""
    config.out.mkdir(parents=True, exist_ok=True)
    for name, (draw, columns) in GRIDS.items():
        path = config.out / f"{name}.jpg"
        image = grid(draw(), columns, config.tile)
        cv2.imwrite(str(path), image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
        print(f"{path}: {image.shape[1]} x {image.shape[0]} pixels, {path.stat().st_size / 1000:.0f} kB")


def grid(tiles: Sequence[Titled], columns: int, side: int) -> Image:
    """Tiles of `side` pixels below their titles, `columns` in a row."""
    rows = -(-len(tiles) // columns)
    high, wide = side + BAR + GAP, side + GAP
    image = np.full((rows * high + GAP, columns * wide + GAP, 3), 255, np.uint8)
    for i, (title, tile) in enumerate(tiles):
        top, left = i // columns * high + GAP, i % columns * wide + GAP
        cv2.putText(
            image, title, (left, top + BAR - 6), cv2.FONT_HERSHEY_SIMPLEX, 0.38, (0, 0, 0), 1, cv2.LINE_AA
        )
        way = cv2.INTER_NEAREST if len(tile) < side else cv2.INTER_AREA
        image[top + BAR : top + BAR + side, left : left + side] = cv2.resize(
            tile, (side, side), interpolation=way
        )
    return image


def poses() -> list[Titled]:
    """Every pose of people in every framing it is drawn in, close-ups of hands too."""
    tiles = []
    for name, entry in POSES.items():
        close = ("hand",) if name in people_scenes.CLOSE_UPS else ()
        for framing in (*entry.framings, *close):
            scene = people_scene(seed_of("grid", name, framing), name, framing)
            tiles.append((f"{name}, {framing}", person(scene, 0.0)))
    return tiles


def people_scene(seed: int, pose: str, framing: str) -> people_scenes.Scene:
    """A scene by seed, pose and framing, in which "hand" stands for the hand that shows something."""
    side = people_scenes.scene(seed, pose, "half body").side
    return people_scenes.scene(seed, pose, f"{side} hand" if framing == "hand" else framing)


def person(scene: people_scenes.Scene, look: float) -> Image:
    """One picture of a person, 256 pixels a side."""
    return render_people([people_scenes.figure(scene)], LARGE, look=look, seeds=[scene.seed])[0][0]


def gestures() -> list[Titled]:
    """Every gesture of lone hands, large, and as the embedded model sees it."""
    scenes = [replace(hand_scenes.scene(seed_of("grid", g)), gesture=g) for g in hands.GESTURES]
    seeds, none = list(range(len(scenes))), [None] * len(scenes)
    large, small = (hand_scenes.draw(scenes, none, seeds, size=s).correct for s in (LARGE, SMALL))
    names = list(hands.GESTURES)
    return [*zip(names, large), *((f"{name}, {SMALL} pixels", tile) for name, tile in zip(names, small))]


def hand_errors() -> list[Titled]:
    """Two examples of each error of lone hands: correct, faulty, mask."""
    every = list(hand_figures.pairs(seed_of("grid"), 64, LARGE))
    chosen = [[pair for pair in every if pair.error == error][:2] for error in hands.ERRORS]
    return [tile for pairs in chosen for pair in pairs for tile in triple(pair)]


def people_errors() -> list[Titled]:
    """Two examples of each error of people: correct, faulty, mask."""
    count = len(PEOPLE_ERRORS)
    seed = seed_of("grid")
    numbers = [turn + k * count for turn in range(count) for k in (0, 1)]
    return [tile for number in numbers for tile in triple(people_figures.pair(seed, number, LARGE))]


def triple(pair: Pair) -> list[Titled]:
    """The three tiles of a pair."""
    masked = outlined(pair.rejected, pair.mask)
    return [(f"{pair.error}: correct", pair.chosen), ("faulty", pair.rejected), ("mask", masked)]


def looks() -> list[Titled]:
    """Hands and people at three doses of the look, each in one row of two examples."""
    drawn = [hand_scenes.scene(seed_of("look", i)) for i in range(2)]
    tiles = [
        (f"hand, look {dose:g}", hand_scenes.draw([scene], [None], [i], size=LARGE, look=dose).correct[0])
        for i, scene in enumerate(drawn)
        for dose in DOSES
    ]
    for i, (pose, framing) in enumerate(SHOWN):
        scene = people_scene(seed_of("look", i), pose, framing)
        tiles += [(f"{pose}, look {dose:g}", person(scene, dose)) for dose in DOSES]
    return tiles


SHOWN = (
    ("portrait", "portrait"), ("open palm", "hand"), ("holding ball", "half body"),
    ("waving", "half body"), ("walking", "full body"), ("kneeling", "full body"),
    ("sitting", "full body"), ("arms wide", "full body"),
)  # fmt: skip
"""Poses and framings in which the look of people is shown."""
GRIDS: dict[str, tuple[Callable[[], list[Titled]], int]] = {
    "poses": (poses, 6),
    "gestures": (gestures, 8),
    "hand_errors": (hand_errors, 6),
    "people_errors": (people_errors, 6),
    "look": (looks, 6),
}
"""File -> what draws its tiles, and how many are in a row."""


if __name__ == "__main__":
    run(tyro.cli(Config))
