"""Pictures of a page: images as `data:` URLs, in rows."""

from __future__ import annotations

import base64
import io
from typing import NamedTuple

from PIL import Image as Pillow

LARGEST = 320  # pixels a side of an image in the page
TINY = 96  # images up to this size are shown enlarged, pixel by pixel


class Cell(NamedTuple):
    """One image with its verdict, "" where it has none; `url` is None where it cannot be read."""

    name: str
    url: str | None
    tiny: bool
    verdict: str
    text: str


class GalleryRow(NamedTuple):
    """A prompt's images, one cell per method, the base first."""

    caption: str
    cells: list[Cell]


def data_url(picture: Pillow.Image) -> tuple[str, bool]:
    """The picture as a `data:` URL, at most `LARGEST` pixels a side, and whether it is tiny."""
    image = picture.convert("RGB")
    tiny, buffer = max(image.size) <= TINY, io.BytesIO()
    if max(image.size) > LARGEST:
        image.thumbnail((LARGEST, LARGEST))
    kind = "PNG" if tiny else "JPEG"
    image.save(buffer, kind, quality=85)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(buffer.getvalue()).decode()}", tiny
