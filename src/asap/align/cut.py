"""From a pair's pictures to what the model sees: scaled, cut, the region's mask on the latent grid."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image as PILImage
from torch import Tensor

from asap.backbones.backbone import Frame
from asap.records import Image, Mask

LONGEST = 4  # times as long as wide; what is longer is cut


class Cut(NamedTuple):
    """How pictures become latents.

    Attributes:
        resolution: pixels a side of a square.
        mask_dilation: how far a region is grown on the latent grid, in positions.
        aspect: "square", or "native": each picture's own aspect ratio, with about as many pixels as the
            square, so that little is cut off. Sides are then multiples of a sixteenth of `resolution`, so
            that there are few different sizes (aspect-ratio buckets).
    """

    resolution: int
    mask_dilation: int
    aspect: str = "square"

    def sides(self, shape: tuple[int, ...], multiple: int) -> tuple[int, int]:
        """Height and width that an image of `shape` (height, width) is cut to, multiples of `multiple`."""
        if self.aspect == "square":
            return self.resolution, self.resolution
        step = max(1, self.resolution // 16 // multiple) * multiple
        ratio = min(max(shape[0] / shape[1], 1 / LONGEST), LONGEST)
        height = max(1, round(self.resolution * ratio**0.5 / step)) * step
        return height, max(1, self.resolution**2 // height // step) * step


def scale_to(sides: tuple[int, int], shape: tuple[int, ...]) -> float:
    """By how much an image of `shape` (height, width) is enlarged to cover `sides`."""
    return max(sides[0] / shape[0], sides[1] / shape[1])


def fit(
    chosen: Image, rejected: Image, mask: Mask, sides: tuple[int, int]
) -> tuple[Image, Image, Mask, Frame]:
    """Scale to cover `sides` (height, width) and cut the window of that size that is centred on the mask, or
    on the picture where the mask is empty.

    Both images are resampled alike. An image of exactly that size comes back unchanged.
    """
    height, width = mask.shape
    scale = scale_to(sides, mask.shape)
    size = (max(sides[1], round(width * scale)), max(sides[0], round(height * scale)))
    if size != (width, height):
        chosen, rejected = (_resize(image, size) for image in (chosen, rejected))
        mask = cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0
    top, left = (
        _centred(np.flatnonzero(mask.any(1 - axis)), mask.shape[axis], sides[axis]) for axis in (0, 1)
    )
    window = np.s_[top : top + sides[0], left : left + sides[1]]
    frame = Frame(original=(height, width), crop=(top, left), target=sides)
    return chosen[window], rejected[window], mask[window], frame


def _resize(image: Image, size: tuple[int, int]) -> Image:
    return np.asarray(PILImage.fromarray(image).resize(size, PILImage.Resampling.LANCZOS))


def _centred(where: NDArray[np.intp], length: int, side: int) -> int:
    """Start of the window of `side` that is centred on the range of `where`, kept within `length`."""
    middle = (int(where[0]) + int(where[-1]) + 1) // 2 if len(where) else length // 2
    return min(max(middle - side // 2, 0), length - side)


def latent_mask(mask: Mask, factor: int, dilation: int) -> Tensor:
    """M on the latent grid: 1 where any of a position's pixels is in `mask`, grown by `dilation` positions.

    (H, W) -> (H // factor, W // factor) float32.
    """
    grid = F.max_pool2d(torch.from_numpy(mask.astype(np.float32))[None, None], factor)
    return F.max_pool2d(grid, 2 * dilation + 1, stride=1, padding=dilation)[0, 0]
