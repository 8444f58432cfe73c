"""Atomic questions about an image and about each person, face and hand cut from it; the verdict is derived.

First one call for the whole image: where people, faces and hands are, and what only the whole shows. Then one
call for each of them, cut out with a margin at native resolution and enlarged where small, so that fingers
have pixels. Last, where the prompt has facts, one call about them, whose contradictions are a mismatch and no
error. No call shows the caption. An error is an answer that `checks` counts as one; it stands whatever became
of other calls, while "correct" needs an answer to all of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from asap.bench.judges.protocols import prompt_facts
from asap.bench.judges.protocols.checks import (
    FACE,
    HAND,
    PERSON,
    RULES,
    SCENE,
    Check,
    Wrong,
    anything_visible,
    asked,
    example,
    form_of,
    wrongs,
)
from asap.bench.judges.protocols.places import BOX, Places, area, around, places
from asap.bench.judges.protocols.protocol import NOTHING, Answer, Ask, Finding, Question, unscored
from asap.bench.judges.protocols.reading import form, listed
from asap.bench.judges.protocols.seen import Seen
from asap.records import Box, Sample
from asap.store import content_id


class Part(NamedTuple):
    """A kind of part: its name, its key in the first answer, what is asked of it, of how many at most."""

    name: str
    key: str
    checks: tuple[Check, ...]
    most: int


PARTS = (Part("person", "people", PERSON, 4), Part("face", "faces", FACE, 3), Part("hand", "hands", HAND, 6))

WHOLE = f"""\
You examine a generated image for errors of human anatomy.

First say where each person, each face and each hand is that can be seen, if only in part, each as one box. A
person's box holds all that is seen of it; hands and faces shown alone are people, too. List every hand, also
one that holds something, touches another, or looks wrong. Coordinates are whole numbers from 0 to 1000, left
to right and top to bottom, whatever the image's size.

Then answer some questions about the image as a whole.
{RULES}
{asked(SCENE)}

Answer with one JSON object and nothing else, such as
{{"people": [{{"left": 100, "top": 50, "right": 700, "bottom": 1000}}], "faces": [], "hands": [],
 "questions": {example(SCENE)}}}
"""
WHOLE_SCHEMA = form({**{part.key: listed(BOX) for part in PARTS}, "questions": form_of(SCENE)})

OF_PART = """\
The picture is cut from a generated image, with a {name} in its middle. Answer some questions about that
{name} alone, and not about others that may be seen beside it.
{rules}
{asked}

Answer with one JSON object and nothing else, such as
{example}
"""


def text_of(part: Part) -> str:
    """What is asked of a crop that shows `part`."""
    return OF_PART.format(name=part.name, rules=RULES, asked=asked(part.checks), example=example(part.checks))


@dataclass
class _Looked:
    """What has been found in one image so far."""

    boxes: list[dict[str, Any]] = field(default_factory=list)
    parts: list[dict[str, Any]] = field(default_factory=list)
    left_out: dict[str, dict[str, int]] = field(default_factory=dict)
    lost: list[Answer] = field(default_factory=list)
    visible: bool = False

    def wrong(self, box: Box, part: str, found: Sequence[Wrong]) -> None:
        self.boxes += [
            {"box": list(box), "part": part, "error": error, "answer": f"{check}: {answer}"}
            for error, check, answer in found
        ]


class Checklist:
    """One call for the whole image, one for each part, and one for the prompt's facts where it has some."""

    name = "checklist"
    questions = content_id(
        WHOLE, WHOLE_SCHEMA, [(text_of(part), part.most) for part in PARTS], prompt_facts.TEXT
    )

    def judge(self, seen: Seen, sample: Sample, ask: Ask) -> Finding:
        whole = ask(Question((seen.picture,), WHOLE, WHOLE_SCHEMA))
        if whole.outcome != "answered":
            return unscored(whole)
        looked = _Looked()
        found = {part.key: places(whole.value[part.key], seen.size, part.most) for part in PARTS}
        self._scene(whole, found, seen.size, looked)
        for part in PARTS:
            for answer in self._parts(seen, part, found[part.key], ask, looked):
                if answer.outcome == "unreachable":
                    return unscored(answer)  # is asked again; what was answered is kept
        facts = prompt_facts.facts_of(sample.facts)
        told = ask(prompt_facts.question(facts, seen.picture)) if facts else Answer("answered")
        if told.outcome == "unreachable":
            return unscored(told)
        return _finding(looked, facts, told, {key: len(one.boxes) for key, one in found.items()})

    def _scene(self, whole: Answer, found: dict[str, Places], size: tuple[int, int], looked: _Looked) -> None:
        questions = whole.value["questions"]
        boxes = found["people"].boxes or [box for one in found.values() for box in one.boxes]
        looked.wrong(around(boxes) if boxes else (0, 0, *size), "scene", wrongs(SCENE, questions))
        looked.parts.append({"part": "scene", "answers": questions})
        looked.left_out = {key: one.left_out for key, one in found.items() if one.left_out}

    def _parts(self, seen: Seen, part: Part, found: Places, ask: Ask, looked: _Looked) -> Iterator[Answer]:
        """Ask of each of the parts `found`; the answers as they come, also noted in `looked`."""
        text, schema = text_of(part), form_of(part.checks)
        for box in found.boxes:
            answer = ask(Question((seen.crop(box),), text, schema))
            row: dict[str, Any] = {"part": part.name, "box": list(box)}
            if answer.outcome == "answered":
                looked.wrong(box, part.name, wrongs(part.checks, answer.value))
                looked.visible = looked.visible or anything_visible(answer.value)
                row["answers"] = answer.value
            else:
                looked.lost.append(answer)
                row |= {"outcome": answer.outcome, "message": answer.message}
            looked.parts.append(row)
            yield answer


def _finding(looked: _Looked, facts: list[prompt_facts.Fact], told: Answer, seen: dict[str, int]) -> Finding:
    evidence: dict[str, Any] = {"seen": seen, "parts": looked.parts, "boxes": looked.boxes}
    evidence |= {"left_out": looked.left_out} if looked.left_out else {}
    mismatch = prompt_facts.mismatch(facts, told.value) if told.value else ()
    if facts:
        evidence["facts"] = dict(zip((f.words for f in facts), told.value.values())) or told.outcome
    if looked.boxes:
        errors = tuple(sorted({one["error"] for one in looked.boxes}))
        return Finding("error", errors, region=_worst(looked.boxes), mismatch=mismatch, evidence=evidence)
    if looked.lost:
        reason = min(answer.outcome for answer in looked.lost)  # "refused" before "unreadable"
        return Finding("unscored", reason=reason, mismatch=mismatch, evidence=evidence)
    if not looked.visible:
        return Finding("unscored", reason=NOTHING, mismatch=mismatch, evidence=evidence)
    return Finding("correct", mismatch=mismatch, evidence=evidence)


def _worst(boxes: Sequence[dict[str, Any]]) -> Box:
    """The box with most errors, of these the smallest: it tells best where to look."""
    counts: dict[Box, int] = {}
    for one in boxes:
        left, top, right, bottom = one["box"]
        counts[left, top, right, bottom] = counts.get((left, top, right, bottom), 0) + 1
    return max(counts, key=lambda box: (counts[box], -area(box)))
