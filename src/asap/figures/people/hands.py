"""Gestures as 21 points in three dimensions: flexed fingers on a palm that may face anywhere.

Hand units: wrist at the origin, 1 from wrist to the tip of the straight middle finger. Axes: x towards the
thumb, y along the fingers, z out of the palm.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from asap.records import Points

KNUCKLES = ((0.19, 0.50), (0.065, 0.53), (-0.06, 0.51), (-0.18, 0.45))
LENGTHS = (0.42, 0.47, 0.43, 0.34)
SPREAD = (9.0, 2.0, -6.0, -15.0)  # degrees towards the thumb, of fingers spread apart
SHARES = (0.45, 0.31, 0.24)  # of a finger's bones in its length
THUMB_BASE = (0.13, 0.12, 0.02)
THUMB = (0.23, 0.19, 0.16)

STRAIGHT = (4.0, 4.0, 2.0)
CURLED = (78.0, 96.0, 50.0)
HALF = (38.0, 48.0, 28.0)  # as around a cup
RELAXED = (16.0, 24.0, 12.0)
PINCH_TWIST = 55.0  # degrees by which the pinching index finger bends towards the thumb
PINCH = (52.0, 58.0, 28.0)
# directions of the thumb's bones in hand axes
OUT = ((0.72, 0.66, 0.2), (0.66, 0.75, 0.1), (0.60, 0.80, 0.05))
UP = ((0.90, 0.30, 0.3), (1.0, 0.05, 0.05), (1.0, -0.05, -0.1))
ACROSS = ((0.55, 0.62, 0.55), (-0.35, 0.75, 0.55), (-0.90, 0.25, 0.35))
PINCHING = ((0.86, 0.46, 0.20), (0.62, 0.72, 0.31), (0.24, 0.90, 0.38))
RESTING = ((0.50, 0.80, 0.30), (0.35, 0.90, 0.25), (0.15, 0.95, 0.25))
AROUND = ((0.55, 0.45, 0.70), (0.10, 0.60, 0.80), (-0.25, 0.70, 0.65))

_BENT = {"s": STRAIGHT, "c": CURLED, "h": HALF, "p": PINCH, "r": RELAXED}
# thumb, flexion of index to little (a letter of `_BENT` each), share of the full spread
GESTURES: dict[str, tuple[Sequence[Sequence[float]], str, float]] = {
    "open palm": (OUT, "ssss", 1.0),
    "fist": (ACROSS, "cccc", 0.0),
    "peace sign": (ACROSS, "sscc", 1.8),
    "thumbs up": (UP, "cccc", 0.0),
    "pointing finger": (ACROSS, "sccc", 0.0),
    "okay sign": (PINCHING, "psss", 1.0),
    "rock sign": (ACROSS, "sccs", 0.6),
    "call sign": (UP, "cccs", 1.3),
    "three fingers": (ACROSS, "sssc", 1.3),
    "four fingers": (ACROSS, "ssss", 1.2),
    "relaxed hand": (RESTING, "rrrr", 0.1),
    "grip": (AROUND, "hhhh", 0.0),
    "flat hand": (((0.5, 0.8, 0.2), (0.25, 0.95, 0.1), (0.1, 1.0, 0.0)), "ssss", -0.15),
}


def gesture(name: str, rng: np.random.Generator | None = None) -> Points:
    """The 21 points (21, 3) of a gesture in hand units; with `rng`, each joint varies by a few degrees.

    Raises:
        KeyError: no such gesture.
    """
    thumb, letters, spread = GESTURES[name]
    jitter = rng.normal(0.0, 2.5, (4, 4)) if rng else np.zeros((4, 4))
    rays = [_chain(THUMB_BASE, np.asarray(thumb, float), THUMB)]
    for i, letter in enumerate(letters):
        side = np.radians(SPREAD[i] * spread + 0.6 * jitter[i, 3])
        flexion = np.radians(np.cumsum(np.asarray(_BENT[letter]) + jitter[i, :3]))
        ahead, bent = np.cos(flexion), np.sin(flexion)
        twist = np.radians(PINCH_TWIST if letter == "p" else 0.0)
        across = ahead * np.sin(side) + bent * np.sin(twist)
        bones = np.stack([across, ahead * np.cos(side), bent * np.cos(twist)], axis=1)
        rays.append(_chain((*KNUCKLES[i], 0.0), bones, np.multiply(SHARES, LENGTHS[i])))
    return np.concatenate([np.zeros((1, 3)), *rays])


def _chain(start: Sequence[float], directions: Points, lengths: Sequence[float] | Points) -> Points:
    unit = directions / np.linalg.norm(directions, axis=1, keepdims=True)
    steps = unit * np.asarray(lengths)[:, None]
    return np.concatenate([[start], np.asarray(start) + np.cumsum(steps, axis=0)])


def placed(
    points: Points, wrist: Points, along: Points, palm: Points, *, left: bool, length: float
) -> Points:
    """A hand's points (21, 3) moved to `wrist`, its fingers `along`, its palm facing `palm` as far as it can.

    World axes: x right, y down, z towards the viewer; `length` is the hand's in world units.
    """
    y = along / np.linalg.norm(along)
    z = palm - (palm @ y) * y
    z = z / max(float(np.linalg.norm(z)), 1e-9)
    x = np.cross(y, z) if left else np.cross(z, y)
    return np.asarray(wrist + length * (points @ np.stack([x, y, z])))
