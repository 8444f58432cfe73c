"""Faces as 68 points in three dimensions, with expressions, turned with their head.

Face units: the middle between the eyes at the origin, chin near y = 1, crown near y = -1; x right, y down,
z towards the viewer. Order is iBUG's; the person's right is at negative x.
"""

from __future__ import annotations

import numpy as np

from asap.records import Points

EXPRESSIONS: dict[str, tuple[float, float, float, float]] = {
    "neutral": (0.20, 0.00, 0.0, 0.0),
    "smiling": (0.31, 0.13, 0.0, -0.02),
    "laughing": (0.31, 0.12, 0.15, -0.05),
    "open mouth": (0.15, -0.01, 0.20, -0.10),
}
"""Half-width of the mouth, lift of its corners, opening, and lift of the brows (negative is up)."""

EARS = np.asarray([[0.78, 0.12, -0.55], [-0.78, 0.12, -0.55]])  # left, right
JAW_WIDTH = 0.74
EYE = (0.31, 0.02)
EYE_SIZE = (0.15, 0.085)


def face(expression: str) -> Points:
    """The 68 points (68, 3) of a face that looks straight ahead, in face units.

    Raises:
        KeyError: no such expression.
    """
    width, lift, opening, brow = EXPRESSIONS[expression]
    parts = (_jaw(opening), _brows(brow), _nose(), _eye(-1), _eye(1), _mouth(width, lift, opening))
    return np.concatenate(parts)


def _jaw(opening: float) -> Points:
    angle = np.linspace(0, np.pi, 17)
    x = -JAW_WIDTH * np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** 0.8
    y = 0.06 + (0.92 + 0.25 * opening) * np.sin(angle) ** 1.15
    return np.stack([x, y, -0.6 * np.cos(angle) ** 2], axis=1)


def _brows(lift: float) -> Points:
    x = np.linspace(-0.51, -0.13, 5)
    y = np.asarray([-0.17, -0.235, -0.25, -0.235, -0.20]) + lift
    right = np.stack([x, y, 0.05 - 0.5 * x**2], axis=1)
    return np.concatenate([right, right[::-1] * [-1, 1, 1]])


def _nose() -> Points:
    bridge = [[0, y, z] for y, z in ((0.02, 0.10), (0.14, 0.17), (0.26, 0.25), (0.37, 0.32))]
    wings = [[x, 0.44 - 0.25 * abs(x) + 0.02, 0.18] for x in (-0.13, -0.065, 0.0, 0.065, 0.13)]
    return np.asarray(bridge + wings, float)


def _eye(side: int) -> Points:
    """Six points from the corner at the image's left over the upper lid, back along the lower."""
    x = np.asarray([-1, -0.4, 0.4, 1, 0.4, -0.4]) * EYE_SIZE[0] + side * EYE[0]
    y = np.asarray([0.1, -1, -1, 0.1, 0.75, 0.75]) * EYE_SIZE[1] + EYE[1]
    return np.stack([x, y, 0.05 - 0.4 * x**2], axis=1)


def _mouth(width: float, lift: float, opening: float) -> Points:
    top, lip = 0.66 - 0.3 * opening, 0.055
    upper = np.asarray([0.0, -0.75, -1.15, -0.9, -1.15, -0.75, 0.0]) * lip
    lower = np.asarray([0.85, 1.3, 1.4, 1.3, 0.85]) * lip
    x = np.asarray([-1, -0.62, -0.22, 0, 0.22, 0.62, 1])
    rise = lift * (1.1 * np.abs(x) ** 2 - 0.35)
    outer = np.concatenate([np.stack([x * width, top + upper - rise], axis=1),
        np.stack([x[5:0:-1] * width, top + lower + opening * (1 - x[5:0:-1] ** 2) - rise[5:0:-1]], axis=1),
    ])  # fmt: skip
    inner_x = np.asarray([-0.9, -0.45, 0, 0.45, 0.9, 0.45, 0, -0.45])
    gap = np.asarray([0, 0, 0, 0, 0, 1, 1, 1]) * opening * (1 - 0.5 * inner_x**2)
    inner_y = top + gap - lift * (1.1 * np.abs(inner_x) ** 2 - 0.35)
    points = np.concatenate([outer, np.stack([inner_x * width, inner_y], axis=1)])
    return np.concatenate([points, (0.1 - 0.5 * points[:, :1] ** 2)], axis=1)


def turn(points: Points, tilt: float, yaw: float, pitch: float = 0.0) -> Points:
    """`points` (K, 3) turned by degrees: `tilt` clockwise, `yaw` to the image's right, `pitch` down."""
    a, b, c = np.radians([tilt, yaw, pitch])
    roll = np.asarray([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    turn_ = np.asarray([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    nod = np.asarray([[1, 0, 0], [0, np.cos(c), np.sin(c)], [0, -np.sin(c), np.cos(c)]])
    return np.asarray(points @ (roll @ turn_ @ nod).T)
