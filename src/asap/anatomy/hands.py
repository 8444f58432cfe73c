"""A hand's fingers as its 21 points show them: whether they are stretched, apart and in the picture."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from asap.records import Points


class Hand(NamedTuple):
    """`points` (21, 2), `size` in pixels, and `fingers` (4, 4, 2): index to little, knuckle to tip."""

    points: Points
    size: float
    fingers: Points

    @property
    def wrist(self) -> Points:
        return np.asarray(self.points[0])

    @property
    def handedness(self) -> float:
        """1 if the fan runs from index to little finger from +x towards +y, else -1."""
        index, little = self.fingers[0], self.fingers[-1]
        return float(np.sign(cross(index[1] - index[0], little[1] - index[0])))


def beyond(points: Points, shape: tuple[int, ...]) -> Points:
    """(N,) how far `points` lie outside an image of `shape`, in pixels; negative inside."""
    return np.asarray(np.maximum(-points, points - (shape[1] - 1, shape[0] - 1)).max(axis=1))


def faults(hand: Hand, shape: tuple[int, ...]) -> list[str | None]:
    """For each of the four fingers why it is not stretched and apart, None if it is."""
    steps = polyline_points(hand.fingers, np.linspace(0, 1, 7))
    return [_fault(hand, index, steps, shape) for index in range(4)]


def _fault(hand: Hand, index: int, steps: Points, shape: tuple[int, ...]) -> str | None:
    bones = np.diff(hand.fingers[index], axis=0)
    lengths = np.hypot(*bones.T)
    others = [other for other in range(4) if other != index]
    if beyond(hand.fingers[index], shape).max() > 0:
        return "hand cut by the image's edge"
    if lengths.sum() < 0.5 * hand.size or (lengths < 0.05 * hand.size).any():
        return "a finger is foreshortened"
    if ((bones[1:] * bones[:-1]).sum(axis=1) < 0.77 * lengths[1:] * lengths[:-1]).any():
        return "a finger is bent"
    if any(
        np.sign(_side(hand, index, other)) != np.sign(other - index) * hand.handedness for other in others
    ):
        return "fingers cross"
    apart = [np.hypot(*(steps[index][:, None] - steps[other][None]).transpose(2, 0, 1)) for other in others]
    return "fingers overlap" if np.min(apart) < 0.10 * hand.size else None


def _side(hand: Hand, index: int, other: int) -> float:
    """On which side of finger `index` the middle of `other`'s first bone lies; its sign is the side."""
    base, joint = hand.fingers[index, :2]
    return float(cross(joint - base, hand.fingers[other, :2].mean(axis=0) - base))


def polyline_points(lines: Points, fractions: NDArray[np.float64]) -> Points:
    """(N, F, 2) the points at `fractions` of the arc length of each of `lines` (N, K, 2)."""
    result = []
    for line in lines:
        lengths = np.hypot(*np.diff(line, axis=0).T)
        at = np.concatenate([[0], np.cumsum(lengths)]) / lengths.sum()
        result.append(np.stack([np.interp(fractions, at, line[:, i]) for i in (0, 1)], axis=-1))
    return np.stack(result)


def cross(a: Points, b: Points) -> Points:
    """(...,) the cross product of vectors (..., 2), positive if `b` is turned from `a` as +y is from +x."""
    return np.asarray(a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0])
