"""Evidence of errors of arms and legs: where the negative shows a limb's colours that the photo did not.

A pose estimator sees no third arm and bends a noodle straight. The colours do not lie: a pixel beside the
person that turned from the background's to a limb's colours is new flesh or cloth, one on the person that
turned the other way is lost. Each limb of the photo brings its own colours.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np

from asap.pairs.degradations import Unsuitable
from asap.pairs.edits.hands.hand import by_bone
from asap.pairs.edits.limbs.limb import ARMS, LEGS, Limb, find_limbs, largest_part, limb_pixels, people
from asap.pairs.edits.warp import Field, box_around, disc, pixel_grid
from asap.records import Image, Mask, Region

COLOURS = 4
"""Colours by which a limb, and what lies behind it, are described."""
LEAST_APART = 12.0
"""Difference of a limb's colours from the background's, in Lab units of 8 bits, below which none is told."""
CHANGED = 12
"""Grey levels by which a pixel must differ to be new or lost."""


class Change(NamedTuple):
    """One limb and what became of it, in the box (h, w) around it: its pixels, those new and those lost."""

    limb: Limb
    own: Mask
    new: Mask
    lost: Mask
    along: Field
    across: Field


def added_limb(image: Image, negative: Image, region: Region) -> float | None:
    """The area of the largest new piece, in areas of the limb whose colours it has, less what is lost.

    None where most of what changed lies on the person: a limb before the body is told from no clothes.
    """
    changed = cv2.absdiff(image, negative).max(axis=2) > CHANGED
    on = changed & people(region, (0, 0, image.shape[1], image.shape[0]))
    return None if 2 * on.sum() > changed.sum() else _most(image, negative, region, _added)


def lost_limb(image: Image, negative: Image, region: Region) -> float | None:
    """The fraction of a limb past its middle joint that is lost, less what is new elsewhere."""
    return _most(image, negative, region, _lost)


def broken_bone(image: Image, negative: Image, region: Region) -> float | None:
    """How much of a lower bone's outer half is lost and new beside it, while its inner half stays."""
    return _most(image, negative, region, _broken)


def curved_bone(image: Image, negative: Image, region: Region) -> float | None:
    """How far the limb's middle line swings to both sides of its lower bone, in that bone's lengths."""
    return _most(image, negative, region, _curved)


def _added(change: Change) -> float:
    size = change.own.sum()
    return float((largest_part(change.new).sum() - 2 * change.lost.sum()) / size) if size else 0.0


def _lost(change: Change) -> float:
    outer = change.own & (change.along > 0)
    return float(((change.lost & outer).sum() - 2 * change.new.sum()) / max(outer.sum(), 1))


def _broken(change: Change) -> float:
    inner, outer = (change.own & part for part in (change.along < 0.45, change.along > 0.6))
    inner &= change.along > 0.1
    if not inner.any() or not outer.any():
        return 0.0
    stays = 1 - (change.lost & inner).sum() / inner.sum()
    gone = (change.lost & outer).sum() / outer.sum()
    return float(min(gone, change.new.sum() / outer.sum()) * max(0.0, 2 * stays - 1))


def _curved(change: Change) -> float:
    after = (change.own & ~change.lost) | change.new
    length = change.limb.lengths[1]
    middles = []
    for start in np.linspace(0.1, 0.85, 6):
        here = after & (change.along >= start) & (change.along < start + 0.12)
        here &= np.abs(change.across) < 0.45 * length
        was = change.own & (change.along >= start) & (change.along < start + 0.12)
        if here.any() and was.any():
            middles.append(np.median(change.across[here]) - np.median(change.across[was]))
    if len(middles) < 5:
        return 0.0
    return float(min(max(middles), -min(middles)) / length)


def _most(image: Image, negative: Image, region: Region, measure: Callable[[Change], float]) -> float | None:
    """The largest of the measure over the limbs in full view whose colours can be told."""
    try:
        limbs = find_limbs(image, region, ARMS + LEGS)
    except Unsuitable:
        return None
    changes = [_change(image, negative, region, limb) for limb in limbs]
    return max((measure(change) for change in changes if change is not None), default=None)


def _change(image: Image, negative: Image, region: Region, limb: Limb) -> Change | None:
    """What became of a limb; None where it has the colours of its surroundings."""
    box = box_around(limb.joints, 1.2 * max(limb.lengths), image.shape)
    left, top, right, bottom = box
    before, after = (each[top:bottom, left:right] for each in (image, negative))
    own, person = limb_pixels(region, limb, box), people(region, box)
    lab = [cv2.cvtColor(each, cv2.COLOR_RGB2LAB).astype(np.float32) for each in (before, after)]
    beside = cv2.dilate(person.astype(np.uint8), disc(3)) == 0
    flesh, ground = _colours(lab[0][own]), _colours(lab[0][beside])
    if flesh is None or ground is None:
        return None
    to_flesh, to_ground = ([_nearest(each, colours) for each in lab] for colours in (flesh, ground))
    if np.median(to_ground[0][own]) < LEAST_APART:
        return None
    differs = cv2.absdiff(before, after).max(axis=2) > CHANGED
    piece = disc(0.04 * limb.lengths[1])
    beside, on = (
        cv2.morphologyEx((differs & where).astype(np.uint8), cv2.MORPH_OPEN, piece) > 0
        for where in (~person, own)
    )
    like = to_flesh[1] < to_ground[1]
    along, across = by_bone(pixel_grid(box), limb.joints[1], limb.joints[2])
    return Change(limb, own, beside & like, on & ~like, along, across)


def _colours(pixels: Field) -> Field | None:
    """(`COLOURS`, 3) the middles of the pixels' colours (N, 3), found by k-means from a fixed start."""
    if len(pixels) < 20 * COLOURS:
        return None
    few = np.ascontiguousarray(pixels[:: max(1, len(pixels) // 2000)])
    order = np.argsort(few[:, 0], kind="stable")
    labels = np.empty(len(few), np.int32)
    labels[order] = np.arange(len(few)) * COLOURS // len(few)
    stop = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_MAX_ITER, 20, 0.5)
    return np.asarray(
        cv2.kmeans(few, COLOURS, labels[:, None], stop, 1, cv2.KMEANS_USE_INITIAL_LABELS)[2], np.float32
    )


def _nearest(lab: Field, colours: Field) -> Field:
    """(h, w) the distance of each pixel's colour to the nearest of `colours`."""
    return np.asarray(
        np.min([np.linalg.norm(lab - colour, axis=-1) for colour in colours], axis=0), np.float32
    )
