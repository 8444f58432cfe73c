"""People with faults as image models make them, to train the judge `network-people`: parts that are lost,
faint, torn, doubled, melted or out of place, patches of another picture, another pose.

Whether a fault can be seen is up to `lessons`, which draws another where it cannot.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np

from asap.bench.judges.people.drafts import Draft
from asap.bench.judges.people.fields import (
    TILE,
    Array,
    X,
    Y,
    blended,
    circle,
    displaced,
    patchy,
    tiled,
    turned,
    vector,
    whirled,
)
from asap.bench.judges.people.library import KIND
from asap.bench.judges.people.pictures import SIZE


class Faulty(NamedTuple):
    """What a fault leaves: its kind, a place in `KINDS`, and the picture (64, 64, 3)."""

    kind: int
    picture: Array


Fault = Callable[[Draft], Faulty]


def named(draft: Draft) -> Faulty:
    """An error of the skeleton, sometimes in patches or half there."""
    weight = np.ones((SIZE, SIZE), np.float32)
    if draft.rng.random() < 0.35:
        weight = patchy(draft.rng, draft.rng.uniform(0.6, 1))
    return Faulty(draft.error_kind, blended(draft.whole, draft.error, weight))


def erased(draft: Draft) -> Faulty:
    """A part that is gone, or gone in places."""
    weight = patchy(draft.rng, draft.rng.uniform(0.55, 1.0))
    return Faulty(draft.bare_kind, blended(draft.whole, draft.bare, weight))


def vanished(draft: Draft) -> Faulty:
    """A piece of a part where the wall is seen."""
    part, rng = draft.part(), draft.rng
    weight = circle(part.point(rng), rng.uniform(0.5, 1.2) * draft.size, rng) * np.float32(
        rng.uniform(0.7, 1)
    )
    if rng.random() < 0.4:
        weight = weight * part.mask
    return Faulty(part.kind, blended(draft.whole, draft.behind(), weight))


def gap(draft: Draft) -> Faulty:
    """A part that is cut through, and goes on after the gap."""
    part, rng = draft.part(), draft.rng
    points = np.argwhere(part.mask)[:, ::-1].astype(np.float32)
    centre = points.mean(axis=0)
    axis = np.linalg.svd(points - centre, full_matrices=False)[2][0]
    begins = np.quantile((points - centre) @ axis, rng.uniform(0.15, 0.65))
    place = (X - centre[0]) * axis[0] + (Y - centre[1]) * axis[1] - begins
    grown = cv2.dilate(part.mask.astype(np.float32), np.ones((3, 3), np.uint8))
    weight = grown * ((place > 0) & (place < rng.uniform(0.3, 0.8) * draft.size)) * rng.uniform(0.75, 1)
    return Faulty(part.kind, blended(draft.whole, draft.behind(), weight.astype(np.float32)))


def doubled(draft: Draft) -> Faulty:
    """A part that is there twice, turned and moved, one or both half seen."""
    part, rng = draft.part(), draft.rng
    place, angle = part.point(rng), rng.uniform(-50, 50)
    step = vector(rng, rng.uniform(0.4, 1.3) * draft.size)
    mask, copy = (turned(image, place, angle, step) for image in (part.mask.astype(np.float32), draft.whole))
    first = draft.whole
    if rng.random() < 0.3:
        first = blended(first, draft.behind(), part.mask * np.float32(rng.uniform(0.3, 0.7)))
    return Faulty(part.kind, blended(first, copy, mask * np.float32(rng.uniform(0.4, 1.0))))


def moved(draft: Draft) -> Faulty:
    """A part that lies beside where it belongs, or turned."""
    part, rng = draft.part(), draft.rng
    place, angle = part.point(rng), rng.uniform(-70, 70)
    step = vector(rng, rng.uniform(0.4, 1.2) * draft.size)
    mask, copy = (turned(image, place, angle, step) for image in (part.mask.astype(np.float32), draft.whole))
    without = blended(draft.whole, draft.behind(), part.mask.astype(np.float32))
    return Faulty(part.kind, blended(without, copy, mask))


def mixed(draft: Draft) -> Faulty:
    """Two sets of joints, or two poses, blended or in patches, all over or around a part."""
    part, rng = draft.part(), draft.rng
    second = draft.twin if rng.random() < 0.35 else draft.other
    weight = patchy(rng, rng.choice([rng.uniform(0.35, 0.65), 1.0]))
    if rng.random() < 0.7:
        weight = weight * circle(part.point(rng), rng.uniform(0.8, 2.5) * draft.size, rng)
    return Faulty(part.kind, blended(draft.whole, second, weight))


def warped(draft: Draft) -> Faulty:
    """A part that is twisted, swollen, pinched or bent."""
    part, rng = draft.part(), draft.rng
    radius = rng.uniform(0.9, 2.0) * draft.size
    return Faulty(part.kind, whirled(draft.whole, part.point(rng), radius, rng))


def scattered(draft: Draft) -> Faulty:
    """A part whose pixels lie in disorder."""
    part, rng = draft.part(), draft.rng
    weight = circle(part.point(rng), rng.uniform(0.6, 1.5) * draft.size, rng)
    field = rng.standard_normal((2, SIZE, SIZE)).astype(np.float32) * np.float32(rng.uniform(3, 8))
    dx, dy = (cv2.GaussianBlur(one, (0, 0), rng.uniform(0.6, 1.6)) for one in field)
    return Faulty(part.kind, displaced(draft.whole, dx * weight, dy * weight))


def melted(draft: Draft) -> Faulty:
    """A part that has run into a blur."""
    part, rng = draft.part(), draft.rng
    weight = circle(part.point(rng), rng.uniform(0.5, 1.4) * draft.size, rng) * np.float32(
        rng.uniform(0.8, 1)
    )
    across, down = rng.uniform(0.6, 4.0, 2)
    soft = cv2.GaussianBlur(draft.whole, (0, 0), sigmaX=across, sigmaY=down)
    return Faulty(part.kind, blended(draft.whole, np.asarray(soft, np.float32), weight))


def stray(draft: Draft) -> Faulty:
    """A piece of the person, or of another picture of them, on the wall."""
    part, rng = draft.part(), draft.rng
    source = draft.other if rng.random() < 0.4 else draft.whole
    ys, xs = np.nonzero(cv2.erode((draft.labels == 0).astype(np.uint8), np.ones((5, 5), np.uint8)))
    if not len(ys):
        return Faulty(KIND["stray part"], draft.whole)
    i, (x, y) = int(rng.integers(len(ys))), part.point(rng)
    step, angle = (float(xs[i]) - x, float(ys[i]) - y), rng.uniform(-180, 180)
    piece = circle((x, y), rng.uniform(0.25, 0.9) * draft.size, rng)
    kept = piece * part.mask if rng.random() < 0.7 else piece
    copy, mask = turned(source, (x, y), angle, step), turned(kept, (x, y), angle, step)
    return Faulty(KIND["stray part"], blended(draft.whole, copy, mask * np.float32(rng.uniform(0.6, 1))))


def misdrawn_tiles(draft: Draft) -> Faulty:
    """Some neighbouring tiles that show the wall, another place of the picture, or another picture."""
    part, rng = draft.part(), draft.rng
    x, y = (int(value) // TILE for value in part.point(rng))
    chosen = np.zeros((SIZE // TILE, SIZE // TILE), np.float32)
    wide, high = rng.integers(1, 3, 2)
    chosen[max(y - int(rng.integers(high)), 0) :, max(x - int(rng.integers(wide)), 0) :][:high, :wide] = 1
    across, down = vector(rng, rng.uniform(2.5, 8))
    kind = rng.random()
    if kind < 0.4:
        instead = draft.behind()
    elif kind < 0.7:
        still = np.zeros((SIZE, SIZE), np.float32)
        instead = displaced(draft.whole, still + np.float32(across), still + np.float32(down))
    else:
        instead = draft.other if kind < 0.9 else draft.twin
    return Faulty(part.kind, blended(draft.whole, instead, tiled(chosen) * np.float32(rng.uniform(0.6, 1))))


def another_pose(draft: Draft) -> Faulty:
    """Another pose than the caption names."""
    return Faulty(KIND["wrong pose"], draft.other)


# how often each is drawn, relative to the others
FAULTS: dict[Fault, float] = {
    named: 4.0,
    erased: 4.0,
    vanished: 2.5,
    gap: 1.5,
    doubled: 1.5,
    moved: 1.0,
    mixed: 2.0,
    warped: 2.0,
    scattered: 1.0,
    melted: 1.0,
    stray: 1.5,
    misdrawn_tiles: 2.5,
    another_pose: 0.6,
}
