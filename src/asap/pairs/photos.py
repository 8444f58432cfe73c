"""One photo as people keep them: a JPEG, PNG or WebP file, perhaps damaged, to upright RGB pixels."""

from __future__ import annotations

import struct
import warnings
from collections.abc import Sequence
from fnmatch import fnmatch
from io import BytesIO
from typing import NamedTuple

import numpy as np
from PIL import Image as Pillow
from PIL import ImageOps, UnidentifiedImageError

from asap.anatomy.detectors.views import shrunk
from asap.records import Blob, Image

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
LARGEST = 150_000_000
"""Pixels above which a picture is not decoded."""


class Skipped(NamedTuple):
    """A file that was left out, and why in a few words."""

    source: str
    reason: str


class Unreadable(Exception):  # noqa: N818  (an answer, which becomes one line of the summary)
    """A file that cannot be used as a photo; the text gives the reason in a few words."""


def excluded(source: str, exclude: Sequence[str]) -> bool:
    """Whether one of the patterns matches a relative path or its last part."""
    return any(fnmatch(source, pattern) or fnmatch(source.rpartition("/")[2], pattern) for pattern in exclude)


def read_photo(blob: Blob, size: int) -> Image:
    """The photo's pixels, upright, RGB (H, W, 3) `uint8`, its longest side at most `size`.

    EXIF orientation is applied; transparent pixels lie over white; of an animation it is the first picture.

    Raises:
        Unreadable: not a JPEG, PNG or WebP picture (whatever its name), damaged, cut short, or too large.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Pillow.open(BytesIO(blob.read_bytes()), formats=["JPEG", "PNG", "WEBP"]) as file:
                if file.width * file.height > LARGEST:
                    raise Unreadable(
                        f"{file.width} x {file.height} pixels are too many; the most is {LARGEST:,}"
                    )
                file.draft(None, (size, size))
                pixels = _rgb(_upright(file))
    except UnidentifiedImageError:
        raise Unreadable("not a JPEG, PNG or WebP picture") from None
    except Pillow.DecompressionBombError:
        raise Unreadable(f"too many pixels; the most is {LARGEST:,}") from None
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        raise Unreadable(f"damaged ({' '.join(str(error).split())})") from None
    return shrunk(pixels, size)


def _upright(picture: Pillow.Image) -> Pillow.Image:
    """The picture turned as its Exif block says, or as it is where that block is damaged."""
    try:
        return ImageOps.exif_transpose(picture)
    except (struct.error, KeyError, TypeError, ValueError, SyntaxError, OverflowError):
        return picture


def _rgb(picture: Pillow.Image) -> Image:
    if picture.mode.startswith(("I", "F")):
        deep = np.asarray(picture, np.float32)
        grey = np.round(deep / 257 if deep.max() > 255 else deep).clip(0, 255).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)
    if picture.has_transparency_data:
        ground = Pillow.new("RGBA", picture.size, "white")
        picture = Pillow.alpha_composite(ground, picture.convert("RGBA"))
    return np.array(picture.convert("RGB"))
