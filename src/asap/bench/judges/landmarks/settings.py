"""The settings of `asap judge` that choose the detector of the judge `landmarks`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Options:
    """For --judge landmarks alone."""

    detector: str = "mediapipe"
    """Who finds hands, faces and bodies: mediapipe, dwpose, grounded-sam, or keypoints of your own."""
    detector_files: tuple[str, ...] = ()
    """Its files, as of `asap build`."""
    detector_points: str = "mediapipe"
    """Of grounded-sam: who lends keypoints to its masks: mediapipe, a COCO JSON, or none."""
    detector_device: str = "cpu"
    """Of dwpose and grounded-sam: cpu or cuda."""
