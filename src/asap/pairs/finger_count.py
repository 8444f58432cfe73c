"""How many fingers an image shows where a hand was known to be: the check that an error came out.

Detectors report five fingers whatever the picture shows. This reads skin likelihood along curves across the
fingers instead, with the joints and the skin colour of the hand before it was edited.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from asap.pairs.hand import Hand, polyline_points
from asap.records import Image, Points

Profile = NDArray[np.float64]

FRACTIONS = np.linspace(0.45, 0.85, 9)
"""Where the nine curves cross the fingers, as fractions of the way from knuckle to tip."""
SAMPLES = 160
DEPTH = 0.3
"""How deep a gap must be to part two fingers, relative to the hand's own gaps."""


class Reader(NamedTuple):
    """Curves (9, N, 2), the skin's Lab colour (mean, whitening), and each curve's depth of a gap."""

    curves: Points
    mean: Points
    whiten: Points
    depth: Profile


def finger_reader(image: Image, hand: Hand) -> Reader:
    """What is needed to count this hand's fingers again after an edit."""
    centres = polyline_points(hand.fingers, FRACTIONS).transpose(1, 0, 2)
    lead = np.diff(centres, axis=1)
    ends = (centres[:, :1] - 0.8 * lead[:, :1], centres[:, -1:] + 0.8 * lead[:, -1:])
    knots = np.concatenate([ends[0], centres, ends[1]], axis=1)
    curves = polyline_points(knots, np.linspace(0, 1, SAMPLES))
    skin = _lab(image, polyline_points(hand.fingers, np.linspace(0.2, 0.9, 24)).reshape(-1, 2), hand.size)
    mean = np.median(skin, axis=0)
    spread = np.cov((skin - mean).T) + 9.0 * np.eye(3)
    whiten = np.linalg.cholesky(np.linalg.inv(spread))
    reader = Reader(curves, mean, whiten, np.ones(len(curves)))
    return reader._replace(depth=_gap_depths(image, hand, reader, centres))


def _gap_depths(image: Image, hand: Hand, reader: Reader, centres: Points) -> Profile:
    """(9,) the median over a curve's three gaps of how much less like skin the gap is than the fingers."""
    depths = []
    for curve, profile, row in zip(reader.curves, _profiles(image, hand, reader), centres):
        at = [int(np.argmin(np.hypot(*(curve - centre).T))) for centre in row]
        gaps = [profile[a : b + 1].max() - max(profile[a], profile[b]) for a, b in pairwise(at)]
        depths.append(max(float(np.median(gaps)), 0.5))
    return np.array(depths)


def count_fingers(image: Image, hand: Hand, reader: Reader) -> NDArray[np.int_]:
    """(9,) the number of fingers, thumb aside, that each of the curves crosses."""
    return np.array([_valleys(p, DEPTH * d) for p, d in zip(_profiles(image, hand, reader), reader.depth)])


def _profiles(image: Image, hand: Hand, reader: Reader) -> Profile:
    """(9, N) how unlike the hand's skin each curve is, in standard deviations, at most 8."""
    points = reader.curves.reshape(-1, 2)
    offset = (_lab(image, points, hand.size) - reader.mean) @ reader.whiten
    unlike = np.minimum(np.sqrt((offset**2).sum(axis=-1)), 8.0)
    return np.stack(
        [_close(row, curve, hand.size) for row, curve in zip(unlike.reshape(-1, SAMPLES), reader.curves)]
    )


def _close(profile: Profile, curve: Points, size: float) -> Profile:
    """Fill valleys too narrow for a finger, such as the blend of a dark rim into a bright background."""
    step = np.hypot(*(curve[1] - curve[0]))
    kernel = np.ones((1, 2 * round(0.025 * size / step) + 1), np.uint8)
    return np.asarray(cv2.morphologyEx(profile[None], cv2.MORPH_CLOSE, kernel)[0])


def _lab(image: Image, points: Points, size: float) -> Points:
    """(N, 3) the Lab colours at `points`, smoothed over a small part of a finger."""
    low = np.floor(np.clip(points.min(axis=0) - 8, 0, None)).astype(int)
    high = np.ceil(points.max(axis=0) + 8).astype(int)
    crop = cv2.cvtColor(image[low[1] : high[1], low[0] : high[0]], cv2.COLOR_RGB2LAB)
    crop = cv2.GaussianBlur(crop, (0, 0), max(0.5, 0.012 * size)).astype(np.float32)
    x, y = (points - low).astype(np.float32).T[:, None]
    return np.asarray(cv2.remap(crop, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[0], float)


def _valleys(profile: Profile, depth: float) -> int:
    """How many valleys of at least `depth` the profile has, both ends counting as high."""
    count, extreme, falling = 0, np.inf, True
    for value in [*profile, np.inf]:
        if falling:
            extreme = min(extreme, value)
            if value > extreme + depth:
                count, extreme, falling = count + 1, value, False
        else:
            extreme = max(extreme, value)
            if value < extreme - depth:
                extreme, falling = value, True
    return count
