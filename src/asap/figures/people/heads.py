"""Painting heads: hair, skull and jaw, ears, and the features, each from its own of the face's 68 points."""

from __future__ import annotations

import numpy as np

from asap.figures.people.canvas import closed_curve
from asap.figures.people.limbs import Brush
from asap.figures.people.looks import HAIRS, NUMBER, RGB, mixed, shaded
from asap.figures.people.shading import Finish
from asap.records import Points

# from the temple at the image's right over the crown; x in half-widths of the skull
SKULL = ((1, -0.30), (0.825, -0.72), (0.425, -0.98), (0, -1.05), (-0.425, -0.98), (-0.825, -0.72),
         (-1, -0.30))  # fmt: skip
IRISES: dict[str, RGB] = {"pale": (70, 110, 140), "fair": (84, 104, 70)}


class Head:
    """Axes of a face's 68 points in pixels: a point of face units is `at(x, y)`."""

    def __init__(self, face: Points) -> None:
        self.centre = (face[0] + face[16]) / 2
        down = face[8] - self.centre
        self.unit = float(np.linalg.norm(down)) / 0.92
        self.down = down / max(float(np.linalg.norm(down)), 1e-6) * self.unit
        self.across = np.asarray([self.down[1], -self.down[0]])
        # how far the features have turned to the image's right of the middle of the jaw
        self.turn = float((face[27] - self.centre) @ self.across) / max(self.unit**2, 1e-9)

    def at(self, x: float, y: float) -> Points:
        """The pixel (2,) at `x` to the image's right and `y` down from between the ears, in face units."""
        return np.asarray(self.centre + x * self.across + y * self.down)

    def path(self, *places: tuple[float, float]) -> Points:
        """Pixels (K, 2) of several places."""
        return np.stack([self.at(x, y) for x, y in places])


def paint_back_hair(brush: Brush, face: Points) -> None:
    """Hair that hangs behind the neck, and a bun."""
    head, finish = Head(face), _hair_finish(brush)
    if brush.look.hair == "long":
        outline = head.path((-0.80, -0.5), (0, -1.1), (0.80, -0.5), (0.93, 0.3), (1.0, 1.1), (0.86, 1.62),
                            (0.4, 1.7), (-0.4, 1.7), (-0.86, 1.62), (-1.0, 1.1), (-0.93, 0.3))  # fmt: skip
        brush.canvas.paint(brush.canvas.outline(outline), finish)
    elif brush.look.hair == "bun":
        bun = brush.canvas.chain(head.path((0, -1.2), (0, -1.22)), np.full(2, 0.36 * head.unit))
        brush.canvas.paint(bun, finish)


def paint_head(brush: Brush, face: Points) -> None:
    """Ears, the skull with the jaw, and the features on it, then the hair in front."""
    head = Head(face)
    if brush.look.hair != "bald":  # else a turned head shows what is behind it between its hair and its face
        under = brush.canvas.chain(head.path((0, -0.38), (0, -0.40)), np.full(2, 0.78 * head.unit))
        brush.canvas.paint(under, _hair_finish(brush))
    for x in (-0.78, 0.78):
        inwards = (0.35 if x * head.turn < 0 else -0.5) * head.turn  # both ears hide as a head turns away
        ear = brush.canvas.chain(head.path((x + inwards, 0.0), (0.95 * x + inwards, 0.2)),
                                 np.asarray([0.13, 0.09]) * head.unit)  # fmt: skip
        brush.canvas.paint(ear, brush.finish(brush.skin, "head", 0.02))
    side = 0.43 + float(np.linalg.norm(face[16] - face[0])) / (4 * head.unit)  # less than 0.80 if turned
    skull = head.path(*((x * side, y) for x, y in SKULL))
    outline = np.concatenate([face[:17], skull])
    shape = brush.canvas.outline(outline)
    brush.canvas.paint(shape, brush.finish(brush.skin, "face", 0.05, 0.62))
    paint_features(brush, face, face)
    _paint_front_hair(brush, head)


def _hair_finish(brush: Brush) -> Finish:
    return brush.finish(HAIRS[brush.look.hair_colour], "hair", 0.04, 0.6)


