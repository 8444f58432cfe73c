"""An image as models are shown it: the file as it is, or parts cut from it."""

from __future__ import annotations

import functools
import hashlib
import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from PIL import Image as Pillow

from asap.bench.judges.services.service import Picture
from asap.records import Box
from asap.store import content_id

SENT_AS_THEY_ARE = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp"}
MARGIN = 0.3  # of a part's longer side, added on each side of its crop
SIDE = 768  # pixels to which the longer side of a small crop is enlarged,
MOST = 4.0  # but by no more than this factor
LARGEST = 1536  # pixels to which the longer side of a large crop is made smaller
QUALITY = 95
_BAD = (ValueError, SyntaxError, EOFError, Pillow.DecompressionBombError)


class DamagedError(Exception):
    """A file that is missing, or no image."""


@dataclass(frozen=True)
class Seen:
    """An image: as a `Picture` of the file's own bytes, its size (width, height), and crops of it."""

    picture: Picture
    size: tuple[int, int]
    _data: bytes = field(repr=False)

    @classmethod
    def open(cls, path: Path) -> Self:
        """The image in the file `path`, of which only the head is decoded.

        Raises:
            DamagedError: there is none.
        """
        try:
            data = path.read_bytes()
            with Pillow.open(io.BytesIO(data)) as image:
                size, mime = image.size, SENT_AS_THEY_ARE.get(image.format or "", "")
                sent = data if mime else _png(image)
        except (OSError, *_BAD) as error:
            raise DamagedError(getattr(error, "strerror", None) or "no image in the file") from None
        id_ = hashlib.sha256(data).hexdigest()[:16]
        return cls(Picture(id_, sent, mime or "image/png"), size, data)

    @functools.cached_property
    def _image(self) -> Pillow.Image:
        try:
            with Pillow.open(io.BytesIO(self._data)) as image:
                return image.convert("RGB")
        except (OSError, *_BAD) as error:
            raise DamagedError(f"damaged image ({error})") from None

    def crop(self, box: Box) -> Picture:
        """The part of the image in `box` with a margin around it, small ones enlarged; the whole image where
        that is what it comes to.

        Raises:
            DamagedError: the file's pixels cannot be decoded.
        """
        left, top, right, bottom = wider(box, self.size)
        if (left, top, right, bottom) == (0, 0, *self.size):
            return self.picture
        size = shown_size(right - left, bottom - top)
        id_ = content_id(self.picture.id, (left, top, right, bottom), size, QUALITY)
        part = self._image.crop((left, top, right, bottom)).resize(size, Pillow.Resampling.LANCZOS)
        file = io.BytesIO()
        part.save(file, "JPEG", quality=QUALITY, subsampling=0)
        return Picture(id_, file.getvalue(), "image/jpeg")


def wider(box: Box, size: tuple[int, int]) -> Box:
    """`box` with the margin around it, as far as an image of `size` (width, height) reaches."""
    left, top, right, bottom = box
    margin = round(MARGIN * max(right - left, bottom - top))
    return (
        max(0, left - margin),
        max(0, top - margin),
        min(size[0], right + margin),
        min(size[1], bottom + margin),
    )


def shown_size(width: int, height: int) -> tuple[int, int]:
    """The size at which a crop of `width` by `height` pixels is shown: between `SIDE` and `LARGEST`."""
    longer = max(width, height)
    factor = min(MOST, SIDE / longer) if longer < SIDE else min(1.0, LARGEST / longer)
    return max(1, round(width * factor)), max(1, round(height * factor))


def _png(image: Pillow.Image) -> bytes:
    file = io.BytesIO()
    image.convert("RGB").save(file, "PNG")
    return file.getvalue()
