"""An arm or a leg as its photo shows it: its joints, its pixels, and whether it is free of the body.

Points are the 17 joints of COCO; the six points of the feet are not used.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import cv2
import numpy as np

from asap.anatomy.keypoints import HAND_BONES, LIMBS, size_of
from asap.pairs.degradations import Unsuitable
from asap.pairs.edits.hands.hand import by_bone
from asap.pairs.edits.warp import Field, pixel_grid, rotation
from asap.records import Box, Image, Mask, Points, Region

ARMS = (LIMBS["left_arm"], LIMBS["right_arm"])
LEGS = (LIMBS["left_leg"], LIMBS["right_leg"])
SMALLEST = 40.0
"""Length of a limb's bone, in pixels, below which an error does not read."""
LEAST_FREE = 0.8
"""Fraction of a limb's sides that must lie beside the body, not on it."""
SMALLEST_END, LARGEST_END = 0.03, 0.22
"""Smallest and largest area of a hand or foot, in squared lengths of the bone before it."""


class Limb(NamedTuple):
    """`joints` (3, 2): shoulder, elbow, wrist or hip, knee, ankle; `torso` the torso's length in pixels."""

    joints: Points
    torso: float
    arm: bool

    @property
    def lengths(self) -> tuple[float, float]:
        """The lengths of the upper and the lower bone in pixels."""
        upper, lower = np.hypot(*np.diff(self.joints, axis=0).T)
        return float(upper), float(lower)


def find_limbs(image: Image, region: Region, chains: tuple[tuple[int, int, int], ...]) -> list[Limb]:
    """Those of `chains` that are wholly in the image, in the person's mask, and neither short nor folded."""
    points = np.asarray(region.keypoints, np.float64)
    if points.ndim != 2 or points.shape[0] < 17 or points.shape[1] != 2:
        raise Unsuitable("body points missing")
    torso = size_of("body", points)
    if not np.isfinite(torso) or torso < SMALLEST:
        raise Unsuitable("body too small or cut")
    limbs = [Limb(points[list(chain)], torso, chain in ARMS) for chain in chains]
    limbs = [limb for limb in limbs if _in_view(limb, image)]
    if limbs and "surely" in region.context:  # without the person's mask, which takes long to make
        surely = region.context["surely"]
        limbs = [limb for limb in limbs if any(_free(surely, limb, start) >= LEAST_FREE for start in (0, 1))]
        if not limbs:
            raise Unsuitable("the limb lies on the body")
    limbs = [limb for limb in limbs if _shown(limb, region)]
    if not limbs:
        raise Unsuitable("no limb in full view")
    return limbs


def _in_view(limb: Limb, image: Image) -> bool:
    height, width = image.shape[:2]
    if not np.isfinite(limb.joints).all() or (limb.joints < 0).any():
        return False
    inside = bool((limb.joints < (width, height)).all())
    return inside and min(limb.lengths) >= max(SMALLEST, 0.3 * limb.torso)


def _shown(limb: Limb, region: Region) -> bool:
    line = np.concatenate([np.linspace(a, b, 12) for a, b in zip(limb.joints, limb.joints[1:])]).astype(int)
    return bool(region.mask[line[:, 1], line[:, 0]].mean() > 0.9)


def twin_in_view(region: Region, limb: Limb) -> bool:
    """Whether the other arm or leg is seen as well, and ends elsewhere: else a copy may pass for it."""
    for first, second in (ARMS, LEGS):
        ends = np.asarray(region.keypoints, np.float64)[[first[2], second[2]]]
        if (ends == limb.joints[2]).all(axis=1).any():
            return bool(np.hypot(*(ends[0] - ends[1])) > 0.35 * sum(limb.lengths))
    return False


def check_free(region: Region, limb: Limb, start: int) -> None:
    """Refuse a limb whose outline, from joint `start` on, lies on the body rather than on the background."""
    ends = np.stack([limb.joints[2], limb.joints[2] + 0.3 * (limb.joints[2] - limb.joints[1])])
    if nearest(ends, other_bones(region, limb)) < 0.4 * limb.lengths[1]:
        raise Unsuitable("the limb lies on the body")
    if _free(region.mask, limb, start) < LEAST_FREE:
        raise Unsuitable("the limb lies on the body")


def _free(mask: Mask, limb: Limb, start: int) -> float:
    """The share of the limb's outline, from joint `start` on, that lies beside the person's `mask`.

    It is probed on both sides of the bones: a free limb leaves the mask within a limb's breadth there.
    """
    free = []
    for bone in range(start, 2):
        a, b = limb.joints[bone : bone + 2]
        beyond = 0.4 * bone
        along = np.linspace(a + 0.35 * (b - a), b + beyond * (b - a), 8)
        normal = rotation(math.pi / 2) @ (b - a) / np.hypot(*(b - a))
        breadth = 0.32 * max(limb.lengths)
        for side in (-1, 1):
            x, y = (along + side * breadth * normal).astype(int).T
            height, width = mask.shape
            inside = (x >= 0) & (y >= 0) & (x < width) & (y < height)
            free.append(~mask[np.where(inside, y, 0), np.where(inside, x, 0)] | ~inside)
    return float(np.mean(free))


def nearest(points: Points, lines: list[Points]) -> float:
    """The least distance in pixels of `points` (N, 2) to `lines`, each (2, 2); infinite without any."""
    if not lines:
        return math.inf
    starts, ends = np.stack(lines, 1)[:, :, None]
    bones, offsets = ends - starts, points - starts
    squares = np.maximum((bones**2).sum(axis=2), 1e-12)
    along = ((offsets * bones).sum(axis=2) / squares).clip(0, 1)
    return float(np.linalg.norm(offsets - along[..., None] * bones, axis=2).min())


