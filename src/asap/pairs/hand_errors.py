"""Errors of the hand: fingers added, lost, fused, bent, shortened or stretched."""

from __future__ import annotations

import random

import numpy as np

from asap.pairs.degradations import Unsuitable
from asap.pairs.fan import HALF_WIDTH, Finger, Hand, interpolate, open_hand, redraw_fan
from asap.pairs.finger_count import count_fingers, finger_reader
from asap.records import Image, Region

LEAST_DEPTH = 2.0
"""How unlike skin the gaps between the fingers must be, in standard deviations, for a count to be trusted."""


def add_finger(image: Image, region: Region, rng: random.Random) -> Image:
    """Six fingers: the fan of four redrawn as one of five within the same outline."""
    hand = open_hand(image, region)
    sources = rng.choice(((0, 1, 1, 2, 3), (0, 1, 2, 2, 3)))
    return checked(image, hand, redraw_fan(image, hand, even_fan(hand, sources)), fingers=5)


def checked(image: Image, hand: Hand, edited: Image, fingers: int) -> Image:
    """`edited`, if the hand shows four fingers (thumb aside) before and `fingers` after.

    Raises:
        Unsuitable: it does not.
    """
    reader = finger_reader(image, hand)
    if np.median(reader.depth) < LEAST_DEPTH or count_fingers(image, hand, reader) != 4:
        raise Unsuitable("fingers not told apart")
    if count_fingers(edited, hand, reader) != fingers:
        raise Unsuitable("not visible")
    return edited


def even_fan(hand: Hand, sources: tuple[int, ...]) -> list[Finger]:
    """Fingers drawn from `sources`, evenly between index and little finger; the outline keeps its place."""
    count = len(sources)
    step = 3 / (count - 1)
    middle = hand.fingers[:, 2]
    spacing = np.hypot(*np.diff(middle, axis=0).T).mean()
    narrow = float(np.clip(step * spacing / (2 * HALF_WIDTH * hand.size), 0.72, 0.95))
    side = np.sign(np.cross(hand.fingers[0, 1] - hand.fingers[0, 0], hand.fingers[3, 1] - hand.fingers[0, 1]))
    fan = []
    for i, source in enumerate(sources):
        low, high = 1.0 if i == 0 else narrow, 1.0 if i == count - 1 else narrow
        widths = (low, high) if side > 0 else (high, low)
        fan.append(Finger(interpolate(hand.fingers, i * step), hand.fingers[source], widths))
    return fan
