"""Painting hands: a palm and five fingers in depth order, told apart by outlines, with creases and nails."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from asap.figures.people.canvas import hull
from asap.figures.people.limbs import Brush
from asap.figures.people.looks import shaded
from asap.figures.people.objects import paint_held
from asap.figures.people.shading import Finish
from asap.records import Points

RAYS = tuple((0, *range(first, first + 4)) for first in range(1, 21, 4))
PALM = (0, 1, 5, 9, 13, 17)
WIDTHS = (0.076, 0.068, 0.070, 0.066, 0.057)  # half-widths of thumb to little finger in hand lengths
TAPER = (1.02, 1.0, 0.95, 0.86)
HAND = 0.130
MIN_CORNERS = 2  # a palm is drawn from more of its points than these
FINE_DETAIL = 60.0  # pixels of a hand from which creases are drawn


def paint_hand(brush: Brush, side: str, points: Points, depth: Points) -> None:
    """A hand's 21 points (21, 2) with depths (21,), around what it holds; what is NaN is left out."""
    size = HAND * (0.94 if brush.look.gender == "woman" else 1.0)
    dorsal = _back_shown(points, side)
    layers: list[tuple[float, Callable[[], None]]] = []
    if np.isfinite(points[0]).all() and np.isfinite(points[list(PALM)]).all(axis=1).sum() > MIN_CORNERS:
        palm = float(depth[[0, 5, 17]].mean())
        layers.append((palm, lambda: _paint_palm(brush, side, points, size, dorsal=dorsal)))
        if brush.look.holder == side:
            held = (palm + float(depth[[8, 12, 16]].mean())) / 2
            layers.append((held, lambda: paint_held(brush, points)))
    for finger, ray in enumerate(RAYS):
        for run in _runs(points[list(ray[1:])]):
            joints = [ray[1 + k] for k in run]
            over = float(depth[joints[1:]].mean() + depth[joints[-1]]) / 2
            layers.append(
                (over, partial(_paint_run, brush, side, points, finger, joints, size, dorsal=dorsal))
            )
    for _, paint in sorted(layers, key=lambda each: each[0]):
        paint()


def _runs(joints: Points) -> list[list[int]]:
    """Stretches of a finger's joints (4, 2), split where it folds back, so that the fold is seen."""
    bones = np.diff(joints, axis=0)
    runs, current = [], [0]
    for i, bone in enumerate(bones):
        if not np.isfinite(bone).all():
            continue
        if i and np.isfinite(bones[i - 1]).all() and _cosine(bones[i - 1], bone) < 0.1:
            runs.append(current)
            current = [i]
        elif current[-1] != i:
            current = [i]
        current.append(i + 1)
    return [run for run in [*runs, current] if len(run) > 1]


def _cosine(a: Points, b: Points) -> float:
    return float(a @ b / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-9))


def _back_shown(points: Points, side: str) -> bool:
    """Whether the viewer sees the back of the hand, from the turn between its index and little knuckles."""
    a, b = points[5] - points[0], points[17] - points[0]
    turn = float(a[0] * b[1] - a[1] * b[0])
    return turn < 0 if side == "left" else turn > 0


def _paint_palm(brush: Brush, side: str, points: Points, size: float, *, dorsal: bool) -> None:
    """The palm through its known points; a hand without one knuckle still has a palm."""
    unit = brush.unit * size
    corners = points[list(PALM)]
    known = corners[np.isfinite(corners).all(axis=1)]
    wrist, ahead = points[0], known[1:].mean(axis=0) - points[0]
    across = 0.27 * (known[-1] - known[min(2, len(known) - 1)])
    heel = [wrist + 0.16 * ahead + sign * across for sign in (1, -1)]
    shape = brush.canvas.outline(hull([*known, *heel]), smooth=False, grow=0.072 * unit)
    finish = brush.finish(brush.skin, f"{side}_hand", 0.14 * size, 0.6)
    brush.canvas.paint(shape, brush.rooted(finish, wrist + 0.02 * ahead, ahead, 0.14 * size))
    if unit > FINE_DETAIL and not dorsal and len(known) == len(PALM):
        _paint_creases(brush, corners, unit)


def _paint_creases(brush: Brush, corners: Points, unit: float) -> None:
    """The two long creases of a palm."""
    wrist, thumb, index, middle, _, little = corners
    line = Finish(shaded(brush.skin, 0.84))
    width = np.asarray([0.006, 0.012, 0.010, 0.004]) * unit
    heart = np.stack([little + 0.16 * (wrist - little), 0.5 * (little + middle) + 0.22 * (wrist - middle),
                      middle + 0.16 * (wrist - middle), 0.5 * (index + middle)])  # fmt: skip
    life = np.stack([index + 0.22 * (wrist - index), 0.6 * middle + 0.4 * wrist + 0.1 * (index - little),
                     0.36 * middle + 0.64 * wrist, 0.63 * wrist + 0.12 * middle + 0.25 * thumb])  # fmt: skip
    for crease in (heart, life):
        brush.canvas.paint(brush.canvas.chain(crease, width), line)


def _paint_run(
    brush: Brush, side: str, points: Points, finger: int, joints: list[int], size: float, *, dorsal: bool
) -> None:
    first = RAYS[finger][1]
    widths = tuple(WIDTHS[finger] * TAPER[j - first] * size for j in joints)
    places = points[joints]
    shape = brush.chain(places, widths)
    finish = brush.finish(brush.skin, f"{side}_hand", widths[0])
    if joints[0] == first and len(joints) > 2:
        finish = brush.rooted(finish, places[0], places[1] - places[0], 1.7 * widths[0])
    brush.canvas.paint(shape, finish)
    if size * brush.unit > FINE_DETAIL:
        _paint_joints(brush, places[1:-1], places, widths)
    folded = _cosine(points[joints[-1]] - points[joints[-2]], points[first] - points[0]) < -0.2
    if joints[-1] == first + 3 and dorsal != folded:
        _paint_nail(brush, points[joints[-2]], points[joints[-1]], widths[-1])


def _paint_joints(brush: Brush, inner: Points, places: Points, widths: tuple[float, ...]) -> None:
    """A crease across a finger at each of its inner joints."""
    for i, joint in enumerate(inner, start=1):
        step = places[i + 1] - places[i - 1]
        normal = np.asarray([-step[1], step[0]]) / max(float(np.linalg.norm(step)), 1e-6)
        reach = 0.55 * widths[i] * brush.unit * normal
        crease = brush.canvas.chain(np.stack([joint - reach, joint + reach]), np.full(2, 0.0011 * brush.unit))
        brush.canvas.paint(crease, Finish(shaded(brush.skin, 0.82)))


def _paint_nail(brush: Brush, before: Points, tip: Points, width: float) -> None:
    if width * brush.unit < 1.6:
        return
    step = tip - before
    length = max(float(np.linalg.norm(step)), 1e-6)
    base, end = (
        tip - step / length * 0.2 * width * brush.unit,
        tip + step / length * 0.35 * width * brush.unit,
    )
    colour = (
        min(255.0, brush.skin[0] * 1.06 + 14),
        min(255.0, brush.skin[1] * 1.04 + 8),
        brush.skin[2] * 1.05 + 10,
    )
    finish = Finish(colour, 0, width * brush.unit, max(0.8, 0.002 * brush.unit), 0.75)
    brush.canvas.paint(brush.chain(np.stack([base, end]), (width * 0.55, width * 0.5)), finish)
