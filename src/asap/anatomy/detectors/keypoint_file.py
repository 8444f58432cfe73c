"""Keypoints that the user has, in COCO's JSON: 17 points of a body, or COCO-WholeBody's 133.

    {"images": [{"id": 1, "file_name": "a.jpg", "width": 640, "height": 425}, ...],
     "annotations": [{"id": 7, "image_id": 1, "keypoints": [x, y, v] * 17, "foot_kpts": [x, y, v] * 6,
                      "face_kpts": ... * 68, "lefthand_kpts": ... * 21, "righthand_kpts": ... * 21}, ...]}

`keypoints` may hold all 133 at once; what is missing is unknown. v is 0 for unknown points, 1 for hidden ones
and 2 for visible ones; hidden points of body and feet count as unknown. Polygons in `segmentation` are the
person's pixels. Points are in the photo upright, at `width` by `height` or, without these, at its own size.
A photo's entry is that whose `file_name` is its path relative to the folder, else the one with its name.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import cv2
import numpy as np
from PIL import Image as Pillow

from asap.anatomy.detectors.detector import Choice, Unusable
from asap.anatomy.detectors.regions import WholeBody, of_people
from asap.errors import UserError
from asap.records import Blob, Image, Mask, Photo, Points, Region

FIELDS = {"keypoints": 17, "foot_kpts": 6, "face_kpts": 68, "lefthand_kpts": 21, "righthand_kpts": 21}
"""Fields of an annotation and how many points each has, in the order of COCO-WholeBody."""
BODY_FIELDS = ("keypoints", "foot_kpts")
ORIENTATION, TURNED = 0x0112, (5, 6, 7, 8)
"""The Exif tag, and its values for pictures that lie on their side."""
SHOWN = 3
"""Names that a message lists."""
Row = Mapping[str, Any]


class Annotated(NamedTuple):
    """One person: (133, 2) points, NaN where unknown, and polygons (K, 2), both in the file's pixels."""

    points: Points
    polygons: list[Points]


class Entry(NamedTuple):
    """One photo of the file; `size` is (width, height) where the file has it."""

    file_name: str
    size: tuple[int, int] | None
    people: list[Annotated]


class KeypointFile:
    """The detector: looks keypoints up in a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._entries: dict[str, list[Entry]] = defaultdict(list)
        for entry in read(path):
            self._entries[PurePosixPath(entry.file_name).name].append(entry)

    @classmethod
    def prepare(cls, choice: Choice) -> Choice:
        """See `detector.Detector`."""
        if len(choice.files) != 1 or choice.device != "cpu":
            raise UserError(
                "the detector keypoints wants one COCO JSON as --detector-files, and no --detector-device"
            )
        cls(Path(choice.files[0]))
        return choice

    @classmethod
    def open(cls, choice: Choice) -> KeypointFile:
        """See `detector.Detector`."""
        return cls(Path(choice.files[0]))

    def find(self, image: Image, photo: Photo) -> list[Region]:
        """See `detector.Detector`."""
        entry = self._entry(photo)
        height, width = image.shape[:2]
        wide, high = entry.size or upright_size(photo.file)
        if abs(wide * height - high * width) > 1.5 * max(wide, high):
            raise Unusable(
                f"{self._path.name} has it at {wide} x {high}, which is not the shape of {width} x {height}"
            )
        scale = np.array([width / wide, height / high])
        return of_people(image, [_scaled(person, scale, height, width) for person in entry.people])

    def strangers(self, photos: Sequence[Photo]) -> list[Photo]:
        """The photos for which the file has nothing.

        Raises:
            UserError: that is all of them, so that the names do not go together.
        """
        names = self._entries.keys()
        left = [photo for photo in photos if PurePosixPath(photo.source).name not in names]
        if photos and len(left) == len(photos):
            here = [entry.file_name for entries in self._entries.values() for entry in entries]
            raise UserError(
                f"{self._path} has keypoints for none of {len(photos)} photos: its file names are "
                f"{_some(here)}; the photos are {_some([photo.source for photo in photos])}; "
                'make each "file_name" a photo\'s path below the folder, or its name'
            )
        return left

    def _entry(self, photo: Photo) -> Entry:
        entries = self._entries.get(PurePosixPath(photo.source).name, [])
        exact = [entry for entry in entries if entry.file_name == photo.source]
        if not entries:
            raise Unusable(f"{self._path.name} has no keypoints for it")
        if len(exact or entries) > 1:
            raise Unusable(f"{self._path.name} has several photos of that name")
        return (exact or entries)[0]


def _some(names: Sequence[str]) -> str:
    """The first of `names`, and how many more there are."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more if names else "none"


