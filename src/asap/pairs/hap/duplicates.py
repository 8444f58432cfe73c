"""Near-duplicate photos: a perceptual hash, and the groups of photos whose hashes are close.

Resized, recompressed, brighter or darker, grey and mirrored copies are close; crops (`crops`) and rotations
are not.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

import cv2
import numpy as np
from numpy.typing import NDArray

from asap.records import Image

Signs = NDArray[np.float32]

SIDE = 16
"""Lowest frequencies that count, each way."""
CLOSE = 76
"""Bits of 255 up to which two photos are near duplicates. Copies of 32 photos differed by at most 76 (a
symmetric picture on white) and but for that one by at most 35; different photos by 101 and more, 123 on
average with a standard deviation of about 7.5, so that chance makes one false pair of 100,000 photos."""
BLOCK = 1024  # photos compared with all others at once


def perceptual_hash(image: Image) -> str:
    """64 hexadecimal digits: the signs of the 16 x 16 lowest DCT frequencies of the picture, grey at 64 x 64.

    The first bit, of frequency 0, tells nothing and is 0. Mirroring a picture
    changes the signs of the odd horizontal frequencies and nothing else.

    Args:
        image: (H, W, 3).
    """
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (4 * SIDE, 4 * SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    bits = cv2.dct(small)[:SIDE, :SIDE] > 0
    bits[0, 0] = False
    return np.packbits(bits).tobytes().hex()


def groups(hashes: Sequence[str], alike: Iterable[tuple[int, int]] = ()) -> list[list[int]]:
    """The indices of `hashes` in groups, each of photos that are near duplicates of another one in it.

    `alike` are further pairs of near duplicates. Two photos that are near duplicates are always in one group
    (single linkage). Groups and their members come in ascending order.
    """
    parent = list(range(len(hashes)))
    for a, b in chain(close_pairs(hashes), alike):
        parent[_root(parent, b)] = _root(parent, a)
    found: dict[int, list[int]] = defaultdict(list)
    for index in range(len(hashes)):
        found[_root(parent, index)].append(index)
    return sorted(found.values())


def close_pairs(hashes: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Pairs of indices a < b of near duplicates, plain or mirrored."""
    signs = _signs(hashes)
    mirrored = signs * _mirror()
    most = (
        SIDE * SIDE - 1 - 2 * CLOSE
    )  # the scalar product of two rows is 255 less twice the bits that differ
    for start in range(0, len(hashes), BLOCK):
        rows = signs[start : start + BLOCK]
        alike = np.maximum(rows @ signs[start:].T, rows @ mirrored[start:].T) >= most
        for a, b in np.argwhere(np.triu(alike, 1)).tolist():
            yield start + a, start + b


def _signs(hashes: Sequence[str]) -> Signs:
    """(N, 256) of -1 and 1, and 0 for the first bit."""
    data = np.frombuffer(bytes.fromhex("".join(hashes)), np.uint8).reshape(len(hashes), SIDE * SIDE // 8)
    signs = np.unpackbits(data, axis=1).astype(np.float32) * 2 - 1
    signs[:, :1] = 0
    return signs


def _mirror() -> Signs:
    return np.tile(np.array([1, -1], np.float32), SIDE * SIDE // 2)


def _root(parent: list[int], index: int) -> int:
    while parent[index] != index:
        parent[index] = parent[parent[index]]
        index = parent[index]
    return index
