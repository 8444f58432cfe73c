"""What a detector is: the protocol, how one is chosen, and its word that it cannot work on a photo.

    detector.find(image, photo) -> list[Region]

Regions have the parts "hand", "face" and "body", with the points of `asap.anatomy.keypoints` in the pixels
of `image`; a point that is not known, or not seen, is NaN. They are ordered by part, and the same photo gives
the same regions, whatever was looked at before. The `context` of each holds

    "hands"    the points (21, 2) of the other hands
    "faces"    the boxes of the other faces
    "person"   of hands and bodies: the mask of all people, where there is one
    "irises"   of a face: (2, 2) the right and the left, where the detector knows them
    "feet"     of a body: masks of its feet, where the detector gives some
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from asap.records import Image, Photo, Region


class Unusable(Exception):  # noqa: N818  (an answer, which becomes one line of the summary)
    """The detector has no way to work on this photo; the text gives the reason in a few words."""


class Choice(NamedTuple):
    """A detector by name with plain values, as they go to worker processes.

    Attributes:
        name: in `load.DETECTORS`.
        files: weights or points, in the order that the detector takes them.
        device: "cpu" or "cuda".
        points: who lends keypoints to masks (grounded-sam): "mediapipe", a COCO file, or "none".
    """

    name: str = "mediapipe"
    files: tuple[str, ...] = ()
    device: str = "cpu"
    points: str = "mediapipe"


class Detector(Protocol):
    """Finds body parts. A class of this protocol has one file, and its name in `load.DETECTORS`."""

    @classmethod
    def prepare(cls, choice: Choice) -> Choice:
        """The choice with all its files on this machine: called once, before any worker process starts.

        Raises:
            UserError: files, device or packages that are missing or do not fit, in one line.
        """

    @classmethod
    def open(cls, choice: Choice) -> Detector:
        """The detector, with its models loaded: called once in every process that looks at photos.

        Raises:
            UserError: a package is missing, or a file is not what it should be.
        """

    def find(self, image: Image, photo: Photo) -> list[Region]:
        """All parts found in `image`, the pixels of `photo` upright and perhaps scaled down.

        Raises:
            Unusable: nothing can be said of this photo.
        """
