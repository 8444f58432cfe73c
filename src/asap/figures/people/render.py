"""Pictures of figures: parts painted in depth order over a scene."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from asap.figures.people.backdrops import backdrop
from asap.figures.people.canvas import Canvas
from asap.figures.people.digits import paint_hand
from asap.figures.people.figure import PARTS, Figure
from asap.figures.people.heads import paint_back_hair, paint_features, paint_head
from asap.figures.people.limbs import Brush, paint_arm, paint_hips, paint_leg, paint_neck, paint_torso
from asap.figures.people.objects import paint_ball, paint_bench
from asap.figures.people.textures import surroundings, textures
from asap.figures.photographic import photographic
from asap.records import Points

HANDS = ("left_hand", "right_hand")
ABOVE = 1e-4  # statures by which an extra part lies over the same part of the person
LEAST = 128  # pixels; what is painted is at least this large
GRADING = 0.4  # of the photographic look's: captions name many colours, which have to stay what they are
Layer = tuple[float, Callable[[], None]]


def render_people(
    figures: Sequence[Figure], size: int, *, look: float = 0.0, seeds: Sequence[int] | None = None
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Images (N, size, size, 3) and, per pixel, the number in `looks.LABELS` of the part seen there.

    A picture depends on its own figure alone, and in a dose `look` of the photographic look (0 to 1) on its
    own seed, 0 where none are given. Small ones are painted larger and averaged, so that outlines stay thin.
    """
    own = np.zeros(len(figures), np.int64) if seeds is None else np.asarray(seeds, np.int64)
    images = np.empty((len(figures), size, size, 3), np.uint8)
    labels = np.empty((len(figures), size, size), np.uint8)
    for i, figure in enumerate(figures):
        times = -(-LEAST // size)
        canvas = _painted(figure, size * times, look, int(own[i]))
        cells = canvas.image.reshape(size, times, size, times, 3).mean(axis=(1, 3))
        images[i] = np.clip(cells + 0.5, 0, 255).astype(np.uint8)
        labels[i] = canvas.labels[times // 2 :: times, times // 2 :: times]
    return photographic(images, look, own, grading=GRADING), labels


def _painted(figure: Figure, size: int, dose: float, seed: int) -> Canvas:
    behind = surroundings(backdrop(figure, size), figure, dose, seed)
    canvas = Canvas(behind, textures(figure, size, dose, seed))
    brush = Brush(canvas, figure.look, figure.scale * size, dose)
    parts = {name: getattr(figure, name) * size for name in PARTS}
    layers = _person_layers(brush, figure, parts)
    for name, points in figure.extras:
        layers += _extra_layers(brush, figure, parts, name, points * size)
    for _, paint in sorted(layers, key=lambda layer: layer[0]):
        paint()
    return canvas


def _person_layers(brush: Brush, figure: Figure, parts: Mapping[str, Points]) -> list[Layer]:
    body, face = parts["body"], parts["face"]
    layers: list[Layer] = [
        (-0.5, partial(paint_back_hair, brush, face)),
        (-0.020, partial(paint_hips, brush, body)),
        (-0.010, partial(paint_torso, brush, body)),
        (-0.005, partial(paint_neck, brush, body, face)),
        (0.004, partial(paint_head, brush, face)),
        *_limb_layers(brush, figure, body, _neck(body)),
        *(_hand_layer(brush, figure, name, parts[name]) for name in HANDS),
    ]
    if figure.look.object == "bench":
        layers.append((-0.4, partial(paint_bench, brush, body)))
    if figure.look.object == "ball":
        layers.append((0.06, partial(paint_ball, brush, (parts["left_hand"], parts["right_hand"]))))
    return layers


def _neck(body: Points) -> Points:
    return np.asarray(body[5:7].mean(axis=0))


def _limb_layers(brush: Brush, figure: Figure, body: Points, neck: Points) -> list[Layer]:
    """Arms, legs and feet; those of a raised thigh come before the torso, all others behind it."""
    layers: list[Layer] = []
    depth = figure.depth("body")
    for first, side in enumerate(("left", "right")):
        arm, leg = [5 + first, 7 + first, 9 + first], [11 + first, 13 + first, 15 + first]
        foot = body[17 + 3 * first : 20 + 3 * first]
        layers += [
            (float(depth[arm[1:]].mean()), partial(paint_arm, brush, side, body[arm], body[arm[0]] - neck)),
            (float(depth[leg].mean()) - 0.08, partial(paint_leg, brush, side, body[leg], foot)),
        ]
    return layers


def _hand_layer(brush: Brush, figure: Figure, name: str, points: Points) -> Layer:
    depth = figure.depth(name)
    side = name.removesuffix("_hand")
    return float(depth[0]) + 0.02, partial(paint_hand, brush, side, points, depth)


def _extra_layers(
    brush: Brush, figure: Figure, parts: Mapping[str, Points], name: str, points: Points
) -> list[Layer]:
    """The layers of an extra part, each just above the person's own."""
    if name == "body":
        layers = _limb_layers(brush, figure, points, _neck(parts["body"]))
    elif name == "face":
        whole = np.isfinite(points[:17]).all()
        layers = [
            (
                0.004,
                partial(paint_head if whole else partial(paint_features, own=parts["face"]), brush, points),
            )
        ]
    else:
        layers = [_hand_layer(brush, figure, name, points)]
    return [(place + ABOVE, paint) for place, paint in layers]
