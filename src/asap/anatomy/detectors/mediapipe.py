"""Every hand, face and body in a photo, as `Region`s: MediaPipe's models on several views of it.

The models see 192 or 256 pixels, so a small hand or face is found only in a part of the photo cut out and
enlarged: the views are the whole, overlapping tiles, and squares around the wrists and below the faces. For
hands a square is looked at where no hand is at the wrist yet, and a tile where people are seen that belong to
no body found: these two take half of the time.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from asap.anatomy.detectors.detector import Choice
from asap.anatomy.detectors.mediapipe_models import LEFT_IRIS, MESH_TO_IBUG, RIGHT_IRIS, Models
from asap.anatomy.detectors.regions import SMALLEST, Found, assemble, in_order
from asap.anatomy.detectors.views import around, hand_squares
from asap.anatomy.keypoints import BODY_BONES, LIMBS, bounds, size_of
from asap.anatomy.masks import SURELY, breadth, capsules, person_mask
from asap.errors import UserError
from asap.records import Box, Image, Mask, Photo, Points, Region

TILED = 512
"""Longest side from which on tiles are looked at as well."""
SURE = 0.6
"""Least score of a body."""
WIDE = 0.45
"""How far from its bones, in its torso's lengths, a body's pixels and clothes may lie."""
OTHERS = 0.03
"""Share of a tile that shows people of no body found, from which on it is looked at for hands."""
UNSURE = 0.9
"""Score of a hand below which it is looked at once more, with more around it."""

Likely = Callable[[], NDArray[np.float32]]
"""What gives (H, W) in [0, 1]: how likely each pixel shows a person."""


class MediaPipe:
    """The detector: MediaPipe's models, which come with its wheel."""

    @classmethod
    def prepare(cls, choice: Choice) -> Choice:
        """See `detector.Detector`."""
        if choice.files or choice.device != "cpu":
            raise UserError(
                "the detector mediapipe takes no --detector-files and runs on the CPU alone; leave them out"
            )
        return choice

    @classmethod
    def open(cls, choice: Choice) -> MediaPipe:
        """See `detector.Detector`."""
        _models()
        return cls()

    def find(self, image: Image, photo: Photo) -> list[Region]:
        """See `detector.Detector`."""
        return find_regions(image)


def find_regions(image: Image) -> list[Region]:
    """All hands, faces and bodies found in `image`, ordered by part and then from left to right.

    Their `context` is that of `detector`; "person" is there where a body was found.

    Raises:
        UserError: MediaPipe is not installed.
    """
    models = _models()
    faces = _faces(models, image)
    bodies = _bodies(models, image, [face.points[list(MESH_TO_IBUG)] for face in faces])
    people = functools.cache(functools.partial(models.people, image))
    hands = [hand for hand in _hands(models, image, bodies, people) if not _is_foot(hand, bodies)]
    bodies = [body for body in bodies if not _is_hand(body, hands)]
    return _regions(people, image, hands, faces, bodies)


@functools.cache
def _models() -> Models:
    return Models()


def _faces(models: Models, image: Image) -> list[Found]:
    boxes: list[tuple[Box, float]] = []
    for view in _views(image):
        for box, score in models.face_boxes(image, view):
            if not any(_overlap(box, other) > 0.25 for other, _ in boxes):
                boxes.append((box, score))
    found: list[Found] = []
    for box, score in boxes:
        mesh = models.face(image, around(box, 2.0, image))
        if mesh is not None:
            face = Found(mesh, score)
            _add(found, face, size_of("face", mesh[list(MESH_TO_IBUG)]), "face", 0.3)
    return found


def _bodies(models: Models, image: Image, faces: Sequence[Points]) -> list[Found]:
    views = [_whole(image)]
    for face in faces:
        left, top, right, bottom = bounds(face)
        views.append(around((int(left), int(top), int(right), int(bottom + 5 * (bottom - top))), 1.2, image))
    found: list[Found] = []
    for view in views:
        body = models.body(image, view)
        if body is not None and body.score >= SURE:
            _add(found, body, size_of("body", body.points), "body", 0.35)
    return found


def _hands(models: Models, image: Image, bodies: Sequence[Found], people: Likely) -> list[Found]:
    found: list[Found] = []

    def look(view: Box) -> None:
        for hand in models.hands(image, view):
            _add(found, hand, size_of("hand", hand.points), "hand", 0.5, unsure=UNSURE)

    whole, *tiles = _views(image)
    look(whole)
    for body in bodies:
        for side, square in hand_squares(body.points, image).items():
            if not _at(body.points[LIMBS[f"{side}_arm"][2]], found):
                look(square)
    others = _nobodys(people, bodies) if tiles else np.zeros(image.shape[:2], bool)
    for tile in tiles:
        left, top, right, bottom = tile
        if others[top:bottom, left:right].mean() > OTHERS or any(_doubtful(hand, tile) for hand in found):
            look(tile)
    return found


