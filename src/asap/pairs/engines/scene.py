"""The skeletons of a photo, the person that a part belongs to and all others, drawn for a pose ControlNet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from asap.anatomy.keypoints import NAMES, size_of
from asap.anatomy.lazily import Lazily
from asap.anatomy.openpose import draw_openpose
from asap.anatomy.skeletons import Skeleton, Transform, from_wholebody, transformed, with_part
from asap.records import Image, Region

WRISTS = {"left_hand": 9, "right_hand": 10}
NEAR = {"hand": 0.6, "face": 0.6}
"""How far from a body's wrist a hand's, and from its nose a face's, may lie, in sizes of the hand or face."""


class Scene(NamedTuple):
    """The `person` whose part it is, with that part, and `others`."""

    person: Skeleton
    others: tuple[Skeleton, ...]


def with_neighbours(regions: Sequence[Region]) -> list[Region]:
    """The regions, each with all the others of the photo as "regions" in its context."""
    return [
        replace(region, context=_with(region.context, [r for r in regions if r is not region]))
        for region in regions
    ]


def _with(context: Mapping[str, Any], regions: list[Region]) -> Mapping[str, Any]:
    return Lazily({"regions": regions}, {name: partial(context.__getitem__, name) for name in context})


def scene_of(region: Region) -> Scene:
    """The skeletons around a part, as far as its context ("regions") knows the photo.

    The person of a hand or face has the body whose wrist or nose is nearest, and no other hand, so that an
    error of hands can be put on no other one; that of a body has the hands at its wrists.
    """
    around: list[Region] = list(region.context.get("regions", ()))
    if region.part == "body":
        own, rest = _hands_of(region, around)
    else:
        own, rest = _body_of(region, around)
    return Scene(own, tuple(_alone(other) for other in rest))


def _hands_of(body: Region, around: list[Region]) -> tuple[Skeleton, list[Region]]:
    person, rest = with_part(_nobody(), "body", body.keypoints), list(around)
    for part, wrist in WRISTS.items():
        hands = [r for r in rest if r.part == "hand" and _reach(r, body, wrist) < NEAR["hand"]]
        if hands:
            nearest = min(hands, key=lambda hand: _reach(hand, body, wrist))
            person = with_part(person, part, nearest.keypoints)
            rest = [r for r in rest if r is not nearest]
    return person, rest


def _body_of(region: Region, around: list[Region]) -> tuple[Skeleton, list[Region]]:
    joints = WRISTS if region.part == "hand" else {"face": 0}
    options = [
        (_reach(region, body, joint), number, part)
        for number, body in enumerate(around)
        if body.part == "body"
        for part, joint in joints.items()
    ]
    _, number, part = min((o for o in options if o[0] < NEAR[region.part]), default=(0.0, -1, ""))
    if number < 0:
        return _alone(region), around
    person = with_part(_nobody(), "body", around[number].keypoints)
    return with_part(person, part, region.keypoints), [*around[:number], *around[number + 1 :]]


def _reach(region: Region, body: Region, joint: int) -> float:
    """From a body's joint to a hand's wrist or a face's middle, in the part's sizes; infinite if unknown."""
    points = region.keypoints
    place = points[0] if region.part == "hand" else np.nanmean(points, axis=0)
    apart = np.linalg.norm(place - body.keypoints[joint]) / size_of(region.part, points)
    return float(apart) if np.isfinite(apart) else np.inf


def _alone(region: Region) -> Skeleton:
    part = region.part if region.part != "hand" else f"{region.side or 'right'}_hand"
    return with_part(_nobody(), part, region.keypoints)


def _nobody() -> Skeleton:
    return from_wholebody(np.full((len(NAMES), 2), np.nan))


def drawn(scene: Scene, place: Transform, height: int, width: int) -> Image:
    """(height, width, 3) the scene as OpenPose draws, its points taken through `place`; the person on top."""
    canvas = np.zeros((height, width, 3), np.uint8)
    for skeleton in (*scene.others, scene.person):
        picture = draw_openpose(transformed(skeleton, place), height, width)
        canvas = np.where(picture.any(axis=2, keepdims=True), picture, canvas)
    return canvas
