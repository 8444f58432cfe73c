"""A rater's answer as it comes from a page or a file: checked field by field, the same way for both."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from asap.errors import UserError
from asap.store import Row
from asap.study.folder import CONSENT, JOINED, Asked, Item, Rater, Study, resolved
from asap.web.journal import Answer, standing

WORDS = {"rate": ("correct", "error", "unsure"), "vote": ("a", "tie", "b")}
_KEY = re.compile(r"[0-9a-z\-]{8,64}")


class Wrong(Exception):  # noqa: N818  (told by whoever asks)
    """What is no answer, with a sentence that says why; `unknown`: to no question of this rater."""

    def __init__(self, text: str, *, unknown: bool = False) -> None:
        super().__init__(text)
        self.unknown = unknown


class Said(NamedTuple):
    """A rater's answer that counts.

    Attributes:
        rater: who.
        asked, item: to what.
        word: freed of sides: "correct", "error", "unsure"; "first", "tie", "second".
        parts: body parts named with an error.
        box: where, (left, top, right, bottom) in the picture's pixels; a click has no width and height.
        seconds: how long the question was looked at, if known.
    """

    rater: str
    asked: Asked
    item: Item
    word: str
    parts: tuple[str, ...] = ()
    box: tuple[float, float, float, float] | None = None
    seconds: float | None = None


def read(row: object, study: Study, rater: Rater) -> Answer:
    """The answer that `row` spells out: "key", "item", "word", and perhaps "parts", "box" and "seconds".

    Raises:
        Wrong: it is none.
    """
    if not isinstance(row, dict):
        raise Wrong("expected an object")
    key, item, word = row.get("key"), row.get("item"), row.get("word")
    if not isinstance(key, str) or not _KEY.fullmatch(key):
        raise Wrong('"key": give 8 to 64 of 0-9, a-z and -')
    # keys are chosen by browsers; whose they are is decided here
    key = f"{rater.name}/{key}"
    if item == CONSENT:
        if word != "yes":
            raise Wrong('"word": a consent is "yes"')
        return Answer(key, CONSENT, rater.name, "yes")
    asked = next((asked for asked in rater.asked if asked.id == item), None)
    if asked is None:
        raise Wrong("there is no such question for this rater", unknown=True)
    question = study.items[asked.item]
    if word not in WORDS[question.kind]:
        raise Wrong(f'"word": one of {", ".join(WORDS[question.kind])}')
    return Answer(key, asked.id, rater.name, word, _detail(row, study, question, word), _seconds(row))


def _detail(row: Mapping[str, Any], study: Study, item: Item, word: str) -> str | None:
    """Parts and box of an error, as JSON; None where there are none."""
    if word != "error":
        return None
    parts, box = row.get("parts") or [], row.get("box")
    known = isinstance(parts, list) and all(part in study.parts for part in parts)
    if not known or len(set(parts)) != len(parts):
        raise Wrong(f'"parts": some of {", ".join(study.parts)}')
    told: Row = {"parts": parts} if parts else {}
    if box is not None:
        told["box"] = _box(box, study.sizes[item.pictures[0]])
    return json.dumps(told, sort_keys=True) if told else None


def _box(box: object, size: tuple[int, int]) -> list[float]:
    numbers = box if isinstance(box, list) and len(box) == 4 else []
    fine = [type(n) in (int, float) and math.isfinite(n) for n in numbers]
    if not fine or not all(fine):
        raise Wrong('"box": give left, top, right and bottom in pixels')
    left, top, right, bottom = (round(float(n), 1) for n in numbers)
    if not (0 <= left <= right <= size[0] and 0 <= top <= bottom <= size[1]):
        raise Wrong('"box": lies outside the picture')
    return [left, top, right, bottom]


def _seconds(row: Mapping[str, Any]) -> float | None:
    value: Any = row.get("seconds")
    if type(value) not in (int, float) or not math.isfinite(value):
        return None
    return min(max(float(value), 0.0), 86400.0)


def said(path: Path, study: Study) -> list[Said]:
    """The answers that count in the journal `path`: of each rater and question the last.

    Raises:
        UserError: the file is no journal, or of another study.
    """
    raters = {rater.name: {asked.id: asked for asked in rater.asked} for rater in study.raters}
    found = []
    for answer in standing(path):
        if answer.item in (CONSENT, JOINED):
            continue
        asked = raters.get(answer.person, {}).get(answer.item)
        if asked is None:
            raise UserError(f"{path}: answers to another study; take the file that belongs to this plan")
        found.append(_said(answer, asked, study.items[asked.item]))
    return found


def _said(answer: Answer, asked: Asked, item: Item) -> Said:
    detail = json.loads(answer.detail) if answer.detail else {}
    box = tuple(detail["box"]) if "box" in detail else None
    word = resolved(asked, answer.word) if item.kind == "vote" else answer.word
    return Said(answer.person, asked, item, word, tuple(detail.get("parts", ())), box, answer.seconds)
