"""Hands with faults as image models make them, to train the judge `network`: fingers that end early, fade,
have a gap, are doubled or torn, grow together.

A picture is B + w (A - B): two renders of one hand, A with a finger and B without it (or with it elsewhere),
and a weight w per pixel, which may vary along the finger. w = 1 everywhere gives A.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np

from asap.figures import hands
from asap.figures.hands import FINGERS, GESTURES, WIDTHS, Array, Hands
from asap.figures.render import CENTRE
from asap.figures.render import SIZE as HAND_SIZE

SIZE = 24
KINDS = (*hands.ERRORS, "distorted hand", "wrong gesture")


@dataclass(frozen=True, eq=False)
class Draft:
    """One hand on its way to a picture.

    Attributes:
        gesture: what is drawn; a fault may replace it, while the caption stays.
        above, below: the skeletons A and B, batches of one.
        rng: the picture's own randomness.
    """

    gesture: str
    above: Hands
    below: Hands
    rng: np.random.Generator

    @property
    def long(self) -> list[int]:
        """The stretched fingers without the thumb."""
        return [finger for finger in GESTURES[self.gesture] if finger]

    def finger(self) -> int:
        """One of the stretched fingers."""
        return int(self.rng.choice(GESTURES[self.gesture]))

    def along(self, finger: int) -> Array:
        """Where each pixel lies along the finger of A: (24, 24), 0 at the knuckle, 1 at the tip."""
        a, b = (to_image(self.above, finger, joint) for joint in (0, 3))
        line = (np.arange(SIZE, dtype=np.float32) + 0.5) / SIZE
        x, y = np.meshgrid(line, line)
        step = b - a
        share: Array = ((x - a[0]) * step[0] + (y - a[1]) * step[1]) / max(float(step @ step), 1e-6)
        return share


class Faulty(NamedTuple):
    """What a fault leaves: its kind (one of `KINDS`) and the weight w, (24, 24)."""

    kind: str
    weight: Array


Fault = Callable[[Draft], Faulty]


@cache
def shape(gesture: str) -> Array:
    """The gesture's joints (6, 4, 2), as `Hands.fingers` has them; not to be changed."""
    pose = (np.zeros(1, np.float32), np.ones(1, np.float32), np.zeros((1, 2), np.float32))
    return np.asarray(hands.hands([gesture], *pose).fingers[0])


def to_image(hand: Hands, finger: int, joint: int) -> Array:
    """Place (2,) of a joint of a batch of one, in image widths."""
    x, y = hand.fingers[0, finger, joint] * (HAND_SIZE * hand.scale[0])
    cos, sin = np.cos(hand.rotation[0]), np.sin(hand.rotation[0])
    turned = (CENTRE[0] + cos * x - sin * y, CENTRE[1] + sin * x + cos * y)
    return np.asarray(np.asarray(turned) + hand.shift[0], np.float32)


def whole() -> Array:
    """The weight of a picture that is A alone."""
    return np.ones((SIZE, SIZE), np.float32)


def step(share: Array, where: float, soft: float = 0.08) -> Array:
    """1 before `where` along a finger, 0 after it."""
    return np.asarray(0.5 - 0.5 * np.tanh((share - where) / soft), np.float32)


def remove(hand: Hands, finger: int, left: float = 0.0) -> None:
    """Shrink a finger to `left` of its length, in place."""
    joints = hand.fingers[0, finger]
    joints[:] = joints[0] + left * (joints - joints[0])


def turn(hand: Hands, finger: int, degrees: float) -> None:
    """Turn a finger about its knuckle, in place."""
    angle = np.radians(degrees)
    cos, sin = np.cos(angle), np.sin(angle)
    joints = hand.fingers[0, finger]
    joints[:] = joints[0] + (joints - joints[0]) @ np.asarray([[cos, sin], [-sin, cos]], np.float32)


def named(draft: Draft) -> Faulty:
    """One of the errors that training pairs have."""
    error = str(draft.rng.choice(hands.possible_errors(draft.gesture)))
    hands.with_error(draft.above, 0, draft.gesture, error, draft.rng)
    return Faulty(error, whole())


def short(draft: Draft) -> Faulty:
    """A finger that ends early."""
    finger = draft.finger()
    remove(draft.below, finger)
    ends = draft.rng.uniform(0.2, 0.62)
    return Faulty("missing finger", step(draft.along(finger), ends, draft.rng.uniform(0.03, 0.4)))


def faint(draft: Draft) -> Faulty:
    """A finger, or its outer part, that is hardly there."""
    finger = draft.finger()
    remove(draft.below, finger)
    left, begins = draft.rng.uniform(0.0, 0.45), draft.rng.uniform(0.0, 0.45)
    outer = 1 - step(draft.along(finger), begins, 0.15)
    return Faulty("missing finger", 1 - (1 - left) * outer)