def crumbs(region: Region, piece: Mask, box: Box) -> Mask:
    """(h, w) small parts of people that hang together with nothing once `piece` is taken off: finger tips."""
    left, top, right, bottom = box
    rest = people(region, (0, 0, region.mask.shape[1], region.mask.shape[0])).astype(np.uint8)
    rest[top:bottom, left:right][piece] = 0
    _, labels, stats, _ = cv2.connectedComponentsWithStats(rest)
    small = stats[:, cv2.CC_STAT_AREA] < 0.4 * piece.sum()
    small[0] = False
    return np.asarray(small[labels[top:bottom, left:right]])


def largest_part(mask: Mask) -> Mask:
    """(h, w) the largest connected component."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    if count < 2:
        return mask
    return np.asarray(labels == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA])))


def limb_pixels(region: Region, limb: Limb, box: Box) -> Mask:
    """(h, w) the person's pixels in `box` that are nearer to this limb than to the rest of the skeleton."""
    hand = limb.joints[2] + 0.6 * (limb.joints[2] - limb.joints[1])
    own = line_distance([np.concatenate([limb.joints, hand[None]])], box)
    nearest = own < line_distance(other_bones(region, limb), box)
    return people(region, box) & nearest & (own < 0.3 * max(limb.lengths))


def lower_pixels(region: Region, limb: Limb, box: Box) -> Mask:
    """(h, w) of `limb_pixels` those of the lower bone and the hand or foot after it, smoothly outlined.

    Raises:
        Unsuitable: the person's mask holds other things at the hand or foot, such as a mat.
    """
    _, middle, end = limb.joints
    grid, length = pixel_grid(box), limb.lengths[1]
    upper = line_distance([limb.joints[:2]], box)
    lower = line_distance([np.stack([middle, end + 0.6 * (end - middle)])], box)
    piece = smoothed(limb_pixels(region, limb, box), 0.02 * length) & (lower <= upper)
    along, across = by_bone(grid, middle, end)
    past, beside = along > 1, (along > 0.3) & (along < 0.95) & (np.abs(across) > 0.22 * length)
    hand_or_foot = line_distance(end_lines(region, limb), box) < 0.14 * length
    spilt = piece & past & ~hand_or_foot
    if spilt.sum() > 0.2 * (piece & past).sum() or (piece & beside).sum() > 0.02 * length**2:
        raise Unsuitable("the limb is not told from what it touches")
    if (piece & past).sum() < SMALLEST_END * length**2:
        raise Unsuitable("the hand or foot is not seen")
    return np.asarray(piece & ~spilt)


def end_lines(region: Region, limb: Limb) -> list[Points]:
    """The lines (2, 2) of the hand or foot at the limb's end, as far as they are known, else a guess."""
    points, end = np.asarray(region.keypoints, np.float64), limb.joints[2]
    lines = [np.stack([end, end + 0.35 * (end - limb.joints[1])])]
    for ankle, toes in ((15, (17, 18, 19)), (16, (20, 21, 22))):
        if np.array_equal(points[ankle], end) and len(points) >= 23:
            lines += [points[[ankle, toe]] for toe in toes] + [
                points[list(toes[1:])],
                points[[toes[0], toes[2]]],
            ]
    for hand in region.context.get("hands", ()):
        if np.hypot(*(np.asarray(hand)[0] - end)) < 0.35 * limb.lengths[1]:
            lines += [np.asarray(hand)[list(bone)] for bone in HAND_BONES]
    return [line for line in lines if np.isfinite(line).all()]


def smoothed(mask: Mask, sigma: float) -> Mask:
    """(h, w) the mask with the steps of its outline rounded off."""
    return np.asarray(cv2.GaussianBlur(mask.astype(np.float32), (0, 0), max(sigma, 0.8)) > 0.5)


def check_end(piece: Mask, limb: Limb, box: Box) -> None:
    """Refuse a limb whose pixels `piece` (h, w) reach on past its last joint by more than a hand or foot."""
    past = by_bone(pixel_grid(box), limb.joints[1], limb.joints[2])[0] > 1
    if (piece & past).sum() > LARGEST_END * limb.lengths[1] ** 2:
        raise Unsuitable("the hand or foot is not told from what it touches")


def people(region: Region, box: Box) -> Mask:
    """(h, w) the pixels in `box` of this person, and of all others where they are known."""
    left, top, right, bottom = box
    own, all_people = region.mask, region.context.get("person", region.mask)
    return np.asarray(own[top:bottom, left:right] | all_people[top:bottom, left:right])


def line_distance(lines: list[Points], box: Box) -> Field:
    """(h, w) the distance in pixels of each pixel of `box` to the nearest of `lines`; large without any."""
    left, top, right, bottom = box
    blank = np.ones((bottom - top, right - left), np.uint8)
    rounded = [(line - (left, top)).round().astype(np.int32) for line in lines]
    cv2.polylines(blank, rounded, False, 0)
    return np.asarray(cv2.distanceTransform(blank, cv2.DIST_L2, 5))


def other_bones(region: Region, limb: Limb) -> list[Points]:
    """The skeleton's other lines (2, 2): the trunk's sides, the other limbs, the head."""
    points = np.asarray(region.keypoints, np.float64)
    pairs = [(5, 6), (11, 12), (5, 11), (6, 12), (0, 5), (0, 6)]
    pairs += [
        pair
        for a, b, c in ARMS + LEGS
        if not np.array_equal(points[c], limb.joints[2])
        for pair in ((a, b), (b, c))
    ]
    lines = [points[list(pair)] for pair in pairs]
    return [line for line in lines if np.isfinite(line).all()]
