"""People drawn with exact keypoints: what the tests of the degradations work on."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from functools import cache, wraps
from typing import ParamSpec

import cv2
import numpy as np

from asap.records import Image, Mask, Points, Region

P = ParamSpec("P")
SKIN, BACKGROUND, CLOTH = (215, 165, 140), (70, 90, 120), (40, 120, 60)


def kept(draw: Callable[P, tuple[Image, Region]]) -> Callable[P, tuple[Image, Region]]:
    """`draw`, which draws the same picture only once; everybody gets a copy of their own."""
    once = cache(draw)

    @wraps(draw)
    def copied(*args: P.args, **settings: P.kwargs) -> tuple[Image, Region]:
        return deepcopy(once(*args, **settings))

    return copied


@kept
def drawn_hand(
    size: float = 110.0, spread: float = 9.0, folded: tuple[int, ...] = ()
) -> tuple[Image, Region]:
    """An open hand of capsules on a plain, slightly noisy ground; fingers `spread` degrees apart.

    Those of `folded` (0 the index, 3 the little finger) lie on the palm.
    """
    points = hand_points(size, spread)
    for finger in folded:
        knuckle = points[5 + 4 * finger]
        points[6 + 4 * finger : 9 + 4 * finger] = knuckle + size * np.array(
            [(0, -0.12), (0, 0.12), (0, 0.28)]
        )
    side = int(4.4 * size)
    mask = np.zeros((side, side), np.uint8)
    palm = np.round(points[[0, 1, 5, 9, 13, 17]]).astype(np.int32)
    cv2.fillConvexPoly(mask, cv2.convexHull(palm), 1)
    for chain in ((0, 1, 2, 3, 4), *(tuple(range(i, i + 4)) for i in (5, 9, 13, 17))):
        line = np.round(points[list(chain)]).astype(np.int32)
        cv2.polylines(mask, [line], False, 1, max(1, int(0.19 * size)))
    return paint(mask > 0), Region("hand", mask > 0, points, 1.0, "right")


def hand_points(size: float, spread: float) -> Points:
    """(21, 2) the joints of that hand, wrist below, fingers up."""
    wrist = np.array([2.2, 3.2]) * size
    points = [wrist]
    thumb = np.array([[-0.3, -0.2], [-0.5, -0.4], [-0.65, -0.6], [-0.78, -0.75]])
    points += list(wrist + size * thumb)
    for i, length in enumerate((0.92, 1.0, 0.92, 0.75)):
        angle = np.radians((i - 1.5) * spread)
        way = np.array([np.sin(angle), -np.cos(angle)])
        knuckle = wrist + size * np.array([(i - 1.5) * 0.22, -1.0 + 0.03 * abs(i - 1)])
        points += [knuckle + size * length * part * way for part in (0.0, 0.46, 0.75, 1.0)]
    return np.array(points)


@kept
def drawn_face(unit: float = 60.0) -> tuple[Image, Region]:
    """A face of ellipses; `unit` is the distance between the eyes in pixels."""
    side = int(4.5 * unit)
    centre = np.array([side / 2, side / 2 - 0.3 * unit])
    points = face_points(unit) + centre
    outline = np.concatenate([points, points[17:27] - (0, 0.7 * unit)])  # with a bare forehead
    mask = np.zeros((side, side), np.uint8)
    cv2.fillConvexPoly(mask, cv2.convexHull(np.round(outline).astype(np.int32)), 1)
    image = paint(mask > 0)
    for part, colour in (
        (slice(36, 42), (60, 40, 30)),
        (slice(42, 48), (60, 40, 30)),
        (slice(48, 60), (180, 60, 70)),
    ):
        cv2.fillPoly(image, [np.round(points[part]).astype(np.int32)], colour)
    cv2.polylines(image, [np.round(points[27:36]).astype(np.int32)], False, (150, 100, 80), 2)
    return image, Region("face", mask > 0, points, 1.0)


@kept
def lively_face(unit: float = 60.0) -> tuple[Image, Region]:
    """The drawn face with whites of the eyes, irises, and an open mouth with teeth."""
    image, region = drawn_face(unit)
    points = region.keypoints.copy()
    for first, way in ((37, -1), (40, 1), (43, -1), (46, 1)):  # the lids: eyes wide open
        points[first : first + 2, 1] += way * 0.05 * unit
    points[[61, 62, 63], 1] -= 0.03 * unit
    points[[65, 66, 67], 1] += 0.03 * unit
    eyes = [points[36:42], points[42:48]]
    irises = np.array([eye.mean(axis=0) for eye in eyes])
    opened = np.zeros(image.shape[:2], np.uint8)
    for eye, iris in zip(eyes, irises):
        cv2.fillPoly(opened, [np.round(eye).astype(np.int32)], 1)
        cv2.fillPoly(image, [np.round(eye).astype(np.int32)], (235, 230, 225))
        disc = cv2.circle(np.zeros_like(opened), np.round(iris).astype(int), round(0.09 * unit), 1, -1)
        image[(disc & opened) > 0] = (60, 40, 30)
    cv2.fillPoly(image, [np.round(points[60:68]).astype(np.int32)], (240, 235, 220))
    for nostril in points[[32, 34]].round().astype(int):
        cv2.circle(image, nostril, max(1, round(0.04 * unit)), (115, 70, 60), -1)
    return image, Region("face", region.mask, points, 1.0, None, {"irises": irises})


@kept
def portrait(unit: float = 60.0) -> tuple[Image, Region]:
    """The lively face with ears, on a neck and shoulders, and much room above."""
    face, region = lively_face(unit)
    side, shift = int(13 * unit), np.array([6.5 * unit, 6.3 * unit]).round() - (2.25 * unit, 1.95 * unit)
    left, top = (int(v) for v in shift)
    points = region.keypoints + np.array([left, top])
    mask = np.zeros((side, side), np.uint8)
    ears = [points[[1, 15][i]] + ((-0.1, 0.1)[i] * unit, 0) for i in (0, 1)]
    for ear in ears:
        axes = round(0.24 * unit), round(0.42 * unit)
        cv2.ellipse(mask, tuple(int(v) for v in ear), axes, 0, 0, 360, 1, -1)
    neck, chin = round(0.6 * unit), points[8].round().astype(int)
    cv2.rectangle(mask, (chin[0] - neck, chin[1] - neck), (chin[0] + neck, side), 1, -1)
    cloth = np.zeros_like(mask)
    shoulders = (int(chin[0]), int(chin[1] + 3.4 * unit)), (round(3.4 * unit), round(2.3 * unit))
    cv2.ellipse(cloth, *shoulders, 0, 0, 360, 1, -1)
    image = paint(mask > 0)
    image[cloth > 0] = CLOTH
    whole = np.zeros((side, side), bool)
    whole[top : top + len(face), left : left + len(face)] = region.mask
    image[whole] = face[region.mask]
    irises = region.context["irises"] + np.array([left, top])
    return image, Region("face", whole, points, 1.0, None, {"irises": irises})


def face_points(unit: float) -> Points:
    """(68, 2) the points of that face around the middle of the eyes, in iBUG's order."""
    jaw = [(1.15 * np.cos(a), 1.75 * np.sin(a)) for a in np.linspace(np.pi, 0, 17)]
    brows = [
        (x, -0.32 - 0.05 * np.sin((abs(x) - 0.2) * 4))
        for x in (*np.linspace(-0.75, -0.2, 5), *np.linspace(0.2, 0.75, 5))
    ]
    nose = [(0.0, y) for y in (0.05, 0.25, 0.45, 0.62)] + [(x, 0.72) for x in (-0.2, -0.1, 0.0, 0.1, 0.2)]
    eyes = [
        (c + 0.2 * np.cos(a), -0.09 * np.sin(a))
        for c in (-0.5, 0.5)
        for a in np.radians((180, 120, 60, 0, -60, -120))
    ]
    outer = [
        (0.42 * np.cos(a), 1.2 - 0.16 * np.sin(a) - 0.2 * np.cos(a) ** 2)
        for a in np.radians(np.arange(180, -180, -30))
    ]
    inner = [(0.3 * np.cos(a), 1.15 - 0.05 * np.sin(a)) for a in np.radians(np.arange(180, -180, -45))]
    return unit * np.array(jaw + brows + nose + eyes + outer + inner)


