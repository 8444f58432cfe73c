"""Errors of one finger: cut to a stub, shortened, stretched or broken, over a filled background."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence

import cv2
import numpy as np

from asap.anatomy.finger_count import finger_contrast
from asap.anatomy.hands import Hand
from asap.pairs.degradations import Unsuitable, first_possible
from asap.pairs.edits.fill import soft_edge
from asap.pairs.edits.hands.finger_pieces import WEB, lay_finger, remove_finger
from asap.pairs.edits.hands.hand import by_bone, free_fingers, open_hand, to_line
from asap.pairs.edits.hands.hand_errors import LEAST_DEPTH, checked
from asap.pairs.edits.warp import Field, box_around, paste, pixel_grid, rotation, spread, to_bytes
from asap.records import Image, Points, Region

BEYOND_STUB = 2
"""First of the curves across a finger that a stub must leave free."""
FUSED_GAP = 0.15
"""Distance between the bones of two fingers grown together, in hand sizes."""
TO_PAD = 0.6
"""How far up the last bone two fingers are grown together: their tips stay two."""
LARGEST_LEAN = 0.5
"""How far a finger may be turned at its knuckle to lie along its neighbour, in radians."""


def cut_finger(image: Image, region: Region, rng: random.Random) -> Image:
    """One finger cut to a short round stub."""

    def edit(hand: Hand, index: int) -> Image:
        edited = remove_finger(image, region, hand, index, WEB, 0.095)
        beyond = finger_contrast(edited, hand, index, before=image)[BEYOND_STUB:]
        if np.mean(beyond > 0.5 * LEAST_DEPTH) > 0.4:
            raise Unsuitable("not visible")
        return edited

    return of_one_finger(image, region, rng, range(4), edit)


def shorten_finger(image: Image, region: Region, rng: random.Random) -> Image:
    """One finger half as long: its end, from the middle phalanx on, slid down over its base."""
    first = rng.uniform(0.5, 0.6)

    def edit(hand: Hand, index: int) -> Image:
        target = along_bones(hand.fingers[index], (first, 0.3, 1.0), (0.0, 0.0, 0.0))
        plate = remove_finger(image, region, hand, index, first + 0.2, cap=0.085)
        return lay_finger(image, plate, region, hand, index, target, 1.5)

    return of_one_finger(image, region, rng, range(4), edit)


def stretch_finger(image: Image, region: Region, rng: random.Random) -> Image:
    """One finger about one and a half times as long."""
    lengths = (rng.uniform(1.5, 1.6), 1.55, 1.25)
    return of_one_finger(
        image, region, rng, range(4), lambda hand, index: reshape(image, region, hand, index, lengths, 0.0)
    )


def break_finger(image: Image, region: Region, rng: random.Random) -> Image:
    """The index or little finger bent sideways, outwards, by about 48 degrees at its middle joint."""
    turn = math.radians(rng.uniform(44, 54))

    def edit(hand: Hand, index: int) -> Image:
        outwards = turn * hand.handedness * (1 if index else -1)
        return reshape(image, region, hand, index, (1.0,) * 3, outwards)

    return of_one_finger(image, region, rng, (0, 3), edit)


def of_one_finger(
    image: Image,
    region: Region,
    rng: random.Random,
    fingers: Sequence[int],
    edit: Callable[[Hand, int], Image],
) -> Image:
    """`edit` of the first of `fingers`, in an order of chance, that is free and allows it.

    Raises:
        Unsuitable: none is and does.
    """
    hand, free = free_fingers(image, region)
    if not all(is_told_apart(image, hand, index) for index in free):
        raise Unsuitable("fingers not told apart")
    able = [index for index in rng.sample(fingers, len(fingers)) if index in free]
    if not able:
        raise Unsuitable("no outer finger is free")
    return first_possible(able, lambda index: edit(hand, index))


def is_told_apart(image: Image, hand: Hand, index: int) -> bool:
    """Whether both sides of the finger look unlike it along most of its length."""
    return bool(np.mean(finger_contrast(image, hand, index) > LEAST_DEPTH) > 0.6)


def fuse_fingers(image: Image, region: Region, rng: random.Random) -> Image:
    """Two neighbouring fingers grown together: one leans over to the other and their flesh is one."""
    hand = open_hand(image, region)
    pairs = [(a, b) for a in range(3) for b in (a, a + 1)]
    return first_possible(rng.sample(pairs, 6), lambda pair: fuse(image, region, hand, *pair))


def fuse(image: Image, region: Region, hand: Hand, first: int, leaning: int) -> Image:
    """A copy of `image` with finger `leaning`, `first` or the next, grown together with the other of the two.

    Raises:
        Unsuitable: the two are too far apart, or what is asked of `remove_finger` and `lay_finger`.
    """
    other = 2 * first + 1 - leaning
    target = beside(hand, leaning, other)
    plate = remove_finger(image, region, hand, leaning, 0.2, cap=0.0)
    edited = lay_finger(image, plate, region, hand, leaning, target, 0.0)
    return checked(image, hand, close_crease(edited, hand, target, hand.fingers[other]), fingers=3)


def beside(hand: Hand, index: int, other: int) -> Points:
    """(4, 2) the joints of a finger that leans, from its knuckle, to lie along its neighbour `other`."""
    line, own = hand.fingers[other], hand.fingers[index]
    way = (line[3] - line[0]) / np.hypot(*(line[3] - line[0]))
    normal = np.array([-way[1], way[0]])
    normal *= np.sign((own[0] - line[0]) @ normal)
    lengths = np.hypot(*np.diff(own, axis=0).T)
    joint = line[1] + FUSED_GAP * hand.size * normal
    lean = joint - own[0]
    if np.arccos(np.clip((own[1] - own[0]) @ lean / (lengths[0] * np.hypot(*lean)), -1, 1)) > LARGEST_LEAN:
        raise Unsuitable("fingers too far apart to grow together")
    first = own[0] + lengths[0] * lean / np.hypot(*lean)
    return np.stack([own[0], first, first + lengths[1] * way, first + (lengths[1] + lengths[2]) * way])


def close_crease(image: Image, hand: Hand, one: Points, other: Points) -> Image:
    """A copy of `image` with skin in place of the crease between two fingers that lie side by side."""
    box = box_around(np.concatenate([one, other]), 0.2 * hand.size, image.shape)
    left, top, right, bottom = box
    grid = pixel_grid(box)
    own, neighbours, gap = to_line(grid, one), to_line(grid, other), FUSED_GAP * hand.size
    (along, side), (along_other, side_other) = (by_bone(grid, f[0], f[1]) for f in (one, other))
    beyond = np.minimum(along, along_other) > 0.15
    web = beyond & (side * side_other < 0) & (own + neighbours < 1.8 * gap) & (along < 1)
    aside = np.abs(own - neighbours) / (0.45 * np.maximum(own + neighbours, gap))
    up = np.maximum(*(by_bone(grid, finger[2], finger[3])[0] for finger in (one, other)))
    near = beyond & (up < TO_PAD + 0.4 * aside**2) & (np.maximum(own, neighbours) < 0.85 * gap) | web
    crease = near & (aside < 1)
    crop = image[top:bottom, left:right].astype(np.float32)
    flesh = near & ~crease
    weight = soft_edge(crease, 0.1 * gap)[..., None]
    filled = spread(crop, flesh[..., None], 0.3 * gap) + texture(crop, one, other, 0.25 * gap)
    return paste(image, box, to_bytes(crop + weight * (filled - crop)))


def texture(crop: Field, one: Points, other: Points, sigma: float) -> Field:
    """(h, w, 3) the fine detail of finger `other`, moved to lie between the two."""
    dx, dy = ((one[1:] - other[1:]).mean(axis=0) / 2).tolist()
    fine = crop - cv2.GaussianBlur(crop, (0, 0), sigma)
    moved = np.array([[1, 0, dx], [0, 1, dy]], np.float64)
    return np.asarray(cv2.warpAffine(fine, moved, crop.shape[1::-1], borderMode=cv2.BORDER_REFLECT))


def reshape(
    image: Image, region: Region, hand: Hand, index: int, lengths: tuple[float, ...], turn: float
) -> Image:
    """A copy of `image` with a finger's bones scaled by `lengths` and the last two turned by `turn`."""
    target = along_bones(hand.fingers[index], lengths, (0.0, turn, turn))
    plate = remove_finger(image, region, hand, index, WEB, cap=0.0)
    return lay_finger(image, plate, region, hand, index, target, 0.0)


def along_bones(finger: Points, lengths: tuple[float, ...], turns: tuple[float, ...]) -> Points:
    """(4, 2) the finger with each bone scaled by `lengths` and turned by `turns` radians."""
    bones = [
        rotation(turn) @ bone * length for bone, length, turn in zip(np.diff(finger, axis=0), lengths, turns)
    ]
    return np.concatenate([finger[:1], finger[0] + np.cumsum(bones, axis=0)])
