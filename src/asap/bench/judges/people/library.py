"""Renders of known truth that the lessons of the judge `network-people` are made of."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from asap.anatomy.people_errors import PEOPLE_ERRORS, extent, with_error
from asap.anatomy.skeleton_errors import SKELETON_ERRORS, NotPossible
from asap.bench.judges.people.pictures import SIZE
from asap.figures.people import world
from asap.figures.people.catalogue import POSES
from asap.figures.people.figure import Figure
from asap.figures.people.framing import framed
from asap.figures.people.poses import mirrored, solve, varied
from asap.figures.people.render import render_people
from asap.figures.people.world import MiniScene
from asap.store import seed_of

KINDS = (
    "faulty hand", "faulty arm", "faulty leg", "faulty head", "faulty body", "faulty object",
    "stray part", "wrong pose",
)  # fmt: skip
"""What the judge calls an error."""
SEEN = ("hand", "arm", "leg", "foot", "head", "torso", "object")
"""The parts that the network learns to find, left and right alike."""
KIND = {name: number for number, name in enumerate(KINDS)}
RENDERS = ("whole", "twin", "other", "error", "bare")
LEAST_EXTENT = 0.03  # picture heights; a smaller error of a skeleton is not seen
TRIES = 8
FAR = 10.0  # picture widths by which a head is taken out of the picture
FINGERS = tuple(slice(first, first + 4) for first in (1, 5, 9, 13, 17))

Pictures = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Library:
    """N scenes of the small world, each drawn in five ways, (N, 64, 64, 3) each.

    Attributes:
        whole: as it ought to be, joints a little more varied than the world's.
        twin: the same with other joints, varied more.
        other: the same person in another pose.
        error: with an error of its skeleton.
        bare: without one part.
        labels: (N, 64, 64) the part seen at each pixel of `whole`, a number of `looks.LABELS`.
        poses: (N,) place of the pose in `world.FRAMINGS`.
        genders, skins, backgrounds: (N,) places in the world's names.
        error_kinds, bare_kinds: (N,) places in `KINDS` of what is wrong with `error` and `bare`.
    """

    whole: Pictures
    twin: Pictures
    other: Pictures
    error: Pictures
    bare: Pictures
    labels: Pictures
    poses: NDArray[np.int64]
    genders: NDArray[np.int64]
    skins: NDArray[np.int64]
    backgrounds: NDArray[np.int64]
    error_kinds: NDArray[np.int64]
    bare_kinds: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.whole)


def told(scene: MiniScene) -> tuple[int, int, int, int]:
    """What the network is told of a scene: places of its pose, gender, skin and background."""
    look = scene.look
    return (
        list(world.FRAMINGS).index(scene.pose),
        list(world.GENDERS).index(look.gender),
        world.SKINS.index(look.skin),
        world.BACKGROUNDS.index(look.background),
    )


def draw(count: int, seed: int) -> Library:
    """A library of `count` scenes, poses in turn; scene i depends on the seed and i alone."""
    rows = [_drawn(i, seed) for i in range(count)]
    return Library(*(np.stack(column) for column in zip(*rows, strict=True)))


def stored(folder: Path, count: int, seed: int) -> Library:
    """`draw(count, seed)`, kept in `folder` and read from there when it was drawn before."""
    place = folder / f"{seed}-{count}"
    if not (place / "whole.npy").is_file():
        library = draw(count, seed)
        place.mkdir(parents=True, exist_ok=True)
        for field in reversed(fields(Library)):  # `whole` last, so that it stands for all
            np.save(place / f"{field.name}.npy", getattr(library, field.name))
    return Library(*(np.load(place / f"{field.name}.npy") for field in fields(Library)))


def _drawn(number: int, seed: int) -> tuple[NDArray[np.generic], ...]:
    own = seed_of("people lesson scene", seed, number)
    rng, poses = np.random.default_rng(own), list(world.FRAMINGS)
    scene = world.scene(own, poses[number % len(poses)])
    other = world.scene(own, str(rng.choice([pose for pose in poses if pose != scene.pose])))
    look = replace(scene.look, object=other.look.object, holder=other.look.holder)
    whole = _figure(scene, rng, int(rng.integers(1, 3)))
    faulty, error_kind = _with_error(whole, scene, random.Random(own))
    bare, bare_kind = _without_a_part(whole, scene, rng)
    figures = [whole, _figure(scene, rng, 4), _figure(replace(other, look=look), rng, 1), faulty, bare]
    pictures, labels = render_people(figures, SIZE)
    numbers = np.asarray([*told(scene), error_kind, bare_kind], np.int64)
    return (*pictures, labels[0], *numbers)


def _figure(scene: MiniScene, rng: np.random.Generator, times: int) -> Figure:
    """The scene's figure, its joints varied `times` times over."""
    pose = POSES[scene.pose].pose
    pose = replace(pose, woman=scene.look.gender == "woman", expression=scene.expression)
    pose = mirrored(pose) if scene.side == "right" else pose
    for _ in range(times):
        pose = varied(pose, rng)
    return framed(solve(pose, rng), scene.framing, scene.look, height=pose.height)


