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

from asap.anatomy.hands import Hand, polyline_points
from asap.records import Image, Points

Profile = NDArray[np.float64]

FRACTIONS = np.linspace(0.45, 0.85, 9)
"""Where the nine curves cross the fingers, as fractions of the way from knuckle to tip."""
SAMPLES = 160
DEPTH = 0.3
"""How deep a gap must be to part two fingers, relative to the hand's own gaps."""

ASIDE = 0.17
"""How far to the sides of a finger's middle its surroundings are looked at, in hand sizes."""

PAST = 1.9
"""How far past its knuckle a finger is followed, in its own lengths."""
LENGTHS = np.linspace(0.1, PAST, 91)
"""Where along its line a finger is looked for."""
LEAST_DIFFERENCE = 2.0
"""How unlike skin what lies around a finger must be, in standard deviations, for its end to be told."""


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
    reader = Reader(curves, *_skin_of(image, hand, hand.fingers), np.ones(len(curves)))
    return reader._replace(depth=_gap_depths(image, hand, reader, centres))


def finger_contrast(image: Image, hand: Hand, index: int, before: Image | None = None) -> Profile:
    """(9,) how much less like the finger its two sides are than its middle, where the curves cross it.

    In standard deviations of the finger's skin, by the less clear of the sides. With `before`, the skin is
    that of the finger as `before` shows it: then a low value says that the finger is gone, or hidden.
    """
    centres = polyline_points(hand.fingers[index : index + 1], FRACTIONS)[0]
    way = hand.fingers[index, 3] - hand.fingers[index, 0]
    normal = np.array([-way[1], way[0]]) / np.hypot(*way)
    offsets = np.linspace(-ASIDE, ASIDE, 41)
    points = centres[:, None] + offsets[None, :, None] * hand.size * normal
    mean, whiten = _skin_of(image if before is None else before, hand, hand.fingers[index : index + 1])
    unlike = _unlike(image, points.reshape(-1, 2), hand.size, mean, whiten).reshape(points.shape[:2])
    middle = np.abs(offsets) < 0.03
    sides = [unlike[:, side & (np.abs(offsets) > 0.05)].max(axis=1) for side in (offsets < 0, offsets > 0)]
    return np.asarray(np.minimum(*sides) - unlike[:, middle].mean(axis=1))


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
    unlike = _unlike(image, reader.curves.reshape(-1, 2), hand.size, reader.mean, reader.whiten)
    return np.stack(
        [_close(row, curve, hand.size) for row, curve in zip(unlike.reshape(-1, SAMPLES), reader.curves)]
    )


def skin_shift(before: Image, image: Image, hand: Hand) -> Points:
    """(3,) by how much the palm's colour in Lab differs between two pictures of a hand: another light."""
    palm = np.stack([np.broadcast_to(hand.wrist, (4, 2)), hand.fingers[:, 0]], axis=1)
    points = polyline_points(palm, np.linspace(0.3, 0.9, 12)).reshape(-1, 2)
    return np.asarray(np.median(_lab(image, points, hand.size) - _lab(before, points, hand.size), axis=0))


def _skin_of(image: Image, hand: Hand, fingers: Points) -> tuple[Points, Points]:
    """The fingers' colour in Lab: its mean (3,), and (3, 3) what makes its spread a unit sphere."""
    skin = _lab(image, polyline_points(fingers, np.linspace(0.2, 0.9, 24)).reshape(-1, 2), hand.size)
    mean = np.median(skin, axis=0)
    return mean, np.linalg.cholesky(np.linalg.inv(np.cov((skin - mean).T) + 9.0 * np.eye(3)))


def _unlike(image: Image, points: Points, size: float, mean: Points, whiten: Points) -> Profile:
    """(N,) how far the colours at `points` are from `mean`, in standard deviations, at most 8."""
    offset = (_lab(image, points, size) - mean) @ whiten
    return np.asarray(np.minimum(np.sqrt((offset**2).sum(axis=-1)), 8.0))


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


def finger_lengths(image: Image, hand: Hand, before: Image | None = None) -> Profile:
    """(4,) how far along its line each finger can be followed, 1 being its tip; NaN where that is not told.

    A finger reaches as far as its line looks like its own skin, rather than like what lies around its tip,
    without a gap. With `before`, skin and surroundings are those that `before` shows.
    """
    return np.array([_length(image, image if before is None else before, hand, index) for index in range(4)])


def _length(image: Image, before: Image, hand: Hand, index: int) -> float:
    line = _extended(hand.fingers[index], PAST)
    points = polyline_points(line[None], LENGTHS / PAST)[0]
    mean, whiten = _skin_of(before, hand, hand.fingers[index : index + 1])
    own = _unlike(before, points, hand.size, mean, whiten)
    skin, ground = np.median(own[LENGTHS < 0.85]), np.median(own[(LENGTHS > 1.2) & (LENGTHS < 1.45)])
    if ground < skin + LEAST_DIFFERENCE:
        return np.nan
    mean = mean + skin_shift(before, image, hand)
    shown = _unlike(image, points, hand.size, mean, whiten) < (skin + ground) / 2
    gap = max(1, round(0.08 / float(LENGTHS[1] - LENGTHS[0])))  # a ring, a crease or a nail is no end
    closed = cv2.morphologyEx(shown[None].astype(np.uint8), cv2.MORPH_CLOSE, np.ones((1, gap), np.uint8))[0]
    ends = np.flatnonzero(closed == 0)
    return float(LENGTHS[ends[0]] if len(ends) else LENGTHS[-1])


def _extended(finger: Points, factor: float) -> Points:
    """The finger's line, going on straight past its tip to `factor` times its length."""
    bones = np.diff(finger, axis=0)
    more = (factor - 1) * np.hypot(*bones.T).sum() / np.hypot(*bones[-1])
    return np.concatenate([finger, finger[-1:] + more * bones[-1:]])


def leaning_length(image: Image, hand: Hand, index: int, before: Image) -> float:
    """How much of the end of finger `index`, past its middle joint, `image` shows turned sideways.

    The largest fraction, over turns of 40 to 100 degrees either way, of the turned line that looks like the
    finger's skin where `before` did not.
    """
    finger = hand.fingers[index]
    mean, whiten = _skin_of(before, hand, hand.fingers[index : index + 1])
    fractions, shifted = np.linspace(0.35, 0.9, 12), mean + skin_shift(before, image, hand)
    ends = []
    for turn in np.radians([*range(-100, -39, 10), *range(40, 101, 10)]):
        cos, sin = np.cos(turn), np.sin(turn)
        ends.append(finger[1] + (finger[1:] - finger[1]) @ np.array([[cos, sin], [-sin, cos]]))
    points = polyline_points(np.stack(ends), fractions).reshape(-1, 2)
    new = _unlike(image, points, hand.size, shifted, whiten) < LEAST_DIFFERENCE
    old = _unlike(before, points, hand.size, mean, whiten) < LEAST_DIFFERENCE
    return float((new & ~old).reshape(len(ends), -1).mean(axis=1).max())
