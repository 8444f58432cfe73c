"""A hand's four fingers as a fan of polylines, and the warp that redraws the fan with others in their places.

The warp needs no cut-out and no fill: every pixel near the fan belongs to the nearest finger of the new fan
and fetches its colour from that finger's source, by the field morphing of Beier and Neely (1992).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from asap.anatomy.hands import Hand
from asap.pairs.degradations import Unsuitable
from asap.pairs.edits.hands.hand import cover_fingers, to_bone, to_line
from asap.pairs.edits.warp import (
    Field,
    box_around,
    coarse_grid,
    disc,
    enlarge,
    paste,
    pixel_grid,
    sample,
    smoothstep,
    to_bytes,
)
from asap.records import Image, Mask, Points

HALF_WIDTH = 0.115
"""Half a finger's width with a little of what lies beside it, in hand sizes."""
GHOST = 0.125
"""Distance from the new fingers' bones, in hand sizes, at which skin is a left-over."""
COARSE = 90.0
"""Steps per hand size at which the warp is worked out; between them it is interpolated."""
LARGEST_GHOST = 0.0006
"""How much skin may be left over, in squared hand sizes."""
SEAM = 0.01
"""Softness of the border between two fingers' cells, in hand sizes."""


class Finger(NamedTuple):
    """A finger of the new fan.

    Attributes:
        target: (4, 2) its joints, from knuckle to tip, in pixels.
        source: (4, 2) the joints of the finger that it is drawn from.
        width: the scale of its width towards the (lower, higher) neighbour.
        source_gaps: (2, 4) for either neighbour, from each bone half the way to it, in pixels, in the photo;
            the bones are palm, and from knuckle to tip. Infinite where there is no neighbour.
        target_gaps: (2, 4) the same in the new fan.
    """

    target: Points
    source: Points
    width: tuple[float, float]
    source_gaps: Points
    target_gaps: Points


def interpolate(fingers: Points, position: float) -> Points:
    """(4, 2) the finger at `position` in the fan: 0 the index, 3 the little finger, between them a blend."""
    low = min(int(position), len(fingers) - 2)
    return np.asarray(fingers[low] + (position - low) * (fingers[low + 1] - fingers[low]))


def redraw_fan(image: Image, mask: Mask, hand: Hand, fan: Sequence[Finger]) -> Image:
    """A copy of `image` with the hand's four fingers replaced by `fan`, ordered from index to little finger.

    The warp fades to nothing across the palm and within a quarter of the hand's size around the fingers, and
    what is hand (`mask`) neither before nor after stays as it was, so that the background hardly bends.
    """
    targets = [finger.target for finger in fan]
    box = box_around(np.concatenate([hand.points, *targets]), 0.4 * hand.size, image.shape)
    left, top, right, bottom = box
    old = image[top:bottom, left:right].astype(np.float32)
    grid, coarse = pixel_grid(box), coarse_grid(box, hand.size / COARSE)
    near = _nearness(hand, fan, coarse)
    cover = np.where(mask[top:bottom, left:right], 1.0, 0.5 * cover_fingers(hand, box)).astype(np.float32)
    layers = np.dstack([old, 255 * cover])
    mixed = np.zeros_like(layers)
    for finger, weight in zip(fan, cells(targets, hand.wrist, coarse, grid.shape, SEAM * hand.size)):
        fade = near * _palm_fade(coarse, finger.target, hand.wrist)
        moved = enlarge((morph(coarse, finger, hand) - coarse) * fade[..., None], grid.shape)
        mixed += weight[..., None] * sample(layers, grid + moved - np.array([left, top], np.float32))
    colours = _wipe_ghosts(mixed[..., :3], mixed[..., 3] / 255 > 0.75, hand, fan, grid)
    touched = np.minimum(2 * np.maximum(cover, mixed[..., 3] / 255), 1)
    alpha = cv2.GaussianBlur(cv2.dilate(touched, disc(0.03 * hand.size)), (0, 0), 0.012 * hand.size + 0.5)
    new = old + alpha[..., None] * (colours - old)
    return paste(image, box, to_bytes(new), (enlarge(near, grid.shape) > 0) & (alpha > 0.002))


def _wipe_ghosts(mixed: Field, skin: Mask, hand: Hand, fan: Sequence[Finger], grid: Field) -> Field:
    """`mixed` with small bits of old fingers beside the new ones painted over; large ones are refused."""
    distance = np.min([to_line(grid, finger.target) for finger in fan], axis=0)
    thumb = to_line(grid, hand.points[1:5]) < 0.25 * hand.size
    ends = np.concatenate([*(f.target[1:] for f in fan), *hand.fingers[:, 1:]])
    zone = np.zeros(grid.shape[:2], np.uint8)
    cv2.fillConvexPoly(zone, cv2.convexHull((ends - grid[0, 0]).round().astype(np.int32)), 1)
    ghost = skin & (distance > GHOST * hand.size) & (zone > 0) & ~thumb
    if ghost.sum() > LARGEST_GHOST * hand.size**2:
        raise Unsuitable("a ghost of the old finger remains")
    if not ghost.any():
        return mixed
    near = distance < 0.1 * hand.size
    hole = (cv2.dilate(ghost.astype(np.uint8), disc(0.03 * hand.size)) > 0) & ~near
    wiped = cv2.inpaint(to_bytes(mixed), hole.astype(np.uint8), 3, cv2.INPAINT_TELEA).astype(np.float32)
    return np.asarray(np.where(hole[..., None], wiped, mixed), np.float32)


