"""An error of the hand as a whole, by redrawing its fan: one finger too many."""

from __future__ import annotations

import random

import numpy as np

from asap.anatomy.finger_count import count_fingers, finger_reader
from asap.anatomy.hands import Hand
from asap.pairs.degradations import Unsuitable, first_possible
from asap.pairs.edits.hands.fan import HALF_WIDTH, Finger, interpolate, make_fan, redraw_fan
from asap.pairs.edits.hands.hand import open_hand
from asap.records import Image, Region

LEAST_DEPTH = 2.0
"""How unlike skin the gaps between the fingers must be, in standard deviations, for a count to be trusted."""


def add_finger(image: Image, region: Region, rng: random.Random) -> Image:
    """Six fingers: the fan of four redrawn as one of five within the same outline."""
    hand = open_hand(image, region)
    width = float(np.clip(0.75 * mean_gap(hand) / HALF_WIDTH, 0.72, 0.95))

    def edit(sources: tuple[int, ...]) -> Image:
        edited = redraw_fan(image, region.mask, hand, even_fan(hand, sources, width))
        return checked(image, hand, edited, fingers=5)

    return first_possible(rng.sample(((0, 1, 1, 2, 3), (0, 1, 2, 2, 3)), 2), edit)


def mean_gap(hand: Hand) -> float:
    """Half the mean distance between neighbouring fingers at their middle joints, in hand sizes."""
    return float(np.hypot(*np.diff(hand.fingers[:, 2], axis=0).T).mean() / (2 * hand.size))


def even_fan(hand: Hand, sources: tuple[int, ...], width: float) -> list[Finger]:
    """Fingers drawn from `sources`, evenly between index and little finger; the outline keeps its place."""
    positions = np.linspace(0, 3, len(sources))
    targets = np.stack([interpolate(hand.fingers, position) for position in positions])
    return make_fan(hand, targets, sources, (width,) * len(sources))


def checked(image: Image, hand: Hand, edited: Image, fingers: int) -> Image:
    """`edited`, if the hand shows four fingers (thumb aside) before and `fingers` after.

    Raises:
        Unsuitable: it does not.
    """
    reader = finger_reader(image, hand)
    if np.median(reader.depth) < LEAST_DEPTH or np.mean(count_fingers(image, hand, reader) == 4) < 0.4:
        raise Unsuitable("fingers not told apart")
    if np.mean(count_fingers(edited, hand, reader) == fingers) < 0.33:
        raise Unsuitable("not visible")
    return edited
