"""The few of torchvision's transforms that diffusers' DPO script calls, for machines without torchvision.

`train_speed.py` copies this file into the folder of the script's own modules, as `torchvision.transforms`.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor


class InterpolationMode(Enum):
    """How pictures are resized."""

    BILINEAR = "bilinear"


class ToTensor:
    """A picture of 8 bits -> (3, H, W) float32 in [0, 1]."""

    def __call__(self, image: Image.Image) -> Tensor:
        return torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous().float() / 255


class Resize:
    """(C, H, W) -> the shorter side `size` pixels long; as it is, if it is so already."""

    def __init__(self, size: int, interpolation: InterpolationMode) -> None:
        self.size, self.mode = size, interpolation.value

    def __call__(self, image: Tensor) -> Tensor:
        height, width = image.shape[-2:]
        if min(height, width) == self.size:
            return image
        scale = self.size / min(height, width)
        sides = (round(height * scale), round(width * scale))
        return F.interpolate(image[None], sides, mode=self.mode, antialias=True)[0]


class CenterCrop:
    """(C, H, W) -> (C, size, size), the middle."""

    def __init__(self, size: int) -> None:
        self.size = size

    def __call__(self, image: Tensor) -> Tensor:
        top, left = ((side - self.size) // 2 for side in image.shape[-2:])
        return crop(image, top, left, self.size, self.size)


class RandomHorizontalFlip:
    """(C, H, W) mirrored; the script asks for a probability of 1 and throws the dice itself."""

    def __init__(self, p: float) -> None:
        if p != 1:
            raise ValueError("only a probability of 1 is made here")

    def __call__(self, image: Tensor) -> Tensor:
        return image.flip(-1)


class Normalize:
    """(x - mean) / std."""

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        self.mean, self.std = (torch.tensor(values).view(-1, 1, 1) for values in (mean, std))

    def __call__(self, image: Tensor) -> Tensor:
        return (image - self.mean) / self.std


def crop(image: Tensor, top: int, left: int, height: int, width: int) -> Tensor:
    """A window of (C, H, W)."""
    return image[..., top : top + height, left : left + width]