def _paint_front_hair(brush: Brush, head: Head) -> None:
    """The cap of hair over the forehead; bald heads have none."""
    if brush.look.hair == "bald":
        return
    t = 0.35 * head.turn
    low = 0.10 if brush.look.hair == "long" else -0.12
    side = 0.86 if brush.look.hair == "long" else 0.82
    lines = {
        "short": ((0.62, -0.42), (0.3, -0.62), (-0.1, -0.58), (-0.5, -0.52), (-0.66, -0.36)),
        "long": ((0.66, -0.30), (0.46, -0.56), (0.12, -0.74), (-0.36, -0.56), (-0.66, -0.28)),
        "bun": ((0.66, -0.36), (0.42, -0.62), (0.0, -0.72), (-0.42, -0.62), (-0.66, -0.36)),
    }
    line = [(x + t, y) for x, y in lines[brush.look.hair]]
    crown = 1.16 if brush.look.gender == "woman" else 1.13
    outline = head.path((-side, low), (-side - 0.02, -0.42), (-0.68, -0.86),
                        (-0.34, -crown + 0.05), (0, -crown), (0.34, -crown + 0.05), (0.68, -0.86),
                        (side + 0.02, -0.42), (side, low), (side - 0.1, low), *line,
                        (0.1 - side, low))  # fmt: skip
    brush.canvas.paint(brush.canvas.outline(outline), _hair_finish(brush))


def paint_features(brush: Brush, face: Points, own: Points) -> None:
    """Nose, eyes, brows and mouth of a `face` (68, 2), as far as known, on the head of the face `own`."""
    head = Head(own)
    _paint_nose(brush, face, head)
    for first in (36, 42):
        _paint_eye(brush, face[first : first + 6], head)
    hair = HAIRS[brush.look.hair_colour]
    brow = Finish(mixed(shaded(hair, 0.7), brush.skin, 0.15), NUMBER["face"])
    for first, thick in ((17, (0.03, 0.05, 0.055, 0.055, 0.045)), (22, (0.045, 0.055, 0.055, 0.05, 0.03))):
        width = np.asarray(thick) * head.unit * (0.75 if brush.look.gender == "woman" else 1.0)
        brush.canvas.paint(brush.canvas.chain(face[first : first + 5], width), brow)
    _paint_mouth(brush, face, head)


def _paint_nose(brush: Brush, face: Points, head: Head) -> None:
    dark = Finish(shaded(brush.skin, 0.80), NUMBER["face"], texture="skin")
    light = Finish(shaded(brush.skin, 1.06), NUMBER["face"], texture="skin")
    brush.canvas.paint(brush.canvas.chain(face[31:36], np.full(5, 0.035) * head.unit), dark)
    side = face[27:31] + 0.055 * head.across
    brush.canvas.paint(brush.canvas.chain(side[1:], np.asarray([0.012, 0.025, 0.05]) * head.unit), dark)
    brush.canvas.paint(brush.canvas.chain(face[28:31], np.asarray([0.03, 0.045, 0.075]) * head.unit), light)


def _paint_eye(brush: Brush, eye: Points, head: Head) -> None:
    white = brush.canvas.outline(eye)
    brush.canvas.paint(white, Finish((250, 249, 246), NUMBER["face"]))
    if white is not None:
        centre = eye.mean(axis=0)
        iris = brush.canvas.chain(np.stack([centre, centre]), np.full(2, 0.088 * head.unit))
        brush.canvas.paint(iris, Finish(IRISES.get(brush.look.skin, (74, 50, 36))), within=white)
        pupil = brush.canvas.chain(np.stack([centre, centre]), np.full(2, 0.045 * head.unit))
        brush.canvas.paint(pupil, Finish((20, 18, 20)), within=white)
        glint = np.stack([centre, centre]) - 0.03 * (head.across + head.down)
        brush.canvas.paint(brush.canvas.chain(glint, np.full(2, 0.022 * head.unit)), Finish((255, 255, 255)))
    curve = closed_curve(eye)[:19]
    lid = np.full(len(curve), 0.026 if brush.look.gender == "woman" else 0.02) * head.unit
    brush.canvas.paint(brush.canvas.chain(curve[::3], lid[::3]), Finish((48, 34, 32)))


def _paint_mouth(brush: Brush, face: Points, head: Head) -> None:
    rosy = (196, 84, 88) if brush.look.gender == "woman" else (176, 92, 84)
    lips = Finish(mixed(brush.skin, rosy, 0.65), NUMBER["face"], 0.08 * head.unit, 0.04 * head.unit, 0.88)
    brush.canvas.paint(brush.canvas.outline(face[48:60]), lips)
    inner = face[60:68]
    gap = float(np.abs((inner[6] - inner[2]) @ head.down)) / head.unit**2
    if gap < 0.04:
        line = np.stack([face[48], *inner[:5], face[54]])
        brush.canvas.paint(
            brush.canvas.chain(line, np.full(7, 0.016) * head.unit), Finish(shaded(rosy, 0.45))
        )
        return
    hole = brush.canvas.outline(inner)
    brush.canvas.paint(hole, Finish((92, 28, 34)))
    teeth = np.stack([inner[0], *inner[1:5]]) + 0.05 * head.down
    brush.canvas.paint(
        brush.canvas.chain(teeth, np.full(5, 0.05) * head.unit), Finish((246, 244, 238)), within=hole
    )
