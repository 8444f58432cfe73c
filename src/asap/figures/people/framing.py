"""Framings: similarity transforms of a solved pose into the unit frame."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from asap.figures.people.figure import Figure, Look
from asap.records import Points

FRAMINGS = ("full body", "half body", "portrait", "left hand", "right hand")
MARGIN = 0.025
TALL = {"balloon": ((-0.08, -0.44), (0.1, -0.44)), "umbrella": ((-0.26, -0.44), (0.26, -0.44))}
"""How far tall objects reach from the knuckle of the middle finger that holds them, in statures."""


def framed(parts: Mapping[str, Points], framing: str, look: Look, *, height: float = 0.0) -> Figure:
    """The figure of a solved pose (`poses.solve`), framed by name (`FRAMINGS`).

    `height` is how far they are above the ground, in statures.

    Raises:
        KeyError: no such framing.
    """
    left, top, right, bottom = _window(parts, framing, look)
    scale = (1 - 2 * MARGIN) / max(right - left, bottom - top)
    shift = np.asarray([0.5 - scale * (left + right) / 2, 0.5 - scale * (top + bottom) / 2])
    flat = {name: points[:, :2] * scale + shift for name, points in parts.items()}
    depths = {name: points[:, 2] for name, points in parts.items()}
    sole = float(parts["body"][17:, 1].max()) + 0.012 + height
    ground = (float(shift[0]), float(scale * sole + shift[1]))
    return Figure(**flat, depths=depths, scale=scale, ground=ground, look=look)


def _window(parts: Mapping[str, Points], framing: str, look: Look) -> tuple[float, float, float, float]:
    """What must be seen, in statures: (left, top, right, bottom)."""
    body, face = parts["body"], parts["face"]
    crown = 2.15 * face[27] - 1.15 * face[8]
    hands = [parts["left_hand"], parts["right_hand"]]
    seen = {
        "full body": [*_held(parts, look), body, face, crown[None], *hands],
        "half body": [
            *_held(parts, look),
            body[:13],
            face,
            crown[None],
            np.add(body[11:13], [0, 0.06, 0]),
            *hands,
        ],
        "portrait": [face, crown[None] - [0, 0.02, 0], np.add(body[5:7], [0, 0.06, 0])],
        "left hand": [hands[0], 0.25 * body[7:8] + 0.75 * body[9:10]],
        "right hand": [hands[1], 0.25 * body[8:9] + 0.75 * body[10:11]],
    }[framing]
    points = np.concatenate(seen)[:, :2]
    grow = 0.02 if framing != "full body" else 0.03
    low, high = points.min(axis=0) - grow, points.max(axis=0) + grow
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def _held(parts: Mapping[str, Points], look: Look) -> list[Points]:
    """The farthest points of a tall object that the look's hand holds."""
    grip = parts[f"{look.holder}_hand"][9]
    return [np.add(grip, (*place, 0.0))[None] for place in TALL.get(look.object, ())]
