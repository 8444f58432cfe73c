"""Framings: similarity transforms of a solved pose into the unit frame."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from asap.figures.people.figure import Figure, Look
from asap.records import Points

FRAMINGS = ("full body", "half body", "portrait", "left hand", "right hand")
MARGIN = 0.025


def framed(parts: Mapping[str, Points], framing: str, look: Look) -> Figure:
    """The figure of a solved pose (`poses.solve`), seen whole, to the thighs, head and shoulders, or one hand.

    Raises:
        KeyError: no such framing.
    """
    left, top, right, bottom = _window(parts, framing)
    scale = (1 - 2 * MARGIN) / max(right - left, bottom - top)
    shift = np.asarray([0.5 - scale * (left + right) / 2, 0.5 - scale * (top + bottom) / 2])
    flat = {name: points[:, :2] * scale + shift for name, points in parts.items()}
    depths = {name: points[:, 2] for name, points in parts.items()}
    return Figure(**flat, depths=depths, scale=scale, look=look)


def _window(parts: Mapping[str, Points], framing: str) -> tuple[float, float, float, float]:
    """What must be seen, in statures: (left, top, right, bottom)."""
    body, face = parts["body"], parts["face"]
    crown = 2.15 * face[27] - 1.15 * face[8]
    hands = [parts["left_hand"], parts["right_hand"]]
    seen = {
        "full body": [body, face, crown[None], *hands],
        "half body": [body[:13], face, crown[None], body[11:13] + [0, 0.06, 0], *hands],
        "portrait": [face, crown[None] - [0, 0.02, 0], body[5:7] + [0, 0.06, 0]],
        "left hand": [hands[0], 0.4 * body[7:8] + 0.6 * body[9:10]],
        "right hand": [hands[1], 0.4 * body[8:9] + 0.6 * body[10:11]],
    }[framing]
    points = np.concatenate(seen)[:, :2]
    grow = 0.02 if framing != "full body" else 0.03
    low, high = points.min(axis=0) - grow, points.max(axis=0) + grow
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])
