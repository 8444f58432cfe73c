"""Masks that mark nothing, found before the model is loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from asap import progress
from asap.errors import UserError

NAMED = 5


def check(rows: Any, data: str, count: int) -> None:
    """Look at the masks of the dataset `data`, opened as `count` `rows`; a hub's are not fetched for it.

    Raises:
        UserError: masks that are missing, damaged or empty; the first of them are named.
    """
    if not Path(data).exists():
        return
    bad: list[str] = []
    masks = rows.select_columns(["id", "mask"]).decode(False)
    for row in progress.bar(masks, total=count, desc="masks", unit=" pairs", leave=False):
        if not _marks(row["mask"]):
            bad.append(str(row["id"]))
    if bad:
        more = f" and {len(bad) - NAMED} more" if len(bad) > NAMED else ""
        raise UserError(
            f"{data}: {len(bad)} pairs have a mask that is missing or empty, so there is no region to align "
            f"({', '.join(bad[:NAMED])}{more}); drop these rows"
        )


def _marks(picture: Any) -> bool:
    """Whether the undecoded mask marks a pixel; one that lies in a file of its own is taken to."""
    if picture is None:
        return False
    data = picture.get("bytes")
    if data is None:
        return bool(picture.get("path"))
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    return pixels is not None and int(pixels.max()) > 127
