"""Evidence of errors of the fingers, read from the pixels of the negative where the photo had its hand.

Each function takes the photo, the negative and the hand's region, and returns how much of the error is
there, from 0 for none; None where it cannot be told: fingers folded, too small, or not unlike what is behind.
"""

from __future__ import annotations

import numpy as np

from asap.anatomy.finger_count import (
    Profile,
    count_fingers,
    finger_lengths,
    finger_reader,
    leaning_length,
    skin_shift,
)
from asap.anatomy.hands import Hand, faults
from asap.anatomy.keypoints import size_of
from asap.records import Image, Region

LEAST_DEPTH = 2.0
"""How unlike skin the gaps between the fingers must be, in standard deviations, for a count to be trusted."""
LEAST_TOLD = 0.4
"""Fraction of the curves across the fingers that must show four of them in the photo."""
LEAST_FEWER = 0.2
"""Fraction of the curves that a finger must leave where it is cut."""
LEAST_MORE = 0.6
"""Fraction of the curves that cross one more finger in a fan of five."""
SMALLEST = 30.0
"""Hand size in pixels below which fingers are not counted."""


def more_fingers(image: Image, negative: Image, region: Region) -> float | None:
    """The fraction of the curves across four fingers that cross five in the negative."""
    counts = _counts(image, negative, region)
    return None if counts is None else float(np.mean(counts == 5))


def fewer_fingers(image: Image, negative: Image, region: Region) -> float | None:
    """The fraction of the curves across four fingers that cross three or fewer in the negative."""
    counts = _counts(image, negative, region)
    return None if counts is None else float(np.mean(counts <= 3))


def lost_finger(image: Image, negative: Image, region: Region) -> float | None:
    """How much shorter a finger is than half of what it was, and turned nowhere: 1 where it is all gone."""
    lengths = _lengths(image, negative, region)
    if lengths is None:
        return None
    hand, ratios = lengths
    index = lone_finger(ratios)
    if index is None:
        return 0.0
    ratio = float(ratios[index])
    gone = max(0.0, 1 - 2 * ratio) * (1 - leaning_length(negative, hand, index, image))
    return gone if _may_lack_one(image, negative, region) else 0.0


def shorter_finger(image: Image, negative: Image, region: Region) -> float | None:
    """The fraction of its length that the most shortened finger lost, unless it is lost or turned aside."""
    lengths = _lengths(image, negative, region)
    if lengths is None:
        return None
    hand, ratios = lengths
    index = lone_finger(ratios)
    if index is None:
        return 0.0
    ratio = float(ratios[index])
    if ratio < 0.3 or _has_more(image, negative, region):
        return 0.0
    return (1 - ratio) * (1 - leaning_length(negative, hand, index, image))


def longer_finger(image: Image, negative: Image, region: Region) -> float | None:
    """The fraction of its length by which the most stretched finger grew."""
    lengths = _lengths(image, negative, region)
    return None if lengths is None else float(np.nanmax(lengths[1])) - 1


def turned_finger(image: Image, negative: Image, region: Region) -> float | None:
    """How much of the end of a finger that lost its end is seen turned aside at its middle joint."""
    lengths = _lengths(image, negative, region)
    if lengths is None:
        return None
    hand, ratios = lengths
    index = lone_finger(ratios)
    if index is None or _has_more(image, negative, region):
        return 0.0
    return leaning_length(negative, hand, index, image)


def lone_finger(ratios: Profile) -> int | None:
    """The one finger that lost a fifth of its length or more; None where none or more did."""
    shorter = np.flatnonzero(ratios < 0.8)
    return int(shorter[0]) if len(shorter) == 1 else None


def _hand(region: Region) -> Hand | None:
    points = np.asarray(region.keypoints, np.float64)
    if points.shape != (21, 2) or not np.isfinite(points).all():
        return None
    hand = Hand(points, size_of("hand", points), points[5:21].reshape(4, 4, 2))
    return hand if hand.size >= SMALLEST else None


def _counts(image: Image, negative: Image, region: Region) -> Profile | None:
    """(K,) fingers that the curves cross in the negative, of those curves that cross four in the photo.

    None where the four are not stretched, apart and unlike what lies between them: folded fingers, whose
    points are guesses, are counted as four only by chance.
    """
    hand = _hand(region)
    if hand is None or not _inside(hand, image) or any(faults(hand, image.shape)):
        return None
    reader = finger_reader(image, hand)
    four = count_fingers(image, hand, reader) == 4
    if np.median(reader.depth) < LEAST_DEPTH or four.mean() < LEAST_TOLD:
        return None
    relit = reader._replace(mean=reader.mean + skin_shift(image, negative, hand))
    return np.asarray(count_fingers(negative, hand, relit)[four], np.float64)


def _has_more(image: Image, negative: Image, region: Region) -> bool:
    """Whether most curves cross five fingers: in a fan of five the old ones have left their lines as well.

    Some may: they reach past the fan, and may meet a finger that is bent outwards once more.
    """
    return (more_fingers(image, negative, region) or 0.0) >= LEAST_MORE


def _may_lack_one(image: Image, negative: Image, region: Region) -> bool:
    """Whether some curve across the fingers crosses fewer than in the photo, or none can be counted.

    A finger that only left its line, for a fan of five or to lie by its neighbour, is still crossed.
    """
    counts = _counts(image, negative, region)
    return counts is None or float(np.mean(counts <= 3)) >= LEAST_FEWER


def _lengths(image: Image, negative: Image, region: Region) -> tuple[Hand, Profile] | None:
    """The hand, and (4,) its fingers' lengths in the negative over those in the photo; NaN where not told.

    None where fewer than two are told: one finger alone may have lost its place with the whole hand.
    """
    hand = _hand(region)
    if hand is None or not _inside(hand, image):
        return None
    before, after = finger_lengths(image, hand), finger_lengths(negative, hand, image)
    told = (np.abs(before - 1) < 0.25) & np.isfinite(after)
    return (hand, np.where(told, after, np.nan) / before) if told.sum() >= 2 else None


def _inside(hand: Hand, image: Image) -> bool:
    low, high = hand.fingers.min(axis=(0, 1)), hand.fingers.max(axis=(0, 1))
    return bool((low >= 0).all() and (high < (image.shape[1], image.shape[0])).all())
