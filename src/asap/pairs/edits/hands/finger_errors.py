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
from asap.pairs.edits.fill import fill, soft_edge
from asap.pairs.edits.hands.fan import COARSE, Finger, cells, morph
from asap.pairs.edits.hands.hand import by_bone, cover_fingers, free_fingers, open_hand, to_bone, to_line
from asap.pairs.edits.hands.hand_errors import LEAST_DEPTH, checked
from asap.pairs.edits.inpaint import inpaint
from asap.pairs.edits.warp import (
    Field,
    box_around,
    coarse_grid,
    disc,
    enlarge,
    paste,
    pixel_grid,
    rotation,
    sample,
    smoothstep,
    spread,
    to_bytes,
)
from asap.records import Box, Image, Mask, Points, Region

WEB = 0.45
"""Where the web between the fingers lies, as a fraction of the way from knuckle to middle joint."""
PAST_TIP = 0.135
"""How far nails and shadows reach past the last landmark, in hand sizes."""

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


def remove_finger(image: Image, region: Region, hand: Hand, index: int, keep: float, cap: float) -> Image:
    """A copy of `image` without the finger.

    What stays is its base up to the fraction `keep` of its first bone, beyond the web as a rounded rod of
    radius `cap` (in hand sizes). Background is copied over the rest.
    """
    box = box_around(hand.points, 0.9 * hand.size, image.shape)
    grid = pixel_grid(box)
    left, top, right, bottom = box
    skin = region.mask[top:bottom, left:right] | cover_fingers(hand, box)
    stub = stub_shape(hand, index, grid, keep, cap)
    body = finger_body(hand, index, grid, skin)
    body |= slivers(skin & ~body, body & ~stub, 0.05 * hand.size)
    hole = (cv2.dilate(body.astype(np.uint8), disc(0.03 * hand.size)) > 0) & ~stub
    rest = skin & ~body
    hole &= ~rest
    forbidden = (
        cv2.dilate((rest | stub | elsewhere(region, box)).astype(np.uint8), disc(0.03 * hand.size)) > 0
    )
    crop, width = image[top:bottom, left:right], 0.08 * hand.size
    try:
        filled = fill(crop, hole, forbidden & ~hole, width)
    except Unsuitable:  # no one place goes with all of the rim: many may
        filled = inpaint(crop, hole, forbidden & ~hole, width)
    return paste(image, box, filled, np.ones_like(hole))


def slivers(rest: Mask, body: Mask, width: float) -> Mask:
    """(h, w) what of `rest` is narrower than twice `width` and lies within that of `body`: its own flank."""
    wide = cv2.dilate(cv2.morphologyEx(rest.astype(np.uint8), cv2.MORPH_OPEN, disc(width)), disc(width / 2))
    return np.asarray(rest & (wide == 0) & (cv2.dilate(body.astype(np.uint8), disc(2 * width)) > 0))


def finger_layer(mask: Mask, hand: Hand, index: int, grid: Field, start: float) -> Field:
    """(h, w) the opacity of the finger, from bone `start` on, as it is to be carried elsewhere.

    Raises:
        Unsuitable: the mask does not hold the finger.
    """
    finger = hand.fingers[index]
    share = own_cell(hand, index, grid)
    bones = to_line(grid, finger) < 0.03 * hand.size
    if not bones.any() or mask[bones].mean() < 0.95:
        raise Unsuitable("the finger is not in the mask")
    joint = int(start)
    along, _ = by_bone(grid, finger[joint], finger[joint + 1])
    begin = smoothstep(along, start - joint, start - joint + 0.2)
    own = mask & share & (to_line(grid, finger) < PAST_TIP * hand.size)
    return begin * soft_edge(cv2.erode(own.astype(np.uint8), disc(1)) > 0, 0.012 * hand.size)


def finger_body(hand: Hand, index: int, grid: Field, skin: Mask) -> Mask:
    """(h, w) the skin that is nearest to this finger, and what lies just past its tip."""
    share = own_cell(hand, index, grid)
    finger = hand.fingers[index]
    along, _ = by_bone(grid, finger[0], finger[1])
    tip = finger[3] + (finger[3] - finger[2]) / np.hypot(*(finger[3] - finger[2])) * 0.05 * hand.size
    past = to_bone(grid, finger[2], tip)[2] < PAST_TIP * hand.size
    near = to_line(grid, finger) < 0.2 * hand.size
    return np.asarray(((skin & near & (along > 0.0)) | past) & share)


def own_cell(hand: Hand, index: int, grid: Field) -> Mask:
    """(h, w) the pixels of a box's `grid` that are nearer to this finger than to the other three together."""
    (left, top), (right, bottom) = grid[0, 0].astype(int), grid[-1, -1].astype(int) + 1
    coarse = coarse_grid((left, top, right, bottom), hand.size / COARSE)
    return np.asarray(cells(list(hand.fingers), hand.wrist, coarse, grid.shape, 1.0)[index] > 0.5)


def stub_shape(hand: Hand, index: int, grid: Field, keep: float, cap: float) -> Mask:
    """(h, w) what stays of the finger: all up to the web, and a rounded rod of radius `cap` up to `keep`."""
    base, joint = hand.fingers[index, :2]
    along, _ = by_bone(grid, base, joint)
    rod = to_bone(grid, base, base + keep * (joint - base))[2] < cap * hand.size
    return np.asarray((along < min(keep, WEB)) | rod)


def elsewhere(region: Region, box: Box) -> Mask:
    """(h, w) other people's hands and faces in `box`, which must not be copied from."""
    left, top, right, bottom = box
    result = np.zeros((bottom - top, right - left), np.uint8)
    for points in region.context.get("hands", ()):
        known = np.asarray(points)[np.isfinite(points).all(axis=1)]
        if not len(known):
            continue
        cv2.fillConvexPoly(result, cv2.convexHull((known - (left, top)).round().astype(np.int32)), 1)
    for x0, y0, x1, y1 in region.context.get("faces", ()):
        result[max(0, y0 - top) : max(0, y1 - top), max(0, x0 - left) : max(0, x1 - left)] = 1
    return result > 0


def lay_finger(  # the plain values that a picture needs
    image: Image, plate: Image, region: Region, hand: Hand, index: int, target: Points, start: float
) -> Image:
    """A copy of `plate` with the finger of `image`, from joint `start` (0 to 3) on, moved to joints `target`.

    Raises:
        Unsuitable: `target` leaves the image, or the mask does not hold the finger.
    """
    if (target < 0).any() or (target >= (image.shape[1], image.shape[0])).any():
        raise Unsuitable("no room for the finger")
    box = box_around(np.concatenate([hand.points, target]), 0.3 * hand.size, image.shape)
    grid = pixel_grid(box)
    left, top, right, bottom = box
    layer = finger_layer(region.mask[top:bottom, left:right], hand, index, grid, start)
    no_gap = np.full((2, 4), np.inf)
    finger = Finger(target, hand.fingers[index], (1.0, 1.0), no_gap, no_gap)
    layers = np.dstack([image[top:bottom, left:right].astype(np.float32), 255 * layer])
    source = enlarge(morph(coarse_grid(box, hand.size / COARSE), finger, hand), grid.shape)
    moved = sample(layers, source - np.array([left, top], np.float32))
    alpha = np.clip(moved[..., 3:] / 255, 0, 1)
    under = plate[top:bottom, left:right].astype(np.float32)
    new = to_bytes(under + alpha * (moved[..., :3] - under))
    return paste(plate, box, new, alpha[..., 0] > 0.002)