@kept
def drawn_body(torso: float = 120.0) -> tuple[Image, Region]:
    """A standing person of capsules, arms and legs apart; `torso` is the length from shoulders to hips."""
    side = int(5 * torso)
    joints = {
        0: (0, -1.3), 5: (0.38, -1), 6: (-0.38, -1), 7: (0.95, -0.7), 8: (-0.95, -0.7), 9: (1.5, -1.05),
        10: (-1.5, -1.05), 11: (0.28, 0), 12: (-0.28, 0), 13: (0.55, 0.8), 14: (-0.55, 0.8), 15: (0.75, 1.6),
        16: (-0.75, 1.6),
    }  # fmt: skip
    points = np.full((23, 2), np.nan)
    for index, place in joints.items():
        points[index] = np.array(place) * torso + (side / 2, side / 2)
    for ankle, toe, heel, out in ((15, 17, 19, 1), (16, 20, 22, -1)):
        points[toe] = points[ankle] + np.array((0.3 * out, 0.12)) * torso
        points[heel] = points[ankle] + np.array((-0.06 * out, 0.08)) * torso
    mask = np.zeros((side, side), np.uint8)
    for chain in ((5, 7, 9), (6, 8, 10), (11, 13, 15), (12, 14, 16)):
        cv2.polylines(mask, [np.round(points[list(chain)]).astype(np.int32)], False, 1, int(0.22 * torso))
    for foot in ((19, 17), (22, 20)):
        cv2.polylines(mask, [np.round(points[list(foot)]).astype(np.int32)], False, 1, int(0.14 * torso))
    cv2.fillPoly(mask, [np.round(points[[5, 6, 12, 11]]).astype(np.int32)], 1)
    cv2.circle(mask, tuple(int(v) for v in points[0]), int(0.25 * torso), 1, -1)
    return paint(mask > 0, CLOTH), Region("body", mask > 0, points, 1.0, None, {"person": mask > 0})


def paint(mask: Mask, colour: tuple[int, int, int] = SKIN) -> Image:
    """The mask in `colour` on the background, with a soft edge and a little noise."""
    soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 0.8)[..., None]
    noise = np.random.default_rng(0).normal(0, 2, (*mask.shape, 1))
    mixed = np.array(BACKGROUND) * (1 - soft) + np.array(colour) * soft
    return np.clip(mixed + noise, 0, 255).astype(np.uint8)
