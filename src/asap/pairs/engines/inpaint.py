"""The first mechanism: a part is masked and repainted by a generator, which gets it wrong."""

from __future__ import annotations

import random

import numpy as np

from asap.anatomy.keypoints import LIMBS, size_of
from asap.anatomy.masks import capsules, dilate
from asap.pairs.degradations import Unsuitable
from asap.pairs.engines import models
from asap.pairs.engines.paint import painted
from asap.pairs.engines.prompts import provoking
from asap.pairs.engines.settings import Engines
from asap.records import Image, Mask, Region

ROOM = {"hand": 0.22, "face": 0.0}
"""How far the mask reaches beyond the part, in its sizes: a hand needs room for another finger."""
LIMB_RADIUS = 0.2
"""Of the mask along a limb's bones, in torso lengths."""


def inpaint(image: Image, region: Region, rng: random.Random, *, engines: Engines) -> list[Image]:
    """`engines.candidates` edits of `image` (H, W, 3) in which the generator has repainted the part.

    All have one mask and one prompt, and seeds of their own. Outside the mask they equal `image`.

    Raises:
        Unsuitable: the part is not known well enough to be masked.
        UserError: the generator cannot be loaded or run.
    """
    limb, mask = "", region.mask
    if region.part == "body":
        limb, mask = _limb(region, rng)
    elif ROOM[region.part]:
        mask = dilate(mask, ROOM[region.part] * size_of(region.part, region.keypoints))
    wish = provoking(limb or region.part, rng)
    painter = models.painter("inpaint", engines)
    return painted(painter, image, mask, wish, rng, engines)


def _limb(region: Region, rng: random.Random) -> tuple[str, Mask]:
    """ "arm" or "leg" and the mask of one that is known, without its root."""
    points, torso = region.keypoints, size_of("body", region.keypoints)
    known = [name for name, limb in LIMBS.items() if np.isfinite(points[list(limb)]).all()]
    if not known or not np.isfinite(torso):
        raise Unsuitable("no limb in full view")
    name = rng.choice(known)
    joints = points[list(LIMBS[name])].copy()
    joints[0] += 0.3 * (joints[1] - joints[0])  # the shoulder or hip stays
    mask = capsules(joints, ((0, 1), (1, 2)), LIMB_RADIUS * torso, *region.mask.shape)
    return name.split("_")[1], mask
