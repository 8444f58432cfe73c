"""The picture on the dataset card: a few pairs side by side, the mask's outline drawn on both."""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Iterable, Sequence

import cv2
import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from asap.pairs.hap.contact import around, pixels
from asap.records import Image, Mask
from asap.store import Row

PREVIEW = "preview.webp"
SHOWN = 6
COLUMNS = 2
SIDE = 264  # pixels of a crop
GAP, MARGIN, HEADING, FOOT = 6, 20, 30, 20
GROUND, INK, QUIET, OUTLINE = (250, 250, 249), (28, 25, 23), (110, 104, 98), (255, 138, 0)
_QUALITY = 84


def chosen_for(facts: Sequence[Row], shown: int = SHOWN) -> list[int]:
    """Which rows to show: the middle one of each kind of error, kinds of different parts in turn."""
    kinds: dict[tuple[str, str], list[int]] = defaultdict(list)
    for index, row in enumerate(facts):
        kinds[row["part"], row["error"]].append(index)
    turn: dict[str, int] = defaultdict(int)
    ranked = []
    for part, error in sorted(kinds):
        ranked.append((turn[part], part, error))
        turn[part] += 1
    first = [kinds[part, error][len(kinds[part, error]) // 2] for _, part, error in sorted(ranked)]
    others = [index for index in range(len(facts)) if index not in set(first)]
    spare = max(0, shown - len(first))
    return sorted((first + others[:: max(1, len(others) // max(1, spare))])[:shown])


def preview(rows: Iterable[Row]) -> bytes:
    """A WebP picture of the pairs `rows`: crops of chosen and rejected with the mask's outline on both."""
    tiles = [_tile(row) for row in rows]
    columns = min(COLUMNS, len(tiles))
    lines = -(-len(tiles) // columns)
    width, height = tiles[0].size
    size = columns * (width + MARGIN) + MARGIN, lines * (height + MARGIN) + MARGIN
    sheet = Pillow.new("RGB", size, GROUND)
    for number, tile in enumerate(tiles):
        line, column = divmod(number, columns)
        sheet.paste(tile, (MARGIN + column * (width + MARGIN), MARGIN + line * (height + MARGIN)))
    data = io.BytesIO()
    sheet.save(data, "WEBP", quality=_QUALITY, method=4)
    return data.getvalue()


def _tile(row: Row) -> Pillow.Image:
    mask: Mask = pixels(row["mask"]["bytes"])[..., 0] > 127
    left, top, right, bottom = around(row["box"], *mask.shape)
    window = np.s_[top:bottom, left:right]
    tile = Pillow.new("RGB", (2 * SIDE + GAP, HEADING + SIDE + FOOT), GROUND)
    draw = ImageDraw.Draw(tile)
    draw.text((0, 2), f"{row['part']}: {row['error']}", INK, ImageFont.load_default(18))
    for number, name in enumerate(("chosen", "rejected")):
        crop = _outlined(pixels(row[name]["bytes"])[window], mask[window])
        tile.paste(Pillow.fromarray(crop), (number * (SIDE + GAP), HEADING))
        draw.text((number * (SIDE + GAP), HEADING + SIDE + 2), name, QUIET, ImageFont.load_default(13))
    return tile


def _outlined(crop: Image, mask: Mask) -> Image:
    """The crop scaled into a square of `SIDE` pixels, the border of `mask` drawn just outside it."""
    height, width = mask.shape
    scale = SIDE / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC if min(mask.shape) > 64 else cv2.INTER_NEAREST
    large = cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    picture = cv2.resize(crop, size, interpolation=way)
    edge = cv2.dilate(large, np.ones((5, 5), np.uint8)) > large
    picture[edge] = OUTLINE
    square = np.full((SIDE, SIDE, 3), GROUND, np.uint8)
    y, x = (SIDE - size[1]) // 2, (SIDE - size[0]) // 2
    square[y : y + size[1], x : x + size[0]] = picture
    return square
