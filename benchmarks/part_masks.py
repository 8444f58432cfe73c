"""Masks of parts against the drawn parts, and a picture of them: `python benchmarks/part_masks.py`.

Prints, for drawn people in every pose, how much of what the renderer painted of a part its mask covers, and
how much of the mask is that part; writes the picture of `docs/anatomy.md`. Seeds are fixed.
"""

from __future__ import annotations

import colorsys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import tyro

from asap.anatomy.parts import PARTS, SIDES, part_masks
from asap.figures.people import scenes
from asap.figures.people.catalogue import POSES
from asap.figures.people.figure import Figure
from asap.figures.people.looks import LABELS
from asap.figures.people.render import render_people
from asap.records import Image, Mask, Points

SHOWN = (
    (3, "arms wide", "full body"),
    (9, "dancing", "full body"),
    (1, "open palm", None),
    (7, "portrait", None),
)
"""Seed, pose and framing of the people in the picture; the third is cut to the hand."""
PAINTED = {"head": ("head", "face", "hair"), "torso": ("torso",)} | {
    f"{side}_{part}": (f"{side}_{part}",) for side in SIDES for part in ("arm", "hand", "leg", "foot")
}
"""Part -> the renderer's labels of it."""
WHOLE = {f"{side}_{limb}": [f"{side}_{part}" for part in parts] for side in SIDES for limb, parts in
         {"arm": ("upper_arm", "forearm"), "leg": ("thigh", "shin")}.items()}  # fmt: skip
"""Limbs -> the masks that they are made of."""


@dataclass(frozen=True)
class Config:
    """Measure the masks and draw them."""

    out: Path = Path("docs/anatomy/parts.jpg")
    """The picture."""
    size: int = 384
    """Pixels a side of the people that are measured."""
    seeds: int = 2
    """People of each pose."""


def run(config: Config) -> None:
    """Print the table and write the picture."""
    cv2.setNumThreads(1)
    rates: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for pose in POSES:
        for seed in range(config.seeds):
            drawn = scenes.figure(scenes.scene(seed, pose, "full body"))
            for part, rate in measured(drawn, config.size).items():
                rates[part.removeprefix("left_").removeprefix("right_")].append(rate)
    print("| part | of the part in its mask | of the mask on the part | seen |\n|---|---:|---:|---:|")
    for part, found in rates.items():
        covered, precise = np.mean(found, axis=0)
        print(f"| {part} | {covered:.2f} | {precise:.2f} | {len(found)} |")
    config.out.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(config.out), picture()[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])


def measured(drawn: Figure, size: int) -> dict[str, tuple[float, float]]:
    """Part -> recall and precision of its mask, of parts of which at least 40 pixels are seen."""
    masks = part_masks(points_of(drawn, size), size, size)
    labels = render_people([drawn], size)[1][0]
    rates = {}
    for part, names in PAINTED.items():
        truth = np.isin(labels, [LABELS.index(name) for name in names])
        mask = union([masks[name] for name in WHOLE.get(part, [part]) if name in masks], truth)
        if truth.sum() >= 40:
            both = (mask & truth).sum()
            rates[part] = float(both / truth.sum()), float(both / max(1, mask.sum()))
    return rates


def union(masks: Iterable[Mask], like: Mask) -> Mask:
    """(H, W) where any of `masks` is."""
    return np.any([np.zeros_like(like), *masks], axis=0)


def points_of(drawn: Figure, size: int) -> Points:
    """(133, 2) the figure's points in pixels."""
    return np.concatenate([drawn.body, drawn.face, drawn.left_hand, drawn.right_hand]) * size


def picture() -> Image:
    """The people of `SHOWN` side by side, 480 pixels high, with the masks of their parts in colours."""
    tiles = []
    for seed, pose, framing in SHOWN:
        side = 1440 if pose == "open palm" else 480
        drawn = scenes.figure(scenes.scene(seed, pose, framing))
        points = points_of(drawn, side)
        tile = overlaid(render_people([drawn], side)[0][0], part_masks(points, side, side))
        if pose == "open palm":
            hand = max((points[91:112], points[112:]), key=lambda hand: -hand[:, 1].mean())
            x, y = (hand.min(axis=0) + hand.max(axis=0)).astype(int) // 2
            top, left = np.clip((y - 150, x - 150), 0, side - 300)
            tile = cv2.resize(
                tile[top : top + 300, left : left + 300], (480, 480), interpolation=cv2.INTER_CUBIC
            )
        tiles.append(tile)
    return np.hstack(tiles)


def overlaid(image: Image, masks: Mapping[str, Mask]) -> Image:
    """`image` under the masks, large parts first, each in a colour of its own with its outline."""
    image = image.copy()
    for part in sorted(masks, key=lambda part: -masks[part].sum()):
        if part.endswith("_hand"):  # its palm and its fingers are shown
            continue
        hue = PARTS.index(part) * 0.381966 % 1
        colour = 255 * np.array(colorsys.hsv_to_rgb(hue, 0.8, 1.0))
        image[masks[part]] = 0.45 * image[masks[part]] + 0.55 * colour
        outline, _ = cv2.findContours(masks[part].astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(image, outline, -1, tuple(0.55 * colour), 1, cv2.LINE_AA)
    return image


if __name__ == "__main__":
    run(tyro.cli(Config))
