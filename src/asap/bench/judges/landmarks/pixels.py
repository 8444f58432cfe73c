"""Tests that look at the pixels as well: detectors report five fingers whatever the picture shows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from asap.anatomy.finger_count import count_fingers, finger_reader
from asap.anatomy.hands import Hand, faults, polyline_points
from asap.anatomy.keypoints import size_of
from asap.records import Image, Points

LEAST_DEPTH = 1.2
"""How unlike skin the gaps between the fingers must be, in standard deviations of its colour, for a count."""
SMALLEST = 40.0
"""Hand size in pixels below which fingers are not counted."""
LEAST_TOLD = 0.75
"""Fraction of the curves that must cross three to five fingers; else the ground has the skin's colour."""


def fingers_more(hand: Points, image: Image) -> float | None:
    """Fraction of nine curves across the long fingers that cross five; in [0, 1]."""
    counts = _counts(hand, image)
    return None if counts is None else float(np.mean(counts == 5))


def fingers_fewer(hand: Points, image: Image) -> float | None:
    """Fraction of nine curves across the long fingers that cross three; in [0, 1]."""
    counts = _counts(hand, image)
    return None if counts is None else float(np.mean(counts == 3))


def _counts(hand: Points, image: Image) -> NDArray[np.int_] | None:
    """(9,) long fingers that each curve crosses, of a hand whose points have four stretched and apart."""
    found = Hand(hand, size_of("hand", hand), hand[5:21].reshape(4, 4, 2))
    if not np.isfinite(hand).all() or found.size < SMALLEST or any(faults(found, image.shape)):
        return None
    reader = finger_reader(image, found)
    if np.median(reader.depth) < LEAST_DEPTH or _near_thumb(found, reader.curves):
        return None
    counts = count_fingers(image, found, reader)
    return counts if np.mean((counts >= 3) & (counts <= 5)) >= LEAST_TOLD else None


def _near_thumb(hand: Hand, curves: Points) -> bool:
    """Whether the thumb comes so near to a curve that it may be counted."""
    thumb = polyline_points(hand.points[None, 2:5], np.linspace(0, 1, 9))[0]
    apart = np.hypot(*(curves.reshape(-1, 1, 2) - thumb).transpose(2, 0, 1))
    return bool(apart.min() < 0.15 * hand.size)
