"""Painting bodies: legs, feet, torso, neck, arms with their clothes, from a body's 23 points."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from asap.figures.people.canvas import Canvas, between
from asap.figures.people.figure import Look
from asap.figures.people.looks import BOTTOMS, CLOTHES, NUMBER, RGB, SHOES, SKINS, shaded
from asap.figures.people.shading import Finish, Shape
from asap.records import Points

SHOULDER, ELBOW, WRIST = 0.033, 0.026, 0.0185  # half-widths in statures
NECKLINE = ((-0.037, -0.036), (0, -0.05), (0.037, -0.036), (0.02, 0.012), (0, 0.02), (-0.02, 0.012))
THIGH, KNEE, ANKLE = 0.047, 0.034, 0.021
FADED = 0.45  # share of their ink that outlines lose in the full photographic look
SURFACES = {"hair": "hair", "object": "thing", "left_foot": "thing", "right_foot": "thing"}


@dataclass(frozen=True, eq=False)
class Brush:
    """A canvas with what all parts of one person share.

    Attributes:
        look: what the person wears.
        unit: pixels in a stature.
        dose: of the photographic look, in which outlines are fainter.
    """

    canvas: Canvas
    look: Look
    unit: float
    dose: float = 0.0

    @property
    def skin(self) -> RGB:
        return SKINS[self.look.skin]

    def finish(self, colour: RGB, label: str, thickness: float, ink: float = 0.55) -> Finish:
        """A rounded finish for a part of half-width `thickness` statures, with the usual outline."""
        edge = max(0.9, 0.0042 * self.unit)
        ink += FADED * self.dose * (1 - ink)
        texture = "skin" if colour == self.skin else SURFACES.get(label, "cloth")
        return Finish(
            colour, NUMBER[label], max(1.0, 0.95 * thickness * self.unit), edge, ink, texture=texture
        )

    def rooted(self, finish: Finish, root: Points, ahead: Points, radius: float) -> Finish:
        """`finish` without outline around a root, except `ahead` of it; `radius` in statures.

        An unknown root, as of the part of a limb beyond a break, leaves the outline whole.
        """
        if not np.isfinite([*root, *ahead]).all():
            return finish
        x, y = ahead / max(float(np.linalg.norm(ahead)), 1e-6)
        return replace(finish, root=(float(root[0]), float(root[1]), float(x), float(y), radius * self.unit))

    def chain(self, points: Points, widths: tuple[float, ...]) -> Shape | None:
        """`Canvas.chain` with half-widths in statures, through the known points; None for fewer than two."""
        known = np.isfinite(points).all(axis=1)
        if known.sum() < 2:
            return None
        return self.canvas.chain(points[known], np.maximum(np.asarray(widths)[known] * self.unit, 0.4))


def paint_arm(brush: Brush, side: str, arm: Points, out: Points) -> None:
    """An arm from its shoulder, elbow and wrist (3, 2): skin, then the sleeve; `out` points off the torso."""
    slim = 0.9 if brush.look.gender == "woman" else 1.08
    widths = (SHOULDER * slim, ELBOW * slim, WRIST * slim)
    label = f"{side}_arm"
    brush.canvas.paint(brush.chain(arm, widths), brush.finish(brush.skin, label, ELBOW))
    cloth = brush.rooted(brush.finish(CLOTHES[brush.look.top], label, SHOULDER), arm[0], out, 1.5 * SHOULDER)
    if brush.look.sleeves == "long":
        end = between(arm[1:], 0.94)
        loose = tuple(w + 0.004 for w in widths)
        brush.canvas.paint(brush.chain(np.stack([arm[0], arm[1], end]), loose), cloth)
    else:
        end = between(arm[:2], 0.62)
        sleeve = brush.chain(np.stack([arm[0], end]), (widths[0] + 0.004, widths[1] + 0.012))
        brush.canvas.paint(sleeve, cloth)


def paint_leg(brush: Brush, side: str, leg: Points, foot: Points) -> None:
    """A leg from hip, knee and ankle (3, 2) and its foot from big toe, small toe and heel (3, 2)."""
    paint_foot(brush, side, leg[2], foot)
    label = f"{side}_leg"
    brush.canvas.paint(brush.chain(leg, (THIGH, KNEE, ANKLE)), brush.finish(brush.skin, label, KNEE))
    cloth = brush.finish(BOTTOMS[brush.look.bottom_colour], label, THIGH)
    if brush.look.bottom == "trousers":
        hem = between(leg[1:], 0.95)
        trousers = brush.chain(np.stack([leg[0], leg[1], hem]), (THIGH + 0.007, KNEE + 0.007, ANKLE + 0.01))
        brush.canvas.paint(trousers, cloth)
    elif brush.look.bottom == "shorts":
        hem = between(leg[:2], 0.72)
        brush.canvas.paint(brush.chain(np.stack([leg[0], hem]), (THIGH + 0.008, KNEE + 0.018)), cloth)


def paint_foot(brush: Brush, side: str, ankle: Points, foot: Points) -> None:
    """A shoe, or a bare foot with five toes."""
    big, small, heel = foot
    label, bare = f"{side}_foot", brush.look.feet == "bare"
    ball = (big + small) / 2
    if bare:
        finish = brush.finish(brush.skin, label, 0.025)
        for i in range(5):
            tip = big + (small - big) * i / 4
            root = tip + 0.3 * (heel - tip)
            width = (0.011, 0.0085, 0.008, 0.0075, 0.007)[i]
            brush.canvas.paint(brush.chain(np.stack([root, tip]), (width, width)), finish)
        sole = np.stack([heel, heel + 0.66 * (ball - heel)])
        brush.canvas.paint(brush.chain(sole, (0.019, 0.026)), finish)
        brush.canvas.paint(brush.chain(np.stack([ankle, heel + 0.5 * (ball - heel)]), (ANKLE, 0.02)), finish)
        return
    finish = brush.finish(SHOES[brush.look.shoe_colour], label, 0.028)
    sole = np.add(np.stack([heel, ball]), [0, 0.007 * brush.unit])
    under = brush.finish(shaded(SHOES[brush.look.shoe_colour], 0.45), label, 0.03)
    brush.canvas.paint(brush.chain(sole, (0.023, 0.030)), under)
    brush.canvas.paint(brush.chain(np.stack([heel, ball]), (0.023, 0.029)), finish)
    brush.canvas.paint(brush.chain(np.stack([ankle, heel + 0.35 * (ball - heel)]), (0.022, 0.024)), finish)


def paint_hips(brush: Brush, body: Points) -> None:
    """The seat of trousers or shorts, or a skirt down to the knees, below the top."""
    colour = BOTTOMS[brush.look.bottom_colour]
    left, right = body[11], body[12]
    across, down = _axes(body)
    finish = brush.finish(colour, "torso", 0.06)
    middle = (left + right) / 2
    half = [(middle + sign * 0.086 * across - 0.04 * down, middle + sign * 0.088 * across + 0.02 * down,
             middle + sign * 0.052 * across + 0.055 * down) for sign in (1, -1)]  # fmt: skip
    seat = np.stack([*half[0], middle + 0.062 * down, *half[1][::-1]])
    brush.canvas.paint(brush.canvas.outline(seat), Finish(colour, NUMBER["torso"], texture="cloth"))
    if brush.look.bottom != "skirt":
        return
    hems = [body[11 + i] + 0.86 * (body[13 + i] - body[11 + i]) for i in (0, 1)]
    flare = 0.052 * across
    corners = [right - 0.026 * across - 0.045 * down, left + 0.026 * across - 0.045 * down,
               left + 0.05 * across + 0.03 * down, hems[0] + flare, (hems[0] + hems[1]) / 2 + 0.012 * down,
               hems[1] - flare, right - 0.05 * across + 0.03 * down]  # fmt: skip
    brush.canvas.paint(brush.canvas.outline(np.stack(corners)), finish)


def _axes(body: Points) -> tuple[Points, Points]:
    """A stature's length to the person's left and down along the torso, in pixels."""
    spine = (body[11] + body[12] - body[5] - body[6]) / 2
    down = spine / max(float(np.linalg.norm(spine)), 1e-6)
    scale = float(np.linalg.norm(spine)) / 0.285
    return np.asarray([down[1], -down[0]]) * scale, down * scale


def paint_torso(brush: Brush, body: Points) -> None:
    """The top, from shoulders to hips, with a waist."""
    across, down = _axes(body)
    woman = brush.look.gender == "woman"
    waist, hip, shoulder = (0.068, 0.102, 0.022) if woman else (0.088, 0.104, 0.028)
    neck = (body[5] + body[6]) / 2
    middle = (body[11] + body[12]) / 2
    half = []
    for sign, joint in ((1, body[5]), (-1, body[6])):
        out = sign * across
        tip = joint + shoulder * out
        rows = (neck + 0.034 * out - 0.052 * down, joint - 0.038 * down - 0.004 * out, tip + 0.004 * down,
                joint + 0.002 * out + 0.075 * down, middle + waist * out - 0.105 * down,
                middle + hip * out - 0.01 * down, middle + (hip - 0.004) * out + 0.022 * down)  # fmt: skip
        half.append(rows)
    outline = np.stack([*half[0], *half[1][::-1]])
    brush.canvas.paint(brush.canvas.outline(outline), brush.finish(CLOTHES[brush.look.top], "torso", 0.06))


def paint_neck(brush: Brush, body: Points, face: Points) -> None:
    """The neck between the shoulders and the head, shaded under the chin, with the top's neckline."""
    across, down = _axes(body)
    base = (body[5] + body[6]) / 2
    head = (face[0] + face[16]) / 2
    chin = face[8]
    top = head + 0.75 * (chin - head)
    width = 0.026 if brush.look.gender == "woman" else 0.032
    neckline = np.stack([base + x * across + y * down for x, y in NECKLINE])  # fmt: skip
    flat = Finish(brush.skin, NUMBER["neck"], texture="skin")
    brush.canvas.paint(brush.canvas.outline(neckline), flat)
    neck = brush.chain(np.stack([top, base - 0.018 * down]), (width, width))
    shadow = Finish(shaded(brush.skin, 0.86), NUMBER["neck"], 0.02 * brush.unit, texture="skin")
    brush.canvas.paint(neck, shadow)