def _nearness(hand: Hand, fan: Sequence[Finger], grid: Field) -> Field:
    """(h, w) 1 within .14 hand sizes of any finger, old or new, and of the palm's rays; 0 beyond .26."""
    lines = [*(finger.target for finger in fan), *hand.fingers]
    distance = np.min([to_line(grid, np.concatenate([hand.wrist[None], line])) for line in lines], axis=0)
    return 1.0 - smoothstep(distance / hand.size, 0.14, 0.26)


def _palm_fade(grid: Field, target: Points, wrist: Points) -> Field:
    """(h, w) 1 on the finger, fading to 0 at three quarters of the way from its knuckle to the wrist."""
    axis = wrist - target[0]
    along = (grid - target[0]) @ (axis / (axis @ axis))
    return 1.0 - smoothstep(along.astype(np.float32), 0.02, 0.75)


def cells(
    targets: Sequence[Points], wrist: Points, coarse: Field, shape: tuple[int, ...], softness: float
) -> Field:
    """(N, h, w) each pixel's share in each of N fingers: a softmax of the distances to their polylines."""
    lines = [np.concatenate([wrist[None], target]) for target in targets]
    distance = np.stack([enlarge(to_line(coarse, line), shape) for line in lines])
    weight = np.exp((distance.min(axis=0) - distance) / softness)
    return np.asarray(weight / weight.sum(axis=0), np.float32)


def morph(grid: Field, finger: Finger, hand: Hand) -> Field:
    """(h, w, 2) where each pixel's colour lies if `finger.target` is drawn from `finger.source`.

    Beier and Neely's field of bones: each bone proposes a place, weighted by 1 / (2 px + distance)^3.
    """
    target = np.concatenate([hand.wrist[None], finger.target])
    source = np.concatenate([hand.wrist[None], finger.source])
    total = np.zeros_like(grid)
    weights = np.zeros(grid.shape[:2], np.float32)
    for i in range(4):
        along, across, distance = to_bone(grid, target[i], target[i + 1])
        bone = source[i + 1] - source[i]
        normal = np.array([-bone[1], bone[0]]) / np.hypot(*bone)
        sides = [
            _lateral(np.abs(across), width, HALF_WIDTH * hand.size, float(old), float(new))
            for width, old, new in zip(finger.width, finger.source_gaps[:, i], finger.target_gaps[:, i])
        ]
        across = np.sign(across) * np.where(across * hand.handedness < 0, *sides)
        weight = 1.0 / (2.0 + distance) ** 3
        place = source[i] + along[..., None] * bone + across[..., None] * normal
        total += weight[..., None] * place.astype(np.float32)
        weights += weight
    return total / weights[..., None]


def _lateral(across: Field, width: float, half: float, old: float, new: float) -> Field:
    """The distance from the bone in the photo, of what is to lie at `across` >= 0 in the new fan.

    The flesh, up to `half`, is scaled by `width`; the gap beyond is stretched or squeezed so that the border
    with the neighbour, at `new`, falls on the border in the photo, at `old`.
    """
    knee = min(half, 0.97 * old)
    slope = (old - knee) / max(new - knee * width, 1e-3) if np.isfinite(old + new) else 1.0
    slope = float(np.clip(slope, 0.0, 1.6))
    return np.asarray(
        np.minimum(across / width, knee) + slope * np.maximum(across - knee * width, 0), np.float32
    )


def make_fan(hand: Hand, targets: Points, sources: Sequence[int], widths: Sequence[float]) -> list[Finger]:
    """The new fan with its gaps: finger i at `targets[i]` (4, 2), drawn from the hand's finger `sources[i]`.

    `widths` are scales; the outer sides of the first and last finger keep theirs, and with it the outline.
    """
    fan = []
    for i, (target, source, width) in enumerate(zip(targets, sources, widths)):
        sides = (1.0 if i == 0 else width, 1.0 if i == len(targets) - 1 else width)
        old, new = _half_gaps(hand.fingers, source, hand.wrist), _half_gaps(targets, i, hand.wrist)
        fan.append(Finger(target, hand.fingers[source], sides, old, new))
    return fan


def _half_gaps(fingers: Points, index: int, wrist: Points) -> Points:
    """(2, 4) from the middle of each bone of a finger, half the way to its lower and higher neighbour."""
    line = np.concatenate([wrist[None], fingers[index]])
    middles = (line[:-1] + line[1:]) / 2
    middles[0] = line[1]
    gaps = np.full((2, 4), np.inf)
    for row, other in enumerate((index - 1, index + 1)):
        if 0 <= other < len(fingers):
            gaps[row] = to_line(middles[None].astype(np.float32), fingers[other])[0] / 2
    return gaps