def read(path: Path) -> list[Entry]:
    """The photos of a COCO JSON with their people; crowds and people without a known point are left out.

    Raises:
        UserError: no such file, or not that format; the line says where.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        images, annotations = content["images"], content["annotations"]
        people: dict[str, list[Annotated]] = {str(row["id"]): [] for row in images}
    except (OSError, UnicodeDecodeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise UserError(
            f"{path}: not a JSON file of keypoints ({reason}); give one in COCO's format"
        ) from None
    except (KeyError, TypeError):
        raise UserError(
            f'{path}: not COCO\'s format, an object with "images" and "annotations", where images have an '
            '"id"; export it so'
        ) from None
    for number, row in enumerate(_rows(path, annotations)):
        where = f"{path}: annotation {row.get('id', f'number {number}')}"
        image = str(row.get("image_id"))
        if image not in people:
            raise UserError(f"{where} is of image_id {image}, which is not among the images")
        person = _annotated(row, where)
        if not row.get("iscrowd") and np.isfinite(person.points).any():
            people[image].append(person)
    return [_image(row, people[str(row["id"])], path) for row in images]


def _rows(path: Path, rows: object) -> list[Row]:
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise UserError(f'{path}: "annotations" is not a list of objects; export it in COCO\'s format')
    return rows


def _image(row: Row, people: list[Annotated], path: Path) -> Entry:
    size = row.get("width"), row.get("height")
    if not isinstance(row.get("file_name"), str):
        raise UserError(f'{path}: image {row["id"]} has no "file_name"; add it')
    if size == (None, None):
        return Entry(row["file_name"], None, people)
    if not all(isinstance(length, int) and length > 0 for length in size):
        raise UserError(f"{path}: image {row['id']} has width {size[0]} and height {size[1]}; give pixels")
    return Entry(row["file_name"], (int(row["width"]), int(row["height"])), people)


def _annotated(row: Row, where: str) -> Annotated:
    values = row.get("keypoints")
    if isinstance(values, list) and len(values) == 3 * 133:
        points = _points(row, "keypoints", 133, where)
        points[:23] = _seen(points[:23])
    else:
        parts = {name: _points(row, name, count, where) for name, count in FIELDS.items()}
        parts |= {name: _seen(parts[name]) for name in BODY_FIELDS}
        points = np.concatenate(list(parts.values()))
    points[~(points[:, 2] > 0) | ~np.isfinite(points).all(axis=1)] = np.nan
    return Annotated(points[:, :2], _polygons(row, where))


def _seen(points: Points) -> Points:
    """Points (K, 3) with those that are hidden made unknown."""
    return np.asarray(np.where(points[:, 2:] == 1, np.nan, points))


def _points(row: Row, name: str, count: int, where: str) -> Points:
    """(count, 3) x, y and visibility; NaN where the field is missing."""
    values = row.get(name)
    if values is None:
        return np.full((count, 3), np.nan)
    try:
        return np.array(values, np.float64).reshape(count, 3)
    except (ValueError, TypeError):
        many = f"{len(values)} values" if isinstance(values, list) else type(values).__name__
        expected = f"{3 * count} numbers (x, y, visibility of {count} points)"
        raise UserError(f"{where}: {name} has {many}, not {expected}; mend it or leave it out") from None


def _polygons(row: Row, where: str) -> list[Points]:
    """The person's outline; none where it is given in another form (run lengths)."""
    polygons = row.get("segmentation")
    if not isinstance(polygons, list):
        return []
    try:
        return [np.array(polygon, np.float64).reshape(-1, 2) for polygon in polygons]
    except (ValueError, TypeError):
        raise UserError(f"{where}: segmentation is not a list of polygons; mend it or leave it out") from None


def _scaled(person: Annotated, scale: Points, height: int, width: int) -> WholeBody:
    """The person in the pixels of a picture of `height` by `width`, pixel centres being whole numbers."""
    points = (person.points + 0.5) * scale - 0.5
    outlines = [(polygon + 0.5) * scale - 0.5 for polygon in person.polygons]
    return WholeBody(points, np.ones(133), _filled(outlines, height, width) if outlines else None)


def _filled(outlines: list[Points], height: int, width: int) -> Mask:
    canvas = np.zeros((height, width), np.uint8)
    whole = [np.nan_to_num(outline).round().clip(-9999, 99999).astype(np.int32) for outline in outlines]
    cv2.fillPoly(canvas, whole, 1)
    return canvas > 0


def upright_size(file: Blob) -> tuple[int, int]:
    """(width, height) of a photo turned as its Exif block says, from its header alone.

    Raises:
        Unusable: it cannot be read.
    """
    try:
        with Pillow.open(BytesIO(file.read_bytes())) as photo:
            turned = photo.getexif().get(ORIENTATION) in TURNED
            return (photo.height, photo.width) if turned else (photo.width, photo.height)
    except (OSError, ValueError, SyntaxError) as error:
        raise Unusable(f"damaged ({' '.join(str(error).split())})") from None
