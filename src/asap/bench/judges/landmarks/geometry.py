"""Tests of anatomy: pure functions of keypoints, each a number that grows with how implausible a part is.

Points are (K, 2) in pixels, NaN where unknown, in the orders of `asap.anatomy.keypoints`: hand 21, face 68,
body 23. A test says the same of a picture of another size, turned or mirrored, and None where the points do
not allow it to be told. A projection shortens bones and turns joints, so each test holds only as far as its
gate says: palms seen flat, faces seen from the front, legs whose foot is seen from the side.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from asap.anatomy.keypoints import FACE_PARTS, LIMBS, size_of
from asap.anatomy.people import NEAR
from asap.records import Points

FINGER = (0.88, 1.0, 0.95, 0.76)
"""Lengths of index, middle, ring and little finger over that of the middle one: sums of the phalanges in
Buryanov and Kotiuk, "Proportions of hand segments", Int. J. Morphol. 28(3), 2010."""
LIMB = {"arm": 0.95, "leg": 1.65}
"""Lengths of limbs, root to end joint, in torsos (shoulders to hips), as in drawn people and photos."""
FLATTEST = (0.5, 1.7)
"""1.35 knuckle widths over the palm's length, between which a palm is seen flat rather than edge-on."""
LEAST_BONE = 0.3
"""Length in torsos below which a bone points at the viewer and its direction is not told."""
LARGEST_YAW = 0.75
"""Logarithm of the ratio of the distances from the nose's bridge to the jaw's two upper ends."""
PITCHES = (0.26, 0.45)
"""The nose's length over the distance from its bridge to the chin, of faces that look neither up nor down."""
SMALLEST_FACE = 50.0
"""Size of a face in pixels below which its parts are not told."""


def finger_aside(hand: Points) -> float | None:
    """How far a fingertip lies beside the line of its finger's first bone, in lengths of the longest finger.

    The largest over the four long fingers of a palm seen flat; in [0, 1]. A finger bends towards the palm,
    which shortens it in the picture, and hardly to its side.
    """
    if not _is_flat(hand):
        return None
    fingers = _fingers(hand)
    first, rest = fingers[:, 1] - fingers[:, 0], fingers[:, 3] - fingers[:, 1]
    aside = np.abs(_cross(first, rest)) / np.hypot(*first.T)
    return _number(np.max(aside) / _lengths(fingers).max())


def finger_long(hand: Points) -> float | None:
    """Length of the longest finger, knuckle to tip, in hand sizes (`keypoints.size_of`); in (0, inf)."""
    return _number(_lengths(_fingers(hand)).max() / size_of("hand", hand))


def finger_short(hand: Points) -> float | None:
    """By what fraction a straight finger is shorter than the others, each over its usual length (`FINGER`).

    The largest over the straight ones of the four long fingers, if the palm is flat and three or more are
    straight; in [0, 1).
    """
    fingers = _fingers(hand)
    straight = _bends(fingers).max(axis=1) < 25
    if not _is_flat(hand) or straight.sum() < 3:
        return None
    lengths = (_lengths(fingers) / FINGER)[straight]
    return _number(max(0.0, 1 - lengths.min() / np.median(lengths)))


def finger_root(hand: Points) -> float | None:
    """By what fraction a knuckle is nearer to the wrist than the middle one of the four; in [0, 1)."""
    if not _is_flat(hand):
        return None
    reach = np.hypot(*(_fingers(hand)[:, 0] - hand[0]).T)
    return _number(max(0.0, 1 - reach.min() / np.median(reach)))


def eyes_askew(face: Points) -> float | None:
    """Degrees by which the eyes' line is off square to that from the nose's bridge to the chin; [0, 90]."""
    if not _is_frontal(face):
        return None
    across, down = _eyes(face)[1] - _eyes(face)[0], face[8] - face[27]
    return _number(abs(90 - abs(_angle(across, down))))


def eyes_turned(face: Points) -> float | None:
    """Degrees by which both eyes, inner to outer corner, are turned against each other's mirror; [0, 180]."""
    if not _is_frontal(face):
        return None
    across = _eyes(face)[1] - _eyes(face)[0]
    return _number(abs(_angle(across, face[39] - face[36]) + _angle(across, face[45] - face[42])))


