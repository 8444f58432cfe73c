"""What is drawn and how it is called: attributes, captions, prompts, batches of pictures by seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from asap.figures import hands as skeletons
from asap.figures.hands import GESTURES, Array, Hands
from asap.figures.photographic import photographic
from asap.figures.render import BACKGROUNDS, SKINS, SLEEVES, Colours, render
from asap.records import Prompt
from asap.store import content_id, seed_of

CATEGORY = "hands"


@dataclass(frozen=True)
class Scene:
    """One hand to draw; `caption` names all of it."""

    gesture: str
    skin: str
    background: str
    sleeve: str

    @property
    def caption(self) -> str:
        clothes = f"{self.sleeve} sleeve, {self.background} background"
        return f"a hand showing {self.gesture}, {self.skin} skin, {clothes}"


@dataclass(frozen=True, eq=False)
class Drawing:
    """A batch of N pairs: correct and faulty pictures (N, S, S, 3) and the hands' coverage (N, S, S)."""

    correct: NDArray[np.uint8]
    faulty: NDArray[np.uint8]
    correct_cover: Array
    faulty_cover: Array


def vocabulary() -> tuple[str, ...]:
    """Every word of every caption, sorted."""
    words = {"a", "hand", "showing", "skin", "sleeve", "background", ","}
    return tuple(sorted({*words, *GESTURES, *SKINS, *BACKGROUNDS, *SLEEVES}))


def scene(seed: int, *, biased: bool = False) -> Scene:
    """A random scene by seed. `biased` keeps to two backgrounds and two skins, as photos may."""
    rng = np.random.default_rng(seed)
    skins, grounds = list(SKINS), list(BACKGROUNDS)
    return Scene(
        gesture=str(rng.choice(list(GESTURES))),
        skin=str(rng.choice(skins[:2] if biased else skins)),
        background=str(rng.choice(grounds[:2] if biased else grounds)),
        sleeve=str(rng.choice(list(SLEEVES))),
    )


def prompts(count: int, seed: int) -> list[Prompt]:
    """`count` prompts of random scenes, with the facts that the exact judge checks."""
    scenes = [scene(seed_of(seed, "prompt", i)) for i in range(count)]
    return [
        Prompt(content_id(seed, i, s.caption), s.caption, s.gesture, vars(s)) for i, s in enumerate(scenes)
    ]


def scene_of(facts: Mapping[str, object]) -> Scene:
    """The scene of a prompt's facts.

    Raises:
        KeyError: facts that are not of a figure.
    """
    return Scene(**{name: str(facts[name]) for name in ("gesture", "skin", "background", "sleeve")})


def colours(scenes: Sequence[Scene]) -> Colours:
    """The scenes' colours."""
    return Colours(
        skin=np.asarray([SKINS[s.skin] for s in scenes], np.float32),
        background=np.asarray([BACKGROUNDS[s.background] for s in scenes], np.float32),
        sleeve=np.asarray([SLEEVES[s.sleeve] for s in scenes], np.float32),
    )


def draw(
    scenes: Sequence[Scene],
    errors: Sequence[str | None],
    seeds: Sequence[int],
    *,
    size: int,
    look: float = 0.0,
) -> Drawing:
    """Each scene twice, from one pose: correct, and with its error (None: correct again).

    Outside the changed part both pictures are equal, bit for bit.
    """
    poses = [skeletons.pose(1, np.random.default_rng(seed)) for seed in seeds]
    rotation, scale, shift = (np.concatenate(values) for values in zip(*poses, strict=True))
    gestures = [s.gesture for s in scenes]
    correct = skeletons.hands(gestures, rotation, scale, shift)
    faulty = Hands(correct.fingers.copy(), correct.widths.copy(), rotation, scale, shift)
    for i, error in enumerate(errors):
        if error is not None:
            rng = np.random.default_rng([seeds[i], 1])
            skeletons.with_error(faulty, i, gestures[i], error, rng)
    paint = colours(scenes)
    styles = np.asarray(seeds, dtype=np.int64)
    (good, good_cover), (bad, bad_cover) = render(correct, paint, size), render(faulty, paint, size)
    return Drawing(photographic(good, look, styles), photographic(bad, look, styles), good_cover, bad_cover)
