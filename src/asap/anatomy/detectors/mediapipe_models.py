"""MediaPipe's models, as plain functions from a picture to points: `Models`.

`mp.solutions` of MediaPipe 0.10.21 carries its models in the wheel: nothing is downloaded. Every model runs
in its still-image mode, so an answer depends on the picture alone, not on those before it. Pictures are
padded to squares first: the landmark models are exact only there. The points of a model are mapped to
COCO-WholeBody: 478 of a face to the 68 of iBUG, 33 of a body to 17 joints and 6 points of the feet (it knows
no small toe: NaN).
"""

from __future__ import annotations

import contextlib
import functools
import os
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asap.anatomy.detectors.regions import Found
from asap.errors import UserError
from asap.records import Box, Image, Points

# fmt: off
MESH_TO_IBUG = (
    127, 234, 93, 132, 58, 172, 150, 176, 152, 400, 379, 397, 288, 361, 323, 454, 356,
    70, 63, 105, 66, 107, 336, 296, 334, 293, 300,
    168, 197, 5, 4, 98, 97, 2, 326, 327,
    33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,
    61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181, 78, 82, 13, 312, 308, 317, 14, 87,
)
# fmt: on
RIGHT_IRIS, LEFT_IRIS = 468, 473
BLAZE_TO_JOINTS = (0, 2, 5, 7, 8, 11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28)
BLAZE_TO_FEET = (31, None, 29, 32, None, 30)
VISIBLE = 0.5
"""Visibility below which a body point counts as unknown."""


class Models:
    """MediaPipe's models for hands, faces, bodies and people in still pictures, made once per process."""

    def __init__(self) -> None:
        solutions = _solutions()
        still = {"static_image_mode": True}
        with silence():
            self._hands = solutions.hands.Hands(**still, max_num_hands=8, model_complexity=1)
            self._pose = solutions.pose.Pose(**still, model_complexity=1)
            self._mesh = solutions.face_mesh.FaceMesh(**still, refine_landmarks=True)
            self._boxes = solutions.face_detection.FaceDetection(
                min_detection_confidence=0.5, model_selection=1
            )
            self._people = solutions.selfie_segmentation.SelfieSegmentation()
            for model in (self._hands, self._pose, self._mesh, self._boxes, self._people):
                model.process(np.zeros((64, 64, 3), np.uint8))  # so that they have said what they have to say

    def hands(self, image: Image, box: Box) -> list[Found]:
        """Hands in `box`: 21 points each. The score is the model's for the side, which drops with quality."""
        result = _process(self._hands, square(image, box))
        return [
            Found(_points(hand, box), *_side(which.classification[0]))
            for hand, which in zip(result.multi_hand_landmarks or (), result.multi_handedness or ())
        ]

    def face_boxes(self, image: Image, box: Box) -> list[tuple[Box, float]]:
        """Boxes of faces in `box`, brow to chin, with their scores."""
        return [
            (_pixels(found.location_data.relative_bounding_box, box), float(found.score[0]))
            for found in _process(self._boxes, square(image, box)).detections or ()
        ]

    def face(self, image: Image, box: Box) -> Points | None:
        """The 478 mesh points of the face that fills about half of `box`, if there is one."""
        found = _process(self._mesh, square(image, box)).multi_face_landmarks
        return _points(found[0], box) if found else None

    def body(self, image: Image, box: Box) -> Found | None:
        """The most prominent body in `box`: 23 points; those hidden or outside `box` are NaN."""
        found = _process(self._pose, square(image, box)).pose_landmarks
        if not found:
            return None
        visible = np.array([mark.visibility for mark in found.landmark])
        points = _points(found, box)
        inside = (points >= box[:2]).all(axis=1) & (points < box[2:]).all(axis=1)
        points[(visible < VISIBLE) | ~inside] = np.nan
        feet = [np.full(2, np.nan) if index is None else points[index] for index in BLAZE_TO_FEET]
        score = float(visible[list(BLAZE_TO_JOINTS)].mean())
        return Found(np.concatenate([points[list(BLAZE_TO_JOINTS)], feet]), score)

    def people(self, image: Image) -> NDArray[np.float32]:
        """(H, W) in [0, 1]: how likely each pixel shows a person."""
        return np.asarray(_process(self._people, image).segmentation_mask, np.float32)


def square(image: Image, box: Box) -> Image:
    """`box` cut out and padded with black, at its right or bottom, to a square."""
    left, top, right, bottom = box
    side = max(right - left, bottom - top)
    canvas = np.zeros((side, side, 3), np.uint8)
    canvas[: bottom - top, : right - left] = image[top:bottom, left:right]
    return canvas


def _process(model: Any, image: Image) -> Any:
    with silence():
        return model.process(np.ascontiguousarray(image))


def _points(found: Any, box: Box) -> Points:
    side = max(box[2] - box[0], box[3] - box[1])
    return np.array([(mark.x, mark.y) for mark in found.landmark], np.float64) * side + box[:2]


def _side(which: Any) -> tuple[float, str]:
    # The model's words are for mirrored pictures, as a phone shows its owner.
    return float(which.score), {"Left": "right", "Right": "left"}[which.label]


def _pixels(relative: Any, box: Box) -> Box:
    side = max(box[2] - box[0], box[3] - box[1])
    left, top = box[0] + relative.xmin * side, box[1] + relative.ymin * side
    return round(left), round(top), round(left + relative.width * side), round(top + relative.height * side)


@functools.cache
def _solutions() -> Any:
    os.environ.setdefault("GLOG_minloglevel", "3")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        with silence():
            from mediapipe import solutions
    except ModuleNotFoundError as error:
        raise UserError(f"finding people in photos needs MediaPipe ({error}); {_how()}") from None
    except (ImportError, AttributeError) as error:
        raise UserError(f"MediaPipe does not load ({error}); {_how()}") from None
    return solutions


def _how() -> str:
    if sys.version_info >= (3, 13):
        return "it has wheels up to Python 3.12: use that, and pip install 'asap-align[photos]'"
    return (
        "pip install 'asap-align[photos]', or on a server without libGL `make install`: "
        "requirements/photos.txt, then pip install --no-deps mediapipe==0.10.21"
    )


@contextlib.contextmanager
def silence() -> Iterator[None]:
    """Send what native code writes to standard error (and only that) to nowhere."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
