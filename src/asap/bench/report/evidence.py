"""What a judge points at in an image, as marks to draw on it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from asap.bench.page.pictures import Mark
from asap.records import Box, Judgement

MOST = 12  # boxes drawn on one image
LONGEST = 160  # letters of a judge's answer shown


def marks(judgement: Judgement) -> tuple[Mark, ...]:
    """The boxes of `evidence["boxes"]` that are whole (dicts with `box`, and `part`, `error`, `answer` where
    told), those that name an error first;
    else the place of an error's `evidence["worst"]`, or the judgement's region.

    What a service answered is kept as it came, so anything may stand there: what is no box is left out.
    """
    given = judgement.evidence.get("boxes")
    rows = [row for row in given if isinstance(row, Mapping)] if isinstance(given, list | tuple) else []
    placed = [(box, row) for row in rows if (box := _box(row.get("box")))]
    placed.sort(key=lambda item: not item[1].get("error"))
    told: dict[Box, list[str]] = {}
    for box, row in placed:
        told.setdefault(box, []).append(_told(row))
    if told:
        return tuple(Mark(box, "; ".join(filter(None, texts))) for box, texts in told.items())[:MOST]
    worst = judgement.evidence.get("worst") if judgement.verdict == "error" else None
    box = _box(worst) or _box(judgement.region)
    return (Mark(box, ""),) if box else ()


def _box(value: Any) -> Box | None:
    if not isinstance(value, list | tuple) or len(value) != 4:
        return None
    if not all(isinstance(end, int | float) and math.isfinite(end) for end in value):
        return None
    left, top, right, bottom = (int(end) for end in value)
    return (left, top, right, bottom) if left < right and top < bottom else None


def _told(row: Mapping[str, Any]) -> str:
    """Part, error and answer, as far as the judge told them."""
    told = (row.get(name) for name in ("part", "error", "answer"))
    parts = [" ".join(str(value).split()) for value in told if value and value is not True]
    text = ", ".join(dict.fromkeys(parts))
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
