"""Several raters' answers to one image as one verdict."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Sequence

from asap.records import Box, Judgement
from asap.store import Row
from asap.study.answers import Said

CLICK = 1 / 8
"""Side of the square that a click stands for, as a share of the picture's shorter side."""
NO_MAJORITY, CANNOT_TELL = "no majority", "cannot tell"
UNNAMED = "anatomical error"
Bounds = tuple[float, float, float, float]


def verdict(sample: Row, said: Sequence[Said], size: tuple[int, int]) -> Judgement:
    """The judgement of an image from the raters who were asked about it: the word that most of them said.

    Where two words were said equally often it is unscored, "no majority"; where most could not tell, it is
    unscored, "cannot tell". Confidence is the share of raters who said the verdict's word.

    Args:
        sample: its "id", "prompt_id", "seed" and "category".
        said: one answer of each rater, at least one.
        size: width and height of the picture.
    """
    counts = Counter(one.word for one in said).most_common()
    word, most = counts[0]
    tied = len(counts) > 1 and counts[1][1] == most
    scored = not tied and word != "unsure"
    agreeing = [one for one in said if one.word == "error"]
    wrong = scored and word == "error"
    return Judgement(
        sample_id=sample["id"],
        prompt_id=sample["prompt_id"],
        seed=sample["seed"],
        category=sample["category"],
        verdict=("error" if word == "error" else "correct") if scored else "unscored",
        errors=errors(agreeing) if wrong else (),
        reason="" if scored else NO_MAJORITY if tied else CANNOT_TELL,
        region=region([one.box for one in agreeing if one.box], size) if wrong else None,
        evidence={"raters": {one.rater: _told(one) for one in said}},
        confidence=most / len(said) if scored else None,
    )


def errors(said: Sequence[Said]) -> tuple[str, ...]:
    """The parts that at least half of those named who said "error"; where there are none, `UNNAMED`."""
    counts = Counter(part for one in said for part in one.parts)
    named = sorted(part for part, count in counts.items() if 2 * count >= len(said))
    return tuple(f"{part} error" for part in named) or (UNNAMED,)


def region(boxes: Sequence[Bounds], size: tuple[int, int]) -> Box | None:
    """The median of raters' boxes, side by side of the box; a click is a square of `CLICK` around it. None
    where nobody marked a place.

    Returns:
        (left, top, right, bottom) in whole pixels inside `size` (width, height), right and bottom exclusive.
    """
    if not boxes:
        return None
    wide = [_widened(box, CLICK * min(size) / 2) for box in boxes]
    left, top, right, bottom = (round(statistics.median(box[side] for box in wide)) for side in range(4))
    left, top = min(max(left, 0), size[0] - 1), min(max(top, 0), size[1] - 1)
    return left, top, max(left + 1, min(right, size[0])), max(top + 1, min(bottom, size[1]))


def _widened(box: Bounds, half: float) -> Bounds:
    left, top, right, bottom = box
    if right > left and bottom > top:
        return box
    x, y = (left + right) / 2, (top + bottom) / 2
    return x - half, y - half, x + half, y + half


def _told(one: Said) -> Row:
    told: Row = {"word": one.word, "seconds": one.seconds}
    if one.parts:
        told["parts"] = list(one.parts)
    if one.box:
        told["box"] = list(one.box)
    return told
