"""Tests that look at the pixels as well: detectors report five fingers whatever the picture shows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from asap.anatomy.finger_count import count_fingers, finger_reader
from asap.anatomy.hands import Hand, faults
from asap.anatomy.keypoints import size_of
from asap.records import Image, Points

LEAST_DEPTH = 1.2
"""How unlike skin the gaps between the fingers must be, in standard deviations of its colour, for a count."""
SMALLEST = 30.0
"""Hand size in pixels below which fingers are not counted."""


def fingers_more(hand: Points, image: Image) -> float | None:
    """Fraction of nine curves across the long fingers that cross five or more; in [0, 1]."""
    counts = _counts(hand, image)
    return None if counts is None else float(np.mean(counts >= 5))


def fingers_fewer(hand: Points, image: Image) -> float | None:
    """Fraction of nine curves across the long fingers that cross three or fewer; in [0, 1]."""
    counts = _counts(hand, image)
    return None if counts is None else float(np.mean(counts <= 3))


def _counts(hand: Points, image: Image) -> NDArray[np.int_] | None:
    """(9,) long fingers that each curve crosses, of a hand whose points have four stretched and apart."""
    found = Hand(hand, size_of("hand", hand), hand[5:21].reshape(4, 4, 2))
    if not np.isfinite(hand).all() or found.size < SMALLEST or any(faults(found, image.shape)):
        return None
    reader = finger_reader(image, found)
    return count_fingers(image, found, reader) if np.median(reader.depth) >= LEAST_DEPTH else None
