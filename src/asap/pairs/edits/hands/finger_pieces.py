"""A finger taken off a hand, over a filled background, and laid back elsewhere."""

from __future__ import annotations

import cv2
import numpy as np

from asap.anatomy.hands import Hand
from asap.pairs.degradations import Unsuitable
from asap.pairs.edits.fill import fill, soft_edge
from asap.pairs.edits.hands.fan import COARSE, Finger, cells, morph
from asap.pairs.edits.hands.hand import by_bone, cover_fingers, to_bone, to_line
from asap.pairs.edits.inpaint import inpaint
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
from asap.records import Box, Image, Mask, Points, Region

WEB = 0.45
"""Where the web between the fingers lies, as a fraction of the way from knuckle to middle joint."""
PAST_TIP = 0.135
"""How far nails and shadows reach past the last landmark, in hand sizes."""


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
