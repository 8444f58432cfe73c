"""Pictures of a page: thumbnails as `data:` URLs, with marks on them, in rows."""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from PIL import Image as Pillow

from asap.records import Box

LARGEST = 320  # pixels a side of an image in the page
TINY = 96  # images up to this size are shown enlarged, pixel by pixel
QUALITY = 80  # of WebP


class Picture(NamedTuple):
    """A thumbnail: its `data:` URL, a name made of its bytes, the image's own size in pixels, and whether it
    is tiny, so that it is shown pixel by pixel."""

    id: str
    url: str
    width: int
    height: int
    tiny: bool


class Mark(NamedTuple):
    """A box on an image, in the image's own pixels, and what it shows."""

    box: Box
    text: str


class Cell(NamedTuple):
    """One image with its verdict, "" where it has none; `picture` is None where it cannot be read."""

    name: str
    picture: Picture | None
    verdict: str
    text: str
    marks: Sequence[Mark] = ()


class GalleryRow(NamedTuple):
    """A prompt's images, one cell per method, the base first.

    Attributes:
        tags: "kind of tag" -> values by which the page's filters find the row.
    """

    caption: str
    cells: Sequence[Cell]
    tags: dict[str, Sequence[str]] = {}  # noqa: RUF012


def thumbnail(picture: Pillow.Image) -> Picture:
    """The picture at most `LARGEST` pixels a side: WebP, or PNG where it is tiny."""
    width, height = picture.size
    tiny = max(width, height) <= TINY
    picture.draft(
        "RGB", (3 * LARGEST // 2, 3 * LARGEST // 2)
    )  # JPEG alone: decoded at half or a quarter of its size
    image, buffer = picture.convert("RGB"), io.BytesIO()
    if max(image.size) > LARGEST:
        image.thumbnail((LARGEST, LARGEST), reducing_gap=1.5)
    image.save(buffer, "PNG" if tiny else "WEBP", quality=QUALITY, method=2)
    data, kind = buffer.getvalue(), "png" if tiny else "webp"
    name = hashlib.sha256(data).hexdigest()[:16]
    return Picture(
        f"i{name}", f"data:image/{kind};base64,{base64.b64encode(data).decode()}", width, height, tiny
    )


def read_thumbnail(path: Path) -> Picture | None:
    """The thumbnail of an image's file, or None where it is missing or damaged."""
    try:
        with Pillow.open(path) as file:
            return thumbnail(file)
    except (OSError, ValueError, SyntaxError, Pillow.DecompressionBombError):
        return None
