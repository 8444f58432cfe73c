"""Pairs of drawn people: a scene by seed, one error of its skeleton, both rendered."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from itertools import count
from typing import NamedTuple

import numpy as np

from asap import store
from asap.anatomy.people_errors import PEOPLE_ERRORS, extent, with_error
from asap.anatomy.skeleton_errors import SKELETON_ERRORS, NotPossible
from asap.figures.people import scenes
from asap.figures.people.catalogue import POSES
from asap.figures.people.figure import Figure
from asap.figures.people.render import render_people
from asap.pairs.checks import gates
from asap.pairs.composite import crop_box, region_of
from asap.records import Image, Mask, Pair

SIZE = 256
SMALLEST_SIZE = 64
LEAST_EXTENT = 0.06  # picture heights; the longer side of an error that reads at once
LEAST_SHARE = {"face": 0.002, "hand": 0.008, "body": 0.005}  # of the picture, its pixels
MARGIN = 0.012  # picture heights by which the mask reaches beyond what differs
SCENES = 12  # drawn for an error before the next error takes its place
STRICT = gates.Gates()
PARTS = ("hand", "face", "body")
PORTRAITS = sorted(name for name, entry in POSES.items() if "portrait" in entry.framings)
CLOSE_UPS = sorted(scenes.CLOSE_UPS)
AMBIGUOUS = {
    "kneeling",
    "walking turned",
}  # a knee that bends the wrong way is another kneeling, another step
BENDING = sorted(
    name for name, entry in POSES.items() if entry.category == "full body" and name not in AMBIGUOUS
)


class Draft(NamedTuple):
    """A scene with an error: not rendered yet, so it may turn out not to be seen."""

    scene: scenes.Scene
    seed: int
    error: str
    correct: Figure
    faulty: Figure


def pair(
    seed: int,
    number: int,
    size: int,
    *,
    look: float = 0.0,
    biased: bool = False,
    parts: Sequence[str] = PARTS,
) -> Pair:
    """Pair `number` of those of `seed`: the first of its drafts whose error is seen, and is local.

    `look` in [0, 1] is the dose of the photographic look; `biased` keeps to few skins, backgrounds and poses;
    errors are of `parts` alone.
    """
    own = drafts(seed, number, biased=biased, parts=parts)
    tries = (rendered(draft, size, look=look) for draft in own)
    return next(made for made in tries if made is not None)


def drafts(seed: int, number: int, *, biased: bool = False, parts: Sequence[str] = PARTS) -> Iterator[Draft]:
    """Scenes that allow the error whose turn it is, then the errors after it; they do not end."""
    errors = [name for name in PEOPLE_ERRORS if SKELETON_ERRORS[name].part in parts]
    turn = number % len(errors)
    order = errors[turn:] + errors[:turn]
    for attempt in count():
        error = order[attempt // SCENES % len(order)]
        own = store.seed_of(seed, "person", number, attempt)
        scene = scenes.scene(own, _suited(error, own, biased=biased), biased=biased)
        correct = scenes.figure(scene)
        try:
            faulty = with_error(correct, error, random.Random(own))
        except NotPossible:
            continue
        if extent(correct, faulty) > LEAST_EXTENT / 2:  # else its picture need not be drawn to know
            yield Draft(scene, own, error, correct, faulty)


def _suited(error: str, seed: int, *, biased: bool) -> str | None:
    """A pose in which an error reads: portraits, hands that show, bent knees; None where any pose will do."""
    part = SKELETON_ERRORS[error].part
    suited = BENDING if error == "reversed_joint" else []
    if part == "face":
        suited = PORTRAITS
    if part == "hand" and error != "second_hand":
        suited = CLOSE_UPS
    allowed = [pose for pose in suited if not biased or pose in scenes.COMMON]
    return random.Random(seed).choice(allowed) if allowed else None


def rendered(
    draft: Draft, size: int, bounds: gates.Gates = STRICT, *, look: float = 0.0, margin: float = MARGIN
) -> Pair | None:
    """The pair of a draft, or None where what differs is hardly seen, or is most of the picture.

    The mask is a clean shape about what differs in the finished pictures (`composite.region_of`), wider by
    `margin` picture heights, at least 2 pixels; with a margin of 0 it is just the pixels that differ.
    """
    both, seeds = [draft.correct, draft.faulty], [draft.seed, draft.seed]
    (chosen, rejected), _ = render_people(both, size, look=look, seeds=seeds)
    changed, row = np.any(chosen != rejected, axis=-1), SKELETON_ERRORS[draft.error]
    if not _is_seen(chosen, rejected, changed, row.part, bounds):
        return None
    mask = region_of(changed, max(2.0, margin * size)) if margin else changed
    dose = (look,) if look else ()
    return Pair(
        id=store.content_id("person", size, *dose, draft.seed, draft.error, draft.scene.caption),
        prompt=draft.scene.caption,
        chosen=chosen,
        rejected=rejected,
        mask=mask,
        part=row.part,
        error=row.error,
        degradation=f"skeleton_{draft.error}",
        box=crop_box(mask) or (0, 0, 0, 0),
        source=f"figure {draft.seed}",
        seed=draft.seed,
        metrics=gates.similarity(chosen, rejected, mask),
    )


def _is_seen(chosen: Image, rejected: Image, changed: Mask, part: str, bounds: gates.Gates) -> bool:
    """Whether the pixels that differ are enough to read as an error, and pass the gates."""
    box = crop_box(changed)
    if box is None or changed.mean() < LEAST_SHARE[part]:
        return False
    if max(box[2] - box[0], box[3] - box[1]) < LEAST_EXTENT * len(changed):
        return False
    return not gates.refusal(gates.similarity(chosen, rejected, changed), changed, bounds)
