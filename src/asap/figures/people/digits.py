"""Painting hands: a palm and five fingers in depth order, told apart by outlines, with creases and nails."""

from __future__ import annotations

import numpy as np

from asap.figures.people.canvas import Finish, hull
from asap.figures.people.limbs import Brush
from asap.figures.people.looks import shaded
from asap.records import Points

RAYS = tuple((0, *range(first, first + 4)) for first in range(1, 21, 4))
PALM = (0, 1, 5, 9, 13, 17)
WIDTHS = (0.068, 0.058, 0.059, 0.056, 0.048)  # half-widths of thumb to little finger in hand lengths
TAPER = (1.05, 1.0, 0.94, 0.84)
HAND = 0.130


def paint_hand(brush: Brush, side: str, points: Points, depth: Points) -> None:
    """A hand's 21 points (21, 2) with depths (21,); whatever of it is NaN is left out."""
    size = HAND * (0.94 if brush.look.gender == "woman" else 1.0)
    dorsal = _back_shown(points, side)
    layers = []
    if np.isfinite(points[list(PALM)]).all():
        layers.append((float(depth[[0, 5, 17]].mean()), None))
    for finger, ray in enumerate(RAYS):
        for run in _runs(points[list(ray[1:])]):
            joints = [ray[1 + k] for k in run]
            over = float(depth[joints[1:]].mean() + depth[joints[-1]]) / 2
            layers.append((over, (finger, joints)))
    for _, layer in sorted(layers, key=lambda each: each[0]):
        if layer is None:
            _paint_palm(brush, side, points, size, dorsal=dorsal)
        else:
            _paint_run(brush, side, points, layer[0], layer[1], size, dorsal=dorsal)


def _runs(joints: Points) -> list[list[int]]:
    """Stretches of a finger's joints (4, 2), split where it folds back on itself, so that the fold is seen."""
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
    return turn > 0 if side == "left" else turn < 0


def _paint_palm(brush: Brush, side: str, points: Points, size: float, *, dorsal: bool) -> None:
    unit = brush.unit * size
    corners = points[list(PALM)]
    corners[0] = corners[0] + 0.04 * (corners[3] - corners[0])
    wrist = corners[0]
    wider = [wrist + 0.25 * (corners[k] - corners[0]) for k in (2, 5)]
    shape = brush.canvas.outline(hull([*corners, *wider]), smooth=False, grow=0.06 * unit)
    colour = brush.skin if dorsal else shaded(brush.skin, 1.02)
    brush.canvas.paint(shape, brush.finish(colour, f"{side}_hand", 0.9 * size * 0.16, 0.6))


def _paint_run(
    brush: Brush, side: str, points: Points, finger: int, joints: list[int], size: float, *, dorsal: bool
) -> None:
    first = RAYS[finger][1]
    widths = tuple(WIDTHS[finger] * TAPER[j - first] * size for j in joints)
    places = points[joints]
    shape = brush.chain(places, widths)
    brush.canvas.paint(shape, brush.finish(brush.skin, f"{side}_hand", widths[0]))
    if joints[0] == first and len(joints) > 2:
        _open_root(brush, side, points, finger, widths[0], size)
    folded = _cosine(points[joints[-1]] - points[joints[-2]], points[first] - points[0]) < -0.2
    if joints[-1] == first + 3 and dorsal != folded:
        _paint_nail(brush, points[joints[-2]], points[joints[-1]], widths[-1])


def _open_root(brush: Brush, side: str, points: Points, finger: int, width: float, size: float) -> None:
    """Let a stretched finger grow out of the palm: no outline across its root."""
    first = RAYS[finger][1]
    root, after = points[first], points[first + 1]
    step = after - root
    length = max(float(np.linalg.norm(step)), 1e-6)
    if length < 0.5 * size * brush.unit * 0.15 or not np.isfinite(points[0]).all():
        return
    inner = root + step / length * 0.012 * brush.unit
    outer = root - step / length * 0.4 * width * brush.unit
    slim = max(width - max(0.9, 0.0042 * brush.unit) / brush.unit, 0.001)
    finish = brush.finish(brush.skin, f"{side}_hand", width)
    smooth = type(finish)(finish.colour, finish.label, 0.0, 0.0)
    brush.canvas.paint(brush.chain(np.stack([outer, inner]), (slim, slim)), smooth)


def _paint_nail(brush: Brush, before: Points, tip: Points, width: float) -> None:
    if width * brush.unit < 1.6:
        return
    step = tip - before
    length = max(float(np.linalg.norm(step)), 1e-6)
    base, end = tip - step / length * 0.2 * width * brush.unit, tip + step / length * 0.35 * width * brush.unit
    colour = (min(255.0, brush.skin[0] * 1.06 + 14), min(255.0, brush.skin[1] * 1.04 + 8), brush.skin[2] * 1.05 + 10)
    finish = Finish(colour, 0, width * brush.unit, max(0.8, 0.002 * brush.unit), 0.75)
    brush.canvas.paint(brush.chain(np.stack([base, end]), (width * 0.55, width * 0.5)), finish)
