"""Pictures of figures: parts painted in depth order over a scene."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from asap.figures.people.backdrops import backdrop
from asap.figures.people.canvas import Canvas
from asap.figures.people.digits import paint_hand
from asap.figures.people.figure import Figure
from asap.figures.people.heads import paint_back_hair, paint_head
from asap.figures.people.limbs import Brush, paint_arm, paint_hips, paint_leg, paint_neck, paint_torso
from asap.figures.people.objects import paint_ball, paint_bench

Layer = tuple[float, Callable[[], None]]


def render_people(figures: Sequence[Figure], size: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Images (N, size, size, 3) and, per pixel, the number in `looks.LABELS` of the part seen there.

    A picture depends on its own figure alone.
    """
    images = np.empty((len(figures), size, size, 3), np.uint8)
    labels = np.empty((len(figures), size, size), np.uint8)
    for i, figure in enumerate(figures):
        canvas = _painted(figure, size)
        images[i] = np.clip(canvas.image + 0.5, 0, 255).astype(np.uint8)
        labels[i] = canvas.labels
    return images, labels


def _painted(figure: Figure, size: int) -> Canvas:
    canvas = Canvas(backdrop(figure, size))
    brush = Brush(canvas, figure.look, figure.scale * size)
    layers = _body_layers(brush, figure, size) + _hand_layers(brush, figure, size)
    for _, paint in sorted(layers, key=lambda layer: layer[0]):
        paint()
    return canvas


def _body_layers(brush: Brush, figure: Figure, size: int) -> list[Layer]:
    body, face, depth = figure.body * size, figure.face * size, figure.depth("body")
    layers: list[Layer] = []
    for first, side in enumerate(("left", "right")):
        arm, leg = [5 + first, 7 + first, 9 + first], [11 + first, 13 + first, 15 + first]
        foot = body[17 + 3 * first : 20 + 3 * first]
        layers.append((float(depth[arm[1:]].mean()), lambda s=side, a=arm: paint_arm(brush, s, body[a], body[a[0]] - body[5:7].mean(axis=0))))
        layers.append((float(depth[leg].mean()) - 0.08, lambda s=side, g=leg, f=foot: paint_leg(brush, s, body[g], f)))
    layers += [
        (-0.5, lambda: paint_back_hair(brush, face)),
        (-0.020, lambda: paint_hips(brush, body)),
        (-0.010, lambda: paint_torso(brush, body)),
        (-0.005, lambda: paint_neck(brush, body, face)),
        (0.004, lambda: paint_head(brush, face)),
    ]
    if figure.look.object == "bench":
        layers.append((-0.4, lambda: paint_bench(brush, body)))
    if figure.look.object == "ball":
        layers.append((0.06, lambda: paint_ball(brush, (figure.left_hand * size, figure.right_hand * size))))
    return layers


def _hand_layers(brush: Brush, figure: Figure, size: int) -> list[Layer]:
    layers: list[Layer] = []
    for part in ("left_hand", "right_hand"):
        points, depth = getattr(figure, part) * size, figure.depth(part)
        place = float(depth[0]) + 0.02
        layers.append((place, lambda p=points, d=depth, s=part[:-5]: paint_hand(brush, s, p, d)))
    return layers
