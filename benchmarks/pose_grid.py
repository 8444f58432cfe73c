"""A grid of what a pose ControlNet is shown: drawn people, the part to repaint, the skeleton with its error.

    OMP_NUM_THREADS=1 python benchmarks/pose_grid.py

writes the picture of `docs/engines.md`. No generator runs here. Everything comes from fixed seeds.
"""

from __future__ import annotations

import contextlib
import random
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import tyro

from asap.anatomy.keypoints import HAND_BONES, PALM, size_of
from asap.anatomy.masks import capsules, face_mask, hull
from asap.anatomy.people_errors import PEOPLE_ERRORS, skeleton_of
from asap.anatomy.skeleton_errors import SKELETON_ERRORS, NotPossible
from asap.anatomy.skeletons import Skeleton, transformed
from asap.figures.people.render import render_people
from asap.pairs.drawn.people_figures import drafts
from asap.pairs.engines.pose_control import in_context, repainted, share_in_view
from asap.pairs.engines.scene import Scene, drawn, scene_of, with_neighbours
from asap.pairs.engines.window import window_around
from asap.records import Image, Mask, Points, Region
from asap.store import seed_of

ERRORS = ("extra_finger", "missing_finger", "second_hand", "extra_limb", "broken_limb", "third_eye")
SIZE, PAINTED = 768, 512  # pixels a side of the drawn photo, and of what the generator would paint
RED = np.array((220, 30, 30))


@dataclass(frozen=True)
class Config:
    """Draw the grid."""

    out: Path = Path("docs/engines/poses.png")
    """The picture."""
    tile: int = 176
    """Pixels a side of one tile."""


def run(config: Config) -> None:
    """Write the grid: a column for each error; below each other the part, its skeleton, and the wrong one."""
    columns = [np.concatenate([shrunk(tile, config.tile) for tile in tiles(name)]) for name in ERRORS]
    config.out.parent.mkdir(parents=True, exist_ok=True)
    grid = np.concatenate(columns, axis=1)
    cv2.imwrite(str(config.out), grid[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 9])
    print(f"{config.out}: {', '.join(ERRORS)}; {config.out.stat().st_size / 1000:.0f} kB")


def tiles(name: str) -> list[Image]:
    """What is to be repainted in red, the skeleton as it is, and with the error `name`."""
    for draft in drafts(seed_of("grid"), PEOPLE_ERRORS.index(name)):
        person = transformed(skeleton_of(draft.correct), lambda points: points * SIZE)
        found = [region for region in regions(person) if region.part == SKELETON_ERRORS[name].part]
        for region in found:
            scene = scene_of(region)
            with contextlib.suppress(NotPossible):
                wrong = SKELETON_ERRORS[name].function(scene.person, random.Random(0))
                if share_in_view(scene.person, wrong, SIZE, SIZE) == 1:
                    image = render_people([draft.correct], SIZE, seeds=[draft.seed])[0][0]
                    return shown(image, region, scene, wrong)
    raise ValueError(f"no drawing shows {name}")


def shown(image: Image, region: Region, scene: Scene, wrong: Skeleton) -> list[Image]:
    mask = repainted(region, scene.person, wrong)
    window = window_around(in_context(region, mask), PAINTED, 16)
    poses = [
        drawn(Scene(skeleton, scene.others), window.transform(), window.height, window.width)
        for skeleton in (scene.person, wrong)
    ]
    return [tinted(window.cut(image), window.cut_mask(mask)), *poses]


def regions(person: Skeleton) -> list[Region]:
    """The parts of a drawn person that lie in the picture, as a detector would give them."""
    found = [Region("body", np.zeros((SIZE, SIZE), bool), person.body, 1.0)]
    if inside(person.face):
        found.append(Region("face", face_mask(person.face, SIZE, SIZE), person.face, 1.0))
    for side in ("left", "right"):
        points = person.part(f"{side}_hand")
        if inside(points):
            flesh = capsules(points, HAND_BONES, 0.1 * size_of("hand", points), SIZE, SIZE)
            palm = hull(points[list(PALM)], SIZE, SIZE)
            found.append(Region("hand", flesh | palm, points, 1.0, side))
    return with_neighbours(found)


def inside(points: Points) -> bool:
    return bool(((points > 0) & (points < SIZE)).all())


def tinted(image: Image, mask: Mask) -> Image:
    return np.where(mask[..., None], image // 2 + RED // 2, image).astype(np.uint8)


def shrunk(image: Image, side: int) -> Image:
    """A tile with a white frame; thin lines and points are kept by averaging."""
    small = cv2.resize(image, (side - 4, side - 4), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.copyMakeBorder(small, 2, 2, 2, 2, cv2.BORDER_CONSTANT, value=(255, 255, 255)))


if __name__ == "__main__":
    run(tyro.cli(Config))
