"""Pairs of the small world of people (`figures.people.world`): poses in turn, with errors.

Masks are just the pixels that differ: the models of this world work on pixels, not on a latent grid, and a
margin of 2 pixels would be more than many of its parts.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from itertools import count

from asap import store
from asap.anatomy.people_errors import PEOPLE_ERRORS, extent, with_error
from asap.anatomy.skeleton_errors import SKELETON_ERRORS, NotPossible
from asap.figures.people import scenes, world
from asap.pairs.checks import gates
from asap.pairs.drawn import people_figures
from asap.pairs.drawn.people_figures import LEAST_EXTENT, Draft
from asap.records import Pair

SIZE = 64
SMALLEST_SIZE = 48
# SSIM's window is large beside a small picture and sees across the mask's border, where pixels are equal
BOUNDS = gates.Gates(ssim_outside=0.0, smallest=4)


def _shown(part: str) -> tuple[str, ...]:
    return tuple(name for name in PEOPLE_ERRORS if SKELETON_ERRORS[name].part == part)


ERRORS = {
    "portrait": _shown("face"),
    "hand": tuple(name for name in _shown("hand") if name != "second_hand"),
    "half body": (*_shown("body"), "second_hand"),
    "full body": _shown("body"),
}
"""Framing -> the errors that read in it."""


def pair(
    seed: int, number: int, size: int, *, look: float = 0.0, parts: Sequence[str] = people_figures.PARTS
) -> Pair:
    """Pair `number` of those of `seed`: the first of its drafts whose error is seen, and is local.

    `look` in [0, 1] is the dose of the photographic look; errors are of `parts` alone.
    """
    own = drafts(seed, number, parts)
    made = (people_figures.rendered(draft, size, BOUNDS, look=look, margin=0) for draft in own)
    return next(pair for pair in made if pair is not None)


def drafts(seed: int, number: int, parts: Sequence[str] = people_figures.PARTS) -> Iterator[Draft]:
    """Scenes of the pose whose turn it is, each with an error of its framing; they do not end."""
    errors = {
        framing: [name for name in names if SKELETON_ERRORS[name].part in parts]
        for framing, names in ERRORS.items()
    }
    poses = [pose for pose, framing in world.FRAMINGS.items() if errors[framing]]
    pose = poses[number % len(poses)]
    for attempt in count():
        own = store.seed_of(seed, "small world", number, attempt)
        rng, scene = random.Random(own), world.scene(own, pose)
        error = rng.choice(errors[world.FRAMINGS[pose]])
        correct = scenes.figure(scene)
        try:
            faulty = with_error(correct, error, rng)
        except NotPossible:
            continue
        if extent(correct, faulty) > LEAST_EXTENT / 2:
            yield Draft(scene, own, error, correct, faulty)
