"""What a vision-language model is shown of a pair: the box, its size, its bytes."""

from __future__ import annotations

import base64
import math

import cv2
import numpy as np

from asap.anatomy.keypoints import size_of
from asap.pairs.composite import crop_box
from asap.records import Box, Image, Region

SHORT, LONG = 448, 768
"""Pixels between which the longer side of a picture lies that the model is shown."""
AROUND = {"hand": 0.5, "face": 0.5, "body": 1.0}
"""How much is shown around a change of a part, in the change's longer sides."""
GRID = 0.25
"""Steps of a picture's borders, in sizes of the part: so that strengths of an edit share the photo's."""


def shown(image: Image, negative: Image, region: Region) -> Box | None:
    """The box that the model sees: the change and (of hands and faces) the whole part, and what is around.

    None where nothing changed.
    """
    changed = np.asarray((image != negative).any(axis=2))
    if not changed.any():
        return None
    box = crop_box(changed if region.part == "body" else changed | region.mask) or (0, 0, 0, 0)
    margin = AROUND[region.part] * max(box[2] - box[0], box[3] - box[1])
    size = size_of(region.part, region.keypoints)
    step = max(8, round(GRID * size)) if math.isfinite(size) else 32
    height, width = image.shape[:2]
    left, top = (max(0, math.floor((low - margin) / step) * step) for low in box[:2])
    right, bottom = (math.ceil((high + margin) / step) * step for high in box[2:])
    return left, top, min(right, width), min(bottom, height)


def scaled(picture: Image) -> Image:
    """The picture with its longer side between `SHORT` and `LONG` pixels."""
    longer = max(picture.shape[:2])
    scale = min(max(longer, SHORT), LONG) / longer
    wide, high = (max(1, round(scale * side)) for side in picture.shape[1::-1])
    flags = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, (wide, high), interpolation=flags), np.uint8)


def as_png(picture: Image) -> str:
    """The picture as a PNG file, in base 64."""
    data = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))[1]
    return base64.b64encode(data.tobytes()).decode()
