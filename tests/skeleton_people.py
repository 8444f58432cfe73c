"""A whole person, written down in pixels: standing, arms out, palms to the viewer; and its similarities."""

from __future__ import annotations

import numpy as np

from asap.anatomy.skeletons import Extra, Skeleton, Transform, rotated, scaled, transformed
from asap.figures.hands import GESTURES, hands

BODY = {
    0: (300, 120), 1: (314, 106), 2: (286, 106), 3: (330, 114), 4: (270, 114),
    5: (360, 190), 6: (240, 190), 7: (432, 262), 8: (168, 262), 9: (480, 180), 10: (120, 180),
    11: (335, 370), 12: (265, 370), 13: (350, 490), 14: (250, 490), 15: (345, 610), 16: (255, 610),
    17: (368, 632), 18: (378, 626), 19: (340, 628), 20: (232, 632), 21: (222, 626), 22: (260, 628),
}  # fmt: skip


def person(gesture: str = "palm") -> Skeleton:
    body = np.array([BODY[index] for index in range(23)], np.float64)
    left, right = hand(gesture, body[9], 1.0), hand(gesture, body[10], -1.0)
    return Skeleton(body, face(body[0]), left, right)


def hand(gesture: str, wrist: np.ndarray, side: float) -> np.ndarray:
    """(21, 2) an upright hand about 80 pixels high; its thumb is to the left for side 1 (a left palm)."""
    assert gesture in GESTURES
    drawn = hands([gesture], *np.zeros((3, 1)))
    points = np.concatenate([[(0.0, 0.26)], drawn.fingers[0, :5].reshape(20, 2)]).astype(np.float64)
    return (points - points[0]) * (90 * side, 90) + wrist


def face(nose: np.ndarray) -> np.ndarray:
    """(68, 2) a round frontal face; the eyes are 28 pixels apart."""
    around = np.linspace(np.pi, 0, 17)
    jaw = np.stack([30 * np.cos(around), -8 + 40 * np.sin(around)], axis=1)
    brow = np.stack([np.linspace(-7, 7, 5), np.array([0, -3, -4, -3, -1])], axis=1)
    bridge = np.stack([np.zeros(4), np.linspace(-13, 0, 4)], axis=1)
    nostrils = np.stack([np.linspace(-6, 6, 5), np.array([3, 5, 6, 5, 3])], axis=1)
    turn = np.radians([180, 240, 300, 0, 60, 120])
    eye = np.stack([5 * np.cos(turn), 3 * np.sin(turn)], axis=1)
    outer, inner = (
        np.stack([x * np.cos(t), y * np.sin(t)], axis=1) + np.array([0, 16])
        for x, y, t in ((11, 5, np.pi + np.arange(12) * np.pi / 6), (8, 2, np.pi + np.arange(8) * np.pi / 4))
    )
    first, second = np.array([-14, 0]), np.array([14, 0])
    brows, eyes = ([each + first, each + second] for each in (brow - [0, 22], eye - [0, 14]))
    return np.concatenate([jaw, *brows, bridge, nostrils, *eyes, outer, inner]) + nose


def similarity(angle: float, factor: float, shift: tuple[float, float]) -> Transform:
    centre = np.zeros(2)
    return lambda points: scaled(rotated(points, centre, angle), centre, factor) + np.asarray(shift)


def copied(skeleton: Skeleton) -> Skeleton:
    return transformed(skeleton, np.copy)


def parts(skeleton: Skeleton) -> list[tuple[str, np.ndarray]]:
    own = [Extra(n, skeleton.part(n)) for n in ("body", "face", "left_hand", "right_hand")]
    return [(extra.part, extra.points) for extra in (*own, *skeleton.extras)]


def is_equal(first: Skeleton, second: Skeleton, within: float = 0.0) -> bool:
    a, b = parts(first), parts(second)
    return [name for name, _ in a] == [name for name, _ in b] and all(
        np.allclose(x, y, rtol=0, atol=within, equal_nan=True) for (_, x), (_, y) in zip(a, b, strict=True)
    )


def runner() -> Skeleton:
    """The same person from the side, running to the left: elbows and knees bent, the face to the viewer."""
    body = person().body.copy()
    body[5], body[7], body[9] = (310, 190), (285, 265), (215, 265)
    body[6], body[8], body[10] = (298, 190), (345, 250), (290, 300)
    body[11], body[13], body[15] = (305, 370), (225, 440), (270, 540)
    body[12], body[14], body[16] = (300, 370), (345, 480), (430, 530)
    body[17:20] += body[15] - person().body[15]
    body[20:23] += body[16] - person().body[16]
    hands = (hand("palm", body[9], 1.0), hand("palm", body[10], -1.0))
    return Skeleton(body, face(body[0]), *hands)
