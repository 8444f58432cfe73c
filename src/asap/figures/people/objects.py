"""Painting what a person holds or sits on, placed by the hand's or the hips' points."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from asap.figures.people.limbs import Brush
from asap.figures.people.looks import NUMBER, RGB, shaded
from asap.figures.people.shading import Finish
from asap.records import Points

UP = np.asarray([0.0, -1.0])
RIGHT = np.asarray([1.0, 0.0])


def paint_held(brush: Brush, hand: Points) -> None:
    """The object of the look in a `hand` (21, 2): nothing if it is none, or the hand is not known."""
    paint = HELD.get(brush.look.object)
    grip = _grip(hand)
    if paint is not None and np.isfinite(grip).all():
        paint(brush, grip, hand)


def _grip(hand: Points) -> Points:
    """Where a closed hand holds: between its knuckles and fingertips."""
    return np.asarray(0.3 * hand[9] + 0.2 * hand[0] + 0.25 * hand[[7, 11]].mean(axis=0) + 0.25 * hand[15])


def _finish(brush: Brush, colour: RGB, thickness: float) -> Finish:
    return brush.finish(colour, "object", thickness, 0.5)


def _cup(brush: Brush, grip: Points, _: Points) -> None:
    u = brush.unit
    handle = np.stack(
        [
            grip + u * (0.034 * s * RIGHT + y * UP)
            for s, y in ((-1, 0.05), (-1.9, 0.045), (-1.9, 0.0), (-1, -0.01))
        ]
    )
    colour: RGB = (244, 240, 232)
    brush.canvas.paint(brush.chain(handle, (0.007,) * 4), _finish(brush, shaded(colour, 0.9), 0.007))
    corners = np.stack([grip + u * (x * RIGHT + y * UP) for x, y in
                        ((-0.04, 0.075), (0.04, 0.075), (0.033, -0.055), (-0.033, -0.055))])  # fmt: skip
    brush.canvas.paint(brush.canvas.outline(corners, smooth=False), _finish(brush, colour, 0.03))
    rim = np.stack([grip + u * (x * RIGHT + 0.075 * UP) for x in (-0.033, 0.033)])
    brush.canvas.paint(brush.chain(rim, (0.009, 0.009)), _finish(brush, (112, 70, 48), 0.006))


def _phone(brush: Brush, grip: Points, hand: Points) -> None:
    ahead = hand[9] - hand[0]
    ahead = ahead / max(float(np.linalg.norm(ahead)), 1e-6)
    ends = np.stack([grip - 0.062 * brush.unit * ahead, grip + 0.062 * brush.unit * ahead])
    side = np.asarray([ahead[1], -ahead[0]]) * 0.026 * brush.unit
    corners = np.stack([ends[0] - side, ends[0] + side, ends[1] + side, ends[1] - side])
    colour: RGB = (40, 42, 50)
    brush.canvas.paint(
        brush.canvas.outline(corners, smooth=False, grow=0.008 * brush.unit), _finish(brush, colour, 0.01)
    )
    lens = ends[1] + 0.4 * side - 0.006 * brush.unit * ahead
    brush.canvas.paint(
        brush.chain(np.stack([lens, lens]), (0.008, 0.008)), Finish((150, 160, 176), NUMBER["object"])
    )


def _apple(brush: Brush, grip: Points, _: Points) -> None:
    u = brush.unit
    middle = grip + 0.004 * u * UP
    lobes = np.stack([middle - 0.012 * u * RIGHT, middle + 0.012 * u * RIGHT])
    brush.canvas.paint(brush.chain(lobes, (0.036, 0.036)), _finish(brush, (206, 44, 42), 0.036))
    stem = np.stack([middle + 0.03 * u * UP, middle + u * (0.052 * UP + 0.006 * RIGHT)])
    brush.canvas.paint(brush.chain(stem, (0.004, 0.004)), Finish((92, 62, 40), NUMBER["object"]))
    leaf = np.stack([stem[1], stem[1] + u * (0.024 * RIGHT + 0.008 * UP)])
    brush.canvas.paint(brush.chain(leaf, (0.004, 0.010)), Finish((88, 150, 64), NUMBER["object"]))


def _balloon(brush: Brush, grip: Points, _: Points) -> None:
    u = brush.unit
    knot = grip + u * (0.22 * UP + 0.012 * RIGHT)
    string = np.stack([grip - 0.03 * u * UP, grip, grip + u * (0.1 * UP - 0.004 * RIGHT), knot])
    brush.canvas.paint(brush.chain(string, (0.0022,) * 4), Finish((90, 90, 96), NUMBER["object"]))
    colour: RGB = (226, 62, 84)
    brush.canvas.paint(
        brush.chain(np.stack([knot, knot + 0.03 * u * UP]), (0.010, 0.03)), _finish(brush, colour, 0.02)
    )
    body = np.stack([knot + 0.085 * u * UP, knot + 0.115 * u * UP])
    brush.canvas.paint(brush.chain(body, (0.07, 0.082)), _finish(brush, colour, 0.07))
    shine = np.stack([body[1] + u * (0.03 * UP - 0.035 * RIGHT), body[1] + u * (0.012 * UP - 0.045 * RIGHT)])
    brush.canvas.paint(brush.chain(shine, (0.009, 0.009)), Finish((250, 170, 180), NUMBER["object"]))


def _umbrella(brush: Brush, grip: Points, _: Points) -> None:
    u = brush.unit
    top = grip + 0.40 * u * UP
    pole = np.stack([grip - 0.09 * u * UP, top])
    brush.canvas.paint(brush.chain(pole, (0.0065, 0.005)), _finish(brush, (96, 72, 52), 0.006))
    angles = np.radians(np.linspace(180, 0, 13))
    dome = top - 0.15 * u * UP + u * np.stack([0.25 * np.cos(angles), -0.16 * np.sin(angles)], axis=1)
    x = np.linspace(0.25, -0.25, 17)
    wave = 0.016 * np.abs(np.sin(np.linspace(0, 4 * np.pi, 17)))
    hem = top - 0.15 * u * UP + u * np.stack([x, -wave], axis=1)
    colour: RGB = (232, 150, 44)
    brush.canvas.paint(
        brush.canvas.outline(np.concatenate([dome, hem[1:-1]]), smooth=False), _finish(brush, colour, 0.05)
    )
    for k in (4, 8, 12):
        rib = np.stack([dome[6], 0.5 * (dome[6] + hem[k]) + 0.06 * (hem[k] - hem[8]), hem[k]])
        brush.canvas.paint(brush.chain(rib, (0.002,) * 3), Finish(shaded(colour, 0.7), NUMBER["object"]))
    brush.canvas.paint(
        brush.chain(np.stack([dome[6], dome[6] + 0.02 * u * UP]), (0.006, 0.003)),
        _finish(brush, (96, 72, 52), 0.005),
    )


def _flower(brush: Brush, grip: Points, _: Points) -> None:
    u = brush.unit
    head = grip + u * (0.15 * UP - 0.01 * RIGHT)
    stem = np.stack([grip - 0.07 * u * UP, grip, head])
    brush.canvas.paint(brush.chain(stem, (0.005,) * 3), Finish((70, 132, 62), NUMBER["object"]))
    leaf = np.stack([grip + 0.06 * u * UP, grip + u * (0.085 * UP + 0.035 * RIGHT)])
    brush.canvas.paint(brush.chain(leaf, (0.005, 0.011)), Finish((84, 150, 70), NUMBER["object"]))
    for k in range(7):
        turn = 2 * np.pi * k / 7
        petal = head + 0.03 * u * np.asarray([np.cos(turn), np.sin(turn)])
        brush.canvas.paint(
            brush.chain(np.stack([petal, petal]), (0.021, 0.021)), _finish(brush, (244, 208, 72), 0.02)
        )
    brush.canvas.paint(
        brush.chain(np.stack([head, head]), (0.018, 0.018)), _finish(brush, (128, 80, 40), 0.018)
    )


HELD: dict[str, Callable[[Brush, Points, Points], None]] = {
    "cup": _cup, "phone": _phone, "apple": _apple, "balloon": _balloon, "umbrella": _umbrella,
    "flower": _flower,
}  # fmt: skip
"""How each object that one hand holds is painted."""


def paint_ball(brush: Brush, hands: tuple[Points, Points]) -> None:
    """A ball between two hands (21, 2) each."""
    left, right = (hand[[0, 9, 12]].mean(axis=0) for hand in hands)
    middle = (left + right) / 2
    if not np.isfinite(middle).all():
        return
    place = np.stack([middle, middle])
    brush.canvas.paint(brush.chain(place, (0.088, 0.088)), _finish(brush, (236, 122, 48), 0.088))
    seam = Finish((120, 58, 30), NUMBER["object"])
    for bend in (-0.03, 0.03):
        arc = np.stack(
            [
                middle + brush.unit * np.asarray(p)
                for p in ((2.1 * bend, -0.06), (bend, 0.0), (2.1 * bend, 0.06))
            ]
        )
        brush.canvas.paint(brush.chain(arc, (0.0028,) * 3), seam)
    line = middle + brush.unit * np.asarray([[-0.084, 0], [0.084, 0]])
    brush.canvas.paint(brush.chain(line, (0.0028,) * 2), seam)


def paint_bench(brush: Brush, body: Points) -> None:
    """A bench under the hips, its feet at the height of the heels."""
    u = brush.unit
    hips = body[11:13].mean(axis=0)
    heels = body[[19, 22], 1]
    floor = float(np.nanmax(heels)) if np.isfinite(heels).any() else hips[1] + 0.4 * u
    wood: RGB = (176, 128, 84)
    for x in (-0.22, 0.22):
        leg = np.asarray([[hips[0] + x * u, hips[1] + 0.12 * u], [hips[0] + x * u, floor]])
        brush.canvas.paint(brush.chain(leg, (0.016, 0.014)), _finish(brush, shaded(wood, 0.8), 0.012))
    top = [hips + u * np.asarray(p) for p in ((-0.23, 0.035), (0.23, 0.035), (0.27, 0.125), (-0.27, 0.125))]
    brush.canvas.paint(
        brush.canvas.outline(np.stack(top), smooth=False), _finish(brush, shaded(wood, 1.12), 0.01)
    )
    front = [hips + u * np.asarray(p) for p in ((-0.27, 0.12), (0.27, 0.12), (0.27, 0.155), (-0.27, 0.155))]
    brush.canvas.paint(brush.canvas.outline(np.stack(front), smooth=False), _finish(brush, wood, 0.01))