def eyes_unequal(face: Points) -> float | None:
    """How much larger one eye is than the other: ratio of the roots of their areas, less 1; [0, inf)."""
    if not _is_frontal(face):
        return None
    areas = [_area(face[FACE_PARTS[name]]) for name in ("right_eye", "left_eye")]
    return _number(math.sqrt(max(areas) / min(areas)) - 1) if min(areas) > 0 else None


def mouth_turned(face: Points) -> float | None:
    """Degrees between the line of the mouth's corners and that of the eyes; in [0, 180]."""
    if not _is_frontal(face):
        return None
    return _number(abs(_angle(_eyes(face)[1] - _eyes(face)[0], face[54] - face[48])))


def mouth_aside(face: Points) -> float | None:
    """Distance of the mouth from the line of the nose's bridge and chin, in eyes' distances; [0, inf)."""
    if not _is_frontal(face):
        return None
    down, mouth = face[8] - face[27], face[FACE_PARTS["mouth"]].mean(axis=0)
    return _number(abs(_cross(down, mouth - face[27])) / np.hypot(*down) / _apart(face))


def limb_long(body: Points) -> float | None:
    """The longest limb over its usual length for this trunk (`LIMB`); in (0, inf).

    The trunk counts as no shorter than one and a half times the shoulders' width, for people who bend over.
    """
    trunk = np.fmax(size_of("body", body), 1.5 * np.hypot(*(body[5] - body[6])))
    ratios = [length / trunk / LIMB[name.split("_")[1]] for name, length in _limbs(body).items()]
    return _number(np.fmax.reduce(ratios))


def limbs_unequal(body: Points) -> float | None:
    """How much longer one arm or leg is than its twin: ratio of lengths less 1; in [0, inf)."""
    limbs = _limbs(body)
    pairs = [(limbs[f"left_{name}"], limbs[f"right_{name}"]) for name in LIMB]
    ratios = [max(pair) / min(pair) - 1 for pair in pairs if np.isfinite(pair).all() and min(pair) > 0]
    return _number(max(ratios, default=np.nan))


def knee_reversed(body: Points) -> float | None:
    """Degrees by which a knee is bent to the side to which its foot points; in [-180, 180], correct below 0.

    Of legs with both bones in view, whose foot stands off the shin: then it is seen from the side.
    """
    trunk, found = size_of("body", body), []
    for limb, toe, heel in ((LIMBS["left_leg"], 17, 19), (LIMBS["right_leg"], 20, 22)):
        hip, knee, ankle = body[list(limb)]
        thigh, shin, foot = knee - hip, ankle - knee, body[toe] - body[heel]
        long = min(np.hypot(*thigh), np.hypot(*shin)) > LEAST_BONE * trunk
        if long and np.hypot(*foot) > LEAST_BONE / 2 * trunk:
            off = _angle(shin, foot)
            if 45 < abs(off) < 135:  # else the foot goes on where the shin ends
                found.append(math.copysign(1, off) * _angle(thigh, shin))
    return _number(max(found, default=np.nan))


def hand_large(hand: Points, face: Points) -> float | None:
    """Size of a hand over that of the same person's face (`keypoints.size_of`); in (0, inf)."""
    return _number(size_of("hand", hand) / size_of("face", face)) if _is_frontal(face) else None


def hand_small(hand: Points, face: Points) -> float | None:
    """The inverse of `hand_large`, of a hand whose palm is seen flat; in (0, inf)."""
    large = hand_large(hand, face) if _is_flat(hand) else None
    return 1 / large if large else None


def hands_surplus(hands: int, bodies: int, faces: int) -> float:
    """Hands beyond two for each person: as many as bodies or faces, one at least; -2, -1, 0, ..."""
    return float(hands - 2 * max(bodies, faces, 1)) if hands else -2.0