def gap(draft: Draft) -> Faulty:
    """A finger with a gap, beyond which it goes on."""
    finger = draft.finger()
    remove(draft.below, finger)
    begins, width = draft.rng.uniform(0.2, 0.55), draft.rng.uniform(0.22, 0.4)
    share, depth = draft.along(finger), draft.rng.uniform(0.75, 1.0)
    hole = step(share, begins + width, 0.1) - step(share, begins, 0.1)
    return Faulty("broken finger", 1 - depth * hole)


def torn(draft: Draft) -> Faulty:
    """A finger of shreds."""
    finger = draft.finger()
    remove(draft.below, finger)
    field = draft.rng.random((SIZE, SIZE)).astype(np.float32)
    kept = (field < draft.rng.uniform(0.25, 0.5)).astype(np.float32)
    outer = 1 - step(draft.along(finger), draft.rng.uniform(0.1, 0.35))
    return Faulty("broken finger", 1 - outer * (1 - kept))


def halves(draft: Draft) -> Faulty:
    """A finger in two places at once, half there in each."""
    finger = draft.finger()
    apart = draft.rng.uniform(22, 45)
    first = draft.rng.uniform(0.3, 0.7) * apart
    turn(draft.above, finger, first)
    turn(draft.below, finger, first - apart)
    return Faulty("broken finger", whole() * np.float32(draft.rng.uniform(0.35, 0.65)))


def forked(draft: Draft) -> Faulty:
    """A finger that parts into two."""
    finger = draft.finger()
    draft.above.fingers[0, 5] = draft.above.fingers[0, finger]
    draft.above.widths[0, 5] = WIDTHS[finger]
    apart, side = draft.rng.uniform(24, 40), draft.rng.choice([-1, 1])
    turn(draft.above, finger, side * apart / 2)
    turn(draft.above, 5, -side * apart / 2)
    remove(draft.above, 5, draft.rng.uniform(0.7, 1.0))
    return Faulty("extra finger", whole())


def melted(draft: Draft) -> Faulty:
    """Neighbours whose gap has filled with skin; without neighbours, a finger that is a clump."""
    pairs = hands.neighbours(draft.gesture)
    joints, widths = draft.above.fingers[0], draft.above.widths[0]
    if pairs:
        a, b = pairs[int(draft.rng.integers(len(pairs)))]
        joints[5], widths[5] = (joints[a] + joints[b]) / 2, WIDTHS[a] * draft.rng.uniform(1.0, 1.3)
        remove(draft.above, 5, draft.rng.uniform(0.7, 1.0))
        return Faulty("fused fingers", whole())
    finger = draft.finger()
    remove(draft.above, finger, draft.rng.uniform(0.25, 0.5))
    widths[finger] *= draft.rng.uniform(1.7, 2.4)
    return Faulty("distorted hand", whole())


def other_gesture(draft: Draft) -> Faulty:
    """Another gesture than the caption asks for."""
    others = [name for name in GESTURES if name != draft.gesture]
    draft.above.fingers[0] = shape(str(draft.rng.choice(others)))
    return Faulty("wrong gesture", whole())


def other_finger(draft: Draft) -> Faulty:
    """One finger stretched that should be folded, or the reverse; perhaps not wholly so."""
    finger = int(draft.rng.integers(len(FINGERS)))
    stretched = finger in GESTURES[draft.gesture]
    opposite = next(name for name, fingers in GESTURES.items() if (finger in fingers) != stretched)
    draft.above.fingers[0, finger] = shape(opposite)[finger]
    if stretched:
        return Faulty("missing finger", whole())
    return Faulty("extra finger", whole() * np.float32(draft.rng.uniform(0.55, 1.0)))


# how often each is drawn, relative to the others
FAULTS: dict[Fault, float] = {
    named: 3.0,
    short: 2.5,
    faint: 2.5,
    gap: 2.0,
    torn: 1.0,
    halves: 1.5,
    forked: 1.0,
    melted: 1.5,
    other_gesture: 1.0,
    other_finger: 1.5,
}


def nearly(draft: Draft) -> Array:
    """The weight of a hand that is still correct: whole, or a finger a little short or a little faint."""
    finger = draft.finger()
    remove(draft.below, finger)
    share, kind = draft.along(finger), draft.rng.random()
    if kind < 0.2:
        return step(share, draft.rng.uniform(0.85, 1.0))
    if kind < 0.4:
        lost = draft.rng.uniform(0, 0.25)
        return np.asarray(1 - lost * (1 - step(share, draft.rng.uniform(0, 0.8), 0.2)), np.float32)
    return whole()
