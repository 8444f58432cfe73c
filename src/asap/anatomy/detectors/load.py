"""The table of detectors, and the way from a `Choice` to the detector that it names."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from asap.anatomy.detectors.detector import Choice, Detector
from asap.anatomy.detectors.keypoint_file import KeypointFile
from asap.errors import UserError
from asap.lookup import choose
from asap.records import Photo
from asap.store import Row, folder_id, sampled_id

DETECTORS = {
    "mediapipe": "asap.anatomy.detectors.mediapipe:MediaPipe",
    "dwpose": "asap.anatomy.detectors.dwpose:DWPose",
    "grounded-sam": "asap.anatomy.detectors.grounded_sam:GroundedSam",
    "keypoints": "asap.anatomy.detectors.keypoint_file:KeypointFile",
}
"""Name -> where its class lies; only the chosen one is imported."""
DEVICES = ("cpu", "cuda")


def prepare(choice: Choice) -> Choice:
    """The choice with all that it needs on this machine, downloaded where the user named no files.

    Raises:
        UserError: no such detector or device, or files or packages that are missing or do not fit.
    """
    kind = _kind(choice)
    if choice.device not in DEVICES:
        raise UserError(f"--detector-device {choice.device}: give {' or '.join(DEVICES)}")
    if choice.points != Choice().points and choice.name != "grounded-sam":
        raise UserError(
            f"--detector-points is for grounded-sam; the detector {choice.name} has its own points"
        )
    return kind.prepare(choice)


def unknown_photos(choice: Choice, photos: Sequence[Photo]) -> list[Photo]:
    """The photos of which a prepared choice cannot know anything, for its points come from a file.

    Raises:
        UserError: that is all of them.
    """
    files = {"keypoints": choice.files[:1], "grounded-sam": (choice.points,)}.get(choice.name, ())
    points = [Path(path) for path in files if Path(path).is_file()]
    return KeypointFile(points[0]).strangers(photos) if points else []


@functools.cache
def load(choice: Choice) -> Detector:
    """The detector of a choice that is prepared, made once per process."""
    return _kind(choice).open(choice)


def identity(choice: Choice) -> Row:
    """What of a prepared choice decides the regions: its name, and the ids of its files' contents."""
    files = [_content(path) for path in choice.files]
    row: Row = {"name": choice.name, "files": files}
    if choice.name == "grounded-sam":
        row["points"] = _content(choice.points)
    return row


def _kind(choice: Choice) -> type[Detector]:
    return cast(type[Detector], choose(DETECTORS, choice.name, "detector"))


def _content(path: str) -> str:
    """The id of a file's or folder's content; a word that is neither stands for itself."""
    place = Path(path)
    if place.is_dir():
        return folder_id(place, "*")
    return sampled_id(place) if place.is_file() else path
