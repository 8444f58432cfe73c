"""What the laboratory works on: drawn hands, or drawn people; each with its model, judges and truth."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from asap.bench.drift import PartMask
from asap.figures import parts, scenes
from asap.figures.people import scenes as people_scenes
from asap.figures.people import world
from asap.figures.people.parts import person_mask
from asap.figures.people.render import render_people
from asap.figures.people.world import MiniScene
from asap.figures.photographic import photographic
from asap.lab.search import HANDS, PEOPLE, Settings
from asap.store import seed_of

Facts = Mapping[str, Any]
Pictures = NDArray[np.uint8]
HAND_SIZE, PEOPLE_SIZE = 24, 64


@dataclass(frozen=True)
class World:
    """One world of drawn figures.

    Attributes:
        kind: what `asap figures --kind` calls it.
        model: the embedded model that draws it.
        judges: whose error rates choose settings; the first one's word counts where one is needed.
        biased: whether its pairs keep to few looks, as photos may.
        search: objective -> the settings that it may choose from.
        parts: of which pairs can be drawn alone.
        subject: what a prompt shows, for tables.
        part_mask: where an image may change when anatomy is mended.
        random: by number, the facts of a random scene.
        correct: correct pictures (N, S, S, 3) of facts, posed by a name and their number; in the models' own
            look, or in the photographic one by the seed given.
        references: how many correct pictures the Frechet distance is taken to.
        lights: over how many photographic looks the leak is averaged.
    """

    kind: Literal["hands", "mini-people"]
    model: str
    judges: tuple[str, ...]
    biased: bool
    search: Mapping[str, tuple[Settings, ...]]
    parts: tuple[str, ...]
    subject: Callable[[Facts], str]
    part_mask: PartMask
    random: Callable[[int], Facts]
    correct: Callable[[Sequence[Facts], str, int | None], Pictures]
    references: int
    lights: int


def _styles(light: int, count: int) -> NDArray[np.int64]:
    return np.asarray([seed_of("light", light, i) % 2**62 for i in range(count)])


def _hands(facts: Sequence[Facts], name: str, light: int | None) -> Pictures:
    drawn = [scenes.scene_of(fact) for fact in facts]
    seeds = [seed_of(name, i) for i in range(len(drawn))]
    plain = scenes.draw(drawn, [None] * len(drawn), seeds, size=HAND_SIZE).correct
    return plain if light is None else photographic(plain, 1.0, _styles(light, len(drawn)))


def _people(facts: Sequence[Facts], name: str, light: int | None) -> Pictures:
    drawn = [replace(_mini_scene(fact), seed=seed_of(name, i)) for i, fact in enumerate(facts)]
    figures = people_scenes.figures(drawn)
    if light is None:
        return render_people(figures, PEOPLE_SIZE)[0]
    return render_people(figures, PEOPLE_SIZE, look=1.0, seeds=_styles(light, len(drawn)).tolist())[0]


def _mini_scene(facts: Facts) -> MiniScene:
    scene = world.scene_of(facts)
    if scene is None:
        raise KeyError(f"not the facts of mini-people: {dict(facts)}")
    return scene


WORLDS: Mapping[str, World] = {
    "hands": World(
        kind="hands",
        model="mini-hand",
        judges=("network", "figures"),
        biased=True,
        search=HANDS,
        parts=(),
        subject=lambda facts: str(facts["gesture"]),
        part_mask=parts.part_mask,
        random=lambda number: vars(scenes.scene(seed_of("truth", number))),
        correct=_hands,
        references=2000,
        lights=8,
    ),
    "people": World(
        kind="mini-people",
        model="mini",
        judges=("network-people", "figures-people"),
        biased=False,
        search=PEOPLE,
        parts=("hand", "face", "body"),
        subject=lambda facts: world.FRAMINGS[facts["pose"]],
        part_mask=person_mask,
        random=lambda number: world.scene(seed_of("truth", number)).facts,
        correct=_people,
        references=800,
        lights=2,
    ),
}
"""World -> what it is made of."""
