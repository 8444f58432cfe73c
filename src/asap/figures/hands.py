"""Hands from exact skeletons: gestures, poses and anatomical errors, in batches.

Coordinates are in hand units, y pointing down, the palm's middle at the origin; a hand is about 0.9 high.
Finger order is that of COCO-WholeBody: thumb, index, middle, ring, little; a sixth slot holds an extra one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float32]

FINGERS = ("thumb", "index", "middle", "ring", "little")
# which fingers each gesture extends; each has at least two, so that every error can be seen
GESTURES: dict[str, tuple[int, ...]] = {
    "palm": (0, 1, 2, 3, 4),
    "four": (1, 2, 3, 4),
    "three": (1, 2, 3),
    "peace": (1, 2),
    "okay": (2, 3, 4),
    "rock": (1, 4),
    "call": (0, 4),
    "aim": (0, 1),
}
ERRORS = ("extra finger", "missing finger", "fused fingers", "broken finger")

WRIST = (0.0, 0.26)
KNUCKLES = ((-0.15, 0.13), (-0.185, -0.17), (-0.062, -0.21), (0.062, -0.195), (0.18, -0.14))
ANGLES = (-62.0, -15.0, -4.0, 8.0, 21.0)  # degrees from straight up, positive to the right
LENGTHS = (0.30, 0.33, 0.36, 0.335, 0.265)
WIDTHS = (0.050, 0.045, 0.046, 0.044, 0.038)
PHALANGES = (0.46, 0.30, 0.24)  # shares of a finger's length
SLOTS = 6


@dataclass(frozen=True, eq=False)
class Hands:
    """A batch of N skeletons.

    Attributes:
        fingers: (N, 6, 4, 2) joints from knuckle to tip.
        widths: (N, 6) half-widths; 0 where there is no finger.
        rotation, scale: (N,) radians and factor about the palm's middle.
        shift: (N, 2) of the palm's middle from its usual place, in image widths.
    """

    fingers: Array
    widths: Array
    rotation: Array
    scale: Array
    shift: Array

    def __len__(self) -> int:
        return len(self.fingers)


def pose(count: int, rng: np.random.Generator) -> tuple[Array, Array, Array]:
    """Random rotation (N,), scale (N,) and shift (N, 2): small, so that a small model can learn them."""
    rotation = rng.uniform(-0.1, 0.1, count)
    scale = rng.uniform(0.94, 1.04, count)
    shift = rng.uniform(-0.03, 0.03, (count, 2))
    return rotation.astype(np.float32), scale.astype(np.float32), shift.astype(np.float32)


def hands(gestures: Sequence[str], rotation: Array, scale: Array, shift: Array) -> Hands:
    """Correct hands showing `gestures`, one per pose."""
    shapes = {name: _gesture(extended) for name, extended in GESTURES.items()}
    fingers = np.stack([shapes[name] for name in gestures])
    widths = np.tile(np.asarray([*WIDTHS, 0.0], np.float32), (len(gestures), 1))
    return Hands(fingers, widths, rotation, scale, shift)


def _gesture(extended: Sequence[int]) -> Array:
    fingers = [_straight(i) if i in extended else _curled(i) for i in range(5)]
    return np.stack([*fingers, np.zeros((4, 2))]).astype(np.float32)


def _chain(start: ArrayLike, angles: Sequence[float], lengths: Sequence[float]) -> NDArray[np.float64]:
    """Joints (len + 1, 2) of bones that point `angles` degrees from straight up."""
    radians = np.radians(angles)
    steps = np.stack([np.sin(radians), -np.cos(radians)], axis=1) * np.asarray(lengths)[:, None]
    return np.concatenate([np.asarray(start)[None], np.asarray(start) + np.cumsum(steps, axis=0)])


def _bones(finger: int) -> list[float]:
    return [share * LENGTHS[finger] for share in PHALANGES]


def _straight(finger: int) -> NDArray[np.float64]:
    return _chain(KNUCKLES[finger], [ANGLES[finger]] * 3, _bones(finger))


def _curled(finger: int) -> NDArray[np.float64]:
    """A folded finger seen from the front: it rises a little from its knuckle and turns back on the palm."""
    if finger == 0:
        return _chain(KNUCKLES[0], [20.0, 60.0, 75.0], [0.09, 0.11, 0.08])
    return _chain(KNUCKLES[finger], [ANGLES[finger] / 2, 180.0, 180.0], [0.05, 0.09, 0.07])


def with_error(hand: Hands, index: int, gesture: str, error: str, rng: np.random.Generator) -> None:
    """Put `error` into hand number `index` of the batch, in place.

    Raises:
        ValueError: the gesture does not allow the error (`possible_errors`).
    """
    if error not in possible_errors(gesture):
        raise ValueError(f"no {error} in {gesture}")
    fingers, widths = hand.fingers[index], hand.widths[index]
    long = [finger for finger in GESTURES[gesture] if finger]
    _EDITS[error](fingers, widths, long, rng)


def possible_errors(gesture: str) -> tuple[str, ...]:
    """The errors that can be seen in `gesture`: fusing needs two extended neighbours."""
    return tuple(error for error in ERRORS if error != "fused fingers" or neighbours(gesture))


def neighbours(gesture: str) -> list[tuple[int, int]]:
    """Pairs of extended long fingers that stand side by side."""
    extended = [finger for finger in GESTURES[gesture] if finger]
    return [(a, a + 1) for a in extended if a + 1 in extended]


def _extra(fingers: Array, widths: Array, long: Sequence[int], rng: np.random.Generator) -> None:
    """A sixth finger beside an extended one; the two make room by turning apart."""
    finger = int(rng.choice(long))
    side = 1.0 if finger < 4 else float(rng.choice([-1.0, 1.0]))
    start = np.add(KNUCKLES[finger], [side * 0.06, 0.01])
    lengths = np.asarray(_bones(finger)) * rng.uniform(0.85, 1.0)
    fingers[5] = _chain(start, [ANGLES[finger] + side * rng.uniform(9, 13)] * 3, list(lengths))
    widths[5] = WIDTHS[finger] * 0.9
    lean = ANGLES[finger] - side * rng.uniform(7, 10)
    fingers[finger] = _chain(fingers[finger, 0] - [side * 0.025, 0], [lean] * 3, _bones(finger))


def _missing(fingers: Array, widths: Array, long: Sequence[int], rng: np.random.Generator) -> None:
    """An extended finger is gone, or ends as a stub."""
    finger = int(rng.choice(long))
    left = rng.uniform(0.0, 0.25)
    fingers[finger] = _chain(KNUCKLES[finger], [ANGLES[finger]] * 3, [b * left for b in _bones(finger)])


def _fused(fingers: Array, widths: Array, long: Sequence[int], rng: np.random.Generator) -> None:
    """Two neighbours grow together along their whole length."""
    pairs = [(a, b) for a in long for b in long if b == a + 1]
    a, b = pairs[int(rng.integers(len(pairs)))]
    middle = (ANGLES[a] + ANGLES[b]) / 2
    for finger, side in ((a, -1), (b, 1)):
        base = (np.asarray(KNUCKLES[a]) + KNUCKLES[b]) / 2 + [side * 0.030, 0]
        fingers[finger] = _chain(base, [middle] * 3, _bones(a))


def _broken(fingers: Array, widths: Array, long: Sequence[int], rng: np.random.Generator) -> None:
    """An extended finger turns sideways at its middle joint, as no joint does."""
    finger = int(rng.choice(long))
    side = -1.0 if finger <= 2 else 1.0
    bend = ANGLES[finger] + side * rng.uniform(65, 95)
    fingers[finger] = _chain(KNUCKLES[finger], [ANGLES[finger], bend, bend], _bones(finger))


_EDITS = {
    "extra finger": _extra,
    "missing finger": _missing,
    "fused fingers": _fused,
    "broken finger": _broken,
}
