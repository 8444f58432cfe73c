"""Pictures of skeletons in the OpenPose convention, as pose ControlNets were trained on them.

18 joints (no feet) with a neck between the shoulders, joined by darkened ellipses; hands of 20 edges and blue
points; white points for the face. Sizes are fixed, for pictures of about 512 to 1024 pixels.
Reference: Zhang et al., "Adding Conditional Control to Text-to-Image Diffusion Models", ICCV 2023, and its
annotators.
"""

from __future__ import annotations

import colorsys
import math

import cv2
import numpy as np

from asap.anatomy.keypoints import HAND_BONES, known
from asap.anatomy.skeletons import Skeleton
from asap.records import Image, Points

STICK, DOT, FACE_DOT, EDGE = 4, 4, 3, 2
"""Half-width of a limb's ellipse, radii of joints and of face points, width of a hand's edge, in pixels."""
DARKENED = 0.6
"""Brightness of the limbs; joints and hands are drawn in full colour."""
COLOURS = (
    (255, 0, 0), (255, 85, 0), (255, 170, 0), (255, 255, 0), (170, 255, 0), (85, 255, 0),
    (0, 255, 0), (0, 255, 85), (0, 255, 170), (0, 255, 255), (0, 170, 255), (0, 85, 255),
    (0, 0, 255), (85, 0, 255), (170, 0, 255), (255, 0, 255), (255, 0, 170), (255, 0, 85),
)  # fmt: skip
"""RGB of joint i; limb i has the same colour, darkened."""
JOINTS = (0, None, 6, 8, 10, 5, 7, 9, 12, 14, 16, 11, 13, 15, 2, 1, 4, 3)
"""For each of OpenPose's 18 joints its place in COCO's 17; None is the neck."""
LIMBS = (
    (1, 2), (1, 5), (2, 3), (3, 4), (5, 6), (6, 7), (1, 8), (8, 9), (9, 10),
    (1, 11), (11, 12), (12, 13), (1, 0), (0, 14), (14, 16), (0, 15), (15, 17),
)  # fmt: skip
"""The limbs, as pairs of OpenPose's joints: shoulders, arms, legs from the neck, head."""
BLUE, WHITE = (0, 0, 255), (255, 255, 255)


def draw_openpose(skeleton: Skeleton, height: int, width: int) -> Image:
    """(height, width, 3) the skeleton with its extras on black; points that are not known are left out."""
    canvas = np.zeros((height, width, 3), np.uint8)
    draw_bodies(canvas, [openpose_joints(body) for body in _copies(skeleton, "body")])
    for hand in (*_copies(skeleton, "left_hand"), *_copies(skeleton, "right_hand")):
        draw_hand(canvas, hand)
    for face in _copies(skeleton, "face"):
        _draw_dots(canvas, known(face), FACE_DOT, WHITE)
    return canvas


def openpose_joints(body: Points) -> Points:
    """(18, 2) OpenPose's joints of a body's (23, 2) points: a neck where both shoulders are, no feet."""
    neck = (body[5] + body[6]) / 2
    return np.stack([neck if index is None else body[index] for index in JOINTS])


def draw_bodies(canvas: Image, bodies: list[Points]) -> None:
    """(18, 2) OpenPose's joints of a body's (23, 2) points: with a neck between the shoulders, no feet."""
    for (a, b), colour in zip(LIMBS, COLOURS[: len(LIMBS)], strict=True):
        for joints in bodies:
            if np.isfinite(joints[[a, b]]).all():
                _draw_stick(canvas, joints[a], joints[b], tuple(int(c * DARKENED) for c in colour))
    for index, colour in enumerate(COLOURS):
        for joints in bodies:
            _draw_dots(canvas, known(joints[[index]]), DOT, colour)


def draw_hand(canvas: Image, hand: Points) -> None:
    """Draw a hand's (21, 2) edges, the hue of edge i being i / 20, and its points into `canvas`."""
    for index, (a, b) in enumerate(HAND_BONES):
        if np.isfinite(hand[[a, b]]).all():
            red, green, blue = (255 * c for c in colorsys.hsv_to_rgb(index / len(HAND_BONES), 1, 1))
            cv2.line(canvas, _pixel(hand[a]), _pixel(hand[b]), (red, green, blue), EDGE)
    _draw_dots(canvas, known(hand), DOT, BLUE)


def _copies(skeleton: Skeleton, part: str) -> list[Points]:
    return [skeleton.part(part), *(extra.points for extra in skeleton.extras if extra.part == part)]


def _draw_stick(canvas: Image, a: Points, b: Points, colour: tuple[int, ...]) -> None:
    length, angle = math.dist(a, b), math.degrees(math.atan2(*(a - b)[::-1]))
    outline = cv2.ellipse2Poly(
        _pixel((a + b) / 2), (int(length / 2), STICK), int(angle), arcStart=0, arcEnd=360, delta=1
    )
    cv2.fillConvexPoly(canvas, outline, colour)


def _draw_dots(canvas: Image, points: Points, radius: int, colour: tuple[int, ...]) -> None:
    for point in points:
        cv2.circle(canvas, _pixel(point), radius, colour, thickness=-1)


def _pixel(point: Points) -> tuple[int, int]:
    return int(point[0]), int(point[1])