def errors_of(framing: str) -> tuple[str, ...]:
    """The errors of skeletons that read in a framing of `world.FRAMINGS`."""

    def of_part(part: str) -> tuple[str, ...]:
        return tuple(name for name in PEOPLE_ERRORS if SKELETON_ERRORS[name].part == part)

    return {
        "portrait": of_part("face"),
        "hand": tuple(name for name in of_part("hand") if name != "second_hand"),
        "half body": (*of_part("body"), "second_hand"),
        "full body": of_part("body"),
    }[framing]


def _with_error(figure: Figure, scene: MiniScene, rng: random.Random) -> tuple[Figure, int]:
    """The figure with an error and its kind; a head or hand is lost where its skeleton allows none."""
    names = errors_of(world.FRAMINGS[scene.pose])
    for _ in range(TRIES):
        error = rng.choice(names)
        try:
            faulty = with_error(figure, error, rng)
        except NotPossible:
            continue
        if extent(figure, faulty) > LEAST_EXTENT:
            part = {"hand": "hand", "face": "head", "body": "arm"}[SKELETON_ERRORS[error].part]
            legs = not np.array_equal(figure.body[13:17], faulty.body[13:17], equal_nan=True)
            return faulty, KIND["faulty leg" if part == "arm" and legs else f"faulty {part}"]
    return _beheaded(figure), KIND["faulty head"]


def _without_a_part(figure: Figure, scene: MiniScene, rng: np.random.Generator) -> tuple[Figure, int]:
    framing = world.FRAMINGS[scene.pose]
    losses: list[tuple[Callable[[], Figure], str]] = [(lambda: _beheaded(figure), "head")]
    side = str(rng.choice(["left", "right"]))
    if framing == "hand":
        losses = [(lambda: _fingerless(figure, scene.side, rng), "hand")]
    elif framing != "portrait":
        losses += 3 * [
            (lambda: _cut(figure, side, "hand"), "hand"),
            (lambda: _cut(figure, side, "fore"), "arm"),
        ]
        losses += [(lambda: _cut(figure, side, "upper"), "arm")]
    if framing == "full body":
        losses += 2 * [
            (lambda: _cut(figure, side, "foot"), "leg"),
            (lambda: _cut(figure, side, "shin"), "leg"),
        ]
        losses += [(lambda: _cut(figure, side, "leg"), "leg")]
    if figure.look.object != "none":
        without = replace(figure, look=replace(figure.look, object="none"))
        losses += 3 * [(lambda: without, "object")]
    lose, part = losses[int(rng.integers(len(losses)))]
    return lose(), KIND[f"faulty {part}"]


def _beheaded(figure: Figure) -> Figure:
    return replace(figure, face=figure.face + FAR)


def _fingerless(figure: Figure, side: str, rng: np.random.Generator) -> Figure:
    """A hand that lacks one to three fingers, whole or from a joint on."""
    name = f"{side}_hand"
    points = np.array(getattr(figure, name))
    for finger in rng.permutation(5)[: int(rng.choice([1, 1, 1, 2, 2, 3]))]:
        digits = FINGERS[finger]
        points[digits.start + int(rng.integers(0, 3)) : digits.stop] = np.nan
    return replace(figure, **{name: points})  # type: ignore[arg-type]


# part that is cut off -> joints of the left side that go with it, and whether the hand does
_CUTS = {
    "hand": ((), True), "fore": ((9,), True), "upper": ((7, 9), True),
    "foot": ((17, 18, 19), False), "shin": ((15, 17, 18, 19), False),
    "leg": ((13, 15, 17, 18, 19), False),
}  # fmt: skip


def _cut(figure: Figure, side: str, part: str) -> Figure:
    joints, hand = _CUTS[part]
    body = np.array(figure.body)
    for joint in joints:
        step = 3 if joint >= 17 else 1  # three points to a foot, else left and right are neighbours
        body[joint + step * (side == "right")] = np.nan
    gone = {f"{side}_hand": np.full((21, 2), np.nan)} if hand else {}
    return replace(figure, body=body, **gone)  # type: ignore[arg-type]
