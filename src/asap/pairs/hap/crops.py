"""Photos that are crops of others: what perceptual hashes of whole pictures do not see.

Corners (ORB) of small grey pictures are compared. Which pictures may share a part is told by descriptors that
agree in some of their bits, in tables that are sorted once; each picture is compared with the few alone that
agree most, so that the work does not grow with the square of their number. Compared means: a similarity
without much turning that takes corners of one onto those of the other, and then equal pixels.

Source of ORB: Rublee et al., ICCV 2011.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from asap.records import Image
from asap.store import seed_of

Grey = NDArray[np.uint8]

SIDE = 256
"""Longer side of the small pictures, in pixels."""
CORNERS = 200
TABLES, BITS = 8, 24
"""How often descriptors are sorted, and by how many of their 256 bits."""
COMMON = 24
"""Descriptors of equal bits from which on these tell nothing."""
AGREEING = 4
"""Descriptors of equal bits, over all tables, from which on two pictures are compared."""
MOST = 5
"""Pictures that one is compared with at most, with later and with earlier ones: those that agree most."""
FAR = 64
"""Bits of 256 up to which two corners may be the same."""
FITTING = 12
"""Corners that one similarity has to take along. Of 740 pairs of different photos none had more than 5 of
300; of their crops of 60 to 90% of the area, resized and compressed, 98 of 100 had 28 and more."""
SCALES, TURN = (0.45, 2.2), 5.0
"""Between the small pictures; and degrees, up to which a fit counts as upright."""
SOFT = 2.0
"""Blur of the pixels that are compared, in pixels."""
LIKE = 0.95
"""Correlation of the pixels where the two overlap, from which on it is the same photo."""
OVERLAP = 0.3
"""Share of the smaller one that must overlap."""


class Corners(NamedTuple):
    """(N, 2) places in pixels, and (N, 32) descriptors."""

    places: NDArray[np.float32]
    bits: Grey


def thumbnail(image: Image) -> bytes:
    """A small grey JPEG of a picture (H, W, 3)."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    scale = SIDE / max(grey.shape)
    size = [max(16, round(scale * side)) for side in grey.shape[::-1]]
    small = cv2.resize(grey, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    return bytes(cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 90])[1])


def crop_pairs(thumbnails: Sequence[bytes]) -> Iterator[tuple[int, int]]:
    """Pairs of indices a < b of which one shows a good part of the other, plain or mirrored."""
    if len(thumbnails) < 2:
        return
    found = [_corners(_opened(data)) for data in thumbnails]
    mirrored = [_corners(_opened(data)[:, ::-1]) for data in thumbnails]
    for a, b in candidates([each.bits for each in found], [each.bits for each in mirrored]):
        one, other = _opened(thumbnails[a]), _opened(thumbnails[b])
        if same(one, found[a], other, found[b]) or same(one, found[a], other[:, ::-1], mirrored[b]):
            yield a, b


def candidates(bits: Sequence[Grey], mirrored: Sequence[Grey]) -> list[tuple[int, int]]:
    """Pairs a < b of pictures that may share a part, by their descriptors (N, 32) and those of mirror images.

    The work grows with the number of descriptors, and with that of pairs that agree by chance.
    """
    count = len(bits)
    owner = np.concatenate([np.full(len(each), i % count) for i, each in enumerate([*bits, *mirrored])])
    whole = np.concatenate([*bits, *mirrored])
    plain = np.arange(len(whole)) < sum(map(len, bits))
    codes = [_agreeing(_keys(whole, table), owner, plain, count) for table in range(TABLES)]
    pairs, often = np.unique(np.concatenate(codes), return_counts=True)
    return nearest(pairs[often >= AGREEING], often[often >= AGREEING], count)


