"""Images as the published rewards prepare them, value for value, by Pillow and torch alone.

Colours come out as float32 (3, S, S), in units of CLIP's standard deviations from its means.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from PIL import Image as Pillow
from torch import Tensor
from torch.nn import functional

from asap.records import Image

MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)
"""Of CLIP's training pictures, colours in [0, 1]."""
Start = Callable[[int], int]
"""Where a crop begins, by the pixels that are too many."""


def halved(rest: int) -> int:
    """As transformers crops: half of what is too many, rounded down."""
    return rest // 2


def rounded(rest: int) -> int:
    """As torchvision crops: half of it, rounded to the even number where it lies between two."""
    return round(rest / 2)


def cropped(image: Image, side: int, start: Start) -> Tensor:
    """(3, side, side): the shorter side resized to `side` (Pillow's bicubic), then the centre cut out."""
    height, width = image.shape[:2]
    short = min(height, width)
    wide, tall = (side if edge == short else int(side * edge / short) for edge in (width, height))
    small = np.asarray(Pillow.fromarray(image).resize((wide, tall), Pillow.Resampling.BICUBIC))
    top, left = start(small.shape[0] - side), start(small.shape[1] - side)
    return normalized(unit(small[top : top + side, left : left + side]))


def padded(image: Image, side: int) -> Tensor:
    """(3, side, side): the longer side resized to `side` and black put around, as HPSv2 does.

    It resizes the colours in [0, 1], by torch's bicubic with antialiasing (torchvision's since 0.17), not
    rounded to whole values in between.
    """
    colours = unit(image)[None]
    scale = side / max(image.shape[:2])
    if scale != 1:
        size = [round(edge * scale) for edge in image.shape[:2]]
        colours = functional.interpolate(colours, size, mode="bicubic", antialias=True, align_corners=False)
    down, right = side - colours.shape[2], side - colours.shape[3]
    around = (right // 2, right - right // 2, down // 2, down - down // 2)
    return normalized(functional.pad(colours, around)[0])


def unit(image: Image) -> Tensor:
    """(3, H, W) float32 in [0, 1]."""
    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))).float() / 255


def normalized(colours: Tensor) -> Tensor:
    """In units of `STD` from `MEAN`."""
    return (colours - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]