def hands_at_wrist(hands: Sequence[Points], body: Points) -> float | None:
    """Most hands that grow from one wrist of a body and are not nearer to its other one; 0, 1, 2, ..."""
    wrists = body[[9, 10]]
    if not hands or not np.isfinite(wrists).all():
        return None
    away = [np.hypot(*(wrists - hand[0]).T) / size_of("hand", hand) for hand in hands]
    near = [int(np.argmin(each)) for each in away if min(each) < NEAR["hand"] / 2]
    return float(max(near.count(0), near.count(1)))


def hand_doubt(score: float) -> float:
    """How unsure the detector is of a hand: 1 less its score; in [0, 1]."""
    return 1 - score


def hands_unfound(hands: Sequence[Points], body: Points) -> float | None:
    """How many wrists, at the end of a forearm in full view, have no hand near; 0, 1, 2."""
    bare, reach = 0, 1.5 * max((size_of("hand", hand) for hand in hands), default=0.0)
    for elbow, wrist in (body[list(LIMBS[name][1:])] for name in ("left_arm", "right_arm")):
        in_view = np.hypot(*(wrist - elbow)) > LEAST_BONE * size_of("body", body)
        bare += bool(in_view and all(np.hypot(*(hand[0] - wrist)) > reach for hand in hands))
    return _number(bare)


def limbs_cut(body: Points, height: int, width: int) -> float:
    """How many limbs end at a known elbow or knee though the picture goes on there; 0 to 4."""
    cut = 0
    for root, middle, end in (body[list(limb)] for limb in LIMBS.values()):
        going = middle + (middle - root)
        inside = (going >= 0).all() and (going < (width, height)).all()
        cut += bool(inside and np.isnan(end).any())
    return float(cut)


def _fingers(hand: Points) -> Points:
    """(4, 4, 2) index to little finger, knuckle to tip."""
    return hand[5:21].reshape(4, 4, 2)


def _lengths(fingers: Points) -> Points:
    """(4,) along the bones."""
    return np.asarray(np.hypot(*np.diff(fingers, axis=1).transpose(2, 0, 1)).sum(axis=1))


def _bends(fingers: Points) -> Points:
    """(4, 2) degrees between one bone and the next."""
    bones = np.diff(fingers, axis=1)
    return np.array([[abs(_angle(a, b)) for a, b in pairwise(each)] for each in bones])


def _is_flat(hand: Points) -> bool:
    palm = np.hypot(*(hand[9] - hand[0]))
    wide = 1.35 * np.hypot(*(hand[17] - hand[5]))
    return bool(FLATTEST[0] * palm < wide < FLATTEST[1] * palm)


def _eyes(face: Points) -> Points:
    """(2, 2) middles of the eyes, the person's right one first: left in the picture."""
    return np.array([face[FACE_PARTS[name]].mean(axis=0) for name in ("right_eye", "left_eye")])


def _apart(face: Points) -> float:
    return float(np.hypot(*(_eyes(face)[1] - _eyes(face)[0])))


def _is_frontal(face: Points) -> bool:
    """Told without the eyes, which may be what is wrong."""
    bridge = face[27]
    right, left, nose, chin = (np.hypot(*(face[point] - bridge)) for point in (0, 16, 30, 8))
    large = size_of("face", face) >= SMALLEST_FACE and min(right, left, chin) > 0
    return bool(large and abs(math.log(right / left)) < LARGEST_YAW and PITCHES[0] < nose / chin < PITCHES[1])


def _limbs(body: Points) -> dict[str, float]:
    """Length of each limb, root to end along its bones; NaN where a joint is unknown."""
    return {name: float(np.hypot(*np.diff(body[list(limb)], axis=0).T).sum()) for name, limb in LIMBS.items()}


def _angle(first: Points, second: Points) -> float:
    """Degrees in [-180, 180] by which `first` is to be turned to point as `second` does."""
    return math.degrees(math.atan2(_cross(first, second), first @ second))


def _cross(a: Points, b: Points) -> Points:
    return np.asarray(a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0])


def _area(polygon: Points) -> float:
    x, y = polygon.T
    return abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2


def _number(value: object) -> float | None:
    """A plain number, or None where it is none."""
    number = float(value)  # type: ignore[arg-type]
    return number if math.isfinite(number) else None