def nearest(
    pairs: NDArray[np.int64], often: NDArray[np.int64], count: int, most: int = MOST
) -> list[tuple[int, int]]:
    """Of the codes a * count + b those that are among the `most` most frequent of a or of b."""
    kept = np.zeros(len(pairs), bool)
    for owner in (pairs // count, pairs % count):
        order = np.lexsort((pairs, -often, owner))
        first = np.searchsorted(owner[order], owner[order])
        kept[order] |= np.arange(len(order)) - first < most
    return [(int(code) // count, int(code) % count) for code in pairs[kept]]


def _keys(whole: Grey, table: int) -> NDArray[np.int64]:
    """(N,) numbers made of some bits of each descriptor (N, 32), which depend on `table` alone."""
    keys = np.zeros(len(whole), np.int64)
    for bit in random.Random(seed_of("crops", table)).sample(range(256), BITS):
        keys = 2 * keys + (whole[:, bit // 8] >> (bit % 8) & 1)
    return keys


def _agreeing(
    keys: NDArray[np.int64], owner: NDArray[np.int64], plain: NDArray[np.bool_], count: int
) -> NDArray[np.int64]:
    """Codes a * count + b of the owners a < b of equal keys, one of which at least is plain."""
    _, place, often = np.unique(keys, return_inverse=True, return_counts=True)
    rare = (often[place] > 1) & (often[place] < COMMON)
    order = np.flatnonzero(rare)[np.argsort(keys[rare], kind="stable")]
    codes = [np.zeros(0, np.int64)]
    for step in range(1, COMMON):
        one, other = order[:-step], order[step:]
        equal = (keys[one] == keys[other]) & (plain[one] | plain[other]) & (owner[one] != owner[other])
        low, high = (choose(owner[one[equal]], owner[other[equal]]) for choose in (np.minimum, np.maximum))
        codes.append(low * count + high)
    return np.concatenate(codes)


def same(one: Grey, first: Corners, other: Grey, second: Corners) -> bool:
    """Whether two small pictures (H, W) show the same photo where they overlap."""
    fit = similarity(first, second)
    if fit is None:
        return False
    high, wide = other.shape
    moved = cv2.warpAffine(one, fit, (wide, high), flags=cv2.INTER_AREA)
    seen = cv2.warpAffine(np.ones_like(one), fit, (wide, high), flags=cv2.INTER_NEAREST) > 0
    of_one = seen.sum() / (abs(np.linalg.det(fit[:, :2])) * one.size)
    if max(of_one, float(seen.mean())) < OVERLAP:
        return False
    soft = [cv2.GaussianBlur(grey, (0, 0), SOFT)[seen] for grey in (moved, other)]
    told = np.corrcoef(*soft)
    return bool(told[0, 1] >= LIKE)


def similarity(first: Corners, second: Corners) -> NDArray[np.float64] | None:
    """(2, 3) what takes corners of the first onto those of the second; None if it takes few, or turns."""
    if min(len(first.places), len(second.places)) < FITTING:
        return None
    found = cv2.BFMatcher(cv2.NORM_HAMMING, crossCheck=True).match(first.bits, second.bits)
    near = [match for match in found if match.distance <= FAR]
    if len(near) < FITTING:
        return None
    here = first.places[[match.queryIdx for match in near]]
    there = second.places[[match.trainIdx for match in near]]
    fit, kept = cv2.estimateAffinePartial2D(here, there, ransacReprojThreshold=3.0, maxIters=500)
    if fit is None or int(kept.sum()) < FITTING:
        return None
    if abs(np.degrees(np.arctan2(fit[1, 0], fit[0, 0]))) > TURN:
        return None
    return _upright(here[kept[:, 0] > 0], there[kept[:, 0] > 0])


def _upright(here: NDArray[np.float32], there: NDArray[np.float32]) -> NDArray[np.float64] | None:
    """(2, 3) the scale and shift that take points (N, 2) onto others best; None beyond `SCALES`."""
    middle, other = here.mean(axis=0), there.mean(axis=0)
    scale = float(((here - middle) * (there - other)).sum() / max(float(((here - middle) ** 2).sum()), 1e-6))
    if not SCALES[0] < scale < SCALES[1]:
        return None
    return np.column_stack([scale * np.eye(2), other - scale * middle])


def _corners(grey: Grey) -> Corners:
    orb = cv2.ORB_create(CORNERS, scaleFactor=1.2, nlevels=6, fastThreshold=8)  # type: ignore[attr-defined]
    points, bits = orb.detectAndCompute(np.ascontiguousarray(grey), None)
    if bits is None:
        return Corners(np.zeros((0, 2), np.float32), np.zeros((0, 32), np.uint8))
    return Corners(np.array([point.pt for point in points], np.float32), bits)


def _opened(data: bytes) -> Grey:
    return np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE), np.uint8)