def _doubtful(hand: Found, tile: Box) -> bool:
    """Whether the hand's score is low, perhaps because its view cut it, and its middle lies in `tile`."""
    x, y = hand.points.mean(axis=0)
    return hand.score < UNSURE and tile[0] <= x < tile[2] and tile[1] <= y < tile[3]


def _at(wrist: Points, hands: Sequence[Found]) -> bool:
    """Whether one of `hands` begins at a body's `wrist` (2,)."""
    return any(np.hypot(*(h.points[0] - wrist)) < 0.5 * size_of("hand", h.points) for h in hands)


def _nobodys(people: Likely, bodies: Sequence[Found]) -> Mask:
    """(H, W) the pixels that are likely a person's and lie far from the bones of every body."""
    seen = people() > 0.5
    for body in bodies:
        seen &= ~capsules(body.points, BODY_BONES, WIDE * breadth(body.points), *seen.shape)
    return np.asarray(seen)


def _is_foot(hand: Found, bodies: Sequence[Found]) -> bool:
    """Whether a "hand" lies at some body's foot rather than at a wrist: bare feet are taken for hands."""
    size, centre = size_of("hand", hand.points), hand.points.mean(axis=0)
    for body in bodies:
        apart = np.linalg.norm(body.points - centre, axis=1)
        foot, wrist = (np.nan_to_num(part, nan=np.inf).min() for part in (apart[15:], apart[9:11]))
        if foot < size and foot < wrist:
            return True
    return False


def _is_hand(body: Found, hands: Sequence[Found]) -> bool:
    """Whether a "body" is no larger than a hand that it lies on: its fingers are taken for limbs."""
    size, centre = size_of("body", body.points), np.nanmean(body.points, axis=0)
    on = (size_of("hand", h.points) for h in hands if np.linalg.norm(h.points.mean(axis=0) - centre) < size)
    return any(size < 2 * hand for hand in on)


def _add(found: list[Found], new: Found, size: float, part: str, near: float, unsure: float = 0.0) -> None:
    """Add `new` unless it is too small or lies within `near` sizes of one there already, point by point.

    One there whose score is below `unsure` gives way to a better one.
    """
    if not size >= SMALLEST[part]:
        return
    for number, old in enumerate(found):
        apart = np.linalg.norm(old.points - new.points, axis=1)
        if np.isfinite(apart).any() and np.nanmedian(apart) < near * size:
            if old.score < min(unsure, new.score):
                found[number] = new
            return
    found.append(new)


def _regions(
    people: Likely, image: Image, hands: list[Found], faces: list[Found], bodies: list[Found]
) -> list[Region]:
    bodies = in_order(bodies)

    def person() -> Mask:
        return person_mask(image, people(), [body.points for body in bodies])

    def surely() -> Mask:
        return np.asarray(people() > SURELY)

    outlines = [_outline(face) for face in in_order(faces)]
    return assemble(image, in_order(hands), outlines, bodies, person if bodies else None, surely)


def _outline(mesh: Found) -> Found:
    """The 68 points and the irises of a face's mesh."""
    irises = mesh.points[[RIGHT_IRIS, LEFT_IRIS]]
    return Found(mesh.points[list(MESH_TO_IBUG)], mesh.score, context={"irises": irises})


def _whole(image: Image) -> Box:
    return 0, 0, image.shape[1], image.shape[0]


def _views(image: Image) -> list[Box]:
    """The whole picture and, unless it is small, overlapping tiles of 0.6 of its longest side."""
    height, width = image.shape[:2]
    longest = max(height, width)
    if longest < TILED:
        return [_whole(image)]
    side = round(0.6 * longest)
    rows, columns = ({0, max(0, length - side)} for length in (height, width))
    tiles = [
        (x, y, min(width, x + side), min(height, y + side)) for y in sorted(rows) for x in sorted(columns)
    ]
    return [_whole(image), *tiles]


def _overlap(a: Box, b: Box) -> float:
    """Intersection over the smaller box's area."""
    wide = min(a[2], b[2]) - max(a[0], b[0])
    high = min(a[3], b[3]) - max(a[1], b[1])
    smaller = min((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b))
    return max(0, wide) * max(0, high) / max(1, smaller)
