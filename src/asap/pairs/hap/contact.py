"""The contact sheet: one self-contained HTML page that shows pairs large enough to judge them by eye."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from importlib.resources import files

import cv2
import numpy as np
from jinja2 import Environment

from asap.records import Box, Image, Mask
from asap.store import Row

SHOWN = 240
TILE = 320
_QUALITY = 82


def contact_sheet(rows: Iterable[Row], total: int, title: str) -> str:
    """An HTML page of crops around the error: positive, negative, mask and difference of each pair.

    Args:
        rows: those to show, of a dataset.
        total: how many pairs the dataset has.
        title: the page's headline.
    """
    template = files("asap.pairs.hap").joinpath("contact_sheet.html.j2").read_text(encoding="utf-8")
    page = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(template)
    pairs = [_entry(row) for row in rows]
    kinds = sorted({(pair["part"], pair["error"]) for pair in pairs})
    return page.render(title=title, total=total, kinds=kinds, pairs=pairs)


def spread(total: int, shown: int = SHOWN) -> list[int]:
    """At most `shown` numbers below `total`, evenly spread."""
    return sorted(set(np.linspace(0, total - 1, min(total, shown)).round().astype(int).tolist()))


def _entry(row: Row) -> Row:
    chosen, rejected = (pixels(row[name]["bytes"]) for name in ("chosen", "rejected"))
    mask: Mask = pixels(row["mask"]["bytes"])[..., 0] > 127
    left, top, right, bottom = around(row["box"], *mask.shape)
    chosen, rejected = (x[top:bottom, left:right] for x in (chosen, rejected))
    mask = mask[top:bottom, left:right]
    tiles = {
        "chosen": (chosen, "the positive"),
        "rejected": (rejected, "the negative"),
        "mask": (outlined(chosen, mask), "the mask"),
        "difference": (difference(chosen, rejected), "the difference"),
    }
    shown = [{"name": name, "hint": hint, "data": _jpeg(tile)} for name, (tile, hint) in tiles.items()]
    return {**{k: v for k, v in row.items() if k not in ("chosen", "rejected", "mask")}, "tiles": shown}


def around(box: Box, height: int, width: int) -> Box:
    """A square of about 2.2 times `box` in a picture of `height` by `width`, less where there is no room."""
    left, top, right, bottom = box
    extent = max(right - left, bottom - top)
    side = min(max(96, round(2.2 * extent)), max(extent, min(height, width)))
    wide, high = min(side, width), min(side, height)
    x = min(max(0, (left + right - wide) // 2), width - wide)
    y = min(max(0, (top + bottom - high) // 2), height - high)
    return x, y, x + wide, y + high


def outlined(image: Image, mask: Mask) -> Image:
    """`image` greyed and darkened outside `mask`, untouched inside."""
    grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return np.where(mask[..., None], image, (grey * 0.35).astype(np.uint8))


def difference(chosen: Image, rejected: Image) -> Image:
    """The largest absolute difference of the channels, as a heat map; black where there is none."""
    change = cv2.absdiff(chosen, rejected).max(2)
    heat = cv2.cvtColor(
        cv2.applyColorMap(cv2.convertScaleAbs(change, alpha=2), cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB
    )
    return np.where(change[..., None] > 0, heat, np.uint8(0))


def pixels(data: bytes) -> Image:
    """The picture (H, W, 3) of a PNG file's bytes."""
    found = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
    return np.asarray(found, np.uint8)


def _jpeg(image: Image) -> str:
    scale = TILE / max(image.shape[:2])
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC if min(image.shape[:2]) > 64 else cv2.INTER_NEAREST
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=way)
    bgr = cv2.cvtColor(small, cv2.COLOR_RGB2BGR)
    data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1]
    return base64.b64encode(data.tobytes()).decode()
